"""Groups: who lists them, and how each of the protocols describes them."""

from typing import Any

from kafka.protocol.admin import DescribeGroupsResponse, ListGroupsResponse
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

from agent.collect.kafka.messages import (
    ConsumerGroupDescribeResponse,
    DescribeShareGroupOffsetsResponse,
    ShareGroupDescribeResponse,
    StreamsGroupDescribeResponse,
)
from agent.demo.cluster.handlers.call import GROUP_ID_NOT_FOUND, NONE, TOPIC_AUTHORIZATION_FAILED, Call
from agent.demo.cluster.model import Assignment, Group, Member

_CLASSIC = DescribeGroupsResponse.DescribedGroup
_CLASSIC_MEMBER = _CLASSIC.DescribedGroupMember
_CONSUMER = ConsumerGroupDescribeResponse.DescribedGroup
_CONSUMER_MEMBER = _CONSUMER.Member
_ASSIGNMENT = _CONSUMER_MEMBER.Assignment
_SHARE = ShareGroupDescribeResponse.DescribedGroup
_SHARE_MEMBER = _SHARE.Member
_STREAMS = StreamsGroupDescribeResponse.DescribedGroup
_STREAMS_MEMBER = _STREAMS.Member
_TASKS = _STREAMS_MEMBER.Assignment
_TOPOLOGY = _STREAMS.Topology
_PART = _TOPOLOGY.Subtopology
_STANDING = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup
_STANDING_TOPIC = _STANDING.DescribeShareGroupOffsetsResponseTopic
_STANDING_PARTITION = _STANDING_TOPIC.DescribeShareGroupOffsetsResponsePartition


def list_groups(call: Call, request: Any) -> Any:
    if error := call.errors.everything:
        return ListGroupsResponse(error_code=error, groups=[])
    states = {state.lower() for state in request.states_filter or ()}
    kinds = {kind.lower() for kind in request.types_filter or ()}
    rows = [
        ListGroupsResponse.ListedGroup(
            group_id=group.id, protocol_type=group.protocol_type, group_state=group.state, group_type=group.kind
        )
        for group in call.model.groups.values()
        if group.lists(call.broker)
        # DESCRIBE on the cluster shows every group; else the list is shorter and says nothing about it.
        and (call.rights.cluster or group.id in call.rights.groups)
        and (not states or group.state.lower() in states)
        and (not kinds or group.kind in kinds)
    ]
    return ListGroupsResponse(error_code=NONE, groups=rows)


def describe_groups(call: Call, request: Any) -> Any:
    return DescribeGroupsResponse(groups=[_classic(call, request, name) for name in request.groups])


def _classic(call: Call, request: Any, name: str) -> Any:
    blank = {"group_id": name, "group_state": "", "protocol_type": "", "protocol_data": "", "members": []}
    if error := call.coordinating(name):
        return _CLASSIC(**blank, error_code=error)
    group = call.model.groups.get(name)
    if group is None or group.kind != "classic":
        # A group of the consumer protocol is a stranger to this request, however lively it is.
        blank["group_state"] = "Dead"
        if call.version < 6:
            return _CLASSIC(**blank, error_code=NONE)
        return _CLASSIC(**blank, error_code=GROUP_ID_NOT_FOUND, error_message=f"Group {name} is not a classic group.")
    stable = group.state == "Stable"
    return _CLASSIC(
        error_code=NONE,
        group_id=name,
        group_state=group.state,
        protocol_type=group.protocol_type,
        protocol_data=group.assignor if stable else "",
        members=[_classic_member(member, stable=stable) for member in group.members],
        authorized_operations=call.rights.on_group(name) if request.include_authorized_operations else None,
    )


def _classic_member(member: Member, *, stable: bool) -> Any:
    subscription, assignment = b"", b""
    if stable:
        # Only a stable group has settled on a protocol, in which the members' metadata can be read.
        subscription = ConsumerProtocolSubscription(
            topics=list(member.subscription),
            user_data=None,
            owned_partitions=[],
            generation_id=member.epoch,
            rack_id=member.rack,
        ).encode(version=3)
        assignment = ConsumerProtocolAssignment(
            assigned_partitions=[(topic, list(partitions)) for topic, partitions in member.assignment.items()],
            user_data=None,
        ).encode(version=3)
    return _CLASSIC_MEMBER(
        member_id=member.id,
        group_instance_id=member.instance_id,
        client_id=member.client_id,
        client_host=member.host,
        member_metadata=bytes(subscription),
        member_assignment=bytes(assignment),
    )


def describe_consumer_groups(call: Call, request: Any) -> Any:
    return ConsumerGroupDescribeResponse(groups=[_consumer(call, request, name) for name in request.group_ids])


def _consumer(call: Call, request: Any, name: str) -> Any:
    error = call.coordinating(name)
    group = call.model.groups.get(name)
    if not error and (group is None or group.kind != "consumer"):
        error = GROUP_ID_NOT_FOUND
    if not error and group is not None and not all(topic in call.rights.topics for topic in _topics(group)):
        error = TOPIC_AUTHORIZATION_FAILED
    if error or group is None:
        message = f"Group {name} is not a consumer group." if error == GROUP_ID_NOT_FOUND else None
        return _CONSUMER(
            error_code=error,
            error_message=message,
            group_id=name,
            group_state="",
            group_epoch=0,
            assignment_epoch=0,
            assignor_name="",
            members=[],
        )
    return _CONSUMER(
        error_code=NONE,
        group_id=name,
        group_state=group.state,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.assignor,
        members=[_consumer_member(call, member) for member in group.members],
        authorized_operations=call.rights.on_group(name) if request.include_authorized_operations else None,
    )


