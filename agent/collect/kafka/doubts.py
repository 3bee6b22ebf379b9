"""What the doctor alone asks: which release a broker is of, and what we may not do there."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.collect.kafka.features import levels_of, question
from agent.collect.kafka.metadata import read_metadata
from agent.collect.kafka.wire import Wire
from checks.facts import Unknown, Why
from checks.facts.codes import GROUP_DENIED, TOPIC_DENIED

_READ = 3
"""The operation, as the protocol numbers it."""


class Signs(NamedTuple):
    """By which a release is known."""

    features: Mapping[str, int]
    """The highest level of each feature that the broker supports."""
    finalized: Mapping[str, int]
    """The level that the cluster uses."""
    guess: str
    """The release that speaks these versions of the APIs, as `3.9`."""


def read_signs(wire: Wire) -> Signs | Unknown:
    from kafka.protocol.broker_version_data import infer_broker_version_from_api_versions  # noqa: PLC0415 - 0.4 s

    def read(answer: Any) -> Signs | Unknown:
        levels = levels_of(answer)
        versions = {api.api_key: (api.min_version, api.max_version) for api in answer.api_keys}
        guess = ".".join(map(str, infer_broker_version_from_api_versions(versions)))
        return levels if isinstance(levels, Unknown) else Signs(levels.supported, levels.finalized, guess)

    signs: Signs | Unknown = wire.put(question(read), None)
    return signs


def topic_denied(wire: Wire, name: str) -> bool | Unknown:
    told = read_metadata(wire, [name])
    if isinstance(told, Unknown):
        return told
    topic = told.topics.get(name)
    return topic.why is Why.DENIED if isinstance(topic, Unknown) else False


def configs_denied(wire: Wire, name: str) -> bool | Unknown:
    from kafka.protocol.admin import DescribeConfigsRequest  # noqa: PLC0415 - as above

    resource = DescribeConfigsRequest.DescribeConfigsResource(
        resource_type=2, resource_name=name, configuration_keys=["retention.ms"]
    )
    answer = wire.ask(
        None, DescribeConfigsRequest, 4, resources=[resource], include_synonyms=False, include_documentation=False
    )
    return answer if isinstance(answer, Unknown) else any(r.error_code == TOPIC_DENIED for r in answer.results)


def group_denied(wire: Wire, name: str) -> bool | Unknown:
    """Any broker tells this before it tells that it does not coordinate the group; FindCoordinator could make a topic."""
    from kafka.protocol.admin import DescribeGroupsRequest  # noqa: PLC0415 - as above

    answer = wire.ask(None, DescribeGroupsRequest, 5, groups=[name], include_authorized_operations=False)
    return answer if isinstance(answer, Unknown) else any(g.error_code == GROUP_DENIED for g in answer.groups)


def unreadable(wire: Wire, names: Sequence[str]) -> frozenset[str] | Unknown:
    """The topics on which READ is not granted, as the brokers tell rights (KIP-430): nothing is read to hear it."""
    from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - as above

    answer = wire.ask(
        None,
        MetadataRequest,
        10,
        topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in names],
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=True,
    )
    if isinstance(answer, Unknown):
        return answer
    told = {topic.name: topic.authorized_operations for topic in answer.topics}
    if any(operations is None for operations in told.values()):
        return Unknown(Why.UNSUPPORTED, "the broker tells no rights (needs Kafka 2.3: KIP-430)")
    return frozenset(name for name, operations in told.items() if _READ not in operations)
