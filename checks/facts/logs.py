"""The logs of one target through its history, and what arrived on the partitions of a topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checks.facts.history import KafkaFrame
from checks.facts.kafka import NEVER, Floats, Ints, LogEnds, Rows, Topic
from checks.facts.unknown import Listing, Unknown, Why, young

Flags = npt.NDArray[np.bool_]


class Then(NamedTuple):
    """One poll in the rows of the newest one, and behind them a row of a partition that it does not have."""

    end: Ints
    """Log end offset; NEVER where it was not seen, or was that of another topic of the same name."""
    readable: Ints
    """Last stable offset, the same way: what a consumer may read, whether or not it reads committed records only."""
    replaced: Flags
    """Rows whose topic is known to have had another topic id: it was deleted and created again since."""


class Logs:
    """The log ends of every poll, each brought into the rows of the newest: once for all groups and topics."""

    def __init__(self, ends: LogEnds, topics: Listing[Topic], frames: Sequence[KafkaFrame]) -> None:
        self.ends = ends
        self.frames = tuple(frame for frame in frames if frame.ends is not None)
        self._topics = topics
        self._ids = frames[-1].ids if frames else {}
        self._topic: Rows = np.repeat(np.arange(len(ends.topics)), np.diff(ends.first))
        self._partition: Ints = np.arange(ends.end.size) - ends.first[self._topic]
        self._then: dict[float, Then] = {}

    def then(self, frame: KafkaFrame) -> Then:
        """What `frame`, one of `frames`, showed."""
        if frame.at not in self._then:
            self._then[frame.at] = self._aligned(frame)
        return self._then[frame.at]

    def nameless(self, topic: str) -> Unknown | None:
        """Why it can't be told whether `topic` is the one that earlier polls saw, if so."""
        if topic in self._ids:
            return None
        seen = self._topics.items.get(topic)
        if isinstance(seen, Unknown):
            return seen
        return Unknown(Why.UNSUPPORTED, f"topic {topic} is not in the snapshot: it may not be the one seen before")

    def arrivals(self, topic: str) -> "Arrivals | Unknown":
        """What arrived on each partition of `topic`, as far as it is one log that never went back."""
        rows = self.ends.rows.get(topic)
        if rows is None:
            return Unknown(Why.UNSUPPORTED, f"the log ends of topic {topic} are not in the snapshot")
        if (self.ends.end[rows] < 0).any():
            return Unknown(Why.UNREACHABLE, f"the log end of some partition of {topic} was not answered")
        ends = self._table[:, rows]
        seen = np.flatnonzero((ends >= 0).all(axis=1))
        back = np.flatnonzero((np.diff(ends[seen], axis=0) < 0).any(axis=1))
        run = seen[back[-1] + 1 :] if back.size else seen
        if run.size < 2:
            return Unknown(Why.YOUNG, "only one poll so far", "more polls: --samples 11 --every 30s")
        return Arrivals(self._times[run], ends[run])

    @cached_property
    def _table(self) -> npt.NDArray[np.int64]:
        """Polls by rows."""
        return np.array([self.then(frame).end for frame in self.frames], dtype=np.int64).reshape(
            -1, self.ends.end.size + 1
        )

    @cached_property
    def _times(self) -> Floats:
        return np.array([frame.ends.at for frame in self.frames if frame.ends is not None], dtype=np.float64)

    def _aligned(self, frame: KafkaFrame) -> Then:
        now, then = self.ends, frame.ends
        if then is None:
            raise ValueError("a poll without log ends has no rows")
        row = self._rows(then)
        if frame.ids is self._ids:
            known = same = np.array([name in self._ids for name in now.topics], dtype=bool)
        else:
            known = np.array([name in self._ids and name in frame.ids for name in now.topics], dtype=bool)
            same = known & np.array([frame.ids.get(name) == self._ids.get(name) for name in now.topics], dtype=bool)
        keep = np.append(same[self._topic], np.False_)
        end, stable = (np.where(keep, np.append(column, NEVER)[row], NEVER) for column in (then.end, then.stable))
        return Then(end, stable, np.append((known & ~same)[self._topic], np.False_))

    def _rows(self, then: LogEnds) -> Rows:
        """For each row of now the row of `then`; one past its last where it had none, and for the row behind all."""
        now = self.ends
        if then is now or (then.topics == now.topics and np.array_equal(then.first, now.first)):
            return np.arange(now.end.size + 1)
        bounds = [then.rows.get(name, slice(0, 0)) for name in now.topics]
        first = np.array([bound.start for bound in bounds], dtype=np.int64)
        count = np.array([bound.stop - bound.start for bound in bounds], dtype=np.int64)
        there = self._partition < count[self._topic]
        rows = np.where(there, first[self._topic] + self._partition, then.end.size)
        return np.append(rows, then.end.size)


class Windows(NamedTuple):
    """Equal stretches of time, oldest first."""

    seconds: Floats
    records: Ints
    """Windows by partitions."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Where one topic's logs ended in the polls of its newest unbroken run, oldest first.

    A poll that did not see every partition is left out; a log that went back or was created again begins a new run.
    """

    at: Floats
    ends: Ints
    """Polls by partitions."""

    def windows(self, over: float, parts: int) -> Windows | Unknown:
        """The last `over` seconds in `parts` windows, each between two polls; Unknown until history reaches so far.

        Also where it has a hole there: windows that reach back twice as far would speak of another time.
        """
        picks: list[int] = [self.at.size - 1]
        for part in range(1, parts + 1):
            wanted = self.at[-1] - over * part / parts
            picks.insert(0, min(int(np.searchsorted(self.at, wanted, side="right")) - 1, picks[0] - 1))
        if picks[0] < 0 or self.at[-1] - self.at[picks[0]] > 2 * over:
            span = self.at[-1] - self.at[0]
            detail = f"{self.at.size} polls in {span:.0f} s of history; {parts} windows in {over:g} s are needed"
            return young(detail, over, parts + 1)
        return Windows(np.diff(self.at[picks]), np.diff(self.ends[picks], axis=0))