def describe_share_groups(call: Call, request: Any) -> Any:
    return ShareGroupDescribeResponse(groups=[_share(call, name) for name in request.group_ids])


def _share(call: Call, name: str) -> Any:
    group, error = _of_kind(call, name, "share")
    if error or group is None:
        blank = {"group_state": "", "group_epoch": 0, "assignment_epoch": 0, "assignor_name": "", "members": []}
        return _SHARE(error_code=error, group_id=name, **blank)
    return _SHARE(
        error_code=NONE,
        group_id=name,
        group_state=group.state,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name="simple",
        members=[
            _SHARE_MEMBER(
                member_id=member.id,
                rack_id=member.rack,
                member_epoch=member.epoch,
                client_id=member.client_id,
                client_host=member.host,
                subscribed_topic_names=list(member.subscription),
                assignment=_SHARE_MEMBER.Assignment(topic_partitions=_places(call, member.assignment)),
            )
            for member in group.members
        ],
    )


def _of_kind(call: Call, name: str, kind: str) -> tuple[Group | None, int]:
    error, group = call.coordinating(name), call.model.groups.get(name)
    return group, error or (GROUP_ID_NOT_FOUND if group is None or group.kind != kind else NONE)


def describe_streams_groups(call: Call, request: Any) -> Any:
    return StreamsGroupDescribeResponse(groups=[_streams(call, name) for name in request.group_ids])


def _streams(call: Call, name: str) -> Any:
    """All that the group reads is one part of its topology, which is not known where no member subscribes to anything."""
    group, error = _of_kind(call, name, "streams")
    if error or group is None:
        return _STREAMS(error_code=error, group_id=name, group_state="", group_epoch=0, assignment_epoch=0, members=[])
    topics = sorted({topic for member in group.members for topic in member.subscription})
    own = [topic for topic in topics if topic.endswith("-repartition")]
    part = _PART(
        subtopology_id="0",
        source_topics=[topic for topic in topics if topic not in own],
        repartition_sink_topics=own,
        state_changelog_topics=[],
        repartition_source_topics=[
            _PART.TopicInfo(name=topic, partitions=0, replication_factor=0, topic_configs=[]) for topic in own
        ],
    )
    return _STREAMS(
        error_code=NONE,
        group_id=name,
        group_state=group.state,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        topology=_TOPOLOGY(epoch=0, subtopologies=[part] if topics else None),
        members=[_streams_member(member) for member in group.members],
    )


def _streams_member(member: Member) -> Any:
    return _STREAMS_MEMBER(
        member_id=member.id,
        member_epoch=member.epoch,
        instance_id=member.instance_id,
        rack_id=member.rack,
        client_id=member.client_id,
        client_host=member.host,
        topology_epoch=0,
        process_id="",
        client_tags=[],
        task_offsets=[],
        task_end_offsets=[],
        assignment=_tasks(member.assignment),
        target_assignment=_tasks(member.assignment if member.target is None else member.target),
        is_classic=member.classic,
    )


def _tasks(assignment: Assignment) -> Any:
    numbers = sorted({partition for partitions in assignment.values() for partition in partitions})
    tasks = [_TASKS.TaskIds(subtopology_id="0", partitions=numbers)] if numbers else []
    return _TASKS(active_tasks=tasks, standby_tasks=[], warmup_tasks=[])


def share_group_offsets(call: Call, request: Any) -> Any:
    return DescribeShareGroupOffsetsResponse(groups=[_standing(call, asked.group_id) for asked in request.groups])


def _standing(call: Call, name: str) -> Any:
    group, error = _of_kind(call, name, "share")
    if error or group is None:
        return _STANDING(group_id=name, topics=[], error_code=error)
    topics = []
    for topic in dict.fromkeys(topic for topic, _ in group.committed):
        model = call.model.topics[topic]
        rows = [
            _STANDING_PARTITION(
                partition_index=index,
                start_offset=start,
                leader_epoch=0,
                lag=model.partitions[index].log_end - start - group.finished.get((topic, index), 0),
                error_code=NONE,
            )
            for (name_of, index), start in group.committed.items()
            if name_of == topic
        ]
        topics.append(_STANDING_TOPIC(topic_name=topic, topic_id=model.id, partitions=rows))
    return _STANDING(group_id=name, topics=topics, error_code=NONE)


def _topics(group: Group) -> set[str]:
    return {topic for member in group.members for topic in (*member.subscription, *member.assignment)}


def _consumer_member(call: Call, member: Member) -> Any:
    return _CONSUMER_MEMBER(
        member_id=member.id,
        instance_id=member.instance_id,
        rack_id=member.rack,
        member_epoch=member.epoch,
        client_id=member.client_id,
        client_host=member.host,
        subscribed_topic_names=list(member.subscription),
        subscribed_topic_regex=member.regex,
        assignment=_assignment(call, member.assignment),
        target_assignment=_assignment(call, member.assignment if member.target is None else member.target),
        member_type=0 if member.classic else 1,
    )


def _assignment(call: Call, assignment: Assignment) -> Any:
    return _ASSIGNMENT(topic_partitions=_places(call, assignment))


def _places(call: Call, assignment: Assignment) -> list[tuple[object, str, tuple[int, ...]]]:
    topics = call.model.topics
    return [(topics[topic].id, topic, partitions) for topic, partitions in assignment.items() if topic in topics]
