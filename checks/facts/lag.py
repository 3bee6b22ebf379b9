"""How far a group is behind, and how it moves."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from checks.facts.codes import topic_refused
from checks.facts.logs import ONE_POLL, Flags, Logs
from checks.facts.offsets import NEVER, Codes, Committed, Epochs, Floats, Ints, LogEnds, Rows
from checks.facts.unknown import Lazy, Unknown, Why
from checks.wording import moment

NOT_ASKED = -2
"""In a column of answers: nobody put that question."""

REFUSED = -100_000
"""In a column of answers, less Kafka's error code: the look-up was refused or not answered. Codes of 16 bits keep clear of the rest."""

AHEAD = -3
"""In a column of answers: the first record that young has a time that is not yet. It hides how old those behind it are."""

NOT_SEEN = -2
"""In a column of earlier offsets: not observed then."""

DRAIN_SPAN = 60.0
"""Seconds of history below which a falling lag says nothing: consumers commit in steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """Which rows of a group hold an unread record older than some age."""

    rows: Rows
    unknown: Unknown | None
    """Set where some lagging row could not be judged."""
    open: Rows
    """Those rows."""


def records(first: Ints, offsets: Ints) -> Flags:
    """Where so many offsets from `first` on surely hold a record.

    Behind a transaction its marker stays as the last offset; only a log's very first offset is surely a record. Offsets and
    times tell no more: a marker has a timestamp, and is found by it, also as the newest (KIP-734); and one that nothing
    precedes is written too, where a transaction took up a partition and wrote nothing to it.
    """
    surely: Flags = (offsets > 1) | ((offsets == 1) & (first == 0))
    return surely


@lru_cache(maxsize=256)
def _all(value: int, size: int, kind: type[np.signedinteger[Any]] = np.int64) -> npt.NDArray[Any]:
    """A column of one value, shared by all groups of this many rows."""
    column = np.full(size, value, dtype=kind)
    column.flags.writeable = False
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Lag:
    """Where one group stands: a row for each partition that it has committed or that is assigned to a member."""

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    committed: Ints
    """The first record not yet read; NEVER where nothing was committed."""
    start: Ints
    end: Ints
    stable: Ints
    lag: Ints
    """Records, end - committed; NEVER where it is not known or nothing was committed."""
    error: Codes
    """Kafka's error code of the row, 0 if none."""
    epoch: Epochs | Unknown
    """The leader epoch in which the last record before `committed` was written; NEVER where the client did not say."""
    leader_epoch: Epochs | Unknown
    """That of who leads it now; NEVER where it was not told."""
    since: Ints
    """Timestamp of the first unread record, ms since the epoch: not earlier than so; NEVER where that is not known."""
    until: Ints
    """Not later than so; the same as `since` where it is known exactly."""
    answers: Mapping[float, Ints]
    """Age in seconds to, for each row, the offset of the first record younger than it."""
    remote: Rows
    """Rows on topics with remote storage, where no look-up by time is made."""
    at: float
    asked: float
    """When those ages were asked for, seconds since the epoch."""
    shared: bool
    """Of a share group: `committed` is the first record that it has not finished, `lag` how many those are, here and there behind
    it. Brokers keep that offset back for long (seen on Kafka 4.3), so that it says neither how old they are nor how fast it moves.
    """
    read: bool
    """All that was committed is read up to the log's end, and nothing about it is unclear: most groups, most of the time."""
    ahead: Mapping[tuple[str, int], tuple[int, int]]
    """By topic and partition a record from the future that look-ups by time met: its offset, and its time in ms since the epoch."""

    @property
    def total(self) -> int:
        """Records over all rows whose lag is known."""
        return 0 if self.read else int(self.lag[self.lag > 0].sum())

    def alone(self) -> "Lag":
        """Of a group that has read everything, the same to be kept for months: without a share in columns that hold the rows of
        all groups, and without what was looked up by time, which is of use for what is unread.
        """
        size = self.lag.size
        end, never = self.end.copy(), _all(NEVER, size)
        stable = end if np.array_equal(self.stable, end) else self.stable.copy()
        lag = self.lag.copy() if self.lag.any() else _all(0, size)
        error = self.error.copy() if self.error.any() else _all(0, size, np.int16)
        leaders = self.leader_epoch if isinstance(self.leader_epoch, Unknown) else self.leader_epoch.copy()
        kept: dict[str, Any] = {"start": self.start.copy(), "end": end, "stable": stable, "lag": lag, "error": error}
        return replace(self, **kept, leader_epoch=leaders, since=never, until=never, answers={})

    @property
    def first(self) -> Ints:
        """Where what is unread begins: what was deleted before it was read waits no more."""
        first: Ints = np.maximum(self.committed, self.start)
        return first

    @property
    def gone(self) -> Flags:
        """Rows all of whose unread records are deleted."""
        gone: Flags = (self.lag > 0) & (self.end <= self.first)
        return gone

    def place(self, row: int) -> tuple[str, int]:
        """Topic and partition of a row."""
        return self.topics[self.topic[row]], int(self.partition[row])

    def named(self, rows: Rows) -> list[str]:
        """The topics of these rows, sorted."""
        return sorted({self.topics[topic] for topic in set(self.topic[rows].tolist())})

    def on(self, topics: AbstractSet[str], rows: Rows) -> Rows:
        """Of these rows those on one of `topics`."""
        if topics >= set(self.topics):
            return rows
        chosen = np.array([name in topics for name in self.topics], dtype=bool)
        kept: Rows = rows[chosen[self.topic[rows]]]
        return kept

    def unknown(self) -> Unknown | None:
        """Why the lag of some row is not known, if it is not."""
        if (failed := self.failed()) is not None:
            return failed
        if self.read:
            return None
        beyond = np.flatnonzero((self.committed > self.end) & (self.end != NEVER))
        if beyond.size:
            topic, partition = self.place(int(beyond[0]))
            return Unknown(Why.UNSUPPORTED, f"the committed offset of {topic}/{partition} is beyond the log end")
        untold = np.flatnonzero((self.committed >= 0) & (self.lag == NEVER))
        if self.shared and untold.size:
            topic, partition = self.place(int(untold[0]))
            what = f"how many records of {topic}/{partition} the share group has not finished with"
            return Unknown(Why.UNSUPPORTED, f"{what}: needs Kafka 4.2 (KIP-1226)")
        return None

    def failed(self) -> Unknown | None:
        """Why the offsets of some row are not known, if they are not."""
        if self.read:
            return None
        failed = np.flatnonzero(self.error)
        if not failed.size:
            return None
        topic, partition = self.place(int(failed[0]))
        more = f" (and {failed.size - 1} more)" if failed.size > 1 else ""
        return topic_refused(int(self.error[failed[0]]), f"offsets of {topic}/{partition}{more}", topic)

    def waited(self) -> tuple[Floats, Floats]:
        """For each row how many seconds its first unread record is there, by look-ups by time: at least, and at most.

        0 where all is read or deleted; infinite at most where it may be of any age; NaN where nothing of it is known.
        """
        looked = (self.lag > 0) & (self.until >= 0)
        least = np.where(looked, np.maximum(0.0, self.at - self.until / 1000), np.nan)
        most = np.where(looked & (self.since >= 0), np.maximum(least, self.at - self.since / 1000), np.inf)
        none = (self.lag == 0) | self.gone
        return np.where(none, 0.0, least), np.where(none, 0.0, np.where(looked, most, np.nan))

    def older(self, answer: Ints, age: float, rows: Rows) -> Flags:
        """For each of `rows`, whether its `answer` to `age` proves an unread record that is older than `age` seconds.

        It does where one surely lies before the answer (`records()`), but not where the search for the first record has found
        a younger one: compaction has left nothing before that.
        """
        first, until = self.first[rows], self.until[rows]
        before = np.where(answer == NEVER, self.end[rows], answer) - first
        younger = (until >= 0) & (until > (self.asked - age) * 1000)
        proven: Flags = (answer >= NEVER) & records(first, before) & ~younger
        return proven

    def older_than(self, age: float, among: Rows) -> Late:
        """Which of the rows `among` hold an unread record that is older than `age` seconds.

        An answer for a longer age also proves a shorter one, and the reverse for "no".
        """
        lagging = among[((self.lag > 0) & ~self.gone)[among]]
        if not lagging.size:
            return Late(lagging, None, lagging)
        if self.shared:
            return Late(lagging[:0], OUT_OF_ORDER, lagging)
        late = np.zeros(lagging.size, dtype=bool)
        timely = np.zeros(lagging.size, dtype=bool)
        for asked, offsets in self.answers.items():
            answer = offsets[lagging]
            answered, older = answer >= NEVER, self.older(answer, asked, lagging)
            if asked >= age:
                late |= older
            if asked <= age:
                timely |= answered & ~older
        open_rows = lagging[~late & ~timely]
        return Late(lagging[late], self.why_open(open_rows, age) if open_rows.size else None, open_rows)

    def why_open(self, rows: Rows, age: float) -> Unknown:
        """Why look-ups by time don't tell of the first of these rows whether it holds a record older than `age` seconds."""
        topic, partition = self.place(int(rows[0]))
        if np.isin(rows[0], self.remote):
            return Unknown(
                Why.UNSUPPORTED,
                f"{topic} has remote storage: a look-up by time can hold up its brokers (KIP-1075), so none is made",
            )
        told = [int(offsets[rows[0]]) for offsets in self.answers.values()]
        if AHEAD in told:
            offset, ms = self.ahead[topic, partition]
            return Unknown(
                Why.UNSUPPORTED,
                f"{topic}/{partition} has a record from the future, of {moment(ms)} at offset {offset}: look-ups by time do not "
                "tell how old those behind it are",
                "history of log ends (another poll), and a look at the clock of the producer that wrote it",
            )
        if (failed := next((answer for answer in told if answer < AHEAD), None)) is not None:
            return topic_refused(REFUSED - failed, f"the look-up by time of {topic}/{partition}", topic)
        return Unknown(
            Why.OFF,
            f"nobody asked whether {topic}/{partition} holds unread records older than {age:g} s",
            "observe again with this limit: the question is put to the broker at collection time",
        )


