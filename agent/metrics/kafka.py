"""The series of one Kafka cluster. Bulk: columns become lists once, and each line is one f-string."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import inf, isnan
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.metrics.families import (
    GROUP_LAG,
    GROUP_LAG_AT_LEAST,
    GROUP_LAG_SECONDS,
    GROUP_MEMBERS,
    GROUP_STATE,
    PARTITION_COMMITTED,
    PARTITION_END,
    PARTITION_LAG,
    TOPIC_END,
    TOPIC_SKEW,
)
from agent.metrics.text import Chunk, Chunks, Family, escape, joined, number, packed
from checks.facts import NEVER, Address, Arrivals, Facts, Group, KafkaSnapshot, Lag, LogEnds, Progress, Unknown
from checks.facts.lag import waits_of

Floats = npt.NDArray[np.float64]
Partitions = Literal["off", "lagging", "all"]

SKEW_SPAN = 600.0
"""Seconds that the skew of a topic looks back, at most."""

_Collected = defaultdict[Family, list[str]]


class _Row(NamedTuple):
    """One partition of a group's Lag."""

    partition: int
    committed: int
    lag: int
    error: int
    waits: float
    """Seconds that its oldest unread record has been waiting: 0 where all is read, NaN where not known."""
    proven: float
    """Seconds that it waits at least; NaN where nothing is proven."""


_OF_GROUPS = (
    GROUP_STATE,
    GROUP_MEMBERS,
    GROUP_LAG,
    GROUP_LAG_SECONDS,
    GROUP_LAG_AT_LEAST,
    PARTITION_LAG,
    PARTITION_COMMITTED,
)


class GroupText(NamedTuple):
    """The series of one group, and what they were made of."""

    group: Group
    lag: Lag | Unknown
    texts: tuple[bytes, ...]
    """Of each of `_OF_GROUPS`: a hundred thousand series are kept like this, and no series by itself."""

    def still(self, group: Group, lag: Lag | Unknown) -> bool:
        """Whether they would be the same again: how long records wait is another thing at each look."""
        return self.group is group and self.lag is lag and (isinstance(lag, Unknown) or lag.read)


GroupTexts = Mapping[str, GroupText]


def kafka_chunks(
    facts: Facts, snapshot: KafkaSnapshot, partitions: Partitions, cap: int, before: GroupTexts
) -> tuple[Chunks, GroupTexts]:
    """The series, sorted by names and partitions: what a cap cuts off is the same each time; and those of each group.

    Groups that are as they were in `before` are taken from there.
    """
    target = f'target="{escape(str(facts.address))}"'
    lagging: set[tuple[str, int]] = set()
    groups: dict[str, GroupText] = {}
    chunks: dict[Family, list[Chunk]] = {family: [] for family in _OF_GROUPS}
    for name in sorted(snapshot.groups.items):
        group = snapshot.groups.items[name]
        if isinstance(group, Unknown):
            continue
        lag, known = facts.get(Lag, facts.address.under("groups", name)), before.get(name)
        if known is None or not known.still(group, lag):
            texts = _of_group(facts, f'{target},group="{escape(name)}"', group, partitions, lagging)
            known = GroupText(group, lag, texts)
        groups[name] = known
        for family, text in zip(_OF_GROUPS, known.texts, strict=True):
            if text:
                chunks[family].append(Chunk(text, text.count(b"\n"), 0))
    lines: _Collected = defaultdict(list)
    if not isinstance(snapshot.ends, Unknown):
        _add_ends(lines, target, snapshot.ends, partitions, lagging)
        _add_skew(lines, target, facts, snapshot.ends)
    return {**{family: some for family, some in chunks.items() if some}, **packed(lines, cap)}, groups


def _of_group(
    facts: Facts, head: str, group: Group, partitions: Partitions, lagging: set[tuple[str, int]]
) -> tuple[bytes, ...]:
    lines: _Collected = defaultdict(list)
    lines[GROUP_STATE].append(f'{GROUP_STATE.name}{{{head},state="{escape(group.state)}"}} 1')
    if not isinstance(group.members, Unknown):
        lines[GROUP_MEMBERS].append(f"{GROUP_MEMBERS.name}{{{head}}} {len(group.members)}")
    for topic, rows in _rows(facts, facts.address.under("groups", group.name)):
        place = f'{head},topic="{escape(topic)}"'
        _add_lag(lines, place, rows)
        if partitions != "off":
            chosen = [row for row in rows if row.lag > 0] if partitions == "lagging" else rows
            _add_partitions(lines, place, chosen)
            if partitions == "lagging":
                lagging.update((topic, row.partition) for row in chosen)
    return tuple(joined(lines[family]) if lines[family] else b"" for family in _OF_GROUPS)


