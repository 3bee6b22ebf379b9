"""Committed offsets and log ends: the two big answers, so their rows are tuples in the order of the version's fields."""

import uuid
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kafka.protocol.consumer import ListOffsetsResponse, OffsetFetchResponse

from agent.demo.cluster.handlers.call import (
    FENCED_LEADER_EPOCH,
    NONE,
    NOT_LEADER_OR_FOLLOWER,
    TOPIC_AUTHORIZATION_FAILED,
    UNKNOWN_LEADER_EPOCH,
    UNKNOWN_TOPIC_ID,
    UNKNOWN_TOPIC_OR_PARTITION,
    UNSUPPORTED_VERSION,
    Call,
)
from agent.demo.cluster.model import NOBODY, Partition
from agent.demo.cluster.records import Found, first_since, newest

_LATEST, _EARLIEST, _NEWEST, _EARLIEST_LOCAL, _LATEST_TIERED = -1, -2, -3, -4, -5
_READ_COMMITTED = 1
_NOTHING = array("q")


def offset_fetch(call: Call, request: Any) -> Any:
    if call.version >= 8:
        return OffsetFetchResponse(groups=[_group(call, asked) for asked in request.groups])
    error = call.coordinating(request.group_id)
    if not error:
        return OffsetFetchResponse(topics=list(_topics(call, request.group_id, request.topics)), error_code=NONE)
    if call.version >= 2:
        return OffsetFetchResponse(topics=[], error_code=error)
    # The first versions have no other place for the group's error than each partition.
    rows = [
        (asked.name, [_row(call, index, NOBODY, error) for index in asked.partition_indexes])
        for asked in request.topics
    ]
    return OffsetFetchResponse(topics=rows)


def _group(call: Call, asked: Any) -> Any:
    error = call.coordinating(asked.group_id)
    topics = [] if error else list(_topics(call, asked.group_id, asked.topics))
    return (asked.group_id, topics, error)


def _topics(call: Call, group_id: str, asked: Any) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """(name or id, rows) for each topic of the request, or for every topic that the group has offsets of."""
    group = call.model.groups.get(group_id)
    committed = {} if group is None else group.committed.topics
    epochs = {} if group is None else group.epochs
    if asked is None:
        for name, offsets in committed.items():
            key = _key(call, name)
            if name not in call.rights.topics or key is None:
                continue
            some = ((index, offset) for index, offset in enumerate(offsets) if offset != NOBODY)
            yield key, _rows(call, name, some, epochs)
        return
    names = {topic.id: topic.name for topic in call.model.topics.values()} if call.version >= 10 else {}
    for row in asked:
        known: str | None = names.get(row.topic_id) if call.version >= 10 else row.name
        if known is None:
            yield row.topic_id, [_row(call, index, NOBODY, UNKNOWN_TOPIC_ID) for index in row.partition_indexes]
        elif known not in call.rights.topics:
            key = row.topic_id if call.version >= 10 else known
            yield key, [_row(call, index, NOBODY, TOPIC_AUTHORIZATION_FAILED) for index in row.partition_indexes]
        else:
            offsets = committed.get(known, _NOTHING)
            some = ((index, offsets[index] if index < len(offsets) else NOBODY) for index in row.partition_indexes)
            yield _key(call, known), _rows(call, known, some, epochs)


def _key(call: Call, name: str) -> str | uuid.UUID | None:
    """How this version calls the topic; None if it cannot, because only topics that exist have an id."""
    if call.version < 10:
        return name
    topic = call.model.topics.get(name)
    return None if topic is None else topic.id


def _rows(
    call: Call, topic: str, offsets: Iterable[tuple[int, int]], epochs: Mapping[tuple[str, int], int]
) -> list[tuple[Any, ...]]:
    # Group-wide faults were said of the group already.
    errors = call.errors
    if topic in errors.topics or errors.partitions:
        return [
            _row(
                call,
                index,
                NOBODY if (error := errors.partitions.get((topic, index), errors.topics.get(topic, NONE))) else offset,
                error,
            )
            for index, offset in offsets
        ]
    if call.version >= 5 and epochs:
        return [(index, offset, epochs.get((topic, index), -1), "", NONE) for index, offset in offsets]
    if call.version >= 5:
        return [(index, offset, -1, "", NONE) for index, offset in offsets]
    return [(index, offset, "", NONE) for index, offset in offsets]


def _row(call: Call, index: int, offset: int, error: int) -> tuple[Any, ...]:
    return (index, offset, -1, "", error) if call.version >= 5 else (index, offset, "", error)


def list_offsets(call: Call, request: Any) -> Any:
    committed_only = request.isolation_level == _READ_COMMITTED
    topics = []
    for asked in request.topics:
        rows: list[tuple[Any, ...]] = []
        for row in asked.partitions:
            error, found, epoch = _looked_up(call, asked.name, row, committed_only=committed_only)
            if call.version >= 4:
                rows.append((row.partition_index, error, found.ms, found.offset, epoch))
            else:
                rows.append((row.partition_index, error, found.ms, found.offset))
        topics.append((asked.name, rows))
    return ListOffsetsResponse(topics=topics)


_NOT_FOUND = Found(-1, -1)


def _looked_up(call: Call, topic: str, row: Any, *, committed_only: bool) -> tuple[int, Found, int]:
    """(error, what was found, leader epoch)"""
    error, partition = led_here(call, topic, row.partition_index, row.current_leader_epoch)
    if error or partition is None:
        return error, _NOT_FOUND, -1
    end = partition.log_end
    if committed_only and partition.last_stable is not None:
        end = partition.last_stable
    start, asked = partition.log_start, row.timestamp
    found: Found | None = None
    if asked == _LATEST:
        found = Found(end, -1)
    elif asked in (_EARLIEST, _EARLIEST_LOCAL):
        found = Found(start, -1)
    elif asked == _NEWEST:
        found = newest(partition.points, start, end)
    elif asked >= 0:
        found = first_since(partition.points, asked, start, end)
    elif asked != _LATEST_TIERED:
        return UNSUPPORTED_VERSION, _NOT_FOUND, -1
    if found is None:
        return NONE, _NOT_FOUND, -1
    return NONE, found, partition.leader_epoch


def led_here(call: Call, topic: str, index: int, believed: int) -> tuple[int, Partition | None]:
    """Error, or the partition, if this broker leads it; `believed`: the leader epoch of who asks, -1 for none."""
    if error := call.errors.partition(topic, index):
        return error, None
    if topic not in call.rights.topics:
        return TOPIC_AUTHORIZATION_FAILED, None
    known = call.model.topics.get(topic)
    if known is None or not 0 <= index < len(known.partitions):
        return UNKNOWN_TOPIC_OR_PARTITION, None
    partition = known.partitions[index]
    if partition.leader != call.broker:
        return NOT_LEADER_OR_FOLLOWER, None
    if believed not in (-1, partition.leader_epoch):
        return FENCED_LEADER_EPOCH if believed < partition.leader_epoch else UNKNOWN_LEADER_EPOCH, None
    return NONE, partition
