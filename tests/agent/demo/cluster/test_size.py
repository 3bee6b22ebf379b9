"""The size that mqcanary is measured at: 35,000 partitions, 1,500 groups, some 150,000 group-partitions."""

import tracemalloc
from collections.abc import Callable
from typing import Any

from kafka import KafkaAdminClient
from kafka.protocol.admin import ListGroupsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import MetadataRequest

from agent.demo.cluster import SimulatedCluster, estate

BROKERS = (1, 2, 3)


def test_a_big_estate_is_served_whole_and_fits_in_little_memory(wire_to: Callable[..., Any]) -> None:
    tracemalloc.start()
    model = estate(
        topics=3500,
        partitions=35_000,
        groups=1500,
        topics_per_group=10,
        consumer_every=3,
        clock=lambda: 1_700_000_000.0,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()  # before serving: tracing makes the encoder a hundred times slower
    assert peak < 60 * 1024 * 1024

    with SimulatedCluster(model) as cluster:
        listed = wire_to(cluster, 1).ask(MetadataRequest(topics=None, allow_auto_topic_creation=False), 12)
        led: dict[int, dict[str, list[int]]] = {broker: {} for broker in BROKERS}
        for topic in listed.topics:
            for row in topic.partitions:
                led[row.leader_id].setdefault(topic.name, []).append(row.partition_index)
        assert sum(len(rows) for topics in led.values() for rows in topics.values()) == 35_000

        groups, committed, ends = [], 0, 0
        for broker in BROKERS:
            mine = [
                row.group_id
                for row in wire_to(cluster, broker).ask(ListGroupsRequest(states_filter=[], types_filter=[]), 5).groups
            ]
            groups += mine
            asked = [OffsetFetchRequest.OffsetFetchRequestGroup(group_id=name, topics=None) for name in mine]
            answer = wire_to(cluster, broker).ask(OffsetFetchRequest(groups=asked), 9)
            assert {group.error_code for group in answer.groups} == {0}
            rows = [row for group in answer.groups for topic in group.topics for row in topic.partitions]
            assert {row.committed_offset for row in rows} == {999_900}
            committed += len(rows)
            answer = wire_to(cluster, broker).ask(ends_of(led[broker]), 7)
            found = [(row.error_code, row.offset) for topic in answer.topics for row in topic.partitions]
            assert set(found) == {(0, 1_000_000)}
            ends += len(found)
        assert (len(groups), committed, ends) == (1500, 150_000, 35_000)


def ends_of(topics: dict[str, list[int]]) -> ListOffsetsRequest:
    kind = ListOffsetsRequest.ListOffsetsTopic
    rows = [
        kind(
            name=name,
            partitions=[
                kind.ListOffsetsPartition(partition_index=index, current_leader_epoch=-1, timestamp=-1)
                for index in indexes
            ],
        )
        for name, indexes in topics.items()
    ]
    return ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=rows)


def test_an_estate_is_healthy_and_shared_out() -> None:
    model = estate(
        topics=7, partitions=20, groups=4, topics_per_group=3, members=2, consumer_every=2, nodes=2, lag=5, records=50
    )
    assert sum(len(topic.partitions) for topic in model.topics.values()) == 20
    assert {group.kind for group in model.groups.values()} == {"classic", "consumer"}
    for group in model.groups.values():
        assigned = [
            (topic, part) for member in group.members for topic, parts in member.assignment.items() for part in parts
        ]
        assert sorted(assigned) == sorted(group.committed)
        assert set(group.committed.values()) == {45}


def test_kafka_python_reads_a_middling_one() -> None:
    with SimulatedCluster(estate(topics=300, partitions=3000, groups=60, members=0)) as cluster:
        client = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        assert len(client.list_groups()) == 60
        assert len(client.list_topics()) == 300
        client.close()