def _rows(facts: Facts, group: Address) -> Iterator[tuple[str, list[_Row]]]:
    """Topics by name, each with its partitions in order."""
    lag, progress = facts.get(Lag, group), facts.get(Progress, group)
    if isinstance(lag, Unknown):
        return
    told, least = waits_of(lag, progress)
    columns = (lag.partition, lag.committed, lag.lag, lag.error, told, _proven(facts, lag, told, least))
    by_topic: list[list[_Row]] = [[] for _ in lag.topics]
    rows = map(_Row._make, zip(*(column.tolist() for column in columns), strict=True))
    for topic, row in zip(lag.topic.tolist(), rows, strict=True):
        by_topic[topic].append(row)
    for name, found in sorted(zip(lag.topics, by_topic, strict=True)):
        if found:
            found.sort()
            yield name, found


def _proven(facts: Facts, lag: Lag, told: Floats, least: Floats) -> Floats:
    """`told`, and where that is not known what look-ups by time and the span of history prove, NaN if nothing."""
    late = np.flatnonzero(np.isnan(told) & (lag.lag > 0))
    if not late.size or lag.shared:
        return told
    proven = least[late]
    for age, offsets in lag.answers.items():
        answer = offsets[late]
        older = (answer == NEVER) | ((answer > NEVER) & (answer > lag.committed[late]))
        proven = np.where(older, np.fmax(proven, age), proven)
    places = lag.topic[late]
    for topic in np.unique(places).tolist():
        arrivals = facts.get(Arrivals, facts.address.under("topics", lag.topics[topic]))
        if isinstance(arrivals, Unknown):
            continue
        mine = np.flatnonzero(places == topic)
        before = lag.committed[late[mine]] < arrivals.ends[0][lag.partition[late[mine]]]
        proven[mine] = np.where(before, np.fmax(proven[mine], arrivals.at[-1] - arrivals.at[0]), proven[mine])
    told = told.copy()
    told[late] = proven
    return told


def _add_lag(lines: _Collected, place: str, rows: Sequence[_Row]) -> None:
    """The sums and maxima over one topic of one group."""
    counted = [row for row in rows if row.committed != NEVER or row.error]
    if not counted:
        return  # nothing was ever committed: how far behind that is depends on where the group will start
    proven = max((row.proven for row in counted if not isnan(row.proven)), default=None)
    if all(row.lag != NEVER for row in counted):
        lines[GROUP_LAG].append(f"{GROUP_LAG.name}{{{place}}} {sum(row.lag for row in counted)}")
        if not any(isnan(row.waits) for row in counted):
            waits = max(row.waits for row in counted)
            lines[GROUP_LAG_SECONDS].append(f"{GROUP_LAG_SECONDS.name}{{{place}}} {waits!r}")
    # what is read up to its end proves nothing for the other partitions
    if proven is not None and (proven or all(row.proven == 0 for row in counted)):
        lines[GROUP_LAG_AT_LEAST].append(f"{GROUP_LAG_AT_LEAST.name}{{{place}}} {proven!r}")


def _add_partitions(lines: _Collected, place: str, rows: Sequence[_Row]) -> None:
    lag, committed = f'{PARTITION_LAG.name}{{{place},partition="', f'{PARTITION_COMMITTED.name}{{{place},partition="'
    lines[PARTITION_LAG] += [f'{lag}{row.partition}"}} {row.lag}' for row in rows if row.lag != NEVER]
    lines[PARTITION_COMMITTED] += [
        f'{committed}{row.partition}"}} {row.committed}' for row in rows if row.committed != NEVER
    ]


def _add_ends(
    lines: _Collected, target: str, ends: LogEnds, partitions: Partitions, lagging: AbstractSet[tuple[str, int]]
) -> None:
    offsets = ends.end.tolist()
    for topic in sorted(ends.topics):
        found = offsets[ends.rows[topic]]
        place = f'{target},topic="{escape(topic)}"'
        if found and NEVER not in found:
            lines[TOPIC_END].append(f"{TOPIC_END.name}{{{place}}} {sum(found)}")
        if partitions != "off":
            head = f'{PARTITION_END.name}{{{place},partition="'
            lines[PARTITION_END] += [
                f'{head}{p}"}} {offset}'
                for p, offset in enumerate(found)
                if offset != NEVER and (partitions == "all" or (topic, p) in lagging)
            ]


def _add_skew(lines: _Collected, target: str, facts: Facts, ends: LogEnds) -> None:
    for topic in sorted(ends.topics):
        rows = ends.rows[topic]
        if rows.stop - rows.start < 2:
            continue
        arrivals = facts.get(Arrivals, facts.address.under("topics", topic))
        if isinstance(arrivals, Unknown):
            continue
        first = int(np.searchsorted(arrivals.at, arrivals.at[-1] - SKEW_SPAN))
        written = sorted((arrivals.ends[-1] - arrivals.ends[min(first, arrivals.at.size - 2)]).tolist())
        if written[-1] > 0:
            middle = (written[(len(written) - 1) // 2] + written[len(written) // 2]) / 2
            ratio = written[-1] / middle if middle else inf
            lines[TOPIC_SKEW].append(f'{TOPIC_SKEW.name}{{{target},topic="{escape(topic)}"}} {number(ratio)}')
