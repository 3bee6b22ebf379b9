"""How the committed offsets of one group moved, or did not, through the history of its target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from checks.facts.history import KafkaFrame
from checks.facts.lag import NOT_SEEN, Lag, has_rows_of, log_rows, offsets_at
from checks.facts.logs import ONE_POLL, Flags, Logs
from checks.facts.offsets import NEVER, Committed, Floats, Ints, Rows
from checks.facts.packed import Packed
from checks.facts.unknown import Lazy, Unknown, Why, young

NOBODY = ("Empty", "Dead")
"""States of a group without members."""

REBALANCING = ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling")
"""States of a group that is dealing out its partitions: whoever reads pauses until it is done."""

PACE_SHARE = 0.1
"""Of the time that a pace is asked for; below that it says nothing: consumers commit in steps."""


@dataclass(frozen=True, slots=True)
class Standing:
    """No committed offset of a group on one topic moved, though records were there to read and members to read them."""

    since: float
    """The first poll that shows it so."""
    seconds: float
    """From there to the newest poll."""
    open: bool
    """That is the first poll there is: it may have begun before."""
    poll: float
    """Seconds between two polls, on average."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Records per second on one partition."""

    span: float
    read: float
    written: float


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What the poll before the newest told of the rows of a group's Lag.

    NEVER where it was not told, or of another topic of the same name.
    """

    at: float
    """When the logs were read."""
    offset: Ints
    start: Ints
    end: Ints


class Commits(Lazy):
    """Asked for one topic at a time, and answers from as few polls as it takes."""

    FOLLOWS = Lag

    def __init__(self, group: str, lag: Lag, logs: Logs) -> None:
        self._group = group
        self._lag = lag
        self._logs = logs

    @cached_property
    def _polls(self) -> Rows:
        return self._logs.polls(self._group)

    @cached_property
    def _frames(self) -> list[KafkaFrame]:
        return [self._logs.frames[k] for k in self._polls.tolist()]

    @cached_property
    def _rows(self) -> list[Rows]:
        """By topic of the Lag, the rows that somebody has committed."""
        found: list[list[int]] = [[] for _ in self._lag.topics]
        rows = np.flatnonzero(self._lag.committed >= 0).tolist()
        for row, topic in zip(rows, self._lag.topic[rows].tolist(), strict=True):
            found[topic].append(row)
        return [np.array(one, dtype=np.intp) for one in found]

    def waiting(self, least: int) -> list[int]:
        """Topics of the Lag of which `least` records are there to read on some partition: no other can stand still."""
        self.asked += 1
        lag = self._lag
        more = (lag.committed >= 0) & (lag.stable >= 0) & (lag.stable - lag.committed >= least)
        return sorted(set(lag.topic[more].tolist()))

    @cached_property
    def _row(self) -> Rows:
        return log_rows(self._lag, self._logs.ends)

    def standing(self, topic: int, least: int) -> Standing | Unknown | None:
        """Whether the group stands still on a topic that is `waiting`, by its index in the Lag; None when it does not.

        Counted are partitions with at least `least` records to read. A poll in which the group had no members,
        an offset was elsewhere, nothing was unread or the topic was another one ends the look back.
        """
        self.asked += 1
        rows = self._rows[topic]
        offsets = self._lag.committed[rows]
        if not self._frames:
            return None
        now = len(self._frames) - 1
        if (nameless := self._logs.nameless(self._lag.topics[topic])) is not None:
            return nameless
        poll = float(self._times[-1] - self._times[0]) / now if now else 0.0
        if self._moving[topic]:  # most of them
            return Standing(float(self._times[-1]), 0.0, open=False, poll=poll)
        since, is_open = self._still(rows, offsets, least, max(0, now - 1)) if now else (0, True)
        if is_open and now > 1:
            since, is_open = self._still(rows, offsets, least, 0)
        return Standing(float(self._times[since]), float(self._times[-1] - self._times[since]), is_open, poll)

    @cached_property
    def _times(self) -> Floats:
        return np.array([frame.at for frame in self._frames])

    @cached_property
    def _moving(self) -> Flags:
        """By topic of the Lag, whether an offset was elsewhere at the poll before, or nobody there to move it."""
        moving = np.zeros(len(self._lag.topics), dtype=bool)
        if len(self._frames) > 1 and self._nobody[-2]:
            moving[:] = True
        elif len(self._frames) > 1:
            then, now = self._then(len(self._frames) - 2), self._lag.committed
            moving[self._lag.topic[(now >= 0) & (then != now) & (then != NOT_SEEN)]] = True
        return moving

    def _still(self, rows: Rows, offsets: Ints, least: int, first: int) -> tuple[int, bool]:
        """The poll since which nothing moved, looking back as far as `first`, and whether it may be longer."""
        polls, log = self._polls[first:-1], self._row[rows]
        newest = len(self._frames) - 1
        then = self._then(first)[None, rows] if first == newest - 1 else self._table[first:-1, rows]
        moved = ((then != offsets) & (then != NOT_SEEN)).any(axis=1)
        readable = self._logs.readable[np.ix_(polls, log)]
        waits: Flags = np.any((readable >= 0) & (readable - offsets >= least), axis=1)
        idle = ~waits & (readable >= 0).all(axis=1)
        empty = self._nobody[first:-1]
        stops = np.flatnonzero(moved | idle | empty | self._logs.replaced[np.ix_(polls, log)].any(axis=1))
        begin = int(stops[-1]) + 1 if stops.size else 0
        shown = np.flatnonzero(waits[begin:])
        return first + (begin + int(shown[0]) if shown.size else polls.size), not stops.size

    def pace(self, row: int, over: float) -> Pace | Unknown:
        """How fast one row of the Lag is read and written, over as much of the last `over` seconds as is whole."""
        self.asked += 1
        newest, span, read, written = len(self._frames) - 1, 0.0, 0, 0
        for k in range(newest - 1, -1, -1):
            age = self._frames[newest].at - self._frames[k].at
            place = self._polls[k], self._row[row]
            offset, end = int(self._table[k, row]), int(self._logs.end[place])
            if age > over or self._logs.replaced[place]:
                break
            if offset < 0 or end < 0:
                continue
            if offset > self._lag.committed[row] - read or end > self._lag.end[row] - written:
                break
            span, read, written = age, int(self._lag.committed[row]) - offset, int(self._lag.end[row]) - end
        if span <= 0 or span < over * PACE_SHARE:
            return young(f"{span:.0f} s of history; a pace needs {over * PACE_SHARE:g} s", over * PACE_SHARE)
        return Pace(span, read / span, written / span)

    def before(self) -> Before | Unknown:
        """The last poll but one that saw the group: what one poll alone shows may be a stale answer."""
        self.asked += 1
        if len(self._frames) < 2:
            return ONE_POLL
        k = self._polls[-2]
        start, end = (column[k, self._row] for column in (self._logs.start, self._logs.end))
        return Before(float(self._logs.times[k]), self._then(len(self._frames) - 2), start, end)

    def reached(self, row: int) -> bool:
        """Whether the log of a row, of the topic that it is now, was once as long as what is committed there."""
        self.asked += 1
        if not self._logs.identified(self._lag.topics[self._lag.topic[row]]):
            return False
        ends = self._logs.end[self._polls, self._row[row]]
        return bool((ends >= self._lag.committed[row]).any())

    def unlike(self, row: int) -> Unknown:
        """Why a row has nothing in `before()`."""
        topic, partition = self._lag.place(row)
        nameless = self._logs.nameless(topic)
        if nameless is not None:
            return nameless
        return Unknown(Why.YOUNG, f"only one poll of {topic}/{partition} as it is now", ONE_POLL.close)

    @cached_property
    def _nobody(self) -> Flags:
        """Of each poll, whether nobody was in the group."""
        return np.array([frame.states[self._group] in NOBODY for frame in self._frames], dtype=bool)

    def _waits(self, rows: Rows, k: int, offsets: Ints, least: int) -> bool | None:
        """Whether `least` records above `offsets` were there to read on some partition; None where not all were seen."""
        return _unread(self._readable(k)[rows], offsets, least)

    def usual(self, topic: int, until: float) -> float:
        """Seconds that the group takes at most, before `until`, from something unread to its next move.

        The longest but one where there were several: a stall that is over must not hide the next.
        """
        self.asked += 1
        rows = self._rows[topic]
        taken: list[float] = []
        start: float | None = None
        before: Ints | None = None
        for k, frame in enumerate(self._frames):
            if frame.at > until:
                break
            if self._nobody[k]:
                start = before = None
                continue
            then = self._table[k, rows]
            if before is not None:
                then = np.where(then == NOT_SEEN, before, then)
                if ((then != before) & (before != NOT_SEEN)).any():
                    if start is not None:
                        taken.append(frame.at - start)
                    start = None
            before = then
            if start is None and self._waits(rows, k, np.where(then >= 0, then, np.iinfo(np.int64).max), 1):
                start = frame.at
        return sorted(taken)[-2:][0] if taken else 0.0

    def _readable(self, k: int) -> Ints:
        if k == len(self._frames) - 1:  # now: what the Lag itself was made of
            return self._lag.stable
        column: Ints = self._logs.readable[self._polls[k], self._row]
        return column

    def _then(self, k: int) -> Ints:
        return offsets_at(self._lag, self._frames[k].committed[self._group])

    @property
    def _table(self) -> Ints:
        """`_then` of every poll."""
        made = self._logs.latest
        if made is None or made[0] is not self._lag:
            made = self._logs.latest = self._lag, _offsets(self._group, self._lag, [f.committed for f in self._frames])
        return made[1]


def _offsets(group: str, lag: Lag, polls: Sequence[Mapping[str, Committed]]) -> Ints:
    """As `offsets_at` of each poll: polls by rows of the Lag."""
    table = np.full((len(polls), lag.topic.size), NEVER, dtype=np.int64)
    moved = [poll.moved(group) if isinstance(poll, Packed) else None for poll in polls]
    for _, alike in groupby(range(len(polls)), lambda k: None if (one := moved[k]) is None else id(one[0])):
        run = list(alike)
        first = moved[run[0]]
        if first is None or not has_rows_of(first[0], lag):
            table[run] = [offsets_at(lag, polls[k][group]) for k in run]
            continue
        told = first[0].error == 0
        by = np.array([one[1] for k in run if (one := moved[k]) is not None])
        table[run, : told.size] = np.where(told, first[0].offset + by, NOT_SEEN)
    return table


def _unread(readable: Ints, offsets: Ints, least: int) -> bool | None:
    """Whether `least` records above `offsets` can be read on some partition; None where not all were seen."""
    if ((readable >= 0) & (readable - offsets >= least)).any():
        return True
    return False if (readable >= 0).all() else None
