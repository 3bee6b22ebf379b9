"""What follows from all queues of a target together, and from what they showed before."""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.facts.history import SqsFrame
from checks.facts.sqs import Queue, SqsSnapshot
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
    queue: Queue


@dataclass(frozen=True, slots=True)
class Depth:
    """What the polls of one queue showed, oldest first."""

    at: tuple[float, ...]
    visible: tuple[int, ...]


class RedriveGraph:
    """Which queue redrives into which, of one snapshot: built once, asked for each queue."""

    def __init__(self, snapshot: SqsSnapshot) -> None:
        self._snapshot = snapshot
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
        found = self._by_arn[arn] if arn in self._by_arn else self._snapshot.others.get(arn, _NOT_COLLECTED)
        return found if isinstance(found, Unknown) else DeadLetterQueue(arn, found)


_NOT_COLLECTED = Unknown(Why.OFF, "its dead-letter queue is not in the snapshot")


def depth_of(queue: Queue, frames: Sequence[SqsFrame]) -> Depth:
    """The polls in which the depth of `queue` was seen; the last unbroken run of them, so that a hole starts anew."""
    at: list[float] = []
    visible: list[int] = []
    for frame in reversed(frames):
        seen = frame.queues.get(queue.name)
        if seen is None or isinstance(seen.visible, Unknown):
            break
        at.append(seen.at)
        visible.append(seen.visible)
    return Depth(tuple(reversed(at)), tuple(reversed(visible)))
