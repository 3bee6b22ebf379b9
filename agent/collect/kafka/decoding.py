"""The few answers that are large, decoded by hand into columns: committed offsets of groups and offsets of logs.

What they take is the body of an answer, behind its header, in the flexible versions (KIP-482). Bytes that are not such an answer
raise ValueError, IndexError, struct.error or UnicodeDecodeError, and nothing else, and never take longer than a good answer of
their length.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from sys import intern
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.collect.kafka.compact import after_tags, end, length, text, written

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
Epochs = npt.NDArray[np.int32]

_COMMITTED: Final = np.dtype(
    [("partition", ">i4"), ("offset", ">i8"), ("epoch", ">i4"), ("metadata", "u1"), ("error", ">i2"), ("tags", "u1")]
)
"""One partition of OffsetFetch, as nearly all are: without metadata and without tags."""
_STRIDE: Final = _COMMITTED.itemsize
_METADATA, _TAGS = (_COMMITTED.fields[name][1] for name in ("metadata", "tags"))  # type: ignore[index]

_LOG: Final = np.dtype(
    [("partition", ">i4"), ("error", ">i2"), ("timestamp", ">i8"), ("offset", ">i8"), ("epoch", ">i4"), ("tags", "u1")]
)
"""One partition of ListOffsets."""


class GroupOffsets(NamedTuple):
    """What one group has committed, a row for each partition with an offset or an error, sorted by topic and partition."""

    error: int
    topics: tuple[str, ...]
    """Sorted; also those of which nothing is committed."""
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    offset: Ints
    errors: Codes
    epoch: Epochs
    """As committed with the offset; -1 where the client told none."""


@dataclass(slots=True)
class Groups:
    """An answer to OffsetFetch."""

    pieces: dict[str, bytes] = field(default_factory=dict)
    """The bytes of each group."""
    fresh: dict[str, GroupOffsets] = field(default_factory=dict)
    """Those that were not known byte by byte."""


def offset_fetch(body: bytes, known: Mapping[str, bytes]) -> Groups:
    """An answer to OffsetFetch, version 8 or 9; a group whose bytes are those `known` of it is not decoded."""
    told = Groups()
    new = _Columns()
    names: dict[bytes, str] = {}
    count, at = length(body, 4)  # behind the throttle time
    for _ in range(count):
        begin = at
        size, at = length(body, at)
        group = text(body, at, size)
        before = known.get(group)
        if before is not None and body.startswith(before, begin):  # what an entry holds also says where it ends
            told.pieces[group] = before
            at = begin + len(before)
            continue
        at = new.group(group, body, at + size, names)
        told.pieces[group] = body[begin:at]
    end(body, at)
    told.fresh.update(new.sorted())
    return told


class _Columns:
    """The rows of several groups, one behind the other."""

    def __init__(self) -> None:
        self._heads: list[tuple[str, int, list[str]]] = []
        self._rows: list[bytes] = []
        self._counts: list[int] = []
        self._topics: list[int] = []

    def group(self, group: str, body: bytes, at: int, names: dict[bytes, str]) -> int:
        """Reads what follows the name of a group, and says where it ends."""
        topics: list[str] = []
        count, at = length(body, at)
        for _ in range(count):
            size, at = length(body, at)
            raw = body[at : at + size]
            name = names.get(raw)
            if name is None:
                name = names[raw] = intern(text(body, at, size))
            topics.append(name)
            partitions, at = length(body, at + size)
            rows = body[at : at + _STRIDE * partitions]
            if len(rows) == _STRIDE * partitions and not (
                rows[_METADATA::_STRIDE].strip(b"\0\1") or rows[_TAGS::_STRIDE].strip(b"\0")
            ):
                at += len(rows)
            else:
                rows, at = _one_by_one(body, at, partitions)
            self._rows.append(rows)
            self._counts.append(partitions)
            at = after_tags(body, at)
        (error,) = _SHORT.unpack_from(body, at)
        self._heads.append((group, error, topics))
        self._topics.append(len(topics))
        return after_tags(body, at + 2)

    def sorted(self) -> Iterator[tuple[str, GroupOffsets]]:
        """Each group with its rows."""
        rows = np.frombuffer(b"".join(self._rows), _COMMITTED)
        owner = np.repeat(np.arange(len(self._heads)), self._topics)
        rank: list[int] = []
        for _, _, topics in self._heads:
            rank += _ranks(topics)
        group = np.repeat(owner, self._counts)
        topic = np.repeat(np.array(rank, dtype=np.int64), self._counts)
        partition, offset = (rows[name].astype(np.int64) for name in ("partition", "offset"))
        errors, epoch = rows["error"].astype(np.int16), rows["epoch"].astype(np.int32)
        order = np.lexsort((partition, topic, group))
        # A partition below 0 is none, and would be taken for one from the end.
        order = order[((offset[order] >= 0) | (errors[order] != 0)) & (partition[order] >= 0)]
        columns = (topic[order], partition[order], offset[order], errors[order], epoch[order])
        bounds = np.searchsorted(group[order], np.arange(len(self._heads) + 1)).tolist()
        held: dict[tuple[int, bytes], npt.NDArray[Any]] = {}
        for i, (name, error, topics) in enumerate(self._heads):
            # Copies: a group that stays as it is must not hold the columns of a hundred that change. Most groups differ in
            # their offsets alone, and the other columns that are alike are one.
            mine = [column[bounds[i] : bounds[i + 1]].copy() for column in columns]
            for k in (0, 1, 3, 4):
                mine[k] = held.setdefault((k, mine[k].tobytes()), mine[k])
            yield name, GroupOffsets(error, tuple(sorted(set(topics))), *mine)


def _ranks(topics: Sequence[str]) -> Sequence[int]:
    if all(first < second for first, second in pairwise(topics)):
        return range(len(topics))
    places = {name: i for i, name in enumerate(sorted(set(topics)))}
    return [places[name] for name in topics]


def _one_by_one(body: bytes, at: int, count: int) -> tuple[bytes, int]:
    """Partitions some of which have metadata or tags, brought into the form of those that have none."""
    rows: list[bytes] = []
    for _ in range(count):
        fixed = body[at : at + _METADATA]
        size, at = length(body, at + _METADATA)
        at += size
        error = body[at : at + 2]
        if len(error) < 2:
            raise ValueError("cut off")
        at = after_tags(body, at + 2)
        rows.append(fixed + b"\1" + error + b"\0")
    return b"".join(rows), at


class Offsets(NamedTuple):
    """An answer to ListOffsets, a row for each partition."""

    topics: tuple[str, ...]
    counts: list[int]
    """Rows of each topic."""
    partition: Ints
    offset: Ints
    timestamp: Ints
    error: Codes
    epoch: Epochs
    """Of the leader, with the end of a log; of the record, with any other offset; -1 where none is told."""


def list_offsets(body: bytes) -> Offsets:
    """An answer to ListOffsets, version 6 and later."""
    topics: list[str] = []
    counts: list[int] = []
    rows: list[bytes] = []
    count, at = length(body, 4)
    for _ in range(count):
        size, at = length(body, at)
        topics.append(intern(text(body, at, size)))
        partitions, at = length(body, at + size)
        some = body[at : at + _LOG.itemsize * partitions]
        if len(some) < _LOG.itemsize * partitions or some[_LOG.itemsize - 1 :: _LOG.itemsize].strip(b"\0"):
            some, at = _untagged(body, at, partitions)
        else:
            at += len(some)
        rows.append(some)
        counts.append(partitions)
        at = after_tags(body, at)
    end(body, at)
    table = np.frombuffer(b"".join(rows), _LOG)
    return Offsets(
        tuple(topics),
        counts,
        table["partition"].astype(np.int64),
        table["offset"].astype(np.int64),
        table["timestamp"].astype(np.int64),
        table["error"].astype(np.int16),
        table["epoch"].astype(np.int32),
    )


def list_offsets_request(
    topics: Sequence[str], counts: npt.ArrayLike, partition: Ints, moment: int | Ints, *, committed: bool
) -> bytes:
    """The body of a ListOffsets request, version 6 or 7: so many of the rows for each topic, about one moment or one each."""
    rows = np.zeros(partition.size, _ASKED)
    rows["partition"], rows["epoch"], rows["timestamp"] = partition, -1, moment
    data, at = rows.tobytes(), 0
    parts = [struct.pack(">ib", -1, committed), written(len(topics) + 1)]
    for name, count in zip(topics, np.asarray(counts).tolist(), strict=True):
        raw, end = name.encode(), at + _ASKED.itemsize * count
        parts += (written(len(raw) + 1), raw, written(count + 1), data[at:end], b"\0")
        at = end
    return b"".join((*parts, b"\0"))


_ASKED: Final = np.dtype([("partition", ">i4"), ("epoch", ">i4"), ("timestamp", ">i8"), ("tags", "u1")])
"""One partition that ListOffsets is asked about."""


def _untagged(body: bytes, at: int, count: int) -> tuple[bytes, int]:
    rows: list[bytes] = []
    fixed = _LOG.itemsize - 1
    for _ in range(count):
        row = body[at : at + fixed]
        if len(row) < fixed:
            raise ValueError("cut off")
        at = after_tags(body, at + fixed)
        rows.append(row + b"\0")
    return b"".join(rows), at


_SHORT: Final = struct.Struct(">h")
