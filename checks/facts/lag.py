"""How far a group is behind: derived from committed offsets, log ends, look-ups by time, and history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np

from checks.facts.codes import refused
from checks.facts.kafka import NEVER, Codes, Committed, Floats, Group, Ints, KafkaSnapshot, LogEnds, Lookups, Rows
from checks.facts.logs import ONE_POLL, Flags, Logs
from checks.facts.unknown import Lazy, Unknown, Why

_FAILED = -2
_NOT_ASKED = -3

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
    answers: Mapping[float, Ints]
    """Age in seconds to, for each row, the offset of the first record younger than it."""
    remote: Rows
    """Rows on topics with remote storage, where no look-up by time is made."""
    at: float
    read: bool = field(init=False)
    """All that was committed is read up to the log's end, and nothing about it is unclear: most groups, most of the time."""

    def __post_init__(self) -> None:
        unread = (self.lag > 0).any() or self.error.any() or ((self.committed > self.end) & (self.end != NEVER)).any()
        object.__setattr__(self, "read", not unread)

    @property
    def total(self) -> int:
        """Records over all rows whose lag is known."""
        return int(self.lag[self.lag > 0].sum())

    def place(self, row: int) -> tuple[str, int]:
        """Topic and partition of a row."""
        return self.topics[self.topic[row]], int(self.partition[row])

    def unknown(self) -> Unknown | None:
        """Why the lag of some row is not known, if it is not."""
        failed = np.flatnonzero(self.error)
        if failed.size:
            topic, partition = self.place(int(failed[0]))
            more = f" (and {failed.size - 1} more)" if failed.size > 1 else ""
            return refused(int(self.error[failed[0]]), f"offsets of {topic}/{partition}{more}")
        beyond = np.flatnonzero((self.committed > self.end) & (self.end != NEVER))
        if beyond.size:
            topic, partition = self.place(int(beyond[0]))
            return Unknown(Why.UNSUPPORTED, f"the committed offset of {topic}/{partition} is beyond the log end")
        return None

    def older_than(self, age: float, among: Rows) -> Late:
        """Which of the rows `among` hold an unread record that is older than `age` seconds.

        An answer for a longer age also proves a shorter one, and the reverse for "no".
        """
        lagging = among[(self.lag[among] > 0)]
        if not lagging.size:
            return Late(lagging, None)
        late = np.zeros(lagging.size, dtype=bool)
        timely = np.zeros(lagging.size, dtype=bool)
        for asked, offsets in self.answers.items():
            answer = offsets[lagging]
            answered = answer >= NEVER
            older = answered & ((answer == NEVER) | (answer > self.committed[lagging]))
            if asked >= age:
                late |= older
            if asked <= age:
                timely |= answered & ~older
        open_rows = lagging[~late & ~timely]
        return Late(lagging[late], self._why_open(open_rows, age) if open_rows.size else None)

    def _why_open(self, rows: Rows, age: float) -> Unknown:
        topic, partition = self.place(int(rows[0]))
        if np.isin(rows[0], self.remote):
            return Unknown(
                Why.UNSUPPORTED,
                f"{topic} has remote storage: a look-up by time can hold up its brokers (KIP-1075), so none is made",
            )
        if any(offsets[rows[0]] == _FAILED for offsets in self.answers.values()):
            return Unknown(Why.UNREACHABLE, f"the look-up by time of {topic}/{partition} was not answered")
        return Unknown(
            Why.OFF,
            f"nobody asked whether {topic}/{partition} holds unread records older than {age:g} s",
            "observe again with this limit: the question is put to the broker at collection time",
        )


def lag_of(snapshot: KafkaSnapshot, group: Group, answers: Mapping[float, Ints]) -> Lag | Unknown:
    """The lag of one group; `answers` come from `answers_of()`."""
    committed = snapshot.committed.get(group.name, _NOT_COLLECTED)
    if isinstance(committed, Unknown):
        return committed
    if isinstance(snapshot.ends, Unknown):
        return snapshot.ends
    return _joined(snapshot, group, committed, snapshot.ends, answers)


_NOT_COLLECTED = Unknown(Why.UNSUPPORTED, "its committed offsets are not in the snapshot")


