"""Which groups read which topic, and what they have read of it lately."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from checks.facts.codes import refused
from checks.facts.history import KafkaFrame
from checks.facts.kafka import Group, KafkaSnapshot
from checks.facts.offsets import Committed
from checks.facts.unknown import Lazy, Unknown, Why

LOOKED_AT = "include all groups"


class _Table(NamedTuple):
    groups: Mapping[str, list[str]]
    """By topic."""
    topics: Mapping[str, list[str]]
    """By group."""
    hidden: Unknown | None
    """Why any topic may have more readers."""
    failed: Mapping[str, Unknown]
    """The same of single topics."""
    unsure: Mapping[str, Unknown]
    """Why a group may read one more, by group: what it has committed on that was refused."""


class Readers(Lazy):
    """Which groups read which topic: those with a committed offset on it, and those with a member that owns a partition."""

    def __init__(self, snapshot: KafkaSnapshot, frames: Sequence[KafkaFrame]) -> None:
        self._snapshot, self._frames = snapshot, frames

    def of(self, topic: str) -> Sequence[str]:
        """The groups that are known to read a topic."""
        self.asked += 1
        return self._table.groups.get(topic, ())

    def hidden(self, topic: str) -> Unknown | None:
        """Why there may be more of them, if so."""
        self.asked += 1
        hidden = self._table.hidden
        return self._table.failed.get(topic) if hidden is None else hidden

    def topics(self, group: str) -> Sequence[str] | Unknown:
        """What a group reads; Unknown where it may be more."""
        self.asked += 1
        hole = _hole(self._snapshot, group)
        hole = self._table.unsure.get(group) if hole is None else hole
        return self._table.topics.get(group, ()) if hole is None else hole

    def worked_off(self, topic: str, since: float) -> int:
        """How many of the records that lay in `topic` at the poll `since` one of its groups has read from then on."""
        self.asked += 1
        frames = [frame for frame in self._frames if frame.at <= since][-1:]
        frames += [frame for frame in self._frames if frame.at > since]
        ends = frames[0].ends if frames else None
        if ends is None or topic not in ends.rows:
            return 0
        there = ends.end[ends.rows[topic]].tolist()
        most = 0
        for group in self._table.groups.get(topic, ()):
            now = _offsets(self._snapshot.committed.get(group), topic)
            seen = (_offsets(frame.committed.get(group), topic) for frame in frames)
            then = next((offsets for offsets in seen if offsets), {})
            read = (min(now.get(p, 0), there[p]) - offset for p, offset in then.items() if p < len(there))
            most = max(most, sum(max(0, one) for one in read))
        return most

    @cached_property
    def _table(self) -> _Table:
        groups: dict[str, list[str]] = {}
        topics: dict[str, list[str]] = {}
        failed: dict[str, Unknown] = {}
        unsure: dict[str, Unknown] = {}
        listing = self._snapshot.groups
        hidden = listing.blind[0] if listing.blind else None
        for name in listing.items:
            if hidden is None and (hole := _hole(self._snapshot, name)) is not None:
                detail = f"what group {name} reads is not known: {hole.detail}"
                hidden = Unknown(hole.why, detail, hole.close)
            topics[name] = _read(self._snapshot, name)
            for topic in topics[name]:
                groups.setdefault(topic, []).append(name)
            committed = self._snapshot.committed.get(name)
            if isinstance(committed, Committed) and committed.error.any():
                for row in np.flatnonzero(committed.error).tolist():
                    topic = committed.topics[committed.topic[row]]
                    failed[topic] = refused(int(committed.error[row]), f"offsets of group {name} on {topic}")
                    if topic not in topics[name]:
                        unsure[name] = failed[topic]
        return _Table(
            groups, topics, listing.unjudged("groups", LOOKED_AT) if hidden is None else hidden, failed, unsure
        )


def _hole(snapshot: KafkaSnapshot, name: str) -> Unknown | None:
    """Why a group may read more than is seen of it."""
    if name in snapshot.groups.left_out:
        return Unknown(Why.OFF, f"group {name} is left out by choice", LOOKED_AT)
    group = snapshot.groups.items.get(name, snapshot.groups.blind[0] if snapshot.groups.blind else None)
    if group is None or isinstance(group, Unknown):
        return group
    committed = snapshot.committed.get(name, Unknown(Why.UNSUPPORTED, "its committed offsets are not in the snapshot"))
    if isinstance(committed, Unknown):
        return committed
    owned = group.assigned_topics()
    return owned if isinstance(owned, Unknown) else None


def _read(snapshot: KafkaSnapshot, name: str) -> list[str]:
    committed, group = snapshot.committed.get(name), snapshot.groups.items[name]
    found: set[str] = set()
    if isinstance(committed, Committed):
        told = committed.offset >= 0
        found.update(
            committed.topics if told.all() else (committed.topics[i] for i in np.unique(committed.topic[told]))
        )
    if isinstance(group, Group) and not isinstance(group.members, Unknown):
        for member in group.members:
            if not isinstance(member.assigned, Unknown):
                found.update(topic for topic, partitions in member.assigned.items() if partitions)
    return sorted(found)


def _offsets(committed: Committed | Unknown | None, topic: str) -> dict[int, int]:
    """What is committed on one topic, by partition."""
    if not isinstance(committed, Committed) or topic not in committed.topics:
        return {}
    rows = np.flatnonzero((committed.topic == committed.topics.index(topic)) & (committed.offset >= 0))
    return dict(zip(committed.partition[rows].tolist(), committed.offset[rows].tolist(), strict=True))
