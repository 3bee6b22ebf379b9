"""What lies on the brokers' disks, and what is being moved: by volume, and by topic."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from checks.facts.history import KafkaFrame, free_key
from checks.facts.kafka import Reassignment, Storage, Topic
from checks.facts.offsets import NEVER, Ints
from checks.facts.unknown import Lazy, Unknown, Why, young

GROWTH_SPAN = 1800.0
"""Seconds of history below which growth says nothing: segments are deleted every five minutes, a gigabyte at a time."""


class Disk(NamedTuple):
    """One log directory of one broker, with the volume under it."""

    broker: str
    place: int
    """Index into the broker's directories."""
    path: str
    total: int | Unknown
    """Bytes."""
    usable: int | Unknown


@dataclass(frozen=True, slots=True, eq=False)
class Disks:
    """The volumes under all log directories of a cluster, and how fast they filled."""

    storage: Mapping[str, Storage | Unknown]
    frames: Sequence[KafkaFrame]

    def seen(self) -> Iterator[Disk]:
        for broker, told in self.storage.items():
            for place, volume in enumerate(() if isinstance(told, Unknown) else told.dirs):
                if not isinstance(volume, Unknown):
                    yield Disk(broker, place, volume.path, volume.total, volume.usable)

    def holes(self) -> Iterator[Unknown]:
        """Brokers and directories that tell nothing."""
        for told in self.storage.values():
            if isinstance(told, Unknown):
                yield told
            else:
                yield from (volume for volume in told.dirs if isinstance(volume, Unknown))

    def growth(self, disk: Disk) -> float | Unknown:
        """Bytes a second that the volume filled by, over the history there is; negative where it emptied."""
        key = free_key(disk.broker, disk.path)
        seen = [(frame.at, frame.free[key]) for frame in self.frames if key in frame.free]
        seconds = seen[-1][0] - seen[0][0] if seen else 0.0
        if seconds < GROWTH_SPAN:
            return young(f"{seconds:.0f} s of history; {GROWTH_SPAN:.0f} s tell how fast a disk fills", GROWTH_SPAN)
        return (seen[0][1] - seen[-1][1]) / seconds

    def largest(self, disk: Disk, most: int) -> list[tuple[str, int]]:
        """The topics that take the most bytes of a directory."""
        told = self.storage[disk.broker]
        if isinstance(told, Unknown) or not told.topics:
            return []
        mine = told.dir == disk.place
        sizes = np.bincount(told.topic[mine], weights=told.size[mine], minlength=len(told.topics))
        order = np.argsort(-sizes, kind="stable")[:most].tolist()
        return [(told.topics[i], int(sizes[i])) for i in order if sizes[i] > 0]


@dataclass(frozen=True, slots=True, eq=False)
class PartitionSizes:
    """How many bytes the leader's replica of each partition of one topic has."""

    bytes: Ints
    """NEVER where it is not known."""
    most: int
    """The greatest of them."""
    unknown: Unknown | None
    """Why some partition's is not known, if so."""


def sizes_of(
    storage: Mapping[str, Storage | Unknown], topics: Mapping[str, Topic | Unknown]
) -> dict[str, PartitionSizes]:
    """Of every topic that is known, all at once."""
    known = {name: topic for name, topic in topics.items() if not isinstance(topic, Unknown)}
    counts = np.array([len(topic.leader) for topic in known.values()], dtype=np.int64)
    first = np.concatenate(([0], np.cumsum(counts)))
    leader = np.fromiter(
        chain.from_iterable(topic.leader for topic in known.values()), dtype=np.int64, count=int(first[-1])
    )
    sizes = np.full(leader.size, NEVER, dtype=np.int64)
    index = {name: i for i, name in enumerate(known)}
    for broker, told in storage.items():
        if isinstance(told, Unknown) or not told.topics:
            continue
        here = np.array([index.get(name, -1) for name in told.topics], dtype=np.int64)[told.topic]
        rows = np.flatnonzero((here >= 0) & (told.future == 0))
        rows = rows[told.partition[rows] < counts[here[rows]]]
        places = first[here[rows]] + told.partition[rows]
        led = leader[places] == int(broker)
        sizes[places[led]] = told.size[rows[led]]
    holed = {name: sizes[first[i] : first[i + 1]] for name, i in index.items()}
    most = np.zeros(len(known), dtype=np.int64)
    if filled := np.flatnonzero(counts).tolist():
        most[filled] = np.maximum.reduceat(sizes, first[:-1][filled])
    missing = (np.unique(np.searchsorted(first, np.flatnonzero(sizes < 0), side="right") - 1)).tolist()
    names = list(known)
    why = {names[i]: _why(storage, known[names[i]], holed[names[i]]) for i in missing}
    return {
        name: PartitionSizes(column, greatest, why.get(name))
        for (name, column), greatest in zip(holed.items(), most.tolist(), strict=True)
    }


def _why(storage: Mapping[str, Storage | Unknown], topic: Topic, sizes: Ints) -> Unknown:
    """Why the first partition whose size is not known is not."""
    partition = int(np.argmax(sizes < 0))
    leader = topic.leader[partition]
    if leader < 0:
        return Unknown(Why.UNREACHABLE, f"partition {partition} of topic {topic.name} has no leader")
    told = storage.get(str(leader), Unknown(Why.UNREACHABLE, f"broker {leader} was not asked for its log directories"))
    if isinstance(told, Unknown):
        return told
    offline = next((volume for volume in told.dirs if isinstance(volume, Unknown)), None)
    if offline is not None:
        return offline
    return Unknown(
        Why.YOUNG,
        f"broker {leader} leads {topic.name}/{partition} since it last told its log directories",
        "another poll",
    )


class Moves(Lazy):
    """The reassignments that are under way."""

    def __init__(self, moves: Sequence[Reassignment]) -> None:
        self._moves = moves

    @property
    def all(self) -> Sequence[Reassignment]:
        self.asked += 1
        return self._moves

    @cached_property
    def _by_topic(self) -> Mapping[str, Mapping[int, Reassignment]]:
        told: dict[str, dict[int, Reassignment]] = {}
        for move in self._moves:
            told.setdefault(move.topic, {})[move.partition] = move
        return told

    def of(self, topic: str) -> Mapping[int, Reassignment]:
        """Those of one topic, by partition."""
        self.asked += 1
        return self._by_topic.get(topic, {})
