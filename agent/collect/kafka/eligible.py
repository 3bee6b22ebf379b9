"""Eligible leader replicas (KIP-966): who may lead a partition whose in-sync replicas have all left, which Metadata keeps quiet."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.collect.kafka.wire import Wire
from checks.facts import Topic, Unknown, Why
from checks.facts.codes import LEADER_NOT_AVAILABLE, refused, topic_refused

Brokers = tuple[int, ...]
Place = tuple[str, int]
_NOT_TOLD = Unknown(Why.UNSUPPORTED, "the broker does not tell who may lead (needs eligible.leader.replicas.version 1)")


class _Page(NamedTuple):
    rows: Mapping[Place, Brokers | Unknown]
    topics: Mapping[str, Unknown]
    """Those that it does not tell of."""
    left: Place | None
    """Where the next one begins."""


def read_eligible(
    wire: Wire, topics: Mapping[str, Topic | Unknown]
) -> Mapping[str, tuple[Brokers, ...] | Unknown] | Unknown:
    """Of those that have lost all: nothing is asked while each partition has a leader or an in-sync replica."""
    lost = {name: topic for name, topic in sorted(topics.items()) if isinstance(topic, Topic) and _lost(topic)}
    rows: dict[Place, Brokers | Unknown] = {}
    refusals: dict[str, Unknown] = {}
    start: Place | None = ("", 0) if lost else None
    while start is not None:
        page = _read(wire, [name for name in lost if name >= start[0]], start)
        if isinstance(page, Unknown):
            # What came before is not lost with it.
            refusals = {name: page for name in lost if name >= start[0]} | refusals
            break
        rows |= page.rows
        refusals |= page.topics
        start = page.left if page.left is None or page.left > start else None
    return {name: refusals[name] if name in refusals else _whole(name, topic, rows) for name, topic in lost.items()}


def _lost(topic: Topic) -> bool:
    return -1 in topic.leader and any(
        leader < 0 and not isr for leader, isr in zip(topic.leader, topic.isr, strict=True)
    )


def _read(wire: Wire, names: list[str], start: Place) -> _Page | Unknown:
    from agent.collect.kafka.messages import DescribeTopicPartitionsRequest  # noqa: PLC0415 - the import costs 0.4 s

    place, topic = DescribeTopicPartitionsRequest.Cursor, DescribeTopicPartitionsRequest.TopicRequest
    cursor = place(topic_name=start[0], partition_index=start[1]) if start[0] else None
    topics = [topic(name=name) for name in names]
    return wire.made(
        _page, None, DescribeTopicPartitionsRequest, 0, topics=topics, response_partition_limit=2000, cursor=cursor
    )


def _page(answer: Any) -> _Page:
    rows: dict[Place, Brokers | Unknown] = {}
    topics: dict[str, Unknown] = {}
    for topic in answer.topics:
        if topic.error_code:
            topics[topic.name] = topic_refused(topic.error_code, f"topic {topic.name}", topic.name)
        for row in topic.partitions:
            rows[topic.name, row.partition_index] = _brokers(topic.name, row)
    left = answer.next_cursor
    return _Page(rows, topics, None if left is None else (left.topic_name, left.partition_index))


def _brokers(topic: str, row: Any) -> Brokers | Unknown:
    if row.error_code not in (0, LEADER_NOT_AVAILABLE):
        return refused(row.error_code, f"partition {row.partition_index} of topic {topic}")
    told = row.eligible_leader_replicas
    # It may have got a leader since Metadata was read.
    return _NOT_TOLD if told is None and not row.isr_nodes else (*row.isr_nodes, *(told or ()))


def _whole(name: str, topic: Topic, rows: Mapping[Place, Brokers | Unknown]) -> tuple[Brokers, ...] | Unknown:
    missing = Unknown(Why.UNREACHABLE, f"who may lead partitions of topic {name} was not answered")
    told = [rows.get((name, partition), missing) for partition in range(len(topic.leader))]
    known = tuple(one for one in told if not isinstance(one, Unknown))
    return known if len(known) == len(told) else next(one for one in told if isinstance(one, Unknown))
