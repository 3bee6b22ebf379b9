from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from checks.check import Fix, Kind, Problem, Severity, check
from checks.facts import Attendance, Group, Lag, TopicConfigs, Unknown, known
from checks.facts.commits import NOBODY
from checks.facts.offsets import Rows
from checks.unread import surely, unread
from checks.wording import count, listed, shell, shown, span

DAY = 86400.0


class _Late(NamedTuple):
    """Rows on topics of one retention, in seconds, that are older than some share of it."""

    retention: float
    share: float
    rows: Rows


@check(kind=Kind.CONDITION, severity=Severity.WARNING, ages=("near", "over"))
def lag_near_retention(
    group: Group, lag: Lag, configs: TopicConfigs, attendance: Attendance, *, near: float = 0.8, over: float = 1.0
) -> Iterator[Problem]:
    """What a consumer group has not read yet is about to be deleted.

    Why: Kafka deletes by age, whether or not anybody has read it; what is deleted nobody reads any more, and nothing fails.
    How: for each lagging partition the broker is asked for the first record younger than a share of the topic's
        retention.ms (ListOffsets by time, DescribeConfigs); if the committed offset lies below it, something unread is
        older. By the records' own timestamps, as deletion is. Kafka deletes whole segments, each when its newest record is
        past retention.ms: so the loss itself comes somewhat later, at a time that nobody can tell from outside.
    Limits: `near`, 0.8 of retention.ms; a critical above `over`, 1.0 of it. Deletion by size (retention.bytes) is not
        looked at: how many bytes are unread is not told. Info where nobody is in the group, nothing of it moves, and
        `near` comes to a day or more (an abandoned group).
    Silent when: what waits is young; the topic deletes nothing by age (retention.ms -1, or compaction alone); what was
        unread is deleted already (kafka/records-lost); a single offset alone is so old, if it is one record alone:
        behind a transaction its marker stays there. On topics with remote storage no look-up is made: a Gap.
    Source: Apache Kafka documentation, retention.ms and log.segment.bytes; KIP-32 and KIP-79 (offsets by timestamp).
    """
    if lag.read:
        return
    rows = surely(lag)
    rows = rows[lag.committed[rows] >= lag.start[rows]]
    found, holes = _late(lag, rows, configs, near, over)
    if found:
        yield from _told(group, lag, found, attendance, near, over)
    for hole in (*holes, lag.failed()):
        if hole is not None:
            known(hole)


def _late(
    lag: Lag, rows: Rows, configs: TopicConfigs, near: float, over: float
) -> tuple[list[_Late], list[Unknown | None]]:
    """Which of these rows are so old, and why that is not known of some."""
    found: list[_Late] = []
    holes: list[Unknown | None] = []
    topics: dict[float, set[str]] = {}
    for topic in lag.named(rows):
        retention = configs.retention(topic)
        if isinstance(retention, Unknown):
            holes.append(retention)
        elif retention is not None:
            topics.setdefault(retention, set()).add(topic)
    for retention, names in topics.items():
        late = lag.older_than(near * retention, lag.on(names, rows))
        past = lag.older_than(over * retention, late.rows)
        holes += [late.unknown, past.unknown]
        found += [_Late(retention, share, one.rows) for share, one in ((over, past), (near, late)) if one.rows.size]
    return found, holes


def _told(
    group: Group, lag: Lag, found: list[_Late], attendance: Attendance, near: float, over: float
) -> Iterator[Problem]:
    worst = max(found, key=lambda one: (one.share, -one.retention))
    away = attendance.away()
    abandoned = group.state in NOBODY and not away.moved and all(one.retention * near >= DAY for one in found)
    severity = Severity.INFO if abandoned else Severity.CRITICAL if worst.share == over else None
    yield _problem(group, lag, worst, severity)
    if abandoned:
        known(attendance.twice())


def _problem(group: Group, lag: Lag, late: _Late, severity: Severity | None) -> Problem:
    rows = late.rows[np.argsort(-lag.lag[late.rows], kind="stable")]
    topics = lag.named(rows)
    records = int(lag.lag[rows].sum())
    age = timedelta(seconds=late.share * late.retention)
    when = "at any moment" if late.share >= 1 else f"within {span(late.retention * (1 - late.share))}"
    return Problem(
        summary=f"group {shown(group.name)} may lose records of {listed(topics)} {when}: what it has not read in "
        f"{count(rows.size, 'partition')} is more than {span(age)} old, and the retention is {span(late.retention)} "
        f"({count(records, 'unread record')})",
        evidence=tuple(seen for row in rows[:2].tolist() for seen in unread(lag, row, age)),
        severity=severity,
        fix=_fix(group, topics[0] if len(topics) == 1 else lag.place(int(rows[0]))[0], late),
    )


def _fix(group: Group, topic: str, late: _Late) -> Fix:
    start = "Start its members, or delete the group if nobody needs it. " if group.state in NOBODY else ""
    return Fix(
        f"{start}To gain time, keep the records longer, at once and as long as the disks of the brokers take it (the command "
        "doubles it); then see why the group does not keep up (kafka/group-lagging).",
        "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics "
        f"--entity-name {shell(topic)} --add-config retention.ms={round(late.retention * 2000)}",
    )
