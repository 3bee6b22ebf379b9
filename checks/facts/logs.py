"""The logs of one target through its history, and what arrived on the partitions of a topic."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checks.facts.history import KafkaFrame
from checks.facts.kafka import Topic
from checks.facts.offsets import NEVER, Floats, Ints, LogEnds, Rows
from checks.facts.unknown import Lazy, Listing, Unknown, Why, young

Flags = npt.NDArray[np.bool_]


ONE_POLL = Unknown(Why.YOUNG, "only one poll so far", "another poll: --samples 3 --every 30s")


class Logs:
    """The log ends of every poll of `frames`, brought into the rows of the newest: once for all groups and topics.

    Tables are polls by rows, with one row more behind all, of a partition that is not there.
    """

    def __init__(self, ends: LogEnds, topics: Listing[Topic], frames: Sequence[KafkaFrame]) -> None:
        self.ends = ends
        self.frames = tuple(frame for frame in frames if frame.ends is not None)
        self._ends = [frame.ends for frame in self.frames if frame.ends is not None]
        self._topics = topics
        self._ids = frames[-1].ids if frames else {}
        self._topic: Rows = np.repeat(np.arange(len(ends.topics)), np.diff(ends.first))
        self._partition: Ints = np.arange(ends.end.size) - ends.first[self._topic]
        self.latest: tuple[object, Ints] | None = None
        """A table that was made of one Lag, kept until that of another one is made: they are too many to keep all."""

    @cached_property
    def told(self) -> Ints:
        """Log end offsets, of whatever topic had the name then."""
        return self._stacked([ends.end for ends in self._ends])

    @cached_property
    def times(self) -> Floats:
        """When each of them was read."""
        return np.array([ends.at for ends in self._ends], dtype=np.float64)

    def polls(self, group: str, *, with_state: bool = True) -> Rows:
        """The frames that saw what a group had committed, and in which state it was."""
        found = [
            np.arange(begin, end)
            for begin, end, groups, states in self._runs
            if group in groups and (not with_state or group in states)
        ]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)

    @cached_property
    def _runs(self) -> Sequence[tuple[int, int, AbstractSet[str], Mapping[str, str]]]:
        """Frames in a row that saw the same groups, as the same objects: an hour is a handful of them."""
        runs: list[tuple[int, int, AbstractSet[str], Mapping[str, str]]] = []
        for k, frame in enumerate(self.frames):
            groups = frame.committed.keys()
            same = runs and runs[-1][2] is groups and runs[-1][3] is frame.states
            begin = runs.pop()[0] if same else k
            runs.append((begin, k + 1, groups, frame.states))
        return runs

    def nameless(self, topic: str) -> Unknown | None:
        """Why it can't be told whether `topic` is the one that earlier polls saw, if so."""
        if topic in self._ids:
            return None
        seen = self._topics.items.get(topic)
        if isinstance(seen, Unknown):
            return seen
        return Unknown(Why.UNSUPPORTED, f"topic {topic} is not in the snapshot: it may not be the one seen before")

    def rows(self, topic: str) -> slice | Unknown:
        """Where a topic stands in `ends`."""
        rows = self.ends.rows.get(topic)
        return rows if rows is not None else Unknown(Why.UNSUPPORTED, f"no log end of topic {topic} is in the snapshot")

    def identified(self, topic: str) -> bool:
        """Whether the broker tells topic ids (since 2.8): without them a topic created anew looks like the one before."""
        return bool(self._ids.get(topic))

    def arrivals(self, topic: str) -> "Arrivals | Unknown":
        """What arrived on each partition of `topic`, as far as it is one log that never went back."""
        rows = self.rows(topic)
        if isinstance(rows, Unknown):
            return rows
        if len(self.frames) > 1 and topic in self._whole:
            return Arrivals(self.times, self.end[:, rows], rows, self._shared)
        if (self.ends.end[rows] < 0).any():
            return Unknown(Why.UNREACHABLE, f"the log end of some partition of {topic} was not answered")
        if len(self.frames) < 2:
            return ONE_POLL
        ends = self.end[:, rows]
        seen = np.flatnonzero((ends >= 0).all(axis=1))
        back = np.flatnonzero((np.diff(ends[seen], axis=0) < 0).any(axis=1))
        run = seen[back[-1] + 1 :] if back.size else seen
        if run.size < 2:
            return ONE_POLL
        at = self.times[run]
        return Arrivals(at, ends[run], slice(None), _Cuts(at, ends[run]))

    @cached_property
    def end(self) -> Ints:
        """As `told`, of the topics of now alone: NEVER where it was not seen or was another topic of the same name."""
        return self._of_now(self.told)

    @cached_property
    def likely(self) -> Ints:
        """As `told`, NEVER where it is known to have been another topic: what can't be told apart is taken for the same."""
        return np.where(self.replaced, NEVER, self.told) if self.replaced.any() else self.told

    @cached_property
    def start(self) -> Ints:
        """Log start offsets, as `end`."""
        return self._of_now(self._stacked([ends.start for ends in self._ends]))

    @cached_property
    def _whole(self) -> frozenset[str]:
        """Topics of which every poll saw every partition, and none went back: most of them, told for all at once."""
        broken: Flags = np.logical_or((self.end < 0).any(axis=0), (self.end[1:] < self.end[:-1]).any(axis=0))
        topics = set(self._topic[np.flatnonzero(broken[:-1])].tolist())
        return frozenset(name for i, name in enumerate(self.ends.topics) if i not in topics)

    @cached_property
    def _shared(self) -> "_Cuts":
        return _Cuts(self.times, self.end)

    @cached_property
    def readable(self) -> Ints:
        """Last stable offsets, as `end`: what a consumer may read, whether or not it reads committed records only."""
        if all(ends.stable is ends.end for ends in self._ends):  # no transaction was open
            return self.end
        return self._of_now(self._stacked([ends.stable for ends in self._ends]))

    @cached_property
    def replaced(self) -> Flags:
        """Whether the topic is known to have had another topic id: it was deleted and created again since."""
        known, same = self._identity
        return np.pad((known & ~same)[:, self._topic], ((0, 0), (0, 1)))

    def _stacked(self, columns: Sequence[Ints]) -> Ints:
        """One column of each poll, in the rows of now."""
        table = np.full((len(columns), self.ends.end.size + 1), NEVER, dtype=np.int64)
        for k, (column, ends) in enumerate(zip(columns, self._ends, strict=True)):
            if ends.first is self.ends.first:  # the same topics, as history keeps them
                table[k, :-1] = column
            else:
                table[k] = np.append(column, NEVER)[self._rows(ends)]
        return table

    def _of_now(self, told: Ints) -> Ints:
        _, same = self._identity
        return told if same.all() else np.where(np.pad(same[:, self._topic], ((0, 0), (0, 1))), told, NEVER)

    @cached_property
    def _identity(self) -> tuple[Flags, Flags]:
        """Polls by topics: whether it can be told that it is the topic of now, and whether it is."""
        names = self.ends.topics
        here = np.array([name in self._ids for name in names], dtype=bool)
        known, same = (np.tile(here, (len(self.frames), 1)) for _ in range(2))
        for k, frame in enumerate(self.frames):
            if frame.ids is not self._ids:
                known[k] &= [name in frame.ids for name in names]
                same[k] = known[k] & [frame.ids.get(name) == self._ids.get(name) for name in names]
        return known, same

    def _rows(self, then: LogEnds) -> Rows:
        """For each row of now the row of `then`; one past its last where it had none, and for the row behind all."""
        now = self.ends
        if then is now or (then.topics == now.topics and np.array_equal(then.first, now.first)):
            return np.arange(now.end.size + 1)
        rows = then.rows_of(now.topics, self._topic, self._partition)
        return np.append(rows, then.end.size)


