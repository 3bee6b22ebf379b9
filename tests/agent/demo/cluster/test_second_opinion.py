"""confluent-kafka has a codec of its own: what it reads here is what the protocol says, not what kafka-python thinks."""

from typing import Any

import pytest
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    IsolationLevel,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, OffsetSpec

from agent.demo.cluster import Config, Model, Rights, SimulatedCluster, Source, all_but

NOW = 1_700_000_000.0
KINDS = [ConsumerGroupType.CLASSIC, ConsumerGroupType.CONSUMER]


def only(futures: dict[Any, Any]) -> Any:
    (future,) = futures.values()
    return future.result(timeout=10)


def test_topics(confluent: AdminClient, cluster: SimulatedCluster, model: Model) -> None:
    model.topics["orders"].partitions[2].isr = (3,)
    listed = confluent.list_topics(timeout=10)
    assert set(listed.topics) == {"orders", "payments"}
    assert listed.cluster_id == model.cluster_id
    assert listed.controller_id == 1
    assert {broker.id: broker.port for broker in listed.brokers.values()} == {n: cluster.port(n) for n in (1, 2, 3)}
    partitions = listed.topics["orders"].partitions
    assert [partitions[n].leader for n in range(4)] == [1, 2, 3, 1]
    assert (partitions[2].replicas, partitions[2].isrs) == ([3, 1, 2], [3])


def test_describe_topics_with_rights(confluent: AdminClient, model: Model) -> None:
    model.rights["ANONYMOUS"] = Rights(more=False)
    topic = only(confluent.describe_topics(TopicCollection(["orders"]), include_authorized_operations=True))
    assert str(topic.topic_id) != ""
    assert set(topic.authorized_operations) == {AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS}


def test_describe_cluster(confluent: AdminClient) -> None:
    found = confluent.describe_cluster(include_authorized_operations=True).result(timeout=10)
    assert (found.cluster_id, found.controller.id, len(found.nodes)) == ("simulated-cluster-0001", 1, 3)
    assert AclOperation.DESCRIBE in found.authorized_operations


def test_groups(confluent: AdminClient) -> None:
    listing = confluent.list_consumer_groups().result(timeout=10)
    assert listing.errors == []
    assert {group.group_id: (group.state, group.type) for group in listing.valid} == {
        "billing": (ConsumerGroupState.STABLE, ConsumerGroupType.CLASSIC),
        "modern": (ConsumerGroupState.STABLE, ConsumerGroupType.CONSUMER),
        "idle": (ConsumerGroupState.EMPTY, ConsumerGroupType.CLASSIC),
    }
    some = confluent.list_consumer_groups(states={ConsumerGroupState.EMPTY}).result(timeout=10)
    assert [group.group_id for group in some.valid] == ["idle"]
    some = confluent.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result(timeout=10)
    assert [group.group_id for group in some.valid] == ["modern"]


@pytest.mark.parametrize(
    ("name", "kind", "assignor"), [("billing", KINDS[0], "range"), ("modern", KINDS[1], "uniform")]
)
def test_both_kinds_of_group_described(
    confluent: AdminClient, name: str, kind: ConsumerGroupType, assignor: str
) -> None:
    group = only(confluent.describe_consumer_groups([name], include_authorized_operations=True))
    assert (group.state, group.type, group.partition_assignor) == (ConsumerGroupState.STABLE, kind, assignor)
    assert AclOperation.READ in group.authorized_operations
    (member,) = group.members
    assert (member.client_id, member.host, member.group_instance_id) == ("billing-app", "/10.0.0.7", "i-1")
    assigned = [(part.topic, part.partition) for part in member.assignment.topic_partitions]
    assert assigned == [("orders", partition) for partition in range(4)]
    if kind == ConsumerGroupType.CONSUMER:
        assert len(member.target_assignment.topic_partitions) == 4


def test_committed_offsets(confluent: AdminClient) -> None:
    whole = only(confluent.list_consumer_group_offsets([ConsumerGroupTopicPartitions("billing")]))
    assert [(part.topic, part.partition, part.offset) for part in whole.topic_partitions] == [
        ("orders", 0, 90),
        ("orders", 3, 50),
    ]
    asked = ConsumerGroupTopicPartitions("billing", [TopicPartition("orders", 1), TopicPartition("orders", 3)])
    some = only(confluent.list_consumer_group_offsets([asked]))
    assert [part.offset for part in some.topic_partitions] == [-1001, 50], "-1001 is librdkafka's word for none"


@pytest.mark.parametrize(
    ("spec", "offset"),
    [
        (OffsetSpec.latest(), 100),
        (OffsetSpec.earliest(), 10),
        (OffsetSpec.max_timestamp(), 99),
        (OffsetSpec.for_timestamp(int((NOW - 49) * 1000)), 50),
        (OffsetSpec.for_timestamp(int((NOW + 1) * 1000)), -1),
    ],
)
def test_log_offsets(confluent: AdminClient, model: Model, spec: OffsetSpec, offset: int) -> None:
    for partition in model.topics["orders"].partitions:
        partition.log_start = 10
    found = confluent.list_offsets({TopicPartition("orders", number): spec for number in range(4)})
    assert [future.result(timeout=10).offset for future in found.values()] == [offset] * 4


def test_an_open_transaction_holds_the_last_stable_offset_back(confluent: AdminClient, model: Model) -> None:
    model.topics["orders"].partitions[0].last_stable = 60
    at = TopicPartition("orders", 0)
    assert only(confluent.list_offsets({at: OffsetSpec.latest()})).offset == 100
    stable = confluent.list_offsets({at: OffsetSpec.latest()}, isolation_level=IsolationLevel.READ_COMMITTED)
    assert only(stable).offset == 60


def test_configs(confluent: AdminClient, model: Model) -> None:
    found = only(confluent.describe_configs([ConfigResource("topic", "orders")]))
    assert (found["retention.ms"].value, found["retention.ms"].source) == ("1000", Source.TOPIC)
    assert (found["cleanup.policy"].value, found["cleanup.policy"].is_default) == ("delete", True)
    model.brokers[2].configs["log.retention.hours"] = Config("12", Source.STATIC_BROKER)
    found = only(confluent.describe_configs([ConfigResource("broker", "2")]))
    assert found["log.retention.hours"].value == "12"
    assert found["ssl.keystore.password"].value is None
    assert found["ssl.keystore.password"].is_sensitive


def test_what_is_denied_is_said_by_name_and_left_out_of_lists(confluent: AdminClient, model: Model) -> None:
    model.rights["ANONYMOUS"] = Rights(
        all_but("payments"), all_but("idle"), cluster=False, topic_configs=all_but("orders")
    )
    assert set(confluent.list_topics(timeout=10).topics) == {"orders"}
    assert {group.group_id for group in confluent.list_consumer_groups().result(timeout=10).valid} == {
        "billing",
        "modern",
    }
    asked: list[tuple[int, Any]] = [
        (29, confluent.describe_configs([ConfigResource("topic", "orders")])),
        (30, confluent.describe_consumer_groups(["idle"])),
        (30, confluent.list_consumer_group_offsets([ConsumerGroupTopicPartitions("idle")])),
    ]
    for code, futures in asked:
        with pytest.raises(KafkaException) as refused:
            only(futures)
        assert refused.value.args[0].code() == code
