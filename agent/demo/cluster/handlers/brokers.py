"""What brokers say of themselves, of topics' layout, and of who coordinates what."""

import uuid
from collections.abc import Iterator
from typing import Any

from kafka.protocol.admin import (
    DescribeClusterResponse,
    DescribeLogDirsResponse,
    DescribeQuorumResponse,
    ListPartitionReassignmentsResponse,
)
from kafka.protocol.metadata import ApiVersionsResponse, FindCoordinatorResponse, MetadataResponse

from agent.collect.kafka.messages import DescribeTopicPartitionsResponse
from agent.demo.cluster.handlers.call import (
    CLUSTER_AUTHORIZATION_FAILED,
    COORDINATOR_NOT_AVAILABLE,
    GROUP_AUTHORIZATION_FAILED,
    LEADER_NOT_AVAILABLE,
    NONE,
    TOPIC_AUTHORIZATION_FAILED,
    UNKNOWN_TOPIC_ID,
    UNKNOWN_TOPIC_OR_PARTITION,
    Call,
)
from agent.demo.cluster.model import NOBODY, Broker, Partition, Topic

_GROUP_KEY = 0
_OFFSETS_TOPIC = "__consumer_offsets"
_OLDEST_METADATA = 7


def api_versions(call: Call, _request: Any) -> Any:
    rows = [(api, low, high) for api, (low, high) in sorted(call.versions.items())]
    supported, used = call.model.brokers[call.broker].features, call.model.features
    lowest = {name: _OLDEST_METADATA if name == "metadata.version" else 0 for name in supported}
    return ApiVersionsResponse(
        error_code=call.errors.everything,
        api_keys=rows,
        # Before version 4 the lowest level can't be 0.
        supported_features=[
            (name, lowest[name], level) for name, level in supported.items() if lowest[name] or call.version >= 4
        ],
        finalized_features_epoch=round(call.model.clock() * 1000) if used else -1,
        finalized_features=[(name, level, level) for name, level in used.items() if level],
    )


def _listed(call: Call) -> list[Broker]:
    return [broker for _, broker in sorted(call.model.brokers.items()) if not broker.fenced]


def metadata(call: Call, request: Any) -> Any:
    wanted = request.topics
    if wanted is None or (call.version == 0 and not wanted):
        topics = [
            _described_topic(call, request, topic)
            for topic in call.model.topics.values()
            if topic.name in call.rights.topics  # the real one leaves denied topics out of a full list without a word
        ]
    else:
        topics = list(_topics_asked_for(call, request))
    cluster_operations = call.rights.on_cluster() if request.include_cluster_authorized_operations else None
    return MetadataResponse(
        brokers=[
            MetadataResponse.MetadataResponseBroker(node_id=b.id, host=b.host, port=b.port, rack=b.rack)
            for b in _listed(call)
        ],
        cluster_id=call.model.cluster_id,
        controller_id=call.model.controller,
        topics=topics,
        authorized_operations=cluster_operations,
        error_code=call.errors.everything,
    )


def _topics_asked_for(call: Call, request: Any) -> Iterator[Any]:
    by_id: dict[uuid.UUID, Topic] = {}
    if any(asked.name is None for asked in request.topics):
        by_id = {topic.id: topic for topic in call.model.topics.values()}
    for asked in request.topics:
        if asked.name is None:
            topic = by_id.get(asked.topic_id)
            if topic is None:
                yield _topic_error(UNKNOWN_TOPIC_ID, None, asked.topic_id)
            elif topic.name not in call.rights.topics:
                yield _topic_error(TOPIC_AUTHORIZATION_FAILED, None, asked.topic_id)
            else:
                yield _described_topic(call, request, topic)
        elif asked.name not in call.rights.topics:
            yield _topic_error(TOPIC_AUTHORIZATION_FAILED, asked.name)
        elif asked.name in call.model.topics:
            yield _described_topic(call, request, call.model.topics[asked.name])
        elif asked.name == _OFFSETS_TOPIC and call.model.offsets_topic:
            one = Partition(call.broker, (call.broker,), (call.broker,))
            yield _described_topic(call, request, Topic(_OFFSETS_TOPIC, [one], internal=True))
        elif request.allow_auto_topic_creation and call.model.auto_create_topics:
            call.model.add_topic(asked.name, partitions=1)
            yield _topic_error(LEADER_NOT_AVAILABLE, asked.name)
        else:
            yield _topic_error(call.errors.topic(asked.name) or UNKNOWN_TOPIC_OR_PARTITION, asked.name)


