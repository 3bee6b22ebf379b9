"""Batches as kafka-python writes them, read without their bodies."""

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder

from agent.collect.kafka import batches as reading


def packed(codec: int = 0, producer: int = -1) -> bytes:
    epoch = (-1, -1) if producer < 0 else (0, 0)
    made = DefaultRecordBatchBuilder(2, codec, producer >= 0, producer, *epoch, 1 << 20)
    for i in range(5):
        made.append(i, 1000 + i, None if i == 2 else b"key-%d" % i, b"a body" * 50, [("trace", b"secret")])
    return bytes(made.build())


@pytest.mark.parametrize("codec", range(5))
def test_every_codec(codec: int) -> None:
    (batch,) = reading.batches(packed(codec, 7))
    assert (batch.records, batch.codec, batch.idempotent, batch.control) == (5, codec, True, False)
    found = list(reading.records(batch))
    assert [record.key for record in found] == [b"key-0", b"key-1", None, b"key-3", b"key-4"]
    assert [record.timestamp for record in found] == [1000, 1001, 1002, 1003, 1004]
    assert {record.headers for record in found} == {("trace",)}


def test_a_wrong_checksum_is_said() -> None:
    data = bytearray(packed())
    data[-1] ^= 1
    with pytest.raises(reading.UnreadableError, match="checksum"):
        list(reading.batches(bytes(data)))


def test_a_cut_batch_is_left_out() -> None:
    whole = packed()
    assert len(list(reading.batches(whole + whole[:-3]))) == 1


@pytest.mark.parametrize("codec", range(1, 5))
def test_a_batch_that_would_fill_memory_is_refused(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST", 500)
    (batch,) = reading.batches(packed(codec))
    with pytest.raises(reading.UnreadableError):
        list(reading.records(batch))
