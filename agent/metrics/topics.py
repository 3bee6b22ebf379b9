"""The series of topics: where their logs begin and end, their copies, their bytes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from agent.metrics.families import (
    PARTITION_END,
    PARTITION_START,
    TOPIC_BYTES,
    TOPIC_END,
    TOPIC_IN_SYNC,
    TOPIC_LAST,
    TOPIC_OFFLINE,
    TOPIC_PARTITIONS,
    TOPIC_SKEW,
    TOPIC_UNDER_REPLICATED,
)
from agent.metrics.groups import Collected, Partitions
from agent.metrics.held import Held, Span, held
from agent.metrics.rows import Floats, Presence
from agent.metrics.text import Chunks, escape, number, packed
from checks.facts import NEVER, Arrivals, Facts, KafkaSnapshot, LogEnds, Topic, Unknown
from checks.facts.offsets import Ints
from checks.facts.storage import PartitionSizes

SKEW_SPAN = 600.0
"""Seconds that the skew of a topic looks back, at most."""

_OF_COPIES = (TOPIC_PARTITIONS, TOPIC_OFFLINE, TOPIC_UNDER_REPLICATED, TOPIC_IN_SYNC)


class Log(NamedTuple):
    """A topic of which some log could not be seen: its partitions as they were last seen."""

    start: Ints
    end: Ints
    seen: Floats
    """When: infinite for this look, NaN for what is not known at all."""

    @property
    def oldest(self) -> float:
        return float(np.fmin.reduce(self.seen, initial=inf))


class TopicsKept(NamedTuple):
    """What the next rendering may need of this one."""

    snapshot: KafkaSnapshot
    topics: Held[Topic]
    sizes: Held[int]
    logs: Mapping[str, Log]
    skews: Mapping[str, float]
    still: Chunks
    """Of copies and bytes: they are the same while neither topics nor log directories are told anew."""

    @property
    def oldest(self) -> float:
        return min(self.topics.oldest, self.sizes.oldest, *(log.oldest for log in self.logs.values()), inf)


def topic_chunks(
    facts: Facts,
    snapshot: KafkaSnapshot,
    partitions: Partitions,
    lagging: AbstractSet[tuple[str, int]],
    cap: int,
    before: TopicsKept | None,
    span: Span,
    present: Presence,
) -> tuple[Chunks, TopicsKept]:
    """The series, sorted by names and partitions; what a cap cuts off is the same each time."""
    target = f'target="{escape(str(facts.address))}"'
    logs = dict(_logs(snapshot, before, span, present))
    skews = _skews(facts, snapshot, logs, before)
    topics, sizes, still = _copies(facts, snapshot, target, cap, before, span, present)
    kept = TopicsKept(snapshot, topics, sizes, logs, skews, still)
    lines: Collected = defaultdict(list)
    _add_ends(lines, target, _ends(snapshot), logs, partitions, lagging)
    lines[TOPIC_SKEW] += [
        f'{TOPIC_SKEW.name}{{{target},topic="{escape(topic)}"}} {number(skews[topic])}' for topic in sorted(skews)
    ]
    lines[TOPIC_LAST] += [
        f'{TOPIC_LAST.name}{{{target},topic="{escape(topic)}"}} {at!r}' for topic, at in sorted(_ages(kept).items())
    ]
    return {**still, **packed(lines, cap)}, kept


def _ages(kept: TopicsKept) -> dict[str, float]:
    """When the oldest of a topic was seen, of those of which not all is of this look."""
    ages: dict[str, float] = {}
    told = [(name, at) for some in (kept.topics, kept.sizes) for name, (_, at) in some.old.items()]
    for name, at in [*told, *((name, log.oldest) for name, log in kept.logs.items())]:
        if isfinite(at):
            ages[name] = min(at, ages.get(name, inf))
    return ages


# ── logs ──


def _logs(
    snapshot: KafkaSnapshot, before: TopicsKept | None, span: Span, present: Presence
) -> Iterator[tuple[str, Log]]:
    """Of the topics of which something can't be seen: nearly always none."""
    ends = _ends(snapshot)
    holes = np.flatnonzero((ends.end < 0) | (ends.start < 0))
    for place in np.unique(np.searchsorted(ends.first, holes, side="right") - 1).tolist():
        name = ends.topics[place]
        start, end = ends.start[ends.rows[name]], ends.end[ends.rows[name]]
        now = Log(start, end, np.where((start < 0) | (end < 0), np.nan, inf))
        yield name, _filled(now, _former(name, before, span) if present.same(name) else None, span)
    if before is None:
        return
    for name in {*before.logs, *_ends(before.snapshot).topics}.difference(ends.topics):
        old = _former(name, before, span) if present.same(name) else None
        if old is not None and (old.seen >= span.least).any():
            nothing = np.full(old.end.size, NEVER)
            yield name, _filled(Log(nothing, nothing, np.full(old.end.size, np.nan)), old, span)


def _ends(snapshot: KafkaSnapshot) -> LogEnds:
    return _NO_ENDS if isinstance(snapshot.ends, Unknown) else snapshot.ends


_NOTHING = np.zeros(0, dtype=np.int64)
_NO_ENDS = LogEnds((), np.zeros(1, dtype=np.int64), _NOTHING, _NOTHING, _NOTHING, np.zeros(0, dtype=np.int16), 0.0)


def _former(name: str, before: TopicsKept | None, span: Span) -> Log | None:
    if before is None:
        return None
    if (log := before.logs.get(name)) is not None:
        return log._replace(seen=np.where(np.isinf(log.seen), span.then, log.seen))
    ends = _ends(before.snapshot)
    if name not in ends.rows:
        return None
    start, end = ends.start[ends.rows[name]], ends.end[ends.rows[name]]
    return Log(start, end, np.full(end.size, span.then))