OUT_OF_ORDER = Unknown(
    Why.UNSUPPORTED, "a share group finishes records out of order: brokers tell how many are left, not which they are"
)


class Trend(NamedTuple):
    """Records per second over some rows of a group."""

    consumed: float
    """By which its committed offsets moved."""
    produced: float
    """That arrived."""
    span: float
    """Seconds between the two polls that say so."""

    @property
    def gaining(self) -> bool:
        """Less is unread than was before."""
        return self.consumed > self.produced


class Progress(Lazy):
    """How a group moves, from the history of its target.

    Each of it is computed when it is asked for: nobody asks while all is read.
    """

    FOLLOWS = Lag

    def __init__(self, group: str, lag: Lag, logs: Logs) -> None:
        self._group, self._lag, self._logs = group, lag, logs

    @property
    def span(self) -> float:
        """Seconds between the first poll used and the last."""
        self.asked += 1
        return float(self._times[-1] - self._times[0])

    @property
    def seconds(self) -> Floats:
        """For each row of its Lag: seconds since the oldest unread record arrived; NaN where it is older than history."""
        self.asked += 1
        return self._ages[0]

    @property
    def bound(self) -> Floats:
        """For each row: the oldest unread record arrived at most so many seconds ago; infinite where unknown."""
        self.asked += 1
        return self._ages[1]

    @property
    def least(self) -> Floats:
        """For each row: the oldest unread record was there so many seconds ago already; 0 where that is not seen."""
        self.asked += 1
        return self._ages[2]

    def trend(self, rows: Rows | None = None) -> "Trend | Unknown":
        """How these rows moved between the first poll and the last, or all of them."""
        seconds = self.span
        if seconds < DRAIN_SPAN:
            return Unknown(
                Why.YOUNG, f"{seconds:.0f} s of history; a trend needs {DRAIN_SPAN:.0f} s", "--samples 3 --every 30s"
            )
        rated = self._both if rows is None else np.intersect1d(np.flatnonzero(self._both), rows)
        read = int((self._lag.committed - self._offsets)[rated].sum())
        written = int((self._lag.end - self._first)[rated].sum())
        return Trend(read / seconds, written / seconds, seconds)

    @cached_property
    def _polls(self) -> Rows:
        return self._logs.polls(self._group, with_state=False)

    @cached_property
    def _times(self) -> Floats:
        return self._logs.times[self._polls]

    @cached_property
    def _first(self) -> Ints:
        """Where the logs of the Lag's rows ended at the first poll."""
        ends: Ints = self._logs.likely[self._polls[0], log_rows(self._lag, self._logs.ends)]
        return ends

    @cached_property
    def _offsets(self) -> Ints:
        """What was committed at the first poll."""
        return offsets_at(self._lag, self._logs.frames[self._polls[0]].committed[self._group])

    @cached_property
    def _both(self) -> Flags:
        """The rows that have a rate; re-created topics and rewinds have none."""
        lag, first, offsets = self._lag, self._first, self._offsets
        seen = (lag.committed >= 0) & (lag.lag >= 0) & (offsets >= 0) & (first >= 0)
        rated: Flags = seen & (lag.end >= first) & (lag.committed >= offsets)
        return rated

    @cached_property
    def _ages(self) -> tuple[Floats, Floats, Floats]:
        ends = self._logs.likely[np.ix_(self._polls, log_rows(self._lag, self._logs.ends))]
        return _ages(self._lag.first, ends, self._times)


