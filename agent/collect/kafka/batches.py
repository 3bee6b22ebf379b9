"""Record batches as they lie in a log: their headers, and of their records the keys, times and names of headers. Bodies are
skipped: no object ever holds one of them alone.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

_LONGEST = 64 * 1024 * 1024
"""Bytes that one batch may become: a small one can be made that fills any memory."""
_XERIAL = b"\x82SNAPPY\x00"


class UnreadableError(Exception):
    """A batch that is damaged, or whose codec can't be read; the text says which."""


class Batch(NamedTuple):
    """`data` is what follows the header, compressed as `codec` says."""

    offset: int
    records: int
    size: int
    codec: int
    idempotent: bool
    control: bool
    first: int
    last: int
    append_time: bool
    data: bytes


class Record(NamedTuple):
    key: bytes | None
    timestamp: int
    """ms since the epoch."""
    headers: tuple[str, ...]
    """Names alone."""


def batches(answer: bytes) -> Iterator[Batch]:
    """The whole batches of an answer; the last may be cut, which is no fault.

    Raises:
        UnreadableError: one is older than Kafka 0.11, or its checksum is wrong.
    """
    from kafka.record.default_records import DefaultRecordBatch  # noqa: PLC0415 - the import costs 0.4 s
    from kafka.record.memory_records import MemoryRecords  # noqa: PLC0415

    whole = MemoryRecords(answer)
    while whole.has_next():
        try:
            batch: Any = whole.next_batch()
            if not isinstance(batch, DefaultRecordBatch):
                raise UnreadableError("its records have the format of Kafka 0.10")  # noqa: TRY301 - here it is known
            right = batch.validate_crc()
        except UnreadableError:
            raise
        except Exception as error:  # noqa: BLE001 - a decoder that is fed with anything may raise anything
            raise UnreadableError(f"a batch is no record batch ({type(error).__name__})") from None
        if not right:
            raise UnreadableError(f"the batch at offset {batch.base_offset} has a wrong checksum")
        yield Batch(
            offset=batch.base_offset,
            records=batch.records_count,
            size=batch.size_in_bytes,
            codec=batch.compression_type,
            idempotent=batch.has_producer_id(),
            control=batch.is_control_batch,
            first=batch.first_timestamp,
            last=batch.max_timestamp,
            append_time=bool(batch.timestamp_type),
            data=bytes(batch._buffer[batch.HEADER_STRUCT.size :]),  # noqa: SLF001 - it has no other door
        )


def records(batch: Batch) -> Iterator[Record]:
    """Its records.

    Raises:
        UnreadableError: they can't be unpacked, or are not what they say.
    """
    from kafka.record.util import decode_varint  # noqa: PLC0415 - as above

    data, at = _unpacked(batch), 0
    try:
        for _ in range(batch.records):
            length, at = decode_varint(data, at)
            end = at + length
            if length < 0 or end > len(data):
                raise ValueError  # noqa: TRY301 - as what decoding raises
            at += 1  # attributes, none of which is in use
            later, at = decode_varint(data, at)
            _, at = decode_varint(data, at)
            size, at = decode_varint(data, at)
            key = None if size < 0 else data[at : at + size]
            at += max(0, size)
            size, at = decode_varint(data, at)
            at += max(0, size)
            number, at = decode_varint(data, at)
            names = []
            for _ in range(number):
                size, at = decode_varint(data, at)
                names.append(data[at : at + size].decode("utf-8", "replace"))
                at += size
                size, at = decode_varint(data, at)
                at += max(0, size)
            if at != end:
                raise ValueError  # noqa: TRY301
            yield Record(key, batch.last if batch.append_time else batch.first + later, tuple(names))
    except (ValueError, IndexError):
        raise UnreadableError(f"the records at offset {batch.offset} are damaged") from None


def _unpacked(batch: Batch) -> bytes:
    if not batch.codec:
        return batch.data
    name, unpack = _CODECS.get(batch.codec, (f"codec {batch.codec}", None))
    if unpack is None:
        raise UnreadableError(f"its batches are packed with {name}, which is not known here")
    try:
        data = unpack(batch.data)
    except Exception as error:  # noqa: BLE001 - each library has its own
        raise UnreadableError(
            f"{name} can't unpack the batch at offset {batch.offset} ({type(error).__name__})"
        ) from None
    if len(data) > _LONGEST:
        raise UnreadableError(f"the batch at offset {batch.offset} would be more than {_LONGEST >> 20} MiB")
    return data


def _gzip(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data, _LONGEST + 1)


def _snappy(data: bytes) -> bytes:
    import snappy  # noqa: PLC0415 - only where a batch needs it

    found, at, total = [], 16, 0
    while data[:8] == _XERIAL and at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    blocks = found or [data]
    for block in blocks:
        total += sum((byte & 127) << 7 * i for i, byte in enumerate(_preamble(block)))
    if total > _LONGEST:
        raise ValueError("too long")
    return b"".join(snappy.decompress(block) for block in blocks)


def _preamble(block: bytes) -> Iterator[int]:
    """The bytes of the length that a block says it will have."""
    for byte in block[:5]:
        yield byte
        if byte < 128:
            return


def _lz4(data: bytes) -> bytes:
    import lz4.frame  # noqa: PLC0415 - as above

    return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=_LONGEST + 1))


def _zstd(data: bytes) -> bytes:
    import zstandard  # noqa: PLC0415 - as above

    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        return bytes(reader.read(_LONGEST + 1))


_CODECS: Mapping[int, tuple[str, Callable[[bytes], bytes] | None]] = {
    1: ("gzip", _gzip),
    2: ("snappy", _snappy),
    3: ("lz4", _lz4),
    4: ("zstd", _zstd),
}
