from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Severity, check
from checks.facts import Attendance, Before, Commits, Group, Lag, known
from checks.facts.commits import NOBODY
from checks.facts.kafka import Rows
from checks.unread import unread
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.WARNING, polls=2)
def offset_beyond_end(group: Group, lag: Lag, commits: Commits, attendance: Attendance) -> Iterator[Problem]:
    """A consumer group stands beyond the end of a log.

    Why: what it had read is no longer in the log: an unclean election or a truncation took it away, or the topic was
        deleted and created again under its name. Its lag is not known, and not 0. A consumer that reads there is told
        OFFSET_OUT_OF_RANGE and does what auto.offset.reset says: earliest reads the whole log again, latest leaves out
        what is in it, none ends the consumer. And once the log has grown past that offset, nobody is told anything: the
        group goes on there, and what was written below is never read.
    How: the committed offset is above the log end offset, in the newest poll and in the one before (OffsetFetch before
        ListOffsets): one poll alone may show an end that a new leader had not caught up with.
    Limits: none. Info where nobody was in the group and nothing of it moved in all of history.
    Silent when: nobody ever joined the group, or its offsets move with nobody in it: MirrorMaker 2 writes offsets that
        the copied log has not reached yet.
    Source: Apache Kafka documentation, auto.offset.reset and unclean.leader.election.enable; KIP-320.
    """
    if not group.joined or lag.read or lag.shared:
        return
    beyond = np.flatnonzero((lag.error == 0) & (lag.end >= 0) & (lag.committed > lag.end))
    if beyond.size:
        yield from _twice(group, lag, beyond, known(commits.before()), commits, attendance)
    if (failed := lag.failed()) is not None:
        known(failed)


def _twice(
    group: Group, lag: Lag, rows: Rows, before: Before, commits: Commits, attendance: Attendance
) -> Iterator[Problem]:
    away = attendance.away()
    if away.moved:
        return
    told = rows[(before.end[rows] >= 0) & (before.offset[rows] > before.end[rows])]
    if told.size:
        yield _problem(group, lag, told, Severity.INFO if group.state in NOBODY and away.open else None)
    unseen = rows[(before.end[rows] < 0) | (before.offset[rows] < 0)]
    if unseen.size:
        known(commits.unlike(int(unseen[0])))


def _problem(group: Group, lag: Lag, rows: Rows, severity: Severity | None) -> Problem:
    rows = rows[np.argsort(lag.end[rows] - lag.committed[rows], kind="stable")]
    topics = sorted({lag.topics[topic] for topic in lag.topic[rows].tolist()})
    topic, partition = lag.place(int(rows[0]))
    more = f" ({count(rows.size, 'partition')} of {listed(topics)} are so)" if rows.size > 1 else ""
    here = sorted(lag.partition[rows[lag.topic[rows] == lag.topic[rows[0]]]].tolist())
    places = f"{topic}:{','.join(map(str, here))}"
    stop = "" if group.state in NOBODY else "stop its members, and "
    return Problem(
        summary=f"group {shown(group.name)} stands at {int(lag.committed[rows[0]]):,} on partition {partition} of "
        f"{shown(topic)}, whose log ends at {int(lag.end[rows[0]]):,}{more}: its lag there is not known",
        evidence=tuple(seen for row in rows[:2].tolist() for seen in unread(lag, row)),
        severity=severity,
        fix=Fix(
            f"Decide where it goes on before the log grows past that offset: {stop}put the group to the log's start "
            "(everything that is left is read, again or for the first time) or with --to-latest to its end; --dry-run "
            "shows it, --execute does it. Then find out why the log is shorter: an unclean election, or the topic was "
            "created anew.",
            "kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --reset-offsets --to-earliest "
            f"--group {shell(group.name)} --topic {shell(places)} --dry-run",
        ),
    )
