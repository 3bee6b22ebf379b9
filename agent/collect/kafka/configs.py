"""Configurations: how topics and brokers are set."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from agent.collect.kafka.connection import Question
from agent.collect.kafka.due import due
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
    "confluent.balancer.enable",
    "default.replication.factor",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.message.timestamp.type",
    "log.retention.ms",
    "min.insync.replicas",
    "num.partitions",
    "offsets.retention.minutes",
    "offsets.topic.replication.factor",
    "transaction.max.timeout.ms",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
)

_BATCH = 200
EVERY = 300.0
"""Seconds after which a configuration is asked for again, more or less: the question names every topic and key, and people
change them seldom.
"""


class Configs:
    """Asks what topics and brokers are set to, and again when what was told is old: people change it, now and then."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._topics: dict[str, tuple[float, str, TopicConfig | Unknown]] = {}
        """When it is asked again, the topic id then, and what was said."""
        self._brokers: dict[str, tuple[float, BrokerConfig | Unknown]] = {}

    def forget(self) -> None:
        """Another cluster answers now."""
        self._topics, self._brokers = {}, {}

    def of_topics(self, wire: Wire, topics: Mapping[str, Topic]) -> dict[str, TopicConfig | Unknown]:
        """A topic that was created anew is asked for at once, and one of which nothing is known each time."""
        now = self._clock()
        kept = {
            name: before
            for name, topic in topics.items()
            if (before := self._topics.get(name)) is not None and before[1] == topic.id and self._fresh(now, before)
        }
        told: dict[str, TopicConfig | Unknown] = {}
        batches = [(None, batch) for batch in _batches(sorted(topics.keys() - kept.keys()))]
        for name, one in _configs(wire, 2, batches, TOPIC_KEYS, DESCRIBE_CONFIGS_TOPIC.close()).items():
            told[name] = one if isinstance(one, Unknown) else TopicConfig(one)
        self._topics = kept | {name: (due(now, self._every), topics[name].id, one) for name, one in told.items()}
        return {name: self._topics[name][2] for name in sorted(topics)}

    def of_brokers(self, wire: Wire, brokers: Iterable[int]) -> dict[str, BrokerConfig | Unknown]:
        """Each broker tells its own, by its id as text."""
        now = self._clock()
        told = {
            str(broker): before
            for broker in brokers
            if (before := self._brokers.get(str(broker))) is not None and self._fresh(now, before)
        }
        asked = [(broker, [str(broker)]) for broker in brokers if str(broker) not in told]
        for name, one in _configs(wire, 4, asked, BROKER_KEYS, DESCRIBE_CONFIGS_CLUSTER.close()).items():
            told[name] = due(now, self._every), one if isinstance(one, Unknown) else BrokerConfig(one)
        self._brokers = {str(broker): told[str(broker)] for broker in brokers}
        return {broker: one for broker, (_, one) in self._brokers.items()}

    @staticmethod
    def _fresh(now: float, before: tuple[Any, ...]) -> bool:
        return now < before[0] and not isinstance(before[-1], Unknown)


def _configs(
    wire: Wire, kind: int, asked: Sequence[tuple[int | None, Sequence[str]]], keys: Sequence[str], close: str
) -> dict[str, Mapping[str, Setting] | Unknown]:
    """What brokers (None: any) say of some resources each."""
    from kafka.protocol.admin import DescribeConfigsRequest  # noqa: PLC0415 - the import costs 0.4 s

    resource = partial(
        DescribeConfigsRequest.DescribeConfigsResource, resource_type=kind, configuration_keys=list(keys)
    )  # fmt: skip

    def question(names: Sequence[str]) -> Question:
        return Question(
            DescribeConfigsRequest,
            4,
            lambda: {
                "resources": [resource(resource_name=name) for name in names],
                "include_synonyms": False,
                "include_documentation": False,
            },
            lambda answer: _told(answer, keys, close),
        )

    missing = Unknown(Why.UNREACHABLE, "its configuration was not answered")
    told: dict[str, Mapping[str, Setting] | Unknown] = {}
    answers = wire.put_all([(node, question(names)) for node, names in asked])
    for (_, names), answer in zip(asked, answers, strict=True):
        told |= {name: answer if isinstance(answer, Unknown) else answer.get(name, missing) for name in names}
    return told


def _told(answer: Any, keys: Sequence[str], close: str) -> dict[str, Mapping[str, Setting] | Unknown]:
    told: dict[str, Mapping[str, Setting] | Unknown] = {}
    known: dict[object, Mapping[str, Setting]] = {}  # most topics are set alike
    for result in answer.results:
        if result.error_code:
            told[result.resource_name] = refused(result.error_code, f"configuration of {result.resource_name}", close)
            continue
        rows = tuple(
            (c.name, None if c.is_sensitive else c.value, c.config_source) for c in result.configs if c.name in keys
        )
        if rows not in known:
            known[rows] = {name: Setting(value, _SOURCES.get(of, str(of))) for name, value, of in rows}
        told[result.resource_name] = known[rows]
    return told


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]
