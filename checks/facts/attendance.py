"""When a group had members in the history of its target, and what moved while it had none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from checks.facts.commits import NOBODY
from checks.facts.history import KafkaFrame
from checks.facts.kafka import Group
from checks.facts.offsets import Committed
from checks.facts.packed import Packed
from checks.facts.unknown import Lazy, Unknown, Why


@dataclass(frozen=True, slots=True)
class Away:
    """The polls up to now in which nobody was in a group."""

    polls: int
    seconds: float
    """Between the first of them and the last."""
    open: bool
    """The first of them is the first poll there is: it may have begun before."""
    usual: float
    """The longest that nobody was in it before somebody came back, in seconds; 0 where that was never seen."""
    moved: bool
    """Some offset moved on between two polls that both showed nobody: somebody reads without joining."""


class Attendance(Lazy):
    """Asked only of groups that nobody is in and that have something to read."""

    FOLLOWS = Group

    def __init__(self, group: str, frames: Sequence[KafkaFrame]) -> None:
        self._group, self._all = group, frames

    def away(self) -> Away:
        """How long nobody has been in the group, as far as history reaches."""
        self.asked += 1
        return self._away

    @cached_property
    def _away(self) -> Away:
        frames = [frame for frame in self._all if self._group in frame.states]
        runs: list[tuple[int, int]] = []
        for k, frame in enumerate(frames):
            if frame.states[self._group] not in NOBODY:
                continue
            if runs and runs[-1][1] == k - 1:
                runs[-1] = (runs[-1][0], k)
            else:
                runs.append((k, k))
        newest = len(frames) - 1
        begin = runs[-1][0] if runs and runs[-1][1] == newest else newest
        ended = [frames[last + 1].at - frames[first].at for first, last in runs if last < newest]
        alone = [[frame.committed for frame in frames[first : last + 1]] for first, last in runs]
        return Away(
            polls=newest - begin + 1,
            seconds=frames[newest].at - frames[begin].at,
            open=begin == 0,
            usual=max(ended, default=0.0),
            moved=any(_moved_on(self._group, run) for run in alone),
        )

    def twice(self) -> Away | Unknown:
        """The same, once two polls show nobody: one says nothing of what moves."""
        away = self.away()
        if away.polls > 1 or away.moved or not away.open:
            return away
        return Unknown(Why.YOUNG, "only one poll so far: it may be read without members", "another poll: --samples 3")


def _moved_on(group: str, polls: Sequence[Mapping[str, Committed]]) -> bool:
    seen = [poll for poll in polls if group in poll]
    return any(_further(group, old, new) for old, new in pairwise(seen) if old is not new)


def _further(group: str, before: Mapping[str, Committed], after: Mapping[str, Committed]) -> bool:
    if isinstance(before, Packed) and isinstance(after, Packed):
        one, other = before.moved(group), after.moved(group)
        if one is not None and other is not None and one[0] is other[0]:
            return bool(((other[1] > one[1]) & (one[0].offset + one[1] >= 0)).any())
    old, new = before[group], after[group]
    if (
        old.topics == new.topics
        and np.array_equal(old.topic, new.topic)
        and np.array_equal(old.partition, new.partition)
    ):
        return bool(((new.offset > old.offset) & (old.offset >= 0)).any())
    then = old.table()
    return any(offset > then.get(place, offset) for place, offset in new.table().items())
