"""The records of a simulated topic as a Fetch shows them: made when they are asked for, the same for the same offsets."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from agent.demo.cluster.records import Point, timestamp_at

_MAGIC = 2
_CODECS = 5
_BASE_OFFSET = struct.Struct(">q")
_CRC, _ATTRIBUTES = struct.Struct(">I"), struct.Struct(">h")
_CRC_AT, _ATTRIBUTES_AT = 17, 21


def some_key(partition: int, offset: int) -> bytes | None:
    """A hundred keys for each partition, all as frequent."""
    return b"key-%d-%d" % (partition, offset % 100)


@dataclass(frozen=True, slots=True)
class Writing:
    """How the producers of a topic write."""

    key: Callable[[int, int], bytes | None] = some_key
    """Of the record at a partition and an offset."""
    batch: int = 10
    """Records of one batch."""
    codec: int = 0
    """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; a higher one is marked so and not packed: nobody knows it."""
    producer_id: int = -1
    """Not negative: as an idempotent producer."""
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b"a body that nobody reads"


PLAIN = Writing()
"""Keyed, without a codec, not idempotent."""


def written(writing: Writing, partition: int, points: Sequence[Point], start: int, end: int) -> Iterator[bytes]:
    """The batches that hold the records in [start, end), whole as in a log: the first may begin before `start`."""
    for base in range(start - start % writing.batch, end, writing.batch):
        yield _batch(writing, partition, points, base, min(base + writing.batch, end))


def _batch(writing: Writing, partition: int, points: Sequence[Point], base: int, end: int) -> bytes:
    known = writing.codec if writing.codec < _CODECS else 0
    producer = (writing.producer_id, 0, base % 2**31) if writing.producer_id >= 0 else (-1, -1, -1)
    made = DefaultRecordBatchBuilder(_MAGIC, known, False, *producer, 1 << 30)
    for offset in range(base, end):
        at = timestamp_at(points, offset) if points else 0
        made.append(offset - base, at, writing.key(partition, offset), writing.body, list(writing.headers))
    data = bytearray(made.build())
    _BASE_OFFSET.pack_into(data, 0, base)  # the checksum is of what follows it
    if known != writing.codec:
        (attributes,) = _ATTRIBUTES.unpack_from(data, _ATTRIBUTES_AT)
        _ATTRIBUTES.pack_into(data, _ATTRIBUTES_AT, attributes | writing.codec)
        _CRC.pack_into(data, _CRC_AT, calc_crc32c(bytes(data[_ATTRIBUTES_AT:])))
    return bytes(data)
