"""The series of consumer groups: a text for each group and family, written anew only where something moved."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import inf, isfinite, isinf, isnan
from typing import Literal, NamedTuple

from agent.metrics.families import (
    GROUP_LAG,
    GROUP_LAG_AT_LEAST,
    GROUP_LAG_LEAST,
    GROUP_LAG_SECONDS,
    GROUP_LAST,
    GROUP_MEMBERS,
    GROUP_STATE,
    GROUP_UNKNOWN,
    PARTITION_COMMITTED,
    PARTITION_LAG,
    PARTITION_SECONDS,
)
from agent.metrics.held import Span
from agent.metrics.rows import Places, Presence, Row, aged, by_topic, places_of, read_places
from agent.metrics.text import Chunk, Family, Text, escape, joined, small
from checks.facts import NEVER, Facts, Group, KafkaSnapshot, Lag, Unknown

Partitions = Literal["off", "lagging", "all"]
Collected = defaultdict[Family, list[str]]

OF_GROUPS = (
    GROUP_STATE,
    GROUP_MEMBERS,
    GROUP_LAST,
    GROUP_LAG,
    GROUP_LAG_LEAST,
    GROUP_UNKNOWN,
    GROUP_LAG_SECONDS,
    GROUP_LAG_AT_LEAST,
    PARTITION_LAG,
    PARTITION_SECONDS,
    PARTITION_COMMITTED,
)


class GroupText(NamedTuple):
    """The series of one group, and what they were made of."""

    group: Group
    """As it was last seen."""
    lag: Lag | None
    """None: it could not be seen."""
    texts: tuple[Text, ...]
    """Of each of `OF_GROUPS`: a hundred thousand series are kept like this, and no series by itself."""
    counts: tuple[int, ...]
    """How many series each of them has."""
    places: Places | None
    """None: nothing is known, or all is read and `lag` says it."""
    seen: float = inf
    """When the group was described; infinite: in this look."""

    @property
    def oldest(self) -> float:
        """When the oldest of it was seen that is not of this look; infinite where there is none."""
        return min(self.seen, self.places.oldest if self.places is not None else inf)

    def rows(self) -> Places | None:
        return read_places(self.lag) if self.places is None and self.lag is not None else self.places

    def still(self, group: Group, lag: Lag | None, span: Span, topics: Presence) -> bool:
        """Whether they would be the same again: how long records wait is another thing at each look."""
        if self.group is not group:
            return False
        if lag is not None or self.lag is not None:
            return self.lag is lag and lag is not None and lag.read
        names = self.places.topics if self.places is not None else ()
        return self.oldest >= span.least and all(map(topics.same, names))

    def lagging(self) -> set[tuple[str, int]]:
        """Topic and partition of what is not read."""
        if self.places is None:
            return set()
        rows = (self.places.lag > 0).nonzero()[0]
        topics = [self.places.topics[i] for i in self.places.topic[rows].tolist()]
        return set(zip(topics, self.places.partition[rows].tolist(), strict=True))


GroupTexts = Mapping[str, GroupText]


def group_texts(
    facts: Facts, snapshot: KafkaSnapshot, partitions: Partitions, before: GroupTexts, span: Span, topics: Presence
) -> GroupTexts:
    """Of each group that is there, by name; those that are as they were in `before` are taken from there."""
    made: dict[str, GroupText] = {}
    target = f'target="{escape(str(facts.address))}"'
    for name in sorted(snapshot.groups.items):
        group, known = snapshot.groups.items[name], before.get(name)
        seen = inf
        if isinstance(group, Unknown):
            if known is None:
                continue
            seen, group = span.then if isinf(known.seen) else known.seen, known.group
            if seen < span.least:
                continue
            lag = None
        else:
            told = facts.get(Lag, facts.address.under("groups", name))
            lag = None if isinstance(told, Unknown) else told
        if known is not None and known.seen == seen and known.still(group, lag, span, topics):
            made[name] = known
            continue
        old = known.rows() if known is not None else None
        places = _places(facts, name, lag, old, span, topics)
        lines = _lines(f'{target},group="{escape(name)}"', group, places, partitions, topics, seen)
        kept = None if lag is not None and lag.read else places
        texts = tuple(small(joined(lines[family])) if lines[family] else b"" for family in OF_GROUPS)
        counts = tuple(len(lines[family]) for family in OF_GROUPS)
        made[name] = GroupText(group, lag, texts, counts, kept, seen)
    return made


def _places(
    facts: Facts, name: str, lag: Lag | None, old: Places | None, span: Span, topics: Presence
) -> Places | None:
    if lag is not None:
        return places_of(facts, name, lag, old, span, topics)
    return aged(old, span, topics) if old is not None else None


def group_chunks(texts: GroupTexts) -> dict[Family, list[Chunk]]:
    chunks: dict[Family, list[Chunk]] = {family: [] for family in OF_GROUPS}
    for known in texts.values():
        for family, text, count in zip(OF_GROUPS, known.texts, known.counts, strict=True):
            if count:
                chunks[family].append(Chunk(text, count, 0))
    return {family: some for family, some in chunks.items() if some}


def _lines(
    head: str, group: Group, places: Places | None, partitions: Partitions, topics: Presence, seen: float
) -> Collected:
    lines: Collected = defaultdict(list)
    kind, state = escape(group.kind), escape(group.state)
    lines[GROUP_STATE].append(f'{GROUP_STATE.name}{{{head},kind="{kind}",state="{state}"}} 1')
    if not isinstance(group.members, Unknown):
        lines[GROUP_MEMBERS].append(f"{GROUP_MEMBERS.name}{{{head}}} {len(group.members)}")
    if places is not None:
        for topic, rows in by_topic(places):
            if places.seen is not None and not topics.there(topic):
                continue  # what is gone is not unknown
            place = f'{head},topic="{escape(topic)}"'
            _add_lag(lines, place, rows)
            if partitions != "off":
                _add_partitions(lines, place, [row for row in rows if row.lag > 0] if partitions == "lagging" else rows)
    oldest = min(seen, places.oldest if places is not None else inf)
    if isfinite(oldest):
        lines[GROUP_LAST].append(f"{GROUP_LAST.name}{{{head}}} {oldest!r}")
    return lines


def _add_lag(lines: Collected, place: str, rows: Sequence[Row]) -> None:
    """The sums and maxima over one topic of one group."""
    counted = [row for row in rows if row.committed != NEVER or isnan(row.seen)]
    if not counted:
        return  # nothing was ever committed: how far behind that is depends on where the group will start
    told = [row.lag for row in counted if row.lag != NEVER]
    proven = max((row.proven for row in counted if not isnan(row.proven)), default=None)
    if told:
        lines[GROUP_LAG_LEAST].append(f"{GROUP_LAG_LEAST.name}{{{place}}} {sum(told)}")
    if len(told) == len(counted):
        lines[GROUP_LAG].append(f"{GROUP_LAG.name}{{{place}}} {sum(told)}")
        if not any(isnan(row.waits) for row in counted):
            waits = max(row.waits for row in counted)
            lines[GROUP_LAG_SECONDS].append(f"{GROUP_LAG_SECONDS.name}{{{place}}} {waits!r}")
    if unknown := sum(row.lag == NEVER or not isinf(row.seen) for row in counted):
        lines[GROUP_UNKNOWN].append(f"{GROUP_UNKNOWN.name}{{{place}}} {unknown}")
    # what is read up to its end proves nothing for the other partitions
    if proven is not None and (proven or all(row.proven == 0 for row in counted)):
        lines[GROUP_LAG_AT_LEAST].append(f"{GROUP_LAG_AT_LEAST.name}{{{place}}} {proven!r}")


def _add_partitions(lines: Collected, place: str, rows: Sequence[Row]) -> None:
    lag, seconds, committed = (
        f'{family.name}{{{place},partition="' for family in (PARTITION_LAG, PARTITION_SECONDS, PARTITION_COMMITTED)
    )
    lines[PARTITION_LAG] += [f'{lag}{row.partition}"}} {row.lag}' for row in rows if row.lag != NEVER]
    lines[PARTITION_SECONDS] += [
        f'{seconds}{row.partition}"}} {row.waits:.3f}' for row in rows if row.lag > 0 and not isnan(row.waits)
    ]
    lines[PARTITION_COMMITTED] += [
        f'{committed}{row.partition}"}} {row.committed}' for row in rows if row.committed != NEVER
    ]


def lagging(texts: GroupTexts) -> AbstractSet[tuple[str, int]]:
    """Topic and partition of what some group has not read."""
    return set().union(*(known.lagging() for known in texts.values()))
