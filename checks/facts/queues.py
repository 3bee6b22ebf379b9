"""What follows from all queues of a target together, and from what they showed before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.facts.history import SqsFrame
from checks.facts.logs import Flags
from checks.facts.offsets import NEVER, Floats, Ints, Rows
from checks.facts.sqs import Queue, QueueSettings, SqsSnapshot
from checks.facts.unknown import Unknown, Why

DEAD_LETTER_NAMES = ("*dlq*", "*dead-letter*", "*dead_letter*", "*deadletter*", "*-dlt", "*-dead", "*-failed")
"""Names by which teams mark a dead-letter queue, in lower case; `patterns` of the checks override it."""


@dataclass(frozen=True, slots=True)
class DeadLettersOf:
    """Which queues redrive into one queue."""

    queues: tuple[str, ...]
    """By name, as far as they are proven."""
    others: Unknown | None
    """Set where there may be more."""


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """The queue that one queue redrives into."""

    arn: str
    queue: QueueSettings | None
    """None: it was asked for by name, and there is no such queue."""


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """What the polls of one queue showed, oldest first: the last unbroken run of them, so that a hole starts anew."""

    at: Floats
    visible: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Backlog:
    """What waits in one queue or is being worked on, oldest poll first: an unbroken run, as `Depth` is."""

    at: Floats
    visible: Ints
    in_flight: Ints
    dead: Ints | Unknown | None
    """Visible in its dead-letter queue in the same polls, NEVER where it was not told; None where it has none."""

    def redriven(self, first: int) -> int | Unknown:
        """Messages that left its dead-letter queue since the poll `first`: they may have come back here."""
        if self.dead is None or isinstance(self.dead, Unknown):
            return 0 if self.dead is None else self.dead
        dead = self.dead[first:]
        if dead[0] < 0 or dead[-1] < 0:
            return Unknown(Why.UNREACHABLE, "whether its dead-letter queue was redriven is not known: it was not seen")
        return max(0, int(dead.max() - dead[-1]))


class RedriveGraph:
    """Which queue redrives into which, of one snapshot: built once, asked for each queue.

    `settled` gives the settings of a queue, the very same object as in the look before while they are the same.
    """

    def __init__(self, snapshot: SqsSnapshot, settled: Callable[[Queue], QueueSettings] = lambda queue: queue) -> None:
        self._snapshot = snapshot
        self._settled = settled
        self._by_arn: dict[str, Queue] = {}
        self._sources: dict[str, set[str]] = {}
        self._unproven: Unknown | None = snapshot.queues.blind[0] if snapshot.queues.blind else None
        for name, queue in snapshot.queues.items.items():
            redrive = queue if isinstance(queue, Unknown) else queue.redrive
            if not isinstance(queue, Unknown):
                self._by_arn[queue.arn] = queue
            if isinstance(redrive, Unknown):
                self._unproven = Unknown(redrive.why, f"{name} may redrive into it: {redrive.detail}", redrive.close)
            elif redrive is not None:
                self._sources.setdefault(redrive.dead_letter_arn, set()).add(name)

    def sources(self, queue: Queue) -> DeadLettersOf:
        """Who redrives into `queue`: proven by redrive policies, or told by ListDeadLetterSourceQueues."""
        proven = self._sources.get(queue.arn, set())
        told = self._snapshot.sources.get(queue.name)
        if isinstance(told, tuple):
            return DeadLettersOf(tuple(sorted(proven.union(told))), None)
        return DeadLettersOf(tuple(sorted(proven)), self._unproven if told is None else told)

    def target(self, queue: Queue) -> DeadLetterQueue | Unknown | None:
        """Where `queue` redrives to, None if nowhere."""
        if queue.redrive is None or isinstance(queue.redrive, Unknown):
            return queue.redrive
        arn = queue.redrive.dead_letter_arn
        if arn in self._snapshot.missing:
            return DeadLetterQueue(arn, None)
        found = self._by_arn[arn] if arn in self._by_arn else self._snapshot.others.get(arn, _NOT_COLLECTED)
        return found if isinstance(found, Unknown) else DeadLetterQueue(arn, self._settled(found))


_NOT_COLLECTED = Unknown(Why.OFF, "its dead-letter queue is not in the snapshot")


class Depths:
    """The counts of every queue in every poll, polls by queues: made once for all queues of a target."""

    def __init__(self, frames: Sequence[SqsFrame]) -> None:
        rows = frames[-1].rows if frames else {}
        self._rows = rows
        places = [None if frame.rows is rows else _places(rows, frame) for frame in frames]
        self._visible: Ints = _table([frame.visible for frame in frames], places, NEVER, len(rows))
        self._in_flight: Ints = _table([frame.in_flight for frame in frames], places, NEVER, len(rows))
        self._read: Floats = _table([frame.read for frame in frames], places, np.nan, len(rows))
        self._created: Floats = _table([frame.created for frame in frames], places, np.nan, len(rows))

    def depth(self, queue: Queue) -> Depth:
        run, column = self._run(queue, self._seen)
        return Depth(self._read[run, column], self._visible[run, column])

    def backlog(self, queue: Queue, dead: DeadLetterQueue | Unknown | None) -> Backlog:
        run, column = self._run(queue, self._both)
        at, visible = self._read[run, column], self._visible[run, column]
        there = dead if dead is None or isinstance(dead, Unknown) else self._visible_in(dead.queue, run)
        return Backlog(at, visible, self._in_flight[run, column], there)

    def _visible_in(self, queue: QueueSettings | None, run: slice) -> Ints | None:
        if queue is None:
            return None  # nothing comes back from a queue that is not there
        column = self._rows.get(queue.arn)
        if column is None:
            return np.full(len(self._visible), NEVER, dtype=np.int64)[run]
        return np.where(self._same[:, column], self._visible[:, column], NEVER)[run]

    @cached_property
    def _seen(self) -> list[int]:
        return _unbroken((self._visible >= 0) & self._same)

    @cached_property
    def _both(self) -> list[int]:
        return _unbroken((self._visible >= 0) & (self._in_flight >= 0) & self._same)

    @cached_property
    def _same(self) -> Flags:
        """Whether the poll saw the same queue as the newest one: one with another time of creation is another."""
        newest = self._created[-1:]
        same: Flags = (self._created == newest) | (np.isnan(self._created) & np.isnan(newest))
        return same & ~np.isnan(self._read)

    def _run(self, queue: Queue, first: Sequence[int]) -> tuple[slice, int]:
        column = self._rows.get(queue.arn)
        return (slice(0, 0), 0) if column is None else (slice(first[column], None), column)


def _unbroken(told: Flags) -> list[int]:
    """For each queue the poll that its last unbroken run begins with."""
    holes = ~told[::-1]
    return np.where(holes.any(axis=0), len(told) - np.argmax(holes, axis=0), 0).tolist() if told.size else []


def _table(
    columns: Sequence[npt.NDArray[Any]], places: Sequence[Rows | None], missing: float, width: int
) -> npt.NDArray[Any]:
    told = [c if p is None else np.append(c, missing)[p] for c, p in zip(columns, places, strict=True)]
    return np.array(told).reshape(len(told), width)


def _places(rows: Mapping[str, int], frame: SqsFrame) -> Rows:
    return np.array([frame.rows.get(arn, len(frame.rows)) for arn in rows], dtype=np.intp)
