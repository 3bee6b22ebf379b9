"""Configurations: how topics and brokers are set."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from agent.collect.kafka.rights import DESCRIBE_CONFIGS_CLUSTER, DESCRIBE_CONFIGS_TOPIC
from agent.collect.kafka.wire import Wire
from checks.facts import BrokerConfig, Setting, Topic, TopicConfig, Unknown, Why
from checks.facts.codes import refused

_SOURCES = {1: "DYNAMIC_TOPIC_CONFIG", 2: "DYNAMIC_BROKER_CONFIG", 3: "DYNAMIC_DEFAULT_BROKER_CONFIG"}
_SOURCES |= {4: "STATIC_BROKER_CONFIG", 5: "DEFAULT_CONFIG", 6: "DYNAMIC_BROKER_LOGGER_CONFIG"}

TOPIC_KEYS = (
    "cleanup.policy",
    "compression.type",
    "flush.messages",
    "flush.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.ms",
    "unclean.leader.election.enable",
)
"""An allow-list: what is not named here never enters a snapshot."""
BROKER_KEYS = (
    "auto.create.topics.enable",
    "broker.rack",
    "default.replication.factor",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.message.timestamp.type",
    "log.retention.ms",
    "min.insync.replicas",
    "num.partitions",
    "offsets.retention.minutes",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
)

_BATCH = 200
EVERY = 300.0
"""Seconds after which a configuration is asked for again: the question names every topic and key, and people change them seldom."""


class Configs:
    """Asks what topics and brokers are set to, and again when what was told is old: people change it, now and then."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._topics: dict[str, tuple[float, str, TopicConfig | Unknown]] = {}
        """When it was asked, the topic id then, and what was said."""
        self._brokers: dict[str, tuple[float, BrokerConfig | Unknown]] = {}

    def of_topics(self, wire: Wire, topics: Mapping[str, Topic]) -> dict[str, TopicConfig | Unknown]:
        """A topic that was created anew is asked for at once, and one of which nothing is known each time."""
        now = self._clock()
        kept = {
            name: before
            for name, topic in topics.items()
            if (before := self._topics.get(name)) is not None and before[1] == topic.id and self._fresh(now, before)
        }
        told: dict[str, TopicConfig | Unknown] = {}
        for batch in _batches(sorted(topics.keys() - kept.keys())):
            close = DESCRIBE_CONFIGS_TOPIC.close()
            for name, one in _configs(wire, None, 2, batch, TOPIC_KEYS, close).items():
                told[name] = one if isinstance(one, Unknown) else TopicConfig(one)
        self._topics = kept | {name: (now, topics[name].id, one) for name, one in told.items()}
        return {name: self._topics[name][2] for name in sorted(topics)}

    def of_brokers(self, wire: Wire, brokers: Iterable[int]) -> dict[str, BrokerConfig | Unknown]:
        """Each broker tells its own, by its id as text."""
        now = self._clock()
        told: dict[str, tuple[float, BrokerConfig | Unknown]] = {}
        for broker in brokers:
            before = self._brokers.get(str(broker))
            if before is None or not self._fresh(now, before):
                close = DESCRIBE_CONFIGS_CLUSTER.close()
                one = _configs(wire, broker, 4, [str(broker)], BROKER_KEYS, close)[str(broker)]
                before = now, one if isinstance(one, Unknown) else BrokerConfig(one)
            told[str(broker)] = before
        self._brokers = told
        return {broker: one for broker, (_, one) in told.items()}

    def _fresh(self, now: float, before: tuple[Any, ...]) -> bool:
        return now - before[0] < self._every and not isinstance(before[-1], Unknown)


def _configs(
    wire: Wire, node: int | None, kind: int, names: Sequence[str], keys: Sequence[str], close: str
) -> dict[str, Mapping[str, Setting] | Unknown]:
    from kafka.protocol.admin import DescribeConfigsRequest  # noqa: PLC0415 - as above

    resource = DescribeConfigsRequest.DescribeConfigsResource
    told = wire.made(
        lambda answer: _told(answer, keys, close),
        node,
        DescribeConfigsRequest,
        4,
        resources=[resource(resource_type=kind, resource_name=name, configuration_keys=list(keys)) for name in names],
        include_synonyms=False,
        include_documentation=False,
    )
    if isinstance(told, Unknown):
        return dict.fromkeys(names, told)
    missing = Unknown(Why.UNREACHABLE, "its configuration was not answered")
    return {name: told.get(name, missing) for name in names}


def _told(answer: Any, keys: Sequence[str], close: str) -> dict[str, Mapping[str, Setting] | Unknown]:
    told: dict[str, Mapping[str, Setting] | Unknown] = {}
    for result in answer.results:
        if result.error_code:
            told[result.resource_name] = refused(result.error_code, f"configuration of {result.resource_name}", close)
        else:
            told[result.resource_name] = {
                c.name: Setting(
                    None if c.is_sensitive else c.value, _SOURCES.get(c.config_source, str(c.config_source))
                )
                for c in result.configs
                if c.name in keys
            }
    return told


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]
