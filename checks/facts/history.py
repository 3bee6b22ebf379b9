"""What was seen before: a deterministic fold over snapshots, in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from checks.facts.address import Address
from checks.facts.kafka import NEVER, Committed, Floats, Ints, KafkaSnapshot, LogEnds
from checks.facts.sqs import SqsSnapshot
from checks.facts.unknown import Unknown

Snapshot = KafkaSnapshot | SqsSnapshot

SPAN = 3600.0
"""Seconds of history that are kept."""

F = TypeVar("F", bound="KafkaFrame | SqsFrame")


@dataclass(frozen=True, slots=True)
class KafkaFrame:
    at: float
    ends: LogEnds | None
    """None where it was not observed: a hole, never a rate."""
    committed: Mapping[str, Committed]
    """Only the groups that were observed."""
    ids: Mapping[str, str]
    """Topic to topic id, only of topics that were observed; the same object while nothing in it changed."""
    states: Mapping[str, str]
    """Group to state, likewise."""


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


class _Frames(Generic[F]):
    def __init__(self, frames: Iterable[F] = ()) -> None:
        self.frames = list(frames)

    def add(self, frame: F, span: float) -> None:
        if self.frames and frame.at <= self.frames[-1].at:
            return  # told twice, or late: a replay appends what is already here
        self.frames.append(frame)
        while self.frames[0].at < frame.at - span:
            del self.frames[0]


class History:
    """Frames of each target, oldest first. Appending a snapshot twice changes nothing."""

    def __init__(self, span: float = SPAN) -> None:
        self._span = span
        self._kafka: dict[str, _Frames[KafkaFrame]] = {}
        self._sqs: dict[str, _Frames[SqsFrame]] = {}

    def append(self, snapshot: Snapshot) -> None:
        if isinstance(snapshot, KafkaSnapshot):
            kafka = self._kafka.setdefault(snapshot.target, _Frames())
            kafka.add(_kafka_frame(snapshot, kafka.frames[-1] if kafka.frames else None), self._span)
        else:
            sqs = self._sqs.setdefault(snapshot.target, _Frames())
            sqs.add(_sqs_frame(snapshot, sqs.frames[-1] if sqs.frames else None), self._span)

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

    def restore(self, target: str, frame: KafkaFrame | SqsFrame) -> None:
        """Appends a frame that was kept before."""
        if isinstance(frame, KafkaFrame):
            self._kafka.setdefault(target, _Frames()).add(frame, self._span)
        else:
            self._sqs.setdefault(target, _Frames()).add(frame, self._span)

    def kafka(self, target: str) -> tuple[KafkaFrame, ...]:
        return tuple(self._kafka[target].frames) if target in self._kafka else ()

    def sqs(self, target: str) -> tuple[SqsFrame, ...]:
        return tuple(self._sqs[target].frames) if target in self._sqs else ()

    def targets(self) -> frozenset[Address]:
        kafka = (Address("kafka", target) for target in self._kafka)
        return frozenset(kafka) | frozenset(Address("sqs", target) for target in self._sqs)


def _kafka_frame(snapshot: KafkaSnapshot, before: KafkaFrame | None) -> KafkaFrame:
    committed = {name: c for name, c in snapshot.committed.items() if not isinstance(c, Unknown)}
    ids = {name: topic.id for name, topic in snapshot.topics.items.items() if not isinstance(topic, Unknown)}
    states = {name: group.state for name, group in snapshot.groups.items.items() if not isinstance(group, Unknown)}
    return KafkaFrame(
        at=snapshot.at,
        ends=None if isinstance(snapshot.ends, Unknown) else snapshot.ends,
        committed=committed,
        ids=before.ids if before is not None and before.ids == ids else ids,
        states=before.states if before is not None and before.states == states else states,
    )


def _sqs_frame(snapshot: SqsSnapshot, before: SqsFrame | None) -> SqsFrame:
    seen = [*snapshot.queues.items.values(), *snapshot.others.values()]
    queues = {queue.arn: queue for queue in seen if not isinstance(queue, Unknown)}
    rows = {arn: row for row, arn in enumerate(queues)}
    return SqsFrame(
        at=snapshot.at,
        rows=before.rows if before is not None and before.rows == rows else rows,
        visible=_counts(queue.visible for queue in queues.values()),
        in_flight=_counts(queue.in_flight for queue in queues.values()),
        created=_times(queue.created for queue in queues.values()),
        read=_times(queue.at for queue in queues.values()),
    )


def _counts(values: Iterable[int | Unknown]) -> Ints:
    return np.array([NEVER if isinstance(value, Unknown) else value for value in values], dtype=np.int64)


def _times(values: Iterable[float | Unknown]) -> Floats:
    return np.array([np.nan if isinstance(value, Unknown) else value for value in values], dtype=np.float64)
