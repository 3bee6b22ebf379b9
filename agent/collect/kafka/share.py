"""Where share groups (KIP-932) stand. They commit nothing: each partition has a first record that is not
finished, and behind it some that are. How many are left the broker alone knows, and tells from Kafka 4.2 on (KIP-1226).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from agent.collect.kafka.committed import of_rows
from agent.collect.kafka.connection import Question
from checks.facts import NEVER, Committed, Unknown

DESCRIBE, OFFSETS = 77, 90
LAG_SINCE = 1


def offsets_question(names: list[str], version: int, failed: Any, at: float) -> Question:
    """Its answer is for each name where the group stands, as of `at`; what the broker's `version` does not tell is NEVER."""
    from agent.collect.kafka.messages import DescribeShareGroupOffsetsRequest  # noqa: PLC0415 - the import costs 0.4 s

    kind = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
    read = partial(_offsets, at=at, told=version >= LAG_SINCE, failed=failed)
    groups = [kind(group_id=name, topics=None) for name in names]
    return Question(DescribeShareGroupOffsetsRequest, 1, lambda: {"groups": groups}, read)


def _offsets(answer: Any, *, at: float, told: bool, failed: Any) -> Mapping[str, Committed | Unknown]:
    found: dict[str, Committed | Unknown] = {}
    for group in answer.groups:
        name = group.group_id
        if group.error_code:
            found[name] = failed(group.error_code, f"offsets of {name}", name)
            continue
        rows = {
            topic.topic_name: [
                (p.partition_index, p.start_offset, NEVER, p.lag if told else NEVER, p.error_code)
                for p in topic.partitions
            ]
            for topic in group.topics
        }
        found[name] = of_rows(rows, at, shared=True)
    return found
