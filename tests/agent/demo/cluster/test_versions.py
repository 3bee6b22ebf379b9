"""Every version of every API, and brokers that know fewer of them."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from kafka.protocol.admin import (
    DescribeClientQuotasRequest,
    DescribeClusterRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeLogDirsRequest,
    ListGroupsRequest,
)
from kafka.protocol.consumer import FetchRequest, ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import ApiVersionsRequest, FindCoordinatorRequest, MetadataRequest

from agent.collect.kafka.batches import batches, records
from agent.collect.kafka.messages import ConsumerGroupDescribeRequest
from agent.demo.cluster import Model, Rights, SimulatedCluster, Writing

Ask = Callable[..., Any]


@pytest.mark.parametrize("version", range(5))
def test_api_versions(ask: Ask, version: int) -> None:
    answer = ask(ApiVersionsRequest(client_software_name="x", client_software_version="1"), version)
    assert answer.error_code == 0
    assert {row.api_key for row in answer.api_keys} == {
        1,
        2,
        3,
        9,
        10,
        15,
        16,
        17,
        18,
        32,
        35,
        36,
        46,
        48,
        55,
        60,
        69,
        75,
        77,
        89,
        90,
    }


@pytest.mark.parametrize("version", range(14))
def test_metadata(ask: Ask, version: int) -> None:
    answer = ask(MetadataRequest(topics=None, allow_auto_topic_creation=False), version)
    topics = {topic.name: topic for topic in answer.topics}
    assert set(topics) == {"orders", "payments"}
    third = topics["orders"].partitions[2]
    assert (third.leader_id, third.replica_nodes, third.isr_nodes) == (3, [3, 1, 2], [3, 1, 2])


@pytest.mark.parametrize("version", range(10, 14))
def test_metadata_by_id(model: Model, ask: Ask, version: int) -> None:
    unknown = model.topics["orders"].id.__class__(int=5)
    rows = [
        MetadataRequest.MetadataRequestTopic(name=None, topic_id=each) for each in (model.topics["orders"].id, unknown)
    ]
    answer = ask(MetadataRequest(topics=rows, allow_auto_topic_creation=False), version)
    assert [(topic.name or "", topic.error_code) for topic in answer.topics] == [("orders", 0), ("", 100)]


@pytest.mark.parametrize("version", range(7))
def test_find_coordinator(model: Model, ask: Ask, version: int) -> None:
    wanted = model.groups["billing"].coordinator
    answer = ask(FindCoordinatorRequest(key="billing", key_type=0, coordinator_keys=["billing"]), version)
    assert [row.node_id for row in (answer.coordinators if version >= 4 else [answer])] == [wanted]


@pytest.mark.parametrize("version", range(6))
def test_list_groups(ask: Ask, version: int) -> None:
    listed = [
        group
        for broker in (1, 2, 3)
        for group in ask(ListGroupsRequest(states_filter=[], types_filter=[]), version, broker).groups
    ]
    assert {group.group_id for group in listed} == {"billing", "modern", "idle"}
    if version >= 4:
        assert {group.group_state for group in listed} == {"Stable", "Empty"}
    if version >= 5:
        assert {group.group_id: group.group_type for group in listed}["modern"] == "consumer"


@pytest.mark.parametrize("version", range(7))
def test_describe_groups(model: Model, ask: Ask, version: int) -> None:
    for group in model.groups.values():
        group.coordinator = 1
    stable, strange, absent = ask(DescribeGroupsRequest(groups=["billing", "modern", "nothing"]), version).groups
    assert (stable.group_state, stable.members[0].client_id, stable.error_code) == ("Stable", "billing-app", 0)
    missing = 69 if version >= 6 else 0
    model.groups["modern"].coordinator = model.coordinator_of("nothing")
    assert (strange.group_state, strange.members, strange.error_code) == ("Dead", [], missing)
    assert absent.error_code in (missing, 16), "16 where another broker would coordinate it"


@pytest.mark.parametrize("version", range(2))
def test_describe_consumer_groups(model: Model, ask: Ask, version: int) -> None:
    for group in model.groups.values():
        group.coordinator = 1
    request = ConsumerGroupDescribeRequest(group_ids=["modern", "billing"], include_authorized_operations=True)
    modern, classic = ask(request, version).groups
    assert (modern.error_code, modern.group_state, modern.assignor_name) == (0, "Stable", "uniform")
    assert modern.authorized_operations == {3, 6, 8}
    (member,) = modern.members
    (row,) = member.target_assignment.topic_partitions
    assert (row.topic_id, row.topic_name, row.partitions) == (model.topics["orders"].id, "orders", [0, 1, 2, 3])
    assert member.member_type == (1 if version else -1)
    assert classic.error_code == 69


@pytest.mark.parametrize("version", range(1, 11))
def test_offset_fetch(model: Model, ask: Ask, version: int) -> None:
    model.groups["billing"].coordinator = 1
    orders = model.topics["orders"].id
    if version >= 8:
        kind = OffsetFetchRequest.OffsetFetchRequestGroup
        row = kind.OffsetFetchRequestTopics(name="orders", topic_id=orders, partition_indexes=[0, 1, 9])
        answer = ask(OffsetFetchRequest(groups=[kind(group_id="billing", topics=[row])]), version).groups[0]
    else:
        row = OffsetFetchRequest.OffsetFetchRequestTopic(name="orders", partition_indexes=[0, 1, 9])
        answer = ask(OffsetFetchRequest(group_id="billing", topics=[row]), version)
    (topic,) = answer.topics
    assert (topic.topic_id if version >= 10 else topic.name) == (orders if version >= 10 else "orders")
    assert [(row.partition_index, row.committed_offset, row.error_code) for row in topic.partitions] == [
        (0, 90, 0),
        (1, -1, 0),
        (9, -1, 0),
    ]


def test_offset_fetch_from_the_wrong_broker(model: Model, ask: Ask) -> None:
    model.groups["billing"].coordinator = 2
    row = OffsetFetchRequest.OffsetFetchRequestTopic(name="orders", partition_indexes=[0])
    request = OffsetFetchRequest(group_id="billing", topics=[row])
    assert [part.error_code for part in ask(request, 1).topics[0].partitions] == [16]
    assert ask(request, 5).error_code == 16


@pytest.mark.parametrize("version", range(1, 12))
def test_list_offsets(ask: Ask, version: int) -> None:
    kind = ListOffsetsRequest.ListOffsetsTopic
    rows = [
        kind.ListOffsetsPartition(partition_index=index, current_leader_epoch=-1, timestamp=-1) for index in (0, 1, 7)
    ]
    request = ListOffsetsRequest(
        replica_id=-1, isolation_level=0, topics=[kind(name="orders", partitions=rows)], timeout_ms=1000
    )
    found = ask(request, version).topics[0].partitions
    assert [(row.partition_index, row.error_code, row.offset) for row in found] == [(0, 0, 100), (1, 6, -1), (7, 3, -1)]


@pytest.mark.parametrize("version", range(1, 5))
def test_describe_configs(ask: Ask, version: int) -> None:
    kind = DescribeConfigsRequest.DescribeConfigsResource
    rows = [
        kind(resource_type=2, resource_name="orders", configuration_keys=["retention.ms", "no.such.key"]),
        kind(resource_type=4, resource_name="2", configuration_keys=None),
        kind(resource_type=4, resource_name="1", configuration_keys=None),
    ]
    topic, other, own = ask(DescribeConfigsRequest(resources=rows, include_synonyms=True), version).results
    (retention,) = topic.configs
    assert (retention.value, retention.config_source) == ("1000", 1)
    assert [(synonym.value, synonym.source) for synonym in retention.synonyms] == [("1000", 1), ("604800000", 5)]
    assert (other.error_code, other.configs) == (42, []), "a broker speaks for itself only"
    assert {config.name: config.value for config in own.configs}["node.id"] == "1"


@pytest.mark.parametrize("version", range(3))
def test_describe_cluster(model: Model, ask: Ask, version: int) -> None:
    model.fence(3)
    answer = ask(
        DescribeClusterRequest(
            include_cluster_authorized_operations=True, endpoint_type=1, include_fenced_brokers=True
        ),
        version,
    )
    assert [broker.broker_id for broker in answer.brokers] == ([1, 2, 3] if version >= 2 else [1, 2])
    assert 8 in answer.authorized_operations


@pytest.mark.parametrize("version", range(1, 6))
def test_describe_log_dirs(ask: Ask, version: int) -> None:
    (disk,) = ask(DescribeLogDirsRequest(topics=None), version, 2).results
    assert {(topic.name, len(topic.partitions)) for topic in disk.topics} == {("orders", 4), ("payments", 1)}
    assert {part.partition_size for topic in disk.topics for part in topic.partitions} == {10_000, 0}
    row = DescribeLogDirsRequest.DescribableLogDirTopic(topic="orders", partitions=[3])
    (disk,) = ask(DescribeLogDirsRequest(topics=[row]), version, 2).results
    assert [[part.partition_index for part in topic.partitions] for topic in disk.topics] == [[3]]


@pytest.mark.parametrize(
    ("asked", "strict", "told"),
    [
        ([], False, ["a", "default", "both"]),
        ([("client-id", 0, "a")], False, ["a", "both"]),
        ([("client-id", 0, "a")], True, ["a"]),
        ([("client-id", 1, None)], True, ["default"]),
        ([("client-id", 2, None)], True, ["a", "default"]),
        ([("user", 0, "alice"), ("client-id", 2, None)], True, ["both"]),
        ([("user", 1, None)], False, []),
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_describe_client_quotas(
    model: Model, ask: Ask, version: int, asked: list[tuple[str, int, str | None]], strict: bool, told: list[str]
) -> None:
    entities = {
        "a": [("client-id", "a")],
        "default": [("client-id", None)],
        "both": [("user", "alice"), ("client-id", "a")],
    }
    model.quotas = {tuple(entity): {"consumer_byte_rate": 5.5} for entity in entities.values()}  # type: ignore[misc]
    component = DescribeClientQuotasRequest.ComponentData
    rows = [component(entity_type=kind, match_type=how, match=name) for kind, how, name in asked]
    answer = ask(DescribeClientQuotasRequest(components=rows, strict=strict), version)
    found = [[(part.entity_type, part.entity_name) for part in entry.entity] for entry in answer.entries]
    assert found == [entities[name] for name in told]
    assert all((value.key, value.value) == ("consumer_byte_rate", 5.5) for e in answer.entries for value in e.values)
    model.rights["ANONYMOUS"] = Rights(cluster_configs=False)
    denied = ask(DescribeClientQuotasRequest(components=rows, strict=strict), version)
    assert (denied.error_code, denied.entries) == (31, None)


def test_both_clients_speak_to_an_old_broker(cluster: SimulatedCluster) -> None:
    cluster.limit_to((2, 4))
    old = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    assert len(old.list_groups()) == 3
    old.close()
    # Held by a name: a client that nobody holds is gone before its future has an answer.
    newer = AdminClient({"bootstrap.servers": cluster.bootstrap}, logger=logging.getLogger("rdkafka"))
    listing = newer.list_consumer_groups()
    assert len(listing.result(timeout=10).valid) == 3
    assert {request.version for request in cluster.asked(16)} == {3}
    assert cluster.asked(69) == []


def test_what_is_not_advertised_is_not_served(model: Model, wire: Callable[..., Any]) -> None:
    model.versions = {16: 2, 69: None}
    assert wire().ask(ListGroupsRequest(), 2).error_code == 0
    for request, version in ((ListGroupsRequest(), 3), (ConsumerGroupDescribeRequest(group_ids=[]), 0)):
        client = wire()
        client.send(request, version)
        assert client.receive() == b""


def test_an_api_versions_request_from_the_future_is_answered_with_what_there_is(model: Model, ask: Ask) -> None:
    model.versions = {18: 2}
    answer = ask(ApiVersionsRequest(client_software_name="x", client_software_version="1"), 4)
    assert answer.error_code == 35
    assert {row.api_key: row.max_version for row in answer.api_keys}[18] == 2


@pytest.mark.parametrize("version", range(4, 13))
def test_fetch(model: Model, ask: Ask, version: int) -> None:
    model.topics["orders"].writing = Writing(key=lambda p, o: b"%d/%d" % (p, o) if o % 2 else None, codec=1)
    (partition,) = ask(fetching(95, 1 << 20), version).responses[0].partitions
    assert (partition.error_code, partition.high_watermark) == (0, 100)
    (batch,) = batches(bytes(partition.records))
    assert (batch.offset, batch.records, batch.codec) == (90, 10, 1)
    assert [record.key for record in records(batch)][:4] == [None, b"0/91", None, b"0/93"]


def fetching(offset: int, size: int, topic: str = "orders") -> FetchRequest:
    kind = FetchRequest.FetchTopic
    row = kind.FetchPartition(partition=0, current_leader_epoch=-1, fetch_offset=offset, partition_max_bytes=size)
    return FetchRequest(
        replica_id=-1,
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=size,
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[kind(topic=topic, partitions=[row])],
        forgotten_topics_data=[],
        rack_id="",
    )


@pytest.mark.parametrize(("size", "whole"), [(1, 1), (900, 1), (1200, 2), (1 << 20, 10)])
def test_a_fetch_is_cut_where_it_is_told_to_be_but_for_its_first_batch(ask: Ask, size: int, whole: int) -> None:
    (partition,) = ask(fetching(0, size), 12).responses[0].partitions
    data = bytes(partition.records)
    found = list(batches(data))
    assert len(found) == whole
    assert len(data) <= max(size, found[0].size)


@pytest.mark.parametrize(
    ("rights", "offset", "error"),
    [
        (Rights(more=False), 0, 29),
        (Rights(more=False, read={"orders"}), 0, 0),
        (Rights(topics=set()), 0, 29),
        (Rights(), 101, 1),
    ],
)
def test_what_may_not_be_read_or_is_not_there(model: Model, ask: Ask, rights: Rights, offset: int, error: int) -> None:
    model.rights["ANONYMOUS"] = rights
    (partition,) = ask(fetching(offset, 1000), 12).responses[0].partitions
    assert partition.error_code == error
    assert bool(partition.records) == (not error)
