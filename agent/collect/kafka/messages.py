"""Messages of the Kafka protocol that kafka-python lacks, made by its own class factory from `schemas/`.

Importing a response registers it with kafka-python for the whole process, by API key: never subclass one.
"""

from typing import Any

from kafka.protocol.api_message import ApiMessage

_SCHEMAS = "agent.collect.kafka.schemas"
_ITS_OWN = "kafka.protocol.schemas.resources"
"""Of kafka-python, which has the schema of some messages and no class."""


class ConsumerGroupDescribeRequest(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """Asks a coordinator about groups of the consumer protocol (KIP-848): `group_ids`, `include_authorized_operations`.

    DescribeGroups answers Dead for these groups. A group of another kind is GROUP_ID_NOT_FOUND (69) here. One subscribed
    topic that the caller may not describe fails its whole group with TOPIC_AUTHORIZATION_FAILED (29).
    """


class ConsumerGroupDescribeResponse(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """One entry in `groups` for each group asked for; read `error_code` before anything else.

    `authorized_operations` is a set of ACL operation codes, or None if they were not asked for, as in kafka-python's
    other responses.
    """

    @classmethod
    def json_patch(cls, json: dict[str, Any]) -> dict[str, Any]:
        # kafka-python's own type for such masks, which the schema of the protocol does not know.
        groups = next(field for field in json["fields"] if field["name"] == "Groups")
        next(field for field in groups["fields"] if field["name"] == "AuthorizedOperations")["type"] = "bitfield"
        return json


class ShareGroupDescribeRequest(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """Asks a coordinator about share groups (KIP-932): as ConsumerGroupDescribe. Version 0 was an early form of Kafka 4.0."""


class ShareGroupDescribeResponse(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """One entry in `groups` for each group asked for; read `error_code` before anything else."""


class DescribeShareGroupOffsetsRequest(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """Asks a coordinator where share groups stand: `groups`, each with `topics` of None for all it reads."""


class DescribeShareGroupOffsetsResponse(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """One entry in `groups` for each group asked for, with an error code of its own and one for each partition.

    `lag` is told from version 1 on (Kafka 4.2, KIP-1226).
    """


class StreamsGroupDescribeRequest(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """Asks a coordinator about streams groups (KIP-1071): as ConsumerGroupDescribe."""


class StreamsGroupDescribeResponse(ApiMessage, load_json=_SCHEMAS):  # type: ignore[call-arg, misc]
    """One entry in `groups` for each group asked for; read `error_code` before anything else.

    `topology`, and its `subtopologies`, are None where the group does not know them.
    """


class DescribeTopicPartitionsRequest(ApiMessage, load_json=_ITS_OWN):  # type: ignore[call-arg, misc]
    """Asks any broker about `topics` (KIP-966), from `cursor` on where that is not None."""


class DescribeTopicPartitionsResponse(ApiMessage, load_json=_ITS_OWN):  # type: ignore[call-arg, misc]
    """One entry in `topics` for each topic asked for, by name; where `next_cursor` is not None, partitions are left."""


__all__ = [
    "ConsumerGroupDescribeRequest",
    "ConsumerGroupDescribeResponse",
    "DescribeShareGroupOffsetsRequest",
    "DescribeShareGroupOffsetsResponse",
    "DescribeTopicPartitionsRequest",
    "DescribeTopicPartitionsResponse",
    "ShareGroupDescribeRequest",
    "ShareGroupDescribeResponse",
    "StreamsGroupDescribeRequest",
    "StreamsGroupDescribeResponse",
]
