"""Members of streams groups (KIP-1071). They own tasks: a part of the topology, by the number of a partition of all that it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from sys import intern
from typing import Any

from checks.facts import Group, Member, Topic, Unknown, Why

DESCRIBE = 89
_NO_TOPOLOGY = Unknown(Why.UNSUPPORTED, "the broker does not tell what topics the parts of this streams group read")


def members(group: Any) -> tuple[Member, ...]:
    """The members of a described group, with the partitions of their active tasks: see `within`."""
    parts = group.topology and group.topology.subtopologies
    reads: Mapping[str, list[str]] | None = None
    subscribed: tuple[str, ...] | Unknown = _NO_TOPOLOGY
    if parts is not None:
        reads = {
            p.subtopology_id: [*p.source_topics, *(intern(t.name) for t in p.repartition_source_topics)] for p in parts
        }
        subscribed = tuple(sorted({intern(topic) for part in parts for topic in part.source_topics}))
    return tuple(_member(member, reads, subscribed) for member in group.members)


def _member(member: Any, reads: Mapping[str, list[str]] | None, subscribed: tuple[str, ...] | Unknown) -> Member:
    assigned, target = (_places(tasks.active_tasks, reads) for tasks in (member.assignment, member.target_assignment))
    return Member(
        member.member_id,
        member.client_id or "",
        member.client_host or "",
        member.instance_id,
        assigned,
        subscribed,
        member.member_epoch,
        None if isinstance(target, Unknown) or target == assigned else target,
    )


def _places(tasks: Sequence[Any], reads: Mapping[str, list[str]] | None) -> Mapping[str, tuple[int, ...]] | Unknown:
    if reads is None or any(task.subtopology_id not in reads for task in tasks):
        return _NO_TOPOLOGY
    assigned: dict[str, set[int]] = {}
    for task in tasks:
        for topic in reads[task.subtopology_id]:
            assigned.setdefault(topic, set()).update(task.partitions)
    return {topic: tuple(sorted(partitions)) for topic, partitions in assigned.items()}


def within(group: Group | Unknown, topics: Mapping[str, Topic | Unknown]) -> Group | Unknown:
    """A streams group without partitions that are not there: a task is numbered by the largest topic of its part, the others may
    have fewer. Groups of other kinds are told with their topics, and stay as they are.
    """
    if isinstance(group, Unknown) or group.kind != "streams" or isinstance(group.members, Unknown):
        return group
    return replace(group, members=tuple(_within(member, topics) for member in group.members))


def _within(member: Member, topics: Mapping[str, Topic | Unknown]) -> Member:
    if isinstance(member.assigned, Unknown):
        return member
    target = None if member.target is None else _there(member.target, topics)
    return replace(member, assigned=_there(member.assigned, topics), target=target)


def _there(
    places: Mapping[str, tuple[int, ...]], topics: Mapping[str, Topic | Unknown]
) -> Mapping[str, tuple[int, ...]]:
    there: dict[str, tuple[int, ...]] = {}
    for name, partitions in places.items():
        topic = topics.get(name)
        if isinstance(topic, Topic):
            partitions = tuple(p for p in partitions if p < len(topic.leader))  # noqa: PLW2901
        if partitions:
            there[name] = partitions
    return there