def _topic_error(error: int, name: str | None, topic_id: uuid.UUID | None = None) -> Any:
    return MetadataResponse.MetadataResponseTopic(error_code=error, name=name, topic_id=topic_id, partitions=[])


def _described_topic(call: Call, request: Any, topic: Topic) -> Any:
    # A partition's own error belongs to the partition; `topic` has looked at the others.
    if error := call.errors.topic(topic.name):
        return _topic_error(error, topic.name, topic.id)
    asked = request.include_topic_authorized_operations
    return MetadataResponse.MetadataResponseTopic(
        error_code=NONE,
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.internal,
        partitions=_partition_rows(call, topic),
        authorized_operations=call.rights.on_topic(topic.name) if asked else None,
    )


def _partition_rows(call: Call, topic: Topic) -> list[tuple[Any, ...]]:
    # Tuples in the order of the version's fields: objects would cost five times the time at 35,000 partitions.
    rows: list[tuple[Any, ...]] = []
    for index, p in enumerate(topic.partitions):
        error = LEADER_NOT_AVAILABLE if p.leader == NOBODY else NONE
        if call.errors.partitions:
            error = call.errors.partition(topic.name, index) or error
        if call.version >= 7:
            rows.append((error, index, p.leader, p.leader_epoch, p.replicas, p.isr, p.offline))
        elif call.version >= 5:
            rows.append((error, index, p.leader, p.replicas, p.isr, p.offline))
        else:
            rows.append((error, index, p.leader, p.replicas, p.isr))
    return rows


_MOST_PARTITIONS = 2000


def describe_topic_partitions(call: Call, request: Any) -> Any:
    names = sorted({topic.name for topic in request.topics})
    start = (request.cursor.topic_name, request.cursor.partition_index) if request.cursor is not None else ("", 0)
    room = min(request.response_partition_limit, _MOST_PARTITIONS)
    kind, topics = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic, []
    for name in (name for name in names if name >= start[0]):
        topic = call.model.topics.get(name)
        error = NONE if topic is not None else UNKNOWN_TOPIC_OR_PARTITION
        error = TOPIC_AUTHORIZATION_FAILED if name not in call.rights.topics else call.errors.topic(name) or error
        if error or topic is None:
            topics.append(kind(error_code=error, name=name, topic_id=uuid.UUID(int=0), partitions=[]))
            continue
        first = start[1] if name == start[0] else 0
        rows = _eligible_rows(call, topic, first, first + room)
        topics.append(kind(error_code=NONE, name=name, topic_id=topic.id, is_internal=topic.internal, partitions=rows))
        room -= len(rows)
        if first + len(rows) < len(topic.partitions):
            cursor = DescribeTopicPartitionsResponse.Cursor(topic_name=name, partition_index=first + len(rows))
            return DescribeTopicPartitionsResponse(topics=topics, next_cursor=cursor)
    return DescribeTopicPartitionsResponse(topics=topics, next_cursor=None)


def _eligible_rows(call: Call, topic: Topic, first: int, end: int) -> list[Any]:
    kind = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic.DescribeTopicPartitionsResponsePartition
    return [
        kind(
            error_code=call.errors.partition(topic.name, index)
            or (LEADER_NOT_AVAILABLE if p.leader == NOBODY else NONE),
            partition_index=index,
            leader_id=p.leader,
            leader_epoch=p.leader_epoch,
            replica_nodes=list(p.replicas),
            isr_nodes=list(p.isr),
            eligible_leader_replicas=None if p.eligible is None else list(p.eligible),
            last_known_elr=[],
            offline_replicas=list(p.offline),
        )
        for index, p in enumerate(topic.partitions[first:end], first)
    ]


def describe_cluster(call: Call, request: Any) -> Any:
    asked = request.include_cluster_authorized_operations
    listed = call.model.brokers.values() if request.include_fenced_brokers else _listed(call)
    return DescribeClusterResponse(
        error_code=call.errors.everything,
        cluster_id=call.model.cluster_id,
        controller_id=call.model.controller,
        brokers=[
            DescribeClusterResponse.DescribeClusterBroker(
                broker_id=b.id, host=b.host, port=b.port, rack=b.rack, is_fenced=b.fenced
            )
            for b in listed
        ],
        authorized_operations=call.rights.on_cluster() if asked else None,
    )


