"""Since when the first unread record of a partition is there: look-ups by time, asked again until the answer is narrow enough.

A look-up answers with the first record that is not older than a moment: its offset and its own time. Where that offset is
the one sought, its time is the answer; where it lies behind it, what is sought is older than the moment; and where it lies
before it, not older than that record. DESCRIBE is enough, and no history is needed (ListOffsets by time, KIP-79). A record
whose time lies before that of an earlier one counts as old as that one: no look-up tells them apart.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.collect.kafka.offsets import Answers, Places, ask, unanswered
from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, LogEnds, Topic, Unknown, Waits, Why
from checks.facts.offsets import Codes, Ints

FIRST = 40
"""Times that a first look asks about a partition: a bisection from years down to a second takes so many."""
ROUNDS = 4
"""The same of a later look, which goes on where the one before ended."""
TOLERANCE = 1000
"""Milliseconds within which an answer is narrow enough, or a hundredth of the wait if that is more."""
SLOW = 0.5
"""Seconds above which a round is too much for the brokers, beside what it costs here for each row."""
PAUSE = 600.0
"""Seconds without such questions after that."""
_EACH = 20e-6


@dataclass(frozen=True, slots=True, eq=False)
class Unread:
    """What to ask about, a row for each partition of `ends` and offset of a group: what it has not read begins there."""

    row: Ints
    """Of the partition in the log ends."""
    offset: Ints

    def beside(self, other: "Unread") -> "Unread":
        return Unread(np.append(self.row, other.row), np.append(self.offset, other.offset))

    def once(self, ends: LogEnds) -> "Unread":
        """Each row once, sorted by partition; from the log start on where that is gone which was not read."""
        offset = np.maximum(self.offset, ends.start[self.row])
        order = np.lexsort((offset, self.row))
        row, offset = self.row[order], offset[order]
        new = np.ones(row.size, dtype=np.bool_)
        new[1:] = (row[1:] != row[:-1]) | (offset[1:] != offset[:-1])
        return Unread(row[new], offset[new])


class Waiting:
    """Asks look after look; what it learned of a partition is the beginning of the next look's search."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._points: _Points | None = None
        self._pause = 0.0

    def forget(self) -> None:
        """Another cluster answers now: what it calls alike is not the same where topics have no ids."""
        self._points = None

    def read(self, wire: Wire, topics: Mapping[str, Topic], ends: LogEnds, unread: Unread) -> Waits | Unknown:
        at = self._clock()
        if at < self._pause:
            return Unknown(Why.OFF, f"look-ups by time took over {SLOW} s: there are none for {PAUSE / 60:.0f} min")
        places, unread = Places(topics), unread.once(ends)
        search = _Search(unread, ends.end[unread.row], int(at * 1000))
        if self._points is not None:
            self._points.tell(search, places, topics)
        for _ in range(FIRST if self._points is None else ROUNDS):
            rows, moments = search.questions()
            if not rows.size or wire.patience.over:
                break
            begun = time.monotonic()
            search.learn(_moments(places, rows, moments), ask(wire, places, rows, moments))
            if time.monotonic() - begun > SLOW + _EACH * rows.size:
                self._pause = at + PAUSE
                break
        self._points = _Points(places, topics, search)
        topic = places.topics(unread.row)
        since, until = search.found()
        return Waits(
            topics=places.names,
            topic=topic,
            partition=unread.row - places.first[topic],
            offset=unread.offset,
            since=since,
            until=until,
            error=search.error,
            at=at,
        )


def _moments(places: Places, rows: Ints, moments: Ints) -> Ints:
    every = np.full(places.leader.size, NEVER, dtype=np.int64)
    every[rows] = moments
    return every


