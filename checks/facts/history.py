"""What was seen before: a deterministic fold over snapshots, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from checks.facts.address import Address
from checks.facts.kafka import Committed, KafkaSnapshot, LogEnds
from checks.facts.sqs import Queue, SqsSnapshot
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


@dataclass(frozen=True, slots=True)
class SqsFrame:
    at: float
    queues: Mapping[str, Queue]
    """Only the queues that were observed."""


class _Frames(Generic[F]):
    def __init__(self) -> None:
        self.frames: list[F] = []

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
            committed = {name: c for name, c in snapshot.committed.items() if not isinstance(c, Unknown)}
            ends = None if isinstance(snapshot.ends, Unknown) else snapshot.ends
            frames = self._kafka.setdefault(snapshot.target, _Frames())
            frames.add(KafkaFrame(snapshot.at, ends, committed), self._span)
        else:
            queues = {name: q for name, q in snapshot.queues.items.items() if not isinstance(q, Unknown)}
            self._sqs.setdefault(snapshot.target, _Frames()).add(SqsFrame(snapshot.at, queues), self._span)

    def kafka(self, target: str) -> tuple[KafkaFrame, ...]:
        return tuple(self._kafka[target].frames) if target in self._kafka else ()

    def sqs(self, target: str) -> tuple[SqsFrame, ...]:
        return tuple(self._sqs[target].frames) if target in self._sqs else ()

    def targets(self) -> frozenset[Address]:
        kafka = (Address("kafka", target) for target in self._kafka)
        return frozenset(kafka) | frozenset(Address("sqs", target) for target in self._sqs)
