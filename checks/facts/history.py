"""What was seen before: a deterministic fold over snapshots, in memory."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from checks.facts.address import Address
from checks.facts.kafka import KafkaSnapshot
from checks.facts.offsets import NEVER, Committed, Floats, Ints, LogEnds
from checks.facts.packed import Packed, packed
from checks.facts.sqs import SqsSnapshot
from checks.facts.unknown import Unknown

Snapshot = KafkaSnapshot | SqsSnapshot

SPAN = 3600.0
"""Seconds of history that are kept."""

_COLUMNS = ("offset", "topic", "partition")

F = TypeVar("F", "KafkaFrame", "SqsFrame")


@dataclass(frozen=True, slots=True)
class KafkaFrame:
    at: float
    ends: LogEnds | None
    """None where it was not observed: a hole, never a rate."""
    committed: Mapping[str, Committed]
    """Only the groups that were observed. Of the newest poll each is the same object while its offsets are the same, `at` the
    first time; so is the whole while nothing in it changed. Of former polls it is packed: offsets are made when asked for.
    """
    ids: Mapping[str, str]
    """Topic to topic id, only of topics that were observed; the same object while nothing in it changed."""
    states: Mapping[str, str]
    """Group to state, likewise."""
    free: Mapping[str, int] = field(default_factory=dict)
    """Broker and log directory, as `free_key` writes them, to the bytes that are left on its volume; likewise."""
    away: Mapping[str, tuple[float, Committed]] = field(init=False, default_factory=dict)
    """When groups that this poll did not see were last seen, within `SPAN`, and what they had committed then."""
    back: frozenset[str] = field(init=False, default=frozenset())
    """The groups some offset of which is lower than when they were last seen."""

    def after(self, before: "KafkaFrame") -> "KafkaFrame":
        """This one, with what is as it was in the poll before as the same objects."""
        old = before.committed
        committed: Mapping[str, Committed] = {name: _kept(one, old.get(name)) for name, one in self.committed.items()}
        if len(committed) == len(old) and all(one is old.get(name) for name, one in committed.items()):
            committed = old
        ids = before.ids if before.ids == self.ids else self.ids
        states = before.states if before.states == self.states else self.states
        ends = self.ends if self.ends is None or before.ends is None else self.ends.after(before.ends)
        free = before.free if before.free == self.free else self.free
        made = KafkaFrame(self.at, ends, committed, ids, states, free)
        if committed is not old or before.away:
            away = {name: one for name, one in before.away.items() if one[0] >= self.at - SPAN}
            seen = {**{name: one for name, (_, one) in away.items()}, **old} if away else old
            away |= {name: (before.at, old[name]) for name in old.keys() - committed.keys()}
            object.__setattr__(made, "away", {name: away[name] for name in away.keys() - committed.keys()})
            object.__setattr__(made, "back", _back(committed, seen))
        return made

    def holding(self, committed: Mapping[str, Committed]) -> "KafkaFrame":
        """The same with these, which are equal to its own."""
        made = copy(self)
        object.__setattr__(made, "committed", committed)
        return made


@dataclass(frozen=True, slots=True)
class SqsFrame:
    at: float
    rows: Mapping[str, int]
    """ARN to the row of the columns below, only of queues that were observed; the same object while unchanged."""
    visible: Ints
    """NEVER where it was not told."""
    in_flight: Ints
    """The same."""
    created: Floats
    """NaN where it was not told: another time is another queue under the same name."""
    read: Floats
    """When each was read."""

    def after(self, before: "SqsFrame") -> "SqsFrame":
        """As of a KafkaFrame."""
        rows = before.rows if before.rows == self.rows else self.rows
        return SqsFrame(self.at, rows, self.visible, self.in_flight, self.created, self.read)


class _Frames(Generic[F]):
    def __init__(self, frames: Iterable[F] = ()) -> None:
        self.frames: list[F] = list(frames)

    def add(self, frame: F, span: float) -> None:
        if self.frames and frame.at <= self.frames[-1].at:
            return  # told twice, or late: a replay appends what is already here
        self.frames.append(frame.after(self.frames[-1]) if self.frames else frame)
        while self.frames[0].at < frame.at - span:
            del self.frames[0]


def _pack(frames: list[KafkaFrame]) -> None:
    """The offsets of the poll before the newest, and of those that share them, once they are not those of the newest."""
    whole = frames[-2].committed if len(frames) > 1 else frames[-1].committed
    if whole is frames[-1].committed or isinstance(whole, Packed):
        return
    alike = [k for k, frame in enumerate(frames) if frame.committed is whole]
    small = packed(whole, frames[alike[0] - 1].committed if alike[0] else None)
    for k in alike:
        frames[k] = frames[k].holding(small)


class History:
    """Frames of each target, oldest first. Appending a snapshot twice changes nothing."""

    def __init__(self, span: float = SPAN) -> None:
        self._span = span
        self._kafka: dict[str, _Frames[KafkaFrame]] = {}
        self._sqs: dict[str, _Frames[SqsFrame]] = {}

    def append(self, snapshot: Snapshot) -> None:
        self.restore(
            snapshot.target, _kafka_frame(snapshot) if isinstance(snapshot, KafkaSnapshot) else _sqs_frame(snapshot)
        )

    def plus(self, snapshot: Snapshot) -> "History":
        """A history that also has `snapshot`; this one is left as it is."""
        grown = History(self._span)
        grown._kafka, grown._sqs = dict(self._kafka), dict(self._sqs)
        if isinstance(snapshot, KafkaSnapshot):
            grown._kafka[snapshot.target] = _Frames(self.kafka(snapshot.target))
        else:
            grown._sqs[snapshot.target] = _Frames(self.sqs(snapshot.target))
        grown.append(snapshot)
        return grown

    def without(self, left: AbstractSet[Address]) -> "History":
        """A history without these targets; this one is left as it is."""
        kept = History(self._span)
        kept._kafka = {target: one for target, one in self._kafka.items() if Address("kafka", target) not in left}
        kept._sqs = {target: one for target, one in self._sqs.items() if Address("sqs", target) not in left}
        return kept

    def restore(self, target: str, frame: KafkaFrame | SqsFrame) -> None:
        """Appends a frame that was kept before."""
        if isinstance(frame, KafkaFrame):
            kafka = self._kafka.setdefault(target, _Frames[KafkaFrame]())
            kafka.add(frame, self._span)
            _pack(kafka.frames)
        else:
            self._sqs.setdefault(target, _Frames[SqsFrame]()).add(frame, self._span)

    def kafka(self, target: str) -> tuple[KafkaFrame, ...]:
        return tuple(self._kafka[target].frames) if target in self._kafka else ()

    def sqs(self, target: str) -> tuple[SqsFrame, ...]:
        return tuple(self._sqs[target].frames) if target in self._sqs else ()

    def targets(self) -> frozenset[Address]:
        kafka = (Address("kafka", target) for target in self._kafka)
        return frozenset(kafka) | frozenset(Address("sqs", target) for target in self._sqs)


def _kept(new: Committed, old: Committed | None) -> Committed:
    return new if new is old or old is None else new.after(old)


def _back(new: Mapping[str, Committed], old: Mapping[str, Committed]) -> frozenset[str]:
    """The groups some offset of which is lower in `new`."""
    pairs = [(name, one, old[name]) for name, one in new.items() if name in old and one is not old[name]]
    alike = [pair for pair in pairs if pair[1].topics == pair[2].topics and pair[1].offset.size == pair[2].offset.size]
    # Most groups have the same rows as before, and only moved on: they are looked at all at once.
    if alike:
        ends = np.cumsum([one.offset.size for _, one, _ in alike])
        sides = [[np.concatenate([getattr(pair[i], n) for pair in alike]) for n in _COLUMNS] for i in (1, 2)]
        (offset, *rows), (before, *rows_before) = sides
        odd = np.logical_or.reduce([offset < before, *(a != b for a, b in zip(rows, rows_before, strict=True))])
        doubtful = {alike[i][0] for i in np.searchsorted(ends, np.flatnonzero(odd), side="right").tolist()}
        same = {name for name, _, _ in alike} - doubtful
        pairs = [pair for pair in pairs if pair[0] not in same]
    return frozenset(name for name, one, before in pairs if _lower(one, before))


def _lower(new: Committed, old: Committed) -> bool:
    then = old.table()
    return any(offset < then.get(place, offset) for place, offset in new.table().items())


def _kafka_frame(snapshot: KafkaSnapshot) -> KafkaFrame:
    committed = {name: c for name, c in snapshot.committed.items() if not isinstance(c, Unknown)}
    ids = {name: topic.id for name, topic in snapshot.topics.items.items() if not isinstance(topic, Unknown)}
    states = {name: group.state for name, group in snapshot.groups.items.items() if not isinstance(group, Unknown)}
    return KafkaFrame(
        at=snapshot.at,
        ends=None if isinstance(snapshot.ends, Unknown) else snapshot.ends,
        committed=committed,
        ids=ids,
        states=states,
        free=_free(snapshot),
    )


def free_key(broker: str, path: str) -> str:
    return f"{broker}:{path}"


def _free(snapshot: KafkaSnapshot) -> dict[str, int]:
    storage = {} if isinstance(snapshot.storage, Unknown) else snapshot.storage
    return {
        free_key(broker, volume.path): volume.usable
        for broker, told in storage.items()
        if not isinstance(told, Unknown)
        for volume in told.dirs
        if not isinstance(volume, Unknown) and not isinstance(volume.usable, Unknown)
    }


def _sqs_frame(snapshot: SqsSnapshot) -> SqsFrame:
    seen = [*snapshot.queues.items.values(), *snapshot.others.values()]
    queues = {queue.arn: queue for queue in seen if not isinstance(queue, Unknown)}
    return SqsFrame(
        at=snapshot.at,
        rows={arn: row for row, arn in enumerate(queues)},
        visible=_counts(queue.visible for queue in queues.values()),
        in_flight=_counts(queue.in_flight for queue in queues.values()),
        created=_times(queue.created for queue in queues.values()),
        read=_times(queue.at for queue in queues.values()),
    )


def _counts(values: Iterable[int | Unknown]) -> Ints:
    return np.array([NEVER if isinstance(value, Unknown) else value for value in values], dtype=np.int64)


def _times(values: Iterable[float | Unknown]) -> Floats:
    return np.array([np.nan if isinstance(value, Unknown) else value for value in values], dtype=np.float64)