class _Search:
    """The bracket of each row: a record at or before the one sought, and a moment to which that is older. Times in ms."""

    def __init__(self, unread: Unread, end: Ints, now: int) -> None:
        size = unread.row.size
        self.row, self.offset = unread.row, unread.offset
        self.low = np.full(size, NEVER, dtype=np.int64)
        """The time of that record; NEVER: none is known yet."""
        self.low_offset = np.full(size, NEVER, dtype=np.int64)
        self.high = np.full(size, now + 1, dtype=np.int64)
        self.high_offset = end.copy()
        """Of the first record that is not older than `asked`; where none had come, that one lies here or behind."""
        self.asked = self.high.copy()
        """The moment that was last found to lie behind the one sought; `high` is that, or right behind its own time."""
        self.after = np.full(size, NEVER, dtype=np.int64)
        """The time of that one; NEVER: it had not come yet."""
        self.error: Codes = np.zeros(size, dtype=np.int16)
        self._over = np.zeros(size, dtype=np.bool_)
        """No more can be had: refused, without times, or out of order."""
        self._timeless = np.zeros(size, dtype=np.bool_)
        self._stuck = np.zeros(size, dtype=np.bool_)
        """The last answer took away less than half."""
        self._now = now

    def _width(self) -> Ints:
        return self.high - 1 - np.maximum(self.low, 0)

    def _enough(self) -> Ints:
        return np.maximum(TOLERANCE, (self._now - self.high) // 100)

    def _doubtful(self) -> Any:
        """The next record is right behind the place sought, which may hold none: compaction leaves holes."""
        return (self.high_offset - self.offset == 1) & (self.low_offset != self.offset)

    def _open(self) -> Any:
        width = self._width()
        return ~self._over & (width > 0) & ((self.low < 0) | (width > self._enough()) | self._doubtful())

    def questions(self) -> tuple[Ints, Ints]:
        """Partitions, and the moment to ask each about: a broker answers one moment for a partition in a request."""
        chosen = np.flatnonzero(self._open())
        if not chosen.size:
            return chosen, chosen
        widest = chosen[np.lexsort((-self._width()[chosen], self.row[chosen]))]
        first = np.ones(widest.size, dtype=np.bool_)
        first[1:] = self.row[widest[1:]] != self.row[widest[:-1]]
        chosen = widest[first]
        return self.row[chosen], self._guesses()[chosen]

    def _guesses(self) -> Ints:
        """Evenly between what is known of the offsets; in the middle where that led nowhere; and never so near to one end
        that nothing would be decided.
        """
        low, high, enough = self.low, self.high, self._enough()
        share = (self.offset - self.low_offset) / np.maximum(1, self.high_offset - self.low_offset)
        guess = low + (np.where(self._stuck, 0.5, share) * (high - low)).astype(np.int64)
        guess = np.where(guess - low < enough, low + enough, guess)
        guess = np.where(high - guess < enough, high - enough, guess)
        closer = self._doubtful() & (self._width() <= enough)
        guess = np.where(closer, low + self._width() // 2, guess)
        guess = np.where(self.offset - self.low_offset == 1, low + 1, guess)  # the next record, whenever it came
        return np.where(low < 0, 0, np.clip(guess, low + 1, high - 1))

    def learn(self, moments: Ints, told: Answers) -> None:
        """From an answer for each partition; a moment of NEVER: not asked."""
        moment, error, offset, at = (column[self.row] for column in (moments, told.error, told.offset, told.timestamp))
        asked = (moment >= 0) & ~self._over
        refused = asked & (error != 0)
        self.error[refused] = error[refused]
        before = self._width()
        fresh = self.low < 0
        good = asked & ~refused
        nothing = good & (offset < 0)
        behind = good & ((offset > self.offset) | nothing)
        closer = behind & (moment < self.high)
        self.high = np.where(closer, moment, self.high)
        self.asked = np.where(closer, moment, self.asked)
        self.high_offset = np.where(closer & ~nothing, offset, self.high_offset)
        self.after = np.where(closer, at, self.after)
        ahead = good & ~nothing & (offset <= self.offset) & (at >= 0) & (at > self.low)
        # A record before the place sought that is younger than it: time does not run one way here.
        unordered = ahead & (offset < self.offset) & (at >= self.high)
        ahead &= ~unordered
        self.low = np.where(ahead, at, self.low)
        self.low_offset = np.where(ahead, offset, self.low_offset)
        exact = ahead & (offset == self.offset)
        self.high = np.where(exact, at + 1, self.high)
        self._timeless |= refused | (nothing & (moment == 0))
        self._over |= self._timeless | unordered
        self.low = np.where(unordered, NEVER, self.low)
        self._stuck = np.where(good, ~fresh & (self._width() * 2 > before), self._stuck)

    def found(self) -> tuple[Ints, Ints]:
        """Not earlier and not later than what; NEVER where that is not known."""
        after = np.where(self.after < 0, self._now, self.after)
        until = np.where(self._doubtful(), np.maximum(after, self.high - 1), self.high - 1)
        return np.where(self._over, NEVER, self.low), np.where(self._timeless, NEVER, until)


class _Points:
    """What one look has learned of some partitions: answers to moments that it need not ask about again."""

    def __init__(self, places: Places, topics: Mapping[str, Topic], search: _Search) -> None:
        good = np.flatnonzero(search.error == 0)
        low, high = good[search.low[good] >= 0], good
        self._names, self._ids = places.names, {name: topics[name].id for name in places.names}
        row = np.concatenate([search.row[low], search.row[high]])
        self._topic = places.topics(row)
        self._partition = row - places.first[self._topic]
        self._moment = np.concatenate([search.low[low], search.asked[high]])
        self._offset = np.concatenate([search.low_offset[low], search.high_offset[high]])
        self._at = np.concatenate([search.low[low], search.after[high]])

    def tell(self, search: _Search, places: Places, topics: Mapping[str, Topic]) -> None:
        same = [name in topics and topics[name].id == self._ids[name] for name in self._names]
        left = np.flatnonzero(np.array(same, dtype=np.bool_)[self._topic])
        names = [self._names[i] for i in self._topic[left].tolist()]
        row = places.rows(names, np.ones(left.size, dtype=np.int64), self._partition[left])
        left, row = left[row >= 0], row[row >= 0]
        order = np.lexsort((self._offset[left], row))
        left, row = left[order], row[order]
        # One answer for each partition at a time: the first of each, the second of each, ...
        starts = np.flatnonzero(np.append(True, row[1:] != row[:-1])) if row.size else row
        nth = np.arange(row.size) - np.repeat(starts, np.diff(np.append(starts, row.size)))
        size = places.leader.size
        for n in range(int(nth.max()) + 1 if nth.size else 0):
            mine = nth == n
            moments = _moments(places, row[mine], self._moment[left[mine]])
            told = unanswered(size)
            told.offset[row[mine]] = self._offset[left[mine]]
            told.timestamp[row[mine]] = self._at[left[mine]]
            search.learn(moments, told)