def _joined(
    snapshot: KafkaSnapshot, group: Group, committed: Committed, ends: LogEnds, answers: Mapping[float, Ints]
) -> Lag:
    topics, topic, partition, offset, error = _with_assigned(group, committed)
    bounds = [ends.rows.get(name, slice(0, 0)) for name in topics]
    first = np.array([bound.start for bound in bounds], dtype=np.int64)
    count = np.array([bound.stop - bound.start for bound in bounds], dtype=np.int64)
    # A place that the log ends do not have reads the sentinel row that is appended to every column.
    there = partition < (count[topic] if topic.size else partition)
    row = np.where(there, (first[topic] if topic.size else partition) + partition, ends.end.size)
    end, start, stable = (np.append(column, NEVER)[row] for column in (ends.end, ends.start, ends.stable))
    error = np.where(error != 0, error, np.append(ends.error, np.int16(3))[row]).astype(np.int16)
    known = (error == 0) & (offset >= 0) & (end >= 0) & (offset <= end)
    remote = np.array([_is_remote(snapshot, name) for name in topics], dtype=bool)
    return Lag(
        topics=topics,
        topic=topic,
        partition=partition,
        committed=offset,
        start=start,
        end=end,
        stable=stable,
        lag=np.where(known, end - offset, NEVER),
        error=error,
        answers={age: np.append(offsets, _NOT_ASKED)[row] for age, offsets in answers.items()},
        remote=np.flatnonzero(remote[topic]) if topic.size else np.zeros(0, dtype=np.intp),
        at=ends.at,
    )


def _with_assigned(group: Group, committed: Committed) -> tuple[tuple[str, ...], Ints, Ints, Ints, Codes]:
    """The committed rows, and behind them those that a member owns and nobody has committed yet."""
    topics = list(committed.topics)
    topic, partition, offset, error = committed.topic, committed.partition, committed.offset, committed.error
    if isinstance(group.members, Unknown):
        return tuple(topics), topic, partition, offset, error
    places = {name: i for i, name in enumerate(topics)}
    seen = set(zip(topic.tolist(), partition.tolist(), strict=True))
    more: list[tuple[int, int]] = []
    for member in group.members:
        if isinstance(member.assigned, Unknown):
            continue
        for name, partitions in member.assigned.items():
            place = places.setdefault(name, len(topics))
            if place == len(topics):
                topics.append(name)
            more += [(place, p) for p in partitions if (place, p) not in seen]
    if more:
        added = np.array(sorted(set(more)), dtype=np.int64)
        topic = np.append(topic, added[:, 0])
        partition = np.append(partition, added[:, 1])
        offset = np.append(offset, np.full(len(added), NEVER, dtype=np.int64))
        error = np.append(error, np.zeros(len(added), dtype=np.int16))
    return tuple(topics), topic, partition, offset, error


def _is_remote(snapshot: KafkaSnapshot, topic: str) -> bool:
    config = snapshot.topic_configs.get(topic)
    if config is None or isinstance(config, Unknown):
        return False
    setting = config.settings.get("remote.storage.enable")
    return setting is not None and setting.value == "true"


def answers_of(ends: LogEnds, lookups: Lookups) -> dict[float, Ints]:
    """Look-ups by age as columns over the rows of `ends`: offset, NEVER, or that it failed or was not asked."""
    answers: dict[float, Ints] = {}
    first = np.array([ends.rows[t].start if t in ends.rows else -1 for t in lookups.topics], dtype=np.int64)
    for age in np.unique(lookups.age).tolist():
        chosen = np.flatnonzero(lookups.age == age)
        chosen = chosen[first[lookups.topic[chosen]] >= 0]
        column = np.full(ends.end.size, _NOT_ASKED, dtype=np.int64)
        rows = first[lookups.topic[chosen]] + lookups.partition[chosen]
        column[rows] = np.where(lookups.error[chosen] == 0, lookups.offset[chosen], _FAILED)
        answers[age] = column
    return answers