def near(least: Floats, most: Floats) -> Flags:
    """Whether two ends of what is possible, in seconds, are one number for people: to a second, or two hundredths."""
    close: Flags = most - least <= np.maximum(1.0, least / 50)
    return close


def waits_of(lag: Lag, progress: Progress | Unknown) -> tuple[Floats, Floats]:
    """For each row how many seconds its first unread record is there: as one number, NaN where that is not known; and at least."""
    least, most = lag.waited()
    settled = near(least, most)
    told = np.where(settled, (least + np.where(settled, most, least)) / 2, np.nan)
    if isinstance(progress, Unknown) or not (lag.lag > 0).any():
        return told, least
    # A timestamp is the producer's, and may tell of an event long before its record was written: what was seen to
    # arrive is younger than any such time.
    seen, bound = np.where((lag.lag == 0) | lag.gone, 0.0, progress.seconds), progress.bound
    told = np.where(np.isnan(told) | (told > bound), seen, told)
    return told, np.where(least > bound, seen, least)


def progress_of(group: str, lag: Lag, logs: Logs) -> Progress | Unknown:
    """How one group moved through the polls of `logs`, the last of which is now."""
    if lag.shared:
        return OUT_OF_ORDER
    return Progress(group, lag, logs) if logs.polls(group, with_state=False).size > 1 else ONE_POLL


