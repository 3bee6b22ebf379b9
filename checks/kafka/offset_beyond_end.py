from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Attendance, Before, Commits, Group, Lag, known
from checks.facts.commits import NOBODY
from checks.facts.offsets import Rows
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
        ListOffsets): one poll alone may show an end that a new leader had not caught up with. Which of the two it was is told
        where it follows. A log of the same topic id that was longer in history was cut back. A client commits the leader
        epoch of the last record that it read (KIP-320), and epochs of one log only grow: above the leader's own it is of
        another log; the same, and no election came since to cut anything; below it, one came.
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
        told = told[np.argsort(lag.end[told] - lag.committed[told], kind="stable")]
        severity = Severity.INFO if group.state in NOBODY and away.open else None
        yield _problem(group, lag, told, severity)
        if commits.reached(int(told[0])):
            yield _problem(group, lag, told, severity, _CUT)
        else:
            yield _problem(group, lag, told, severity, _by_epochs(*_epochs(lag, int(told[0]))))
    unseen = rows[(before.end[rows] < 0) | (before.offset[rows] < 0)]
    if unseen.size:
        known(commits.unlike(int(unseen[0])))


class _Cause(NamedTuple):
    told: str
    """To follow the summary."""
    mend: str
    """What to find out, to end the fix."""


_EITHER = "Then find out why the log is shorter: an unclean election, or the topic was created anew."
_ELECTION = (
    "Then see why a replica that lacked records could lead: unclean.leader.election.enable of the topic and of the brokers, and "
    "what the controller's log says of that election."
)
_CUT = _Cause("; the log had come that far and was cut back", _ELECTION)
_ANEW = "Then see whether somebody deleted the topic and created it again."
_UNTOLD = _Cause("", _EITHER)


def _epochs(lag: Lag, row: int) -> tuple[int, int]:
    """Of what the group has read, and of who leads."""
    read, now = known(lag.epoch), known(lag.leader_epoch)
    return int(read[row]), int(now[row])


def _by_epochs(read: int, now: int) -> _Cause:
    if read < 0 or now < 0:
        return _UNTOLD
    told = f"; what it read is of leader epoch {read}, "
    if read > now:
        return _Cause(f"{told}to which this log has not come ({now}): it is another log", _ANEW)
    if read < now:
        return _Cause(
            f"{told}and the leader changed since (epoch {now}): an election may have cut the log back", _EITHER
        )
    return _Cause(
        f"{told}which leads still, so no election cut the log back: the topic was created anew, or a program committed an "
        "offset that was never there",
        _ANEW,
    )


def _problem(group: Group, lag: Lag, rows: Rows, severity: Severity | None, cause: _Cause = _UNTOLD) -> Problem:
    topics = sorted({lag.topics[topic] for topic in lag.topic[rows].tolist()})
    topic, partition = lag.place(int(rows[0]))
    more = f" ({count(rows.size, 'partition')} of {listed(topics)} are so)" if rows.size > 1 else ""
    here = sorted(lag.partition[rows[lag.topic[rows] == lag.topic[rows[0]]]].tolist())
    places = f"{topic}:{','.join(map(str, here))}"
    stop = "" if group.state in NOBODY else "stop its members, and "
    return Problem(
        summary=f"group {shown(group.name)} stands at {int(lag.committed[rows[0]]):,} on partition {partition} of "
        f"{shown(topic)}, whose log ends at {int(lag.end[rows[0]]):,}{more}: its lag there is not known"
        f"{cause.told}",
        evidence=(
            *(seen for row in rows[:2].tolist() for seen in unread(lag, row)),
            *(_seen(lag, int(rows[0])) if cause not in (_UNTOLD, _CUT) else ()),
        ),
        severity=severity,
        fix=Fix(
            f"Decide where it goes on before the log grows past that offset: {stop}put the group to the log's start "
            "(everything that is left is read, again or for the first time) or with --to-latest to its end; --dry-run "
            f"shows it, --execute does it. {cause.mend}",
            "kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --reset-offsets --to-earliest "
            f"--group {shell(group.name)} --topic {shell(places)} --dry-run",
        ),
    )


def _seen(lag: Lag, row: int) -> Iterator[Seen]:
    topic, partition = lag.place(row)
    read, now = _epochs(lag, row)
    yield Seen(f"committed_epoch[{topic}/{partition}]", read, "leader epoch of the last record that it read")
    yield Seen(f"leader_epoch[{partition}]", now, "leader epoch", ("topics", topic))
