from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks import reconciling
from checks.check import Fix, Kind, Problem, Severity, check, minutes
from checks.facts import NEVER, Commits, Group, Lag, Member, Pace, Progress, Unknown, known
from checks.facts.commits import NOBODY
from checks.facts.offsets import Ints, Rows
from checks.unread import unread
from checks.wording import count, listed, rate, shell, shown, span


@check(
    kind=Kind.CONDITION,
    severity=Severity.WARNING,
    after=minutes(10),
    clear={"factor": 0.6, "slo": 0.8},
    ages=("slo",),
)
def lag_on_one_partition(
    group: Group,
    lag: Lag,
    commits: Commits,
    progress: Progress | Unknown,
    *,
    factor: float = 5.0,
    slo: timedelta = minutes(3),
    window: timedelta = minutes(10),
    least: int = 2,
) -> Iterator[Problem]:
    """One partition of a topic holds the lag of a consumer group, while the others are read.

    Why: a record that can't be processed, a member that hangs, or a key that fills the partition: whatever is in it
        waits, in order, behind that one record or member, and the sum over the topic hides it.
    How: a partition with more than `factor` times the median lag of the topic's other partitions that also holds
        something unread older than `slo` (ListOffsets by time, exact on the first poll). Whether it moves comes from
        its offsets in the last `window`; where it is read faster than it is written it is only info.
    Limits: `factor`, 5 by default, clears below 0.6 of it; `slo`, 3 minutes, clears below 0.8 of it; `window`, 10
        minutes; `least` records, 2 by default: behind a transaction one always stays. Told after 10 minutes, so that a
        rebalance passes by.
    Silent when: the lag is even; what waits is young; the topic is not assigned any more; history shows that the records
        arrived later than their timestamps say; nobody is in the group and none of its offsets moves either.
        While a classic group rebalances it does not say who reads what: a Gap.
    Source: article S494-496, one partition of three with lag 1198.
    """
    if lag.read and least > 0:
        return
    # Also before anything stands out: a partition that is assigned and was never committed counts among the others.
    owned = known(group.assigned_topics()) if group.state not in NOBODY and (lag.lag >= least).any() else None
    rows = _outliers(lag, factor, least)
    if owned is not None:
        rows = lag.on(owned, rows)
    elif rows.size:
        rows = rows[np.isin(lag.topic[rows], _at_work(lag, commits, rows, window.total_seconds()))]
    late = lag.older_than(slo.total_seconds(), rows)
    rows = late.rows
    if rows.size and not isinstance(progress, Unknown):
        rows = rows[progress.bound[rows] >= slo.total_seconds()]
    if rows.size:
        rows = rows[np.argsort(-lag.lag[rows], kind="stable")]
        yield _problem(group, lag, rows, slo)
        yield _problem(group, lag, rows, slo, known(commits.pace(int(rows[0]), window.total_seconds())))
    for hole in (late.unknown, lag.unknown()):
        if hole is not None:
            known(hole)