def log_rows(lag: Lag, ends: LogEnds) -> Rows:
    """For each row of the Lag its row in `ends`; one past the last where they have none."""
    return ends.rows_of(lag.topics, lag.topic, lag.partition)


def offsets_at(lag: Lag, committed: Committed) -> Ints:
    """Earlier offsets in the rows of the Lag: NEVER where nothing was committed, NOT_SEEN where it was not told."""
    told = np.where(committed.error == 0, committed.offset, NOT_SEEN)
    if has_rows_of(committed, lag):
        return np.append(told, np.full(lag.topic.size - told.size, NEVER, dtype=np.int64))
    names = [committed.topics[i] for i in committed.topic.tolist()]
    then = dict(zip(zip(names, committed.partition.tolist(), strict=True), told.tolist(), strict=True))
    return np.array([then.get(lag.place(row), NEVER) for row in range(lag.topic.size)], dtype=np.int64)


def has_rows_of(committed: Committed, lag: Lag) -> bool:
    """Whether the rows of these offsets are the first rows of the Lag, nearly always."""
    n = committed.topic.size
    return (
        committed.topics == lag.topics[: len(committed.topics)]
        and np.array_equal(committed.topic, lag.topic[:n])
        and np.array_equal(committed.partition, lag.partition[:n])
    )


def _ages(committed: Ints, ends: Ints, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Seconds since the record at `committed` arrived, between the polls around it, and the upper and the lower bound."""
    low, high = ends[:-1], ends[1:]
    inside = (low >= 0) & (committed >= low) & (committed < high)
    again = (high >= 0) & (high < low)  # another log: what came before says nothing of it
    event = inside | again
    last = len(event) - 1 - np.argmax(event[::-1], axis=0)
    at = (last, np.arange(committed.size))
    found = inside[at]
    share = np.divide(committed - low[at], high[at] - low[at], out=np.zeros(committed.size), where=found)
    arrived = times[last] + share * (times[last + 1] - times[last])
    bound = np.where(found, times[-1] - times[last], np.inf)
    before = ~event.any(axis=0) & (committed >= 0) & (committed < ends[0])
    least = np.where(found, times[-1] - times[last + 1], np.where(before, times[-1] - times[0], 0.0))
    return np.where(found, times[-1] - arrived, np.nan), bound, least