def find_coordinator(call: Call, request: Any) -> Any:
    if request.key_type == _GROUP_KEY:
        call.model.offsets_topic = True
    if call.version < 4:
        error, broker = _coordinator(call, request.key, request.key_type)
        return FindCoordinatorResponse(
            error_code=error, error_message=_words(error), node_id=broker.id, host=broker.host, port=broker.port
        )
    rows = []
    for key in request.coordinator_keys:
        error, broker = _coordinator(call, key, request.key_type)
        rows.append((key, broker.id, broker.host, broker.port, error, _words(error)))
    return FindCoordinatorResponse(coordinators=rows)


def _words(error: int) -> str | None:
    return "simulated" if error else None


def _coordinator(call: Call, key: str, kind: int) -> tuple[int, Broker]:
    nobody = Broker(NOBODY, host="", port=NOBODY)
    if error := call.errors.coordinator(key):
        return error, nobody
    if kind == _GROUP_KEY and key not in call.rights.groups:
        return GROUP_AUTHORIZATION_FAILED, nobody
    broker = call.model.brokers.get(call.model.coordinator_of(key))
    if broker is None or broker.fenced:
        return COORDINATOR_NOT_AVAILABLE, nobody
    return NONE, broker


def describe_log_dirs(call: Call, request: Any) -> Any:
    if not call.rights.cluster:
        # Before version 3 there is no field for the error: denied looks like no disks at all.
        return DescribeLogDirsResponse(error_code=CLUSTER_AUTHORIZATION_FAILED, results=[])
    broker = call.model.brokers[call.broker]
    asked = None if request.topics is None else {row.topic: set(row.partitions) for row in request.topics}
    topics = []
    for topic in call.model.topics.values():
        if asked is not None and topic.name not in asked:
            continue
        rows = [
            ((p.log_end - p.log_start) * topic.record_bytes, index)
            for index, p in enumerate(topic.partitions)
            if call.broker in p.replicas and (asked is None or index in asked[topic.name])
        ]
        if rows:
            topics.append((topic.name, [(index, size, 0, False) for size, index in rows]))
    result = DescribeLogDirsResponse.DescribeLogDirsResult(
        error_code=NONE,
        log_dir=broker.log_dir,
        topics=topics,
        total_bytes=broker.total_bytes,
        usable_bytes=broker.usable_bytes,
        is_cordoned=False,
    )
    return DescribeLogDirsResponse(error_code=call.errors.everything, results=[result])


def list_reassignments(call: Call, request: Any) -> Any:
    if not call.rights.cluster:
        return ListPartitionReassignmentsResponse(error_code=CLUSTER_AUTHORIZATION_FAILED, topics=[])
    asked = None if request.topics is None else {row.name: set(row.partition_indexes) for row in request.topics}
    topics = []
    for topic in call.model.topics.values():
        rows = [
            (index, p.replicas, p.adding, p.removing)
            for index, p in enumerate(topic.partitions)
            if (p.adding or p.removing) and (asked is None or index in asked.get(topic.name, ()))
        ]
        if rows:
            topics.append((topic.name, rows))
    return ListPartitionReassignmentsResponse(error_code=call.errors.everything, topics=topics)


def describe_quorum(call: Call, _request: Any) -> Any:
    if not call.rights.cluster:
        return DescribeQuorumResponse(error_code=CLUSTER_AUTHORIZATION_FAILED, topics=[])
    topic = DescribeQuorumResponse.TopicData
    log, now = topic.PartitionData, call.model.clock()
    voters = []
    for voter in call.model.voters:
        fetched, caught_up = (-1 if age is None else round((now - age) * 1000) for age in (voter.silent, voter.behind))
        voters.append(
            log.ReplicaState(
                replica_id=voter.id,
                log_end_offset=-1 if voter.behind is None else 1000,
                last_fetch_timestamp=fetched,
                last_caught_up_timestamp=caught_up,
            )
        )
    leader = call.model.voters[0].id
    told = log(
        partition_index=0,
        error_code=NONE,
        leader_id=leader,
        leader_epoch=1,
        high_watermark=1000,
        current_voters=voters,
        observers=[],
    )
    node = DescribeQuorumResponse.Node
    nodes = [
        node(node_id=v.id, listeners=[node.Listener(name="CONTROLLER", host=f"controller-{v.id}", port=9093)])
        for v in call.model.voters
    ]
    rows = [topic(topic_name="__cluster_metadata", partitions=[told])]
    return DescribeQuorumResponse(error_code=call.errors.everything, topics=rows, nodes=nodes)