def _outliers(lag: Lag, factor: float, least: int) -> Rows:
    """Rows far above the median of the other partitions of their topic."""
    # Nothing was ever in it, so that nobody has committed there: read to its end.
    empty = (lag.committed == NEVER) & (lag.error == 0) & (lag.end >= 0) & (lag.end == lag.start)
    records: Ints = np.where(empty, 0, lag.lag)
    rows = np.flatnonzero(records >= 0)
    if not rows.size or not (records >= least).any():
        return np.zeros(0, dtype=np.intp)
    rows = rows[np.lexsort((records[rows], lag.topic[rows]))]
    topic, records = lag.topic[rows], records[rows]
    first = np.flatnonzero(np.append(True, topic[1:] != topic[:-1]))
    size = np.diff(np.append(first, rows.size))
    others = np.maximum(size - 1, 1)  # of all but the worst: among two or three it counts
    usual = np.repeat((records[first + (others - 1) // 2] + records[first + others // 2]) / 2, size)
    return np.sort(rows[(records > factor * usual) & (records >= least) & (np.repeat(size, size) > 1)])


def _at_work(lag: Lag, commits: Commits, rows: Rows, window: float) -> list[int]:
    """The topics of these rows on which some offset moves: who reads without members (Flink, assign()) shows so."""
    found = []
    for topic in np.unique(lag.topic[rows]).tolist():
        places = np.flatnonzero((lag.topic == topic) & (lag.lag >= 0)).tolist()
        if any(known(commits.pace(row, window)).read > 0 for row in places):
            found.append(topic)
    return found


def _problem(group: Group, lag: Lag, rows: Rows, slo: timedelta, pace: Pace | None = None) -> Problem:
    topic, partition = lag.place(int(rows[0]))
    here = rows[lag.topic[rows] == lag.topic[rows[0]]]
    total = int(lag.lag[(lag.topic == lag.topic[rows[0]]) & (lag.lag > 0)].sum())
    others = len(np.unique(lag.topic[rows])) - 1
    most = int(lag.lag[here].sum())
    held = f"{most:,} of the topic's {total:,} unread records" if most < total else f"all {total:,} unread records"
    reader, heir = _reader(group, topic, partition), reconciling.heir(group, topic, partition)
    names = listed([str(lag.place(row)[1]) for row in here.tolist()], 5)
    where = f"partition {names} of {shown(topic)}" if here.size == 1 else f"partitions {names} of {shown(topic)}"
    gains = pace is not None and pace.read > pace.written
    return Problem(
        summary=f"group {shown(group.name)} is more than {span(slo)} behind on {where} alone: {held}"
        f"{_trend(lag, int(rows[0]), pace)}; {_told(group, partition, reader, heir)}"
        + (f"; the same on {count(others, 'other topic')}" if others else ""),
        evidence=(
            *(seen for row in rows[:2].tolist() for seen in unread(lag, row, slo)),
            *(reconciling.seen(group) if reader is None and heir is not None else ()),
        ),
        severity=Severity.INFO if gains else None,
        fix=_fix(group, lag, int(rows[0]), pace, reader),
    )


def _trend(lag: Lag, row: int, pace: Pace | None) -> str:
    if pace is None:
        return ""
    if pace.read == 0:
        return f"; nothing of partition {lag.place(row)[1]} was read in {span(pace.span)}"
    rates = f"{rate(pace.read)} records/s read, {rate(pace.written)} written"
    if pace.read <= pace.written:
        return f"; not gaining ({rates})"
    return f"; gaining ({rates}), caught up in about {span(int(lag.lag[row]) / (pace.read - pace.written))}"


def _reader(group: Group, topic: str, partition: int) -> Member | None:
    members = known(group.members) if group.state not in NOBODY else ()
    return next((m for m in members if partition in known(m.assigned).get(topic, ())), None)


def _told(group: Group, partition: int, reader: Member | None, heir: Member | None) -> str:
    if reader is not None:
        return f"partition {partition} is read by {reconciling.reader(reader)}"
    if heir is not None:
        return f"partition {partition} is on its way to {reconciling.reader(heir)}{reconciling.waiting(group)}"
    if group.state in NOBODY:
        return f"the group has no members, so who reads partition {partition} is not told"
    return f"no member is assigned partition {partition}"


def _fix(group: Group, lag: Lag, row: int, pace: Pace | None, reader: Member | None) -> Fix:
    topic, partition = lag.place(row)
    describe = f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}"
    if reader is None and group.state not in NOBODY:
        return Fix(
            reconciling.MEND
            if group.behind()
            else "Nobody reads it: see that every member subscribes to the whole topic, and restart one, so that the "
            "partitions are dealt out again.",
            f"{describe} --members --verbose",
        )
    if pace is not None and pace.read == 0:
        return Fix(
            "See whether its reader runs and what its log says. If it fails at one record again and again, this shows "
            "that record: mend the consumer, or move the record to a dead-letter topic and commit past it.",
            f"kafka-console-consumer.sh --bootstrap-server $BOOTSTRAP --topic {shell(topic)} --partition {partition} "
            f"--offset {int(lag.committed[row])} --max-messages 1 --timeout-ms 30000 --property print.key=true",
        )
    return Fix(
        "See whether its reader is slower than the others (its host, what it calls), or whether one key fills the "
        "partition (kafka/hot-partition).",
        describe,
    )
