"""Decoders of our own against kafka-python's encoder and decoder, and against bytes that nobody should send."""

import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.consumer import ListOffsetsRequest, ListOffsetsResponse, OffsetFetchResponse

from agent.collect.kafka.decoding import GroupOffsets, list_offsets, list_offsets_request, offset_fetch
from agent.collect.kafka.exchange import Written

_Group = OffsetFetchResponse.OffsetFetchResponseGroup
_Topic = _Group.OffsetFetchResponseTopics
_Partition = _Topic.OffsetFetchResponsePartitions
_Log = ListOffsetsResponse.ListOffsetsTopicResponse

HEAD = 5
"""Bytes of a flexible response's header: the number of the request, and no tags."""

names = st.one_of(st.text(min_size=1, max_size=12), st.text("ab", min_size=120, max_size=200))
offsets = st.one_of(st.just(-1), st.integers(0, 2**62))
errors = st.sampled_from([0, 0, 0, 3, 29, -1])
metadata = st.sampled_from(["", "", "", None, "state", "x" * 200])
partitions = st.dictionaries(st.integers(0, 2**31 - 1), st.tuples(offsets, errors, metadata), max_size=6)
groups = st.dictionaries(
    names, st.tuples(errors, st.dictionaries(names, partitions, max_size=4)), min_size=1, max_size=4
)
Committed = dict[str, tuple[int, dict[str, dict[int, tuple[int, int, str | None]]]]]


def body(response: Any) -> bytes:
    response.with_header(correlation_id=7)
    return bytes(response.encode(header=True, framed=False))[HEAD:]


def epoch_of(offset: int) -> int:
    """A leader epoch to go with an offset, or none."""
    return offset % 7 - 1


def fetched(told: Committed, version: int = 9) -> bytes:
    return body(
        OffsetFetchResponse(
            version=version,
            throttle_time_ms=0,
            groups=[
                _Group(
                    group_id=name,
                    error_code=error,
                    topics=[
                        _Topic(
                            name=topic,
                            partitions=[
                                _Partition(
                                    partition_index=index,
                                    committed_offset=offset,
                                    committed_leader_epoch=epoch_of(offset),
                                    metadata=said,
                                    error_code=code,
                                )
                                for index, (offset, code, said) in rows.items()
                            ],
                        )
                        for topic, rows in topics.items()
                    ],
                )
                for name, (error, topics) in told.items()
            ],
        )
    )


def rows(one: GroupOffsets) -> list[tuple[str, int, int, int, int]]:
    columns = (one.topic, one.partition, one.offset, one.errors, one.epoch)
    return [(one.topics[t], *row) for t, *row in zip(*(c.tolist() for c in columns), strict=True)]


@given(groups, st.sampled_from([8, 9]))
def test_committed_offsets_are_those_that_the_library_reads(told: Committed, version: int) -> None:
    data = fetched(told, version)
    answer = OffsetFetchResponse.decode(struct.pack(">ib", 7, 0) + data, version=version, header=True)
    found = offset_fetch(data, {}).fresh
    assert found.keys() == told.keys()
    for group in answer.groups:
        one = found[group.group_id]
        assert one.error == group.error_code
        assert one.topics == tuple(sorted(topic.name for topic in group.topics))
        assert rows(one) == sorted(
            (topic.name, p.partition_index, p.committed_offset, p.error_code, p.committed_leader_epoch)
            for topic in group.topics
            for p in topic.partitions
            if p.committed_offset >= 0 or p.error_code
        )


@given(groups, groups)
def test_a_group_that_is_known_byte_by_byte_is_not_decoded(old: Committed, new: Committed) -> None:
    before = offset_fetch(fetched(old), {})
    again = offset_fetch(fetched({**old, **new}), before.pieces)
    assert again.pieces.keys() == old.keys() | new.keys()
    assert {name for name in again.pieces if name not in again.fresh} == {
        name for name in old if name not in new or fetched({name: old[name]}) == fetched({name: new[name]})
    }
    for name, one in again.fresh.items():
        assert rows(one) == rows(offset_fetch(fetched({name: new[name]}), {}).fresh[name])


logs = st.dictionaries(
    names,
    st.dictionaries(st.integers(0, 2**31 - 1), st.tuples(offsets, offsets, errors), max_size=6),
    max_size=4,
)
Logs = dict[str, dict[int, tuple[int, int, int]]]


def listed(told: Logs, version: int = 7) -> bytes:
    return body(
        ListOffsetsResponse(
            version=version,
            throttle_time_ms=0,
            topics=[
                _Log(
                    name=topic,
                    partitions=[
                        _Log.ListOffsetsPartitionResponse(
                            partition_index=index,
                            error_code=code,
                            timestamp=timestamp,
                            offset=offset,
                            leader_epoch=epoch_of(offset),
                        )
                        for index, (offset, timestamp, code) in partitions.items()
                    ],
                )
                for topic, partitions in told.items()
            ],
        )
    )


