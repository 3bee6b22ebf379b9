"""Since when the first unread record of a partition is there: look-ups by time, asked again until the answer is narrow enough.

DESCRIBE is enough, and no history is needed (ListOffsets by time, KIP-79).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

import numpy as np

from agent.collect.kafka.brackets import Points, Search
from agent.collect.kafka.offsets import Answers, Places, ask, unanswered
from agent.collect.kafka.wire import Wire
from checks.facts import LogEnds, Lookups, Topic, Unknown, Waits, Why
from checks.facts.offsets import Ints, Rows

FIRST = 40
"""Rounds of questions that a first look makes for each offset of a partition: a bisection from years down to a second takes so many."""
ROUNDS = 4
"""The same of a later look, which goes on where the one before ended."""
MOST = 20_000
"""Partitions that a broker is asked about in a later look, all rounds together: the widest brackets first."""
SLOW = 0.5
"""Seconds for one request above which they are too much for a broker."""
PAUSE = 600.0
"""Seconds in which that broker is not asked such questions after that."""
_LATE = Unknown(
    Why.DEADLINE,
    "the time of the look did not do for all look-ups by time",
    "raise --deadline, or wait for the next look",
)
_LATER = Unknown(
    Why.DEADLINE,
    f"a broker is asked about {MOST:,} partitions by time in one look",
    "the next looks go on with the others",
)


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
        self._points: Points | None = None
        self._paused: dict[int, float] = {}
        """Brokers that found it hard, and until when they are left alone."""

    def forget(self) -> None:
        """Another cluster answers now: what it calls alike is not the same where topics have no ids."""
        self._points = None
        self._paused.clear()

    def read(
        self,
        wire: Wire,
        topics: Mapping[str, Topic],
        ends: LogEnds,
        unread: Unread,
        sparse: AbstractSet[str] = frozenset(),
        lookups: Lookups | None = None,
    ) -> Waits:
        """`sparse`: topics that may be compacted; `lookups`: answers that there are already."""
        at = self._clock()
        places, unread = Places(topics), unread.once(ends)
        topic = places.topics(unread.row)
        missing = np.array([name in sparse for name in places.names], dtype=np.bool_)[topic]
        search = Search(unread.row, unread.offset, ends, int(at * 1000), missing)
        if lookups is not None:
            for rows, moments, told in _answers(places, lookups):
                search.hear(rows, moments, told)
        self._paused = {broker: until for broker, until in self._paused.items() if at < until}
        if self._points is None:
            hole = self._ask(wire, places, search, at, FIRST, None)
        else:
            self._points.tell(search, places, topics, ends, partial(ask, wire, places))
            hole = self._ask(wire, places, search, at, ROUNDS, MOST)
        self._points = Points(places, topics, ends, search)
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
            hole=hole if search.open().size else None,
        )

    def _ask(
        self, wire: Wire, places: Places, search: Search, at: float, rounds: int, most: int | None
    ) -> Unknown | None:
        """Why not everything was asked, if so. `most`: partitions that each broker may be asked about."""
        leader, hole = places.leader, None
        leaders, which = np.unique(leader, return_inverse=True)
        spent: Ints = np.zeros(leaders.size, dtype=np.int64)
        # Each offset of a partition needs questions of its own.
        for _ in range(rounds * int(np.bincount(search.row).max(initial=0))):
            wide = search.open()
            barred = np.isin(leader[search.row[wide]], list(self._paused))
            hole = self._slow() if barred.any() else hole
            chosen = search.widest(wide[~barred])
            if most is not None:
                chosen, left = _within(chosen, which[search.row[chosen]], search.urgency(chosen), most - spent)
                hole = _LATER if left else hole
            if not chosen.size:
                break
            if wire.patience.scarce:
                return _LATE
            rows, moments = search.row[chosen], search.guesses(chosen)
            order = np.argsort(rows)
            rows, moments = rows[order], moments[order]
            begun, arrived = time.monotonic(), dict[int, list[float]]()
            search.hear(rows, moments, ask(wire, places, rows, moments, arrived=arrived))
            spent += np.bincount(which[rows], minlength=spent.size)
            hard = [broker for broker, times in arrived.items() if max(np.diff([begun, *times])) > SLOW]
            self._paused |= dict.fromkeys(hard, at + PAUSE)
        return hole

    def _slow(self) -> Unknown:
        brokers = ", ".join(map(str, sorted(self._paused)))
        return Unknown(
            Why.OFF,
            f"a look-up by time took over {SLOW} s: brokers {brokers} are not asked for {PAUSE / 60:.0f} min",
            "what was known of its partitions stays; see what its disks and request handlers are busy with",
        )


def _answers(places: Places, lookups: Lookups) -> Iterator[tuple[Ints, Ints, Answers]]:
    """Look-ups as `Search.hear` takes them: each partition once in each."""
    names = [lookups.topics[i] for i in lookups.topic.tolist()]
    row = places.rows(names, np.ones(len(names), dtype=np.int64), lookups.partition)
    left = np.flatnonzero((row >= 0) & (lookups.error == 0))
    left = left[np.argsort(row[left], kind="stable")]
    while left.size:
        rows, which = np.unique(row[left], return_index=True)
        some, told = left[which], unanswered(places.leader.size)
        told.offset[rows], told.timestamp[rows] = lookups.offset[some], lookups.timestamp[some]
        yield rows, ((lookups.at - lookups.age[some]) * 1000).astype(np.int64), told
        left = np.delete(left, which)


def _within(chosen: Rows, leader: Ints, urgency: Ints, room: Ints) -> tuple[Rows, bool]:
    """Of these rows as many of each leader as there is room for, the most urgent ones, and whether some are left. `leader`: an
    index into `room`.
    """
    order = np.lexsort((-urgency, leader))
    leader = leader[order]
    starts = np.searchsorted(leader, leader, "left")
    fit = np.arange(leader.size) - starts < room[leader]
    return chosen[order[fit]], not fit.all()