class Extent(NamedTuple):
    """Where the partitions of one topic begin and end."""

    start: Ints
    """Log start offsets."""
    end: Ints
    """Log end offsets."""


class TopicLogs(Lazy):
    """The logs of single topics, for checks that look into few of them."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def arrivals(self, topic: str) -> "Arrivals | Unknown":
        """What arrived on each partition."""
        self.asked += 1
        return self._logs.arrivals(topic)

    def standing(self, topic: str) -> Floats | Unknown:
        """For each partition, for how many seconds of history its last stable offset has been where it is."""
        self.asked += 1
        rows = self._logs.rows(topic)
        if isinstance(rows, Unknown):
            return rows
        table, times = self._logs.readable[:, rows], self._logs.times
        moved = table != table[-1]
        last = np.where(moved.any(axis=0), len(moved) - np.argmax(moved[::-1], axis=0), 0)
        return np.where(table[-1] >= 0, times[-1] - times[last], 0.0)

    def extent(self, topic: str) -> Extent | Unknown:
        """From where to where its partitions reach now."""
        self.asked += 1
        rows, ends = self._logs.rows(topic), self._logs.ends
        if isinstance(rows, Unknown):
            return rows
        if (ends.start[rows] < 0).any() or (ends.end[rows] < 0).any():
            return Unknown(Why.UNREACHABLE, f"the log of some partition of {topic} was not answered")
        return Extent(ends.start[rows], ends.end[rows])


class Windows(NamedTuple):
    """Equal stretches of time, oldest first."""

    seconds: Floats
    records: Ints
    """Windows by partitions."""


class _Cuts:
    """Windows over the same polls, cut once for all the rows of a table."""

    def __init__(self, at: Floats, ends: Ints) -> None:
        self._at, self._ends = at, ends
        self._made: dict[tuple[float, int], Windows | Unknown] = {}

    def windows(self, over: float, parts: int) -> Windows | Unknown:
        """As of Arrivals, of every row."""
        made = self._made.get((over, parts))
        if made is None:
            made = self._made[over, parts] = self._cut(over, parts)
        return made

    def _cut(self, over: float, parts: int) -> Windows | Unknown:
        picks = self._picks(over, parts)
        if isinstance(picks, Unknown):
            return picks
        return Windows(np.diff(self._at[picks]), np.diff(self._ends[picks], axis=0))

    def _picks(self, over: float, parts: int) -> list[int] | Unknown:
        picks: list[int] = [self._at.size - 1]
        for part in range(1, parts + 1):
            wanted = self._at[-1] - over * part / parts
            picks.insert(0, min(int(np.searchsorted(self._at, wanted, side="right")) - 1, picks[0] - 1))
        if picks[0] >= 0 and self._at[-1] - self._at[picks[0]] <= 2 * over:
            return picks
        span = self._at[-1] - self._at[0]
        detail = f"{self._at.size} polls in {span:.0f} s of history; {parts} windows in {over:g} s are needed"
        return young(detail, over, parts + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Where one topic's logs ended in the polls of its newest unbroken run, oldest first.

    A poll that did not see every partition is left out; a log that went back or was created again begins a new run.
    """

    at: Floats
    ends: Ints
    """Polls by partitions."""
    rows: slice = field(repr=False)
    """Of the topic, in `cuts`."""
    cuts: _Cuts = field(repr=False)

    def windows(self, over: float, parts: int) -> Windows | Unknown:
        """The last `over` seconds in `parts` windows, each between two polls; Unknown until history reaches so far.

        Also where it has a hole there: windows that reach back twice as far would speak of another time.
        """
        made = self.cuts.windows(over, parts)
        return made if isinstance(made, Unknown) else Windows(made.seconds, made.records[:, self.rows])
