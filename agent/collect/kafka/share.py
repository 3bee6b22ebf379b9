"""Share groups (KIP-932): who is in them, and where they stand. They commit nothing: each partition has a first record that is not
finished, and behind it some that are. How many are left the broker alone knows, and tells from Kafka 4.2 on (KIP-1226).
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from agent.collect.kafka.wire import Question
from checks.facts import NEVER, Committed, Group, Member, Unknown
from checks.facts.codes import GROUP_NOT_FOUND

DESCRIBE, OFFSETS = 77, 90
LAG_SINCE = 1


def describe_question(broker: int, names: list[str], gone: Any, failed: Any) -> Question:
    """Its answer is a Group for each name; `gone` where there is none, `failed(code, what, name)` where it is refused."""
    from agent.collect.kafka.messages import ShareGroupDescribeRequest  # noqa: PLC0415 - the import costs 0.4 s

    fields = {"group_ids": names, "include_authorized_operations": False}

    def described(answer: Any) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for group in answer.groups:
            name = group.group_id
            if group.error_code == GROUP_NOT_FOUND or (not group.error_code and group.group_state == "Dead"):
                told[name] = gone
            elif group.error_code:
                told[name] = failed(group.error_code, f"group {name}", name)
            else:
                members = tuple(map(_member, group.members))
                told[name] = Group(name, "share", group.group_state, "share", broker, members)
        return told

    return Question(ShareGroupDescribeRequest, 1, lambda: fields, described)


def _member(member: Any) -> Member:
    assigned = {t.topic_name: tuple(sorted(t.partitions)) for t in member.assignment.topic_partitions}
    subscribed = tuple(sorted(member.subscribed_topic_names or ()))
    return Member(member.member_id, member.client_id or "", member.client_host or "", None, assigned, subscribed)


def offsets_question(names: list[str], version: int, failed: Any) -> Question:
    """Its answer is for each name where the group stands; what the broker's `version` does not tell is NEVER."""
    from agent.collect.kafka.messages import DescribeShareGroupOffsetsRequest  # noqa: PLC0415 - as above

    kind = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
    read = partial(_offsets, at=time.time(), told=version >= LAG_SINCE, failed=failed)
    groups = [kind(group_id=name, topics=None) for name in names]
    return Question(DescribeShareGroupOffsetsRequest, 1, lambda: {"groups": groups}, read)


def _offsets(answer: Any, *, at: float, told: bool, failed: Any) -> Mapping[str, Committed | Unknown]:
    found: dict[str, Committed | Unknown] = {}
    for group in answer.groups:
        name = group.group_id
        if group.error_code:
            found[name] = failed(group.error_code, f"offsets of {name}", name)
            continue
        topics = sorted(group.topics, key=lambda topic: str(topic.topic_name))
        rows = [
            (i, p.partition_index, p.start_offset, p.lag if told else NEVER, p.error_code)
            for i, topic in enumerate(topics)
            for p in sorted(topic.partitions, key=lambda p: int(p.partition_index))
            if p.start_offset >= 0 or p.error_code
        ]
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
        topic, partition, offset, lag, error = (column.copy() for column in table.T)
        names = tuple(topic.topic_name for topic in topics)
        found[name] = Committed(names, topic, partition, offset, error.astype(np.int16), at, lag)
    return found