def _filled(now: Log, old: Log | None, span: Span) -> Log:
    """`now`, with what could not be seen as it was in `old`; columns of its own, since those of a look are of all topics."""
    start, end, seen = now.start.copy(), now.end.copy(), now.seen.copy()
    if old is not None:
        rows = np.flatnonzero(np.isnan(seen[: old.seen.size]))
        rows = rows[old.seen[rows] >= span.least]
        start[rows] = np.where(start[rows] < 0, old.start[rows], start[rows])
        end[rows] = np.where(end[rows] < 0, old.end[rows], end[rows])
        seen[rows] = old.seen[rows]
    return Log(start, end, seen)


def _add_ends(
    lines: Collected,
    target: str,
    ends: LogEnds,
    logs: Mapping[str, Log],
    partitions: Partitions,
    lagging: AbstractSet[tuple[str, int]],
) -> None:
    starts, offsets = ends.start.tolist(), ends.end.tolist()
    for topic in sorted({*ends.topics, *logs}):
        if (log := logs.get(topic)) is not None:
            start, end = log.start.tolist(), log.end.tolist()
        else:
            start, end = starts[ends.rows[topic]], offsets[ends.rows[topic]]
        place = f'{target},topic="{escape(topic)}"'
        if end and NEVER not in end:
            lines[TOPIC_END].append(f"{TOPIC_END.name}{{{place}}} {sum(end)}")
        if partitions == "off":
            continue
        for family, found in ((PARTITION_START, start), (PARTITION_END, end)):
            head = f'{family.name}{{{place},partition="'
            lines[family] += [
                f'{head}{p}"}} {offset}'
                for p, offset in enumerate(found)
                if offset != NEVER and (partitions == "all" or (topic, p) in lagging)
            ]


def _skews(
    facts: Facts, snapshot: KafkaSnapshot, logs: Mapping[str, Log], before: TopicsKept | None
) -> Mapping[str, float]:
    """By topic; of those with a log that can't be seen what it was before."""
    ends = _ends(snapshot)
    found = {name: skew for name in ends.topics if (skew := _skew(facts, name, ends.rows[name])) is not None}
    former = before.skews if before is not None else {}
    for name, log in logs.items():
        if name not in found and name in former and isfinite(log.oldest):
            found[name] = former[name]
    return found


def _skew(facts: Facts, topic: str, rows: slice) -> float | None:
    if rows.stop - rows.start < 2:
        return None
    arrivals = facts.get(Arrivals, facts.address.under("topics", topic))
    if isinstance(arrivals, Unknown):
        return None
    first = int(np.searchsorted(arrivals.at, arrivals.at[-1] - SKEW_SPAN))
    written = sorted((arrivals.ends[-1] - arrivals.ends[min(first, arrivals.at.size - 2)]).tolist())
    if written[-1] <= 0:
        return None
    middle = (written[(len(written) - 1) // 2] + written[len(written) // 2]) / 2
    return float(written[-1] / middle) if middle else inf


# ── copies and bytes ──


def _copies(
    facts: Facts,
    snapshot: KafkaSnapshot,
    target: str,
    cap: int,
    before: TopicsKept | None,
    span: Span,
    present: Presence,
) -> tuple[Held[Topic], Held[int], Chunks]:
    if (
        before is not None
        and _told_nothing_new(snapshot, before)
        and before.topics.oldest == before.sizes.oldest == inf
    ):
        return before.topics, before.sizes, before.still
    items = snapshot.topics.items
    known = {name: topic for name, topic in items.items() if not isinstance(topic, Unknown)}
    topics = held(known, items.keys() - known.keys(), before.topics if before else None, span)
    measured = {name: size for name in known if (size := _size(facts, name)) is not None}
    unseen = filter(present.same, items.keys() - measured.keys())
    sizes = held(measured, unseen, before.sizes if before else None, span)
    lines: Collected = defaultdict(list)
    for name, topic in sorted(topics.all().items(), key=lambda item: item[0]):
        place = f'{{{target},topic="{escape(name)}"}}'
        for family, value in zip(_OF_COPIES, _counts(topic), strict=True):
            lines[family].append(f"{family.name}{place} {value}")
    lines[TOPIC_BYTES] += [
        f'{TOPIC_BYTES.name}{{{target},topic="{escape(name)}"}} {size}' for name, size in sorted(sizes.all().items())
    ]
    return topics, sizes, packed(lines, cap)


def _told_nothing_new(snapshot: KafkaSnapshot, before: TopicsKept) -> bool:
    old = before.snapshot
    return snapshot.topics.items is old.topics.items and snapshot.storage is old.storage


def _counts(topic: Topic) -> tuple[int, int, int, int]:
    """Of `_OF_COPIES`. The in-sync replicas of a partition without a leader are those that it had, if any are told."""
    if topic.isr == topic.replicas and -1 not in topic.leader:
        return len(topic.leader), 0, 0, topic.replication_factor
    led = [p for p, leader in enumerate(topic.leader) if leader >= 0]
    missing = sum(len(topic.isr[p]) < len(topic.replicas[p]) for p in led)
    offline = len(topic.leader) - len(led)
    return len(topic.leader), offline, missing, 0 if offline else min(len(topic.isr[p]) for p in led)


def _size(facts: Facts, name: str) -> int | None:
    sizes = facts.get(PartitionSizes, facts.address.under("topics", name))
    return None if isinstance(sizes, Unknown) or sizes.unknown is not None else int(sizes.bytes.sum())
