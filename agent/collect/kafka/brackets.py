"""Between which moments the first unread record of a partition was written, made narrower by each answer to a look-up by time.

A look-up answers with the first record that is not older than a moment: its offset and its own time. Where that offset is
the one sought, its time is the answer; where it lies behind it, what is sought is older than the moment; and where it lies
before it, not older than that record. A record whose time lies before that of an earlier one counts as old as that one: no
look-up tells them apart.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agent.collect.kafka.offsets import Answers, Places
from checks.facts import NEVER, LogEnds, Topic, Unknown
from checks.facts.logs import Flags
from checks.facts.offsets import Codes, Epochs, Ints, Rows

TOLERANCE = 1000
"""Milliseconds within which an answer is narrow enough, or a hundredth of the wait if that is more."""


class Search:
    """The bracket of each row: a record at or before the one sought, and a moment to which that is older. Times in ms."""

    def __init__(self, row: Ints, offset: Ints, ends: LogEnds, now: int, sparse: Flags | None = None) -> None:
        """`sparse`: rows on topics that may be compacted, where offsets may be missing. Elsewhere one at most may hold nothing."""
        size = row.size
        self.row, self.offset = row, offset
        self.low = np.full(size, NEVER, dtype=np.int64)
        """The time of that record; NEVER: none is known yet."""
        self.low_offset = np.full(size, NEVER, dtype=np.int64)
        self.high = np.full(size, now + 1, dtype=np.int64)
        self.high_offset: Ints = ends.end[row]
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
        self._now, self._sparse = now, np.zeros(size, dtype=np.bool_) if sparse is None else sparse
        self._left: Rows = np.arange(size)
        """Those that may still be too wide: a bracket never grows."""

    def _width(self, k: Rows) -> Ints:
        return self.high[k] - 1 - np.maximum(self.low[k], 0)

    def _enough(self, k: Rows) -> Ints:
        return np.maximum(TOLERANCE, (self._now - self.high[k]) // 100)

    def _until(self, k: Rows) -> Ints:
        """The latest that it may have been written: where the places up to the next record may hold none, when that was."""
        holes = self.high_offset[k] - self.offset[k]
        hole = (holes == 1) | (self._sparse[k] & (self.after[k] >= 0))  # the newest record of a log is never taken away
        after = np.where(self.after[k] < 0, self._now, self.after[k])
        high = self.high[k] - 1
        return np.where(hole & (self.low_offset[k] != self.offset[k]), np.maximum(after, high), high)

    def _span(self, k: Rows) -> Ints:
        return self._until(k) - np.maximum(self.low[k], 0)

    def open(self) -> Rows:
        """The rows that another answer would make narrower, and that are not narrow enough."""
        k = self._left
        wide = (self.low[k] < 0) | (self._span(k) > self._enough(k))
        self._left = k[~self._over[k] & (self._width(k) > 0) & wide]
        return self._left

    def widest(self, among: Rows) -> Rows:
        """Of each partition the row that is farthest from being told: a broker answers one moment for a partition in a request."""
        far = self.urgency(among)
        order = np.lexsort((-far, self.row[among]))
        among = among[order]
        first = np.ones(among.size, dtype=np.bool_)
        first[1:] = self.row[among[1:]] != self.row[among[:-1]]
        return among[first]

    def urgency(self, k: Rows) -> Any:
        """How many times too wide."""
        return self._span(k) / self._enough(k)

    def guesses(self, k: Rows) -> Ints:
        """The moment to ask for each: evenly between what is known of the offsets; in the middle where that led nowhere; and
        never so near to one end that nothing would be decided.
        """
        low, high, enough = self.low[k], self.high[k], self._enough(k)
        ahead = self.offset[k] - self.low_offset[k]
        share = ahead / np.maximum(1, self.high_offset[k] - self.low_offset[k])
        guess = low + (np.where(self._stuck[k], 0.5, share) * (high - low)).astype(np.int64)
        guess = np.where(guess - low < enough, low + enough, guess)
        guess = np.where(high - guess < enough, high - enough, guess)
        # The next record, whenever it came: where it is the one sought, and where there may be none before it.
        width = self._width(k)
        guess = np.where(width <= enough, np.where(self._stuck[k], low + width // 2, low + 1), guess)
        guess = np.where(ahead == 1, low + 1, guess)
        return np.where(low < 0, 0, np.clip(guess, low + 1, high - 1))

    def hear(self, rows: Ints, moments: Ints, told: Answers) -> None:
        """Answers for these partitions: all rows of each learn from it."""
        moment = np.full(told.error.size, NEVER, dtype=np.int64)
        moment[rows] = moments
        k = np.flatnonzero((moment[self.row] >= 0) & ~self._over)
        at = self.row[k]
        refused = told.error[at] != 0
        self._refuse(k[refused], told.error[at[refused]])
        k, at = k[~refused], at[~refused]
        self.learn(k, moment[at], told.offset[at], told.timestamp[at])

    def _refuse(self, k: Rows, error: Codes) -> None:
        """What is known already stays known."""
        self.error[k] = error
        self._over[k] = True
        self._timeless[k] = (self.low[k] < 0) & (self.asked[k] > self._now)

    def learn(self, k: Rows, moment: Ints, offset: Ints, at: Ints) -> None:
        """An answer for each of these rows; an offset of NEVER: there is no such record."""
        sought, before, fresh = self.offset[k], self._width(k), self.low[k] < 0
        nothing = offset < 0
        closer = ((offset > sought) | nothing) & (moment < self.high[k])
        behind = k[closer]
        self.high[behind] = self.asked[behind] = moment[closer]
        self.after[behind] = at[closer]
        found = closer & ~nothing
        self.high_offset[k[found]] = offset[found]
        ahead = ~nothing & (offset <= sought) & (at >= 0) & (at > self.low[k])
        # A record before the place sought that is younger than it: time does not run one way here.
        unordered = ahead & (offset < sought) & (at >= self.high[k])
        ahead &= ~unordered
        self.low[k[ahead]], self.low_offset[k[ahead]] = at[ahead], offset[ahead]
        exact = ahead & (offset == sought)
        self.high[k[exact]] = at[exact] + 1
        timeless = nothing & (moment == 0)
        self._timeless[k[timeless]] = True
        self._over[k[timeless | unordered]] = True
        self.low[k[unordered]] = NEVER
        self._stuck[k] = ~fresh & (self._width(k) * 2 > before)

    def found(self) -> tuple[Ints, Ints]:
        """Not earlier and not later than what; NEVER where that is not known."""
        return self.low, np.where(self._timeless, NEVER, self._until(np.arange(self.row.size)))


class Points:
    """What one look has learned of some partitions: answers to moments that it need not ask about again."""

    def __init__(self, places: Places, topics: Mapping[str, Topic], ends: LogEnds, search: Search) -> None:
        low = np.flatnonzero(search.low >= 0)
        high = np.flatnonzero((search.error == 0) | (search.low >= 0) | (search.after >= 0))
        self._names, self._ids = places.names, {name: topics[name].id for name in places.names}
        row = np.concatenate([search.row[low], search.row[high]])
        moment = np.concatenate([search.low[low], search.asked[high]])
        offset = np.concatenate([search.low_offset[low], search.high_offset[high]])
        at = np.concatenate([search.low[low], search.after[high]])
        # Rows of one partition learn from each other's answers: each is kept once.
        order = np.lexsort((at, moment, offset, row))
        row, moment, offset, at = row[order], moment[order], offset[order], at[order]
        new = np.ones(row.size, dtype=np.bool_)
        new[1:] = (row[1:] != row[:-1]) | (offset[1:] != offset[:-1]) | (moment[1:] != moment[:-1])
        row, self._moment, self._offset, self._at = row[new], moment[new], offset[new], at[new]
        self._topic = places.topics(row)
        self._partition = row - places.first[self._topic]
        self._end, self._epoch = ends.end[row], epochs(ends)[row]

    def tell(
        self,
        search: Search,
        places: Places,
        topics: Mapping[str, Topic],
        ends: LogEnds,
        ask: Callable[[Ints, Ints], Answers],
    ) -> None:
        """Of each row the last answer at or before it, and the first one behind it. Nothing of a log that is another one."""
        same = [name in topics and topics[name].id == self._ids[name] for name in self._names]
        left = np.flatnonzero(np.array(same, dtype=np.bool_)[self._topic])
        names = [self._names[i] for i in self._topic[left].tolist()]
        row = places.rows(names, np.ones(left.size, dtype=np.int64), self._partition[left])
        shorter = np.append(ends.end, NEVER)[row] < self._end[left]
        left, row = left[(row >= 0) & ~shorter], row[(row >= 0) & ~shorter]
        if (cut := self._cut(left, row, epochs(ends), ask)).size:
            left, row = left[~np.isin(row, cut)], row[~np.isin(row, cut)]
        records = self._at[left] >= 0
        for answers, rows, behind in ((left[records], row[records], 0), (left, row, 1)):
            k, which = _beside(search.row, search.offset, rows, self._offset[answers], behind)
            answer = answers[which]
            search.learn(k, self._moment[answer], self._offset[answer], self._at[answer])

    def _cut(self, left: Rows, row: Ints, epoch: Epochs, ask: Callable[[Ints, Ints], Answers]) -> Ints:
        """Partitions with another leader epoch, of which an unclean election may have cut what was there: those that give no
        longer the answer that was farthest in the log.
        """
        moved = epoch[row] != self._epoch[left]
        left, row = left[moved], row[moved]
        if not left.size:
            return row
        every = np.unique(row)
        left, row = left[self._at[left] >= 0], row[self._at[left] >= 0]
        order = np.lexsort((self._offset[left], row))
        last = order[np.append(row[order][1:] != row[order][:-1], np.ones(min(1, row.size), dtype=np.bool_))]
        left, row = left[last], row[last]
        told = ask(row, self._moment[left])
        kept = (
            (told.error[row] == 0) & (told.offset[row] == self._offset[left]) & (told.timestamp[row] == self._at[left])
        )
        return np.setdiff1d(every, row[kept])


def epochs(ends: LogEnds) -> Epochs:
    """That of each partition's leader; NEVER where none is told."""
    return np.full(ends.end.size, NEVER, dtype=np.int32) if isinstance(ends.epoch, Unknown) else ends.epoch


def _beside(row: Ints, offset: Ints, rows: Ints, offsets: Ints, behind: int) -> tuple[Rows, Rows]:
    """For each (row, offset) the last of (rows, offsets) that is not behind it, or with `behind` 1 the first that is; where it
    is of the same row: which ones, and which those are. `rows` are sorted, and the offsets of each.
    """
    n = rows.size
    kind = np.repeat(np.array([0, 1]), [n, row.size])
    order = np.lexsort((kind, np.append(offsets, offset), np.append(rows, row)))
    sought = kind[order] == 1
    which = np.cumsum(~sought)[sought] - 1 + behind
    k = order[sought] - n
    there = (which >= 0) & (which < n)
    k, which = k[there], which[there]
    same = rows[which] == row[k]
    return k[same], which[same]
