from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Severity, check, minutes
from checks.facts import Attendance, Away, Group, Lag, Progress, Unknown, known
from checks.facts.offsets import Rows
from checks.unread import Wait, late, oldest, surely, unread
from checks.wording import count, listed, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, polls=2, clear={"slo": 0.8, "grace": 0.8}, ages=("slo", "grace"))
def group_stopped(
    group: Group,
    lag: Lag,
    attendance: Attendance,
    progress: Progress | Unknown,
    *,
    slo: timedelta = minutes(3),
    grace: timedelta = minutes(5),
) -> Iterator[Problem]:
    """A consumer group has lost its members, and what is written for it waits.

    Why: nothing of the topic is done until somebody starts the consumers; the group itself never says so, and with
        nobody in it there is no log to look into.
    How: the group is Empty, though it once had members, and something unread is older than the limit (ListOffsets by
        time). Two polls at least show that no offset moves all the same; one alone is a gap. History tells since when.
    Limits: the longer of `slo`, 3 minutes by default (one limit with kafka/group-lagging, where both are set at once), and
        `grace`, 5 minutes, in which a deployment that first stops and then starts comes back; both clear below 0.8 of it.
        Where the members were seen to leave, they must be gone for as long. For jobs that run now and then, raise `grace`.
    Silent when: everything is read, or what waits is young; nobody ever joined the group (Flink, assign(), MirrorMaker 2),
        or its offsets move with nobody in it: such a group is judged by its lag alone; in the hour of history the
        group was away for longer and came back (a batch job); a single offset alone is so old, if it is one
        record alone that waits: behind a transaction its marker stays there, and without reading nobody can tell it from a
        record. On topics with remote storage no look-up is made: a Gap.
    Source: Apache Kafka documentation, consumer groups: Empty is a group without members that still has offsets; KIP-32
        and KIP-79 (offsets by timestamp).
    """
    if group.state != "Empty" or not group.joined or lag.read:
        return
    age = max(slo, grace)
    rows, untold = late(lag, age, surely(lag), progress)
    if rows.size:
        away = known(attendance.twice())
        gone = away.open or away.seconds >= age.total_seconds()
        if gone and not away.moved and (away.usual == 0.0 or away.seconds > away.usual + _two_polls(away)):
            yield _problem(group, lag, rows, age, oldest(lag, rows, age, progress), away)
    for hole in (untold, lag.unknown()):
        if hole is not None:
            known(hole)


def _two_polls(away: Away) -> float:
    return 2 * away.seconds / (away.polls - 1) if away.polls > 1 else 0.0


def _problem(group: Group, lag: Lag, rows: Rows, age: timedelta, wait: Wait, away: Away) -> Problem:
    rows = rows[np.argsort(-lag.lag[rows], kind="stable")]
    topics = lag.named(rows)
    seen = f" for {'at least ' if away.open else ''}{span(away.seconds)}"
    return Problem(
        summary=f"group {shown(group.name)} has no members{seen}: {count(int(lag.lag[rows].sum()), 'unread record')} in "
        f"{count(rows.size, 'partition')} of {listed(topics)}, the oldest {wait} old",
        evidence=(*wait.seen, *(one for row in rows[:2].tolist() for one in unread(lag, row, age))),
        fix=Fix(
            "Start the consumers of this group, and see in their last logs, or those of what runs them, why they ended.",
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --state --group {shell(group.name)}",
        ),
    )