class Progress(Lazy):
    """How a group moves, from the history of its target.

    Each of it is computed when it is asked for: nobody asks while all is read.
    """

    def __init__(self, group: str, lag: Lag, logs: Logs) -> None:
        self._group, self._lag, self._logs = group, lag, logs

    @property
    def span(self) -> float:
        """Seconds between the first poll used and the last."""
        self.asked += 1
        return float(self._times[-1] - self._times[0])

    @property
    def produced(self) -> float:
        """Records per second that arrived on its partitions."""
        self.asked += 1
        return float(np.where(self._both, self._lag.end - self._ends[0], 0).sum() / self.span)

    @property
    def consumed(self) -> float:
        """Records per second by which its committed offsets moved."""
        self.asked += 1
        return float(np.where(self._both, self._lag.committed - self._offsets, 0).sum() / self.span)

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
    def shrinking(self) -> bool:
        """The lag fell between the first poll and the last."""
        self.asked += 1
        before = np.where(self._both, self._ends[0] - self._offsets, 0).sum()
        return bool(np.where(self._both, self._lag.lag, 0).sum() < before)

    def draining(self) -> bool | Unknown:
        """Whether the group is late but gaining."""
        if self.span < DRAIN_SPAN:
            return Unknown(
                Why.YOUNG, f"{self.span:.0f} s of history; a trend needs {DRAIN_SPAN:.0f} s", "--samples 3 --every 30s"
            )
        return self.shrinking and self.consumed > self.produced

    @cached_property
    def _polls(self) -> Rows:
        polls = [k for k, frame in enumerate(self._logs.frames) if self._group in frame.committed]
        return np.array(polls, dtype=np.intp)

    @cached_property
    def _times(self) -> Floats:
        return self._logs.times[self._polls]

    @cached_property
    def _ends(self) -> Ints:
        """Polls by rows of the Lag."""
        return self._logs.told[np.ix_(self._polls, log_rows(self._lag, self._logs.ends))]

    @cached_property
    def _offsets(self) -> Ints:
        """What was committed at the first poll."""
        return offsets_at(self._lag, self._logs.frames[self._polls[0]].committed[self._group])

    @cached_property
    def _both(self) -> Flags:
        """The rows that have a rate; re-created topics and rewinds have none."""
        lag, first, offsets = self._lag, self._ends[0], self._offsets
        seen = (lag.committed >= 0) & (lag.lag >= 0) & (offsets >= 0) & (first >= 0)
        rated: Flags = seen & (lag.end >= first) & (lag.committed >= offsets)
        return rated

    @cached_property
    def _ages(self) -> tuple[Floats, Floats]:
        return _ages(self._lag.committed, self._ends, self._times)


def progress_of(group: str, lag: Lag, logs: Logs) -> Progress | Unknown:
    """How one group moved through the polls of `logs`, the last of which is now."""
    polls = (frame for frame in reversed(logs.frames) if group in frame.committed)
    return Progress(group, lag, logs) if len(list(islice(polls, 2))) == 2 else ONE_POLL


def log_rows(lag: Lag, ends: LogEnds) -> Rows:
    """For each row of the Lag its row in `ends`; one past the last where they have none."""
    bounds = [ends.rows.get(name, slice(0, 0)) for name in lag.topics]
    first = np.array([bound.start for bound in bounds], dtype=np.int64)
    count = np.array([bound.stop - bound.start for bound in bounds], dtype=np.int64)
    rows: Rows = np.where(lag.partition < count[lag.topic], first[lag.topic] + lag.partition, ends.end.size)
    return rows


def offsets_at(lag: Lag, committed: Committed) -> Ints:
    """Earlier offsets in the rows of the Lag: NEVER where nothing was committed, NOT_SEEN where it was not told."""
    told = np.where(committed.error == 0, committed.offset, NOT_SEEN)
    n = committed.topic.size
    if (
        committed.topics == lag.topics[: len(committed.topics)]
        and np.array_equal(committed.topic, lag.topic[:n])
        and np.array_equal(committed.partition, lag.partition[:n])
    ):
        return np.append(told, np.full(lag.topic.size - n, NEVER, dtype=np.int64))
    names = [committed.topics[i] for i in committed.topic.tolist()]
    then = dict(zip(zip(names, committed.partition.tolist(), strict=True), told.tolist(), strict=True))
    return np.array([then.get(lag.place(row), NEVER) for row in range(lag.topic.size)], dtype=np.int64)


def _ages(committed: Ints, ends: Ints, times: Floats) -> tuple[Floats, Floats]:
    """Seconds since the record at `committed` arrived, between the polls around it, and the upper bound."""
    low, high = ends[:-1], ends[1:]
    inside = (low >= 0) & (committed >= low) & (committed < high)
    again = (high >= 0) & (high < low)  # another log: what came before says nothing of it
    event = inside | again
    last = len(event) - 1 - np.argmax(event[::-1], axis=0)
    at = (last, np.arange(committed.size))
    found = inside[at]
    share = np.divide(committed - low[at], high[at] - low[at], out=np.zeros(committed.size), where=found)
    arrived = times[last] + share * (times[last + 1] - times[last])
    return np.where(found, times[-1] - arrived, np.nan), np.where(found, times[-1] - times[last], np.inf)
