"""What a test can assert of a client: which requests it sent, and what it must never send."""

from collections.abc import Callable
from typing import Any

from kafka import KafkaAdminClient
from kafka.protocol.admin import DescribeLogDirsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import MetadataRequest

from agent.collect.kafka.messages import ConsumerGroupDescribeRequest
from agent.demo.cluster import Model, Rights, SimulatedCluster, all_but


def by_name(*names: str, allow: bool) -> MetadataRequest:
    rows = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=rows, allow_auto_topic_creation=allow)


def test_a_careless_metadata_request_creates_a_topic_and_leaves_a_trace(
    model: Model, cluster: SimulatedCluster, ask: Callable[..., Any]
) -> None:
    assert ask(by_name("gone", allow=False), 9).topics[0].error_code == 3
    assert "gone" not in model.topics
    assert ask(by_name("gone", allow=True), 9).topics[0].error_code == 5
    assert "gone" in model.topics
    assert ask(by_name("older", allow=False), 3).topics[0].error_code == 5, "before version 4 nobody could say no"
    allowed = [request.fields.get("allow_auto_topic_creation", True) for request in cluster.asked(3)]
    assert allowed == [False, True, True]
    model.auto_create_topics = False
    assert ask(by_name("never", allow=True), 9).topics[0].error_code == 3


def test_a_record_says_who_asked_what_and_when(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    ask(by_name("orders", allow=False), 9, broker=2)
    (request,) = cluster.asked(3)
    assert (request.at, request.broker, request.api, request.version, request.client_id, request.principal) == (
        1_700_000_000.0,
        2,
        3,
        9,
        "wire",
        "ANONYMOUS",
    )
    assert request.fields["topics"] == [{"name": "orders"}]


def test_a_long_list_is_recorded_as_its_length(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    kind = ListOffsetsRequest.ListOffsetsTopic
    rows = [
        kind.ListOffsetsPartition(partition_index=index, current_leader_epoch=-1, timestamp=-1) for index in range(101)
    ]
    ask(ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=[kind(name="orders", partitions=rows)]), 7)
    assert cluster.asked(2)[0].fields["topics"] == [{"name": "orders", "partitions": 101}]


def test_waiting_gives_up(cluster: SimulatedCluster) -> None:
    assert not cluster.wait_for(bool, timeout=0.01)


def test_connections_are_counted(cluster: SimulatedCluster, wire: Callable[..., Any]) -> None:
    client = wire()
    client.ask(by_name("orders", allow=False), 9, close=False)
    assert (cluster.connections, cluster.connections_made) == (1, 1)


def test_denied_topics_by_list_and_by_name_and_denied_disks(
    model: Model, ask: Callable[..., Any], admin: KafkaAdminClient
) -> None:
    model.rights["ANONYMOUS"] = Rights(topics=all_but("orders"), cluster=False)
    assert {topic["name"] for topic in admin.describe_topics()} == {"payments"}
    assert [topic.error_code for topic in ask(by_name("orders", "payments", allow=False), 9).topics] == [29, 0]
    refused = ask(DescribeLogDirsRequest(topics=None), 4)
    assert (refused.error_code, refused.results) == (31, [])
    assert ask(DescribeLogDirsRequest(topics=None), 2).error_code == 0, "the version has no field for it"


def test_a_consumer_group_with_one_denied_topic_is_denied_whole(model: Model, ask: Callable[..., Any]) -> None:
    model.rights["ANONYMOUS"] = Rights(topics=all_but("orders"))
    model.groups["modern"].coordinator = 1
    (group,) = ask(ConsumerGroupDescribeRequest(group_ids=["modern"], include_authorized_operations=False), 1).groups
    assert (group.error_code, group.members) == (29, [])
    listed = ask(
        OffsetFetchRequest(groups=[OffsetFetchRequest.OffsetFetchRequestGroup(group_id="modern", topics=None)]), 9
    )
    assert [(group.error_code, group.topics) for group in listed.groups] == [(0, [])], "left out without a word"
