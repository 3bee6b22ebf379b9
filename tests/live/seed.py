"""What tests put into a cluster, through confluent-kafka: a client that mqcanary does not use, so that one fault can't hide in both."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.live.process import until

T = TypeVar("T")
Partition = tuple[str, int]

_NOT_YET = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE}


@dataclasses.dataclass(frozen=True)
class TopicSpec:
    partitions: int = 1
    replication: int = 1
    configs: Mapping[str, str] = dataclasses.field(default_factory=dict)


def admin(bootstrap: str) -> AdminClient:
    """Hold it (a name, a `with`) while its futures run: once nobody does, they never get their answer."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def create_topics(bootstrap: str, topics: Mapping[str, TopicSpec] | Iterable[str], *, timeout: float = 30.0) -> None:
    """Create topics (bare names get one partition) and wait until every partition is led: before that, messages are lost."""
    specs = topics if isinstance(topics, Mapping) else {name: TopicSpec() for name in topics}
    client = admin(bootstrap)
    wanted = [
        NewTopic(name, num_partitions=spec.partitions, replication_factor=spec.replication, config=dict(spec.configs))
        for name, spec in specs.items()
    ]
    _results(client.create_topics(wanted, operation_timeout=timeout))

    def led() -> bool:
        seen = client.list_topics(timeout=timeout).topics
        return all(
            name in seen
            and len(seen[name].partitions) == spec.partitions
            and all(p.leader >= 0 and len(p.isrs) == spec.replication for p in seen[name].partitions.values())
            for name, spec in specs.items()
        )

    until(led, f"every partition of {len(specs)} topics is led and in sync", timeout=timeout)


def delete_topics(bootstrap: str, names: Sequence[str], *, timeout: float = 30.0) -> None:
    client = admin(bootstrap)
    _results(client.delete_topics(list(names), operation_timeout=timeout))
    until(
        lambda: not set(names) & set(client.list_topics(timeout=timeout).topics), "the topics are gone", timeout=timeout
    )


def produce(
    bootstrap: str,
    topic: str,
    n: int,
    *,
    partition: int | None = None,
    key: str | bytes | None = None,
    timestamp: int = 0,
    every: int = 0,
    value: bytes = b"x",
) -> dict[int, int]:
    """Send `n` messages, the i-th `timestamp + i * every` ms old epoch time; returns the offset after the last, by partition.

    A `timestamp` of 0 leaves it to the client's clock. Every delivery is checked.
    """
    ends: dict[int, int] = {}
    errors: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error:
            errors.append(str(error))
        else:
            place, offset = message.partition(), message.offset()
            assert place is not None
            assert offset is not None
            ends[place] = max(ends.get(place, 0), offset + 1)

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0, "log_level": 0})
    options: dict[str, Any] = {} if partition is None else {"partition": partition}
    for i in range(n):
        when: dict[str, Any] = {"timestamp": timestamp + i * every} if timestamp else {}
        while True:
            try:
                producer.produce(topic, value=value, key=key, on_delivery=delivered, **options, **when)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(30)
    if left or errors:
        raise RuntimeError(f"of {n} messages to {topic} {left} are under way and {len(errors)} failed: {errors[:1]}")
    return ends


def commit_offsets(bootstrap: str, group: str, offsets: Mapping[Partition, int], *, timeout: float = 20.0) -> None:
    """Set the offsets of a group that has no members (a group with members commits itself: `Member.commit`).

    The call succeeds while single partitions fail, with NOT_COORDINATOR first of all: each one's error is looked at.
    """
    client = admin(bootstrap)
    left = dict(offsets)
    last = ""

    def committed() -> bool:
        nonlocal last
        request = ConsumerGroupTopicPartitions(
            group, [TopicPartition(*place, offset) for place, offset in left.items()]
        )
        try:
            (answer,) = _results(client.alter_consumer_group_offsets([request], request_timeout=10)).values()
        except KafkaException as failure:
            last = _patient(failure.args[0])
            return False
        for row in answer.topic_partitions:
            if row.error:
                last = _patient(row.error)
            else:
                left.pop((row.topic, row.partition))
        return not left

    try:
        until(committed, f"{len(left)} offsets of {group} are committed", timeout=timeout, every=0.1)
    except TimeoutError as late:
        raise TimeoutError(f"{late}: {last}") from None


def delete_groups(bootstrap: str, groups: Sequence[str]) -> None:
    client = admin(bootstrap)
    _results(client.delete_consumer_groups(list(groups), request_timeout=10))


def delete_records(bootstrap: str, before: Mapping[Partition, int]) -> None:
    """Move the start of logs up to these offsets, as retention would."""
    client = admin(bootstrap)
    _results(client.delete_records([TopicPartition(*place, offset) for place, offset in before.items()]))


def add_partitions(bootstrap: str, totals: Mapping[str, int]) -> None:
    """Let topics have so many partitions; returns when every one of them is led."""
    client = admin(bootstrap)
    _results(client.create_partitions([NewPartitions(name, total) for name, total in totals.items()]))

    def led() -> bool:
        seen = client.list_topics(timeout=10).topics
        return all(
            sum(p.leader >= 0 for p in seen[name].partitions.values()) == total for name, total in totals.items()
        )

    until(led, f"every partition of {len(totals)} topics is led")


def allow(
    bootstrap: str,
    user: str,
    kind: ResourceType,
    name: str,
    operations: Iterable[AclOperation],
    *,
    prefixed: bool = False,
) -> None:
    """Let a user do something (cluster's name: kafka-cluster); returns when the broker knows it."""
    client = admin(bootstrap)
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    place = (kind, name, pattern, f"User:{user}", "*")
    wanted = [AclBinding(*place, operation, AclPermissionType.ALLOW) for operation in operations]
    _results(client.create_acls(wanted))
    these = AclBindingFilter(*place, AclOperation.ANY, AclPermissionType.ALLOW)
    until(lambda: set(wanted) <= set(client.describe_acls(these).result(10)), f"the broker knows the rights of {user}")


def take_rights(bootstrap: str, user: str) -> None:
    """Whatever a user was allowed it may no more; returns when the broker knows it."""
    client = admin(bootstrap)
    anything = (ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{user}", None)
    rights = AclBindingFilter(*anything, AclOperation.ANY, AclPermissionType.ANY)
    _results(client.delete_acls([rights], request_timeout=10))
    until(lambda: not client.describe_acls(rights).result(10), f"the broker knows that {user} has no rights")


def _patient(error: KafkaError) -> str:
    """The text of an error that passes by itself; raises on any other."""
    if error.code() not in _NOT_YET and not error.retriable():
        raise KafkaException(error)
    return str(error)


def _results(futures: Mapping[Any, Future[T]]) -> dict[Any, T]:
    return {name: future.result(60) for name, future in futures.items()}
