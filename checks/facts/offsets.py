"""What is known of offsets: of groups and of logs, in columns of a row for each partition."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.facts.unknown import Unknown, Why

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Epochs = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

NEVER = -1
"""In an offset column: no such offset (nothing committed, nothing that young, not answered)."""

_NO_EPOCHS = Unknown(Why.UNSUPPORTED, "no leader epochs are told")
_BY_OFFSETS = Unknown(Why.UNSUPPORTED, "only share groups read out of order")


@dataclass(frozen=True, slots=True, eq=False)
class Committed:
    """The committed offsets of one group, a row per partition; the same object while its bytes are the same."""

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    offset: Ints
    """The first record not yet read, or NEVER."""
    error: Codes
    at: float
    """When they were read: always before the log ends they are compared with."""
    left: Ints | Unknown = _BY_OFFSETS
    """Of a share group: records that it has not finished with, NEVER where the broker does not tell. It works on several at a
    time, and `offset` is the first of them. Unknown: all from `offset` on are unread.
    """
    epoch: Epochs | Unknown = _NO_EPOCHS
    """The leader epoch in which the record before `offset` was written (KIP-320); NEVER where the client did not say."""

    @property
    def shared(self) -> bool:
        """By a share group."""
        return not isinstance(self.left, Unknown)

    def after(self, before: "Committed") -> "Committed":
        """The ones before, if they are these; else these, with the very columns of before that are equal: history holds them once."""
        columns = {name: _kept(getattr(self, name), getattr(before, name)) for name in _COMMITTED}
        alike = self.topics == before.topics
        if alike and all(column is getattr(before, name) for name, column in columns.items()):
            return before
        if all(column is getattr(self, name) for name, column in columns.items()):
            return self
        return Committed(before.topics if alike else self.topics, at=self.at, **columns)

    def table(self) -> dict[tuple[str, int], int]:
        """Offsets by topic and partition, where there is one."""
        names = [self.topics[i] for i in self.topic.tolist()]
        places = zip(names, self.partition.tolist(), strict=True)
        return {place: offset for place, offset in zip(places, self.offset.tolist(), strict=True) if offset >= 0}


_COMMITTED = ("topic", "partition", "offset", "error", "left", "epoch")


@dataclass(frozen=True, slots=True, eq=False)
class LogEnds:
    """Offsets of every partition: the rows of topic i are first[i] to first[i + 1], partition p at first[i] + p."""

    topics: tuple[str, ...]
    first: Ints
    start: Ints
    """Log start offset."""
    end: Ints
    """Log end offset (high watermark)."""
    stable: Ints
    """Last stable offset: below it every transaction is decided."""
    error: Codes
    """The first error code that any of the three answered; the columns it concerns hold NEVER."""
    at: float
    epoch: Epochs | Unknown = _NO_EPOCHS
    """The leader epoch of who told the end; NEVER where it was not told."""
    rows: Mapping[str, slice] = field(init=False)
    """Topic to its rows."""

    def __post_init__(self) -> None:
        bounds = self.first.tolist()
        rows = {topic: slice(bounds[i], bounds[i + 1]) for i, topic in enumerate(self.topics)}
        object.__setattr__(self, "rows", MappingProxyType(rows))

    def rows_of(self, topics: Sequence[str], topic: Ints, partition: Ints) -> Rows:
        """The row of each place, a partition of the topic that `topic` is the index of; one past the last where there is none."""
        bounds = [self.rows.get(name, _NOWHERE) for name in topics]
        first = np.array([bound.start for bound in bounds], dtype=np.int64)
        count = np.array([bound.stop for bound in bounds], dtype=np.int64) - first
        rows: Rows = np.where(partition < count[topic], first[topic] + partition, self.end.size)
        return rows

    def after(self, before: "LogEnds") -> "LogEnds":
        """These ends, with the very objects of those before wherever they are equal: a quiet cluster is held once."""
        if self.topics != before.topics or not np.array_equal(self.first, before.first):
            return self
        names = ("start", "end", "stable", "error", "epoch")
        columns = {n: _kept(getattr(self, n), getattr(before, n)) for n in names}
        if columns["stable"] is self.stable and np.array_equal(self.stable, columns["end"]):  # no transaction is open
            columns["stable"] = columns["end"]
        made = copy(self)
        for name, value in {"topics": before.topics, "first": before.first, "rows": before.rows, **columns}.items():
            object.__setattr__(made, name, value)
        return made


_NOWHERE = slice(0, 0)


def _kept(new: npt.NDArray[Any] | Unknown, old: npt.NDArray[Any] | Unknown) -> Any:
    if isinstance(new, Unknown) or isinstance(old, Unknown):
        return old if isinstance(new, Unknown) and isinstance(old, Unknown) and new == old else new
    return old if new is old or np.array_equal(new, old) else new


@dataclass(frozen=True, slots=True, eq=False)
class Lookups:
    """ListOffsets by time: for a partition, the first record that is younger than `age`.

    Exact on the first poll, with DESCRIBE alone: a group whose committed offset lies below that record has
    something unread that is older.
    """

    topics: tuple[str, ...]
    topic: Ints
    partition: Ints
    age: Floats
    """Seconds before `at` that were asked for."""
    offset: Ints
    """Of that first record; NEVER where nothing is that young."""
    timestamp: Ints
    """Of that record, in ms since the epoch; NEVER where there is none."""
    error: Codes
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Since when the first record is there that a group has not read: a row for each partition and offset that is behind."""

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    offset: Ints
    """Where it begins: the committed offset, or the log start where that lies behind it."""
    since: Ints
    """Its timestamp is not earlier, ms since the epoch; NEVER where that is not known: it may be of any age."""
    until: Ints
    """Its timestamp is not later; NEVER where its topic has no times. The same as `since`: exact."""
    error: Codes
    at: float
    """When it was asked, seconds since the epoch."""
    hole: Unknown | None = None
    """Why some of them are farther apart than they need be, if nobody refused to tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The record with the greatest timestamp of some logs (KIP-734): a row for each partition of those that hold something."""

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    offset: Ints
    """Before Kafka 3.8 that of the last record of its batch; NEVER where there is no such record."""
    timestamp: Ints
    """Of it, ms since the epoch; NEVER where no record has one, or the one that has it is deleted."""
    error: Codes


@dataclass(frozen=True, slots=True, eq=False)
class OpenTransactions:
    """Where a transaction keeps what follows from whoever reads committed records alone: a row for each partition whose last
    stable offset lies before its end and is the one of the look before.
    """

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    offset: Ints
    """The last stable offset: the first record of the oldest open transaction."""
    since: Ints
    """That record's timestamp is not earlier, ms since the epoch; NEVER where that is not known: it may be of any age."""
    until: Ints
    """It is not later; NEVER where its topic has no times."""
    producer: Ints
    """Id of the producer that wrote it, NEVER where it is not known."""
    owner: tuple[str, ...]
    """Transactional id of that producer, a text for each row; empty where no coordinator shows it."""
    started: Ints
    """When that transaction began, as its coordinator has it, ms since the epoch; NEVER where none tells."""
    error: Codes
    """Kafka's error code of the question for the producer: READ on the topic shows it; 7 where it was not put or answered."""
    at: float