@given(logs, st.sampled_from([6, 7]))
def test_offsets_of_logs_are_those_that_the_library_wrote(told: Logs, version: int) -> None:
    found = list_offsets(listed(told, version))
    assert found.topics == tuple(told)
    assert found.counts == [len(partitions) for partitions in told.values()]
    columns = (found.partition, found.offset, found.timestamp, found.error, found.epoch)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (index, *row, epoch_of(row[0])) for partitions in told.values() for index, row in partitions.items()
    ]


def with_tags(data: bytes, *places: int) -> bytes:
    """Where a broker said "no tags" it says one now, of a number that nobody knows."""
    for place in sorted(places, reverse=True):
        assert data[place] == 0
        data = data[:place] + b"\x01\x07\x03abc" + data[place + 1 :]
    return data


def test_tags_of_newer_brokers_are_skipped() -> None:
    told: Committed = {"app": (0, {"orders": {0: (5, 0, ""), 1: (6, 0, "")}})}
    plain = fetched(told)
    row = plain.index(b"orders") + 7
    ends = (row + 19, row + 39, row + 40, row + 43, row + 44)  # both rows, topic, group, answer
    assert rows(offset_fetch(with_tags(plain, *ends), {}).fresh["app"]) == [
        ("orders", 0, 5, 0, epoch_of(5)),
        ("orders", 1, 6, 0, epoch_of(6)),
    ]
    logs = listed({"orders": {0: (5, -1, 0), 1: (6, -1, 0)}})
    row = logs.index(b"orders") + 7
    told_logs = list_offsets(with_tags(logs, row + 26, row + 53, row + 54, row + 55))
    assert told_logs.offset.tolist() == [5, 6]


STRANGE = (ValueError, IndexError, struct.error, UnicodeDecodeError)
GOOD = fetched({"app": (0, {"orders": {0: (5, 0, ""), 1: (6, 0, "state")}, "a" * 150: {9: (1, 0, "")}}), "b": (15, {})})
GOOD_LOGS = listed({"orders": {0: (5, -1, 0), 1: (6, -1, 0)}, "b" * 150: {0: (1, 2, 3)}})
READERS: Sequence[tuple[Callable[[bytes], Any], bytes]] = (
    (lambda data: offset_fetch(data, {}), GOOD),
    (list_offsets, GOOD_LOGS),
)


def refused_wherever_cut(read: Callable[[bytes], Any], good: bytes) -> None:
    read(good)
    for size in range(len(good)):
        with pytest.raises(STRANGE):
            read(good[:size])
    with pytest.raises(STRANGE):
        read(good + b"\0")


def read_or_refused(read: Callable[[bytes], Any], good: bytes, data: st.DataObject) -> None:
    """Bytes that are none, and a good answer with some of its bytes changed: nothing else is raised."""
    changed = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=8)):
        changed[place] = data.draw(st.integers(0, 255))
    for candidate in (bytes(changed), data.draw(st.binary(max_size=200))):
        with suppress(*STRANGE):
            read(candidate)


@pytest.mark.parametrize(("read", "good"), READERS)
def test_a_cut_answer_is_refused_wherever_it_is_cut(read: Callable[[bytes], Any], good: bytes) -> None:
    refused_wherever_cut(read, good)


@pytest.mark.parametrize(("read", "good"), READERS)
@given(data=st.data())
def test_garbage_is_read_or_refused(read: Callable[[bytes], Any], good: bytes, data: st.DataObject) -> None:
    read_or_refused(read, good, data)


@given(
    st.dictionaries(names, st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4), max_size=4),
    st.integers(-4, 2**62),
    st.booleans(),
)
def test_logs_are_asked_for_as_the_library_asks(some: dict[str, list[int]], moment: int, committed: bool) -> None:
    one = ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition
    request = ListOffsetsRequest(
        version=7,
        replica_id=-1,
        isolation_level=int(committed),
        topics=[
            ListOffsetsRequest.ListOffsetsTopic(
                name=name,
                partitions=[one(partition_index=p, current_leader_epoch=-1, timestamp=moment) for p in partitions],
            )
            for name, partitions in some.items()
        ],
    )
    request.with_header(correlation_id=7, client_id="mqcanary")
    asked = np.array([p for partitions in some.values() for p in partitions], dtype=np.int64)
    counts = [len(partitions) for partitions in some.values()]
    written = Written(2, 7, list_offsets_request(list(some), counts, asked, moment, committed=committed))
    assert written.numbered(7, "mqcanary") == bytes(request.encode(header=True, framed=True))
