"""What all topics and brokers of a cluster are set to, for checks of something else."""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.facts.kafka import BrokerConfig, Topic, TopicConfig
from checks.facts.target import in_snapshot
from checks.facts.unknown import Lazy, Listing, Unknown, Why


class Widths:
    """How many partitions each topic has, for checks of what reads them: the same object while none changed."""

    def __init__(self, topics: Listing[Topic]) -> None:
        self._topics = topics

    def of(self, name: str) -> int | Unknown:
        """Partitions of a topic; 0 where there is no such topic."""
        topic = self._topics.items.get(name)
        if topic is not None:
            return topic if isinstance(topic, Unknown) else len(topic.leader)
        if name in self._topics.left_out:
            return Unknown(Why.OFF, f"topic {name} is left out by choice", f"include topic {name}")
        there = self._topics.exists(name)
        return there if isinstance(there, Unknown) else 0

    def like(self, topics: Listing[Topic]) -> bool:
        """Whether these topics have as many."""
        old = self._topics
        return (
            (topics.blind, topics.left_out, topics.absent.keys(), topics.items.keys())
            == (old.blind, old.left_out, old.absent.keys(), old.items.keys())
        ) and all(_as_wide(topic, old.items[name]) for name, topic in topics.items.items())


def _as_wide(one: Topic | Unknown, other: Topic | Unknown) -> bool:
    if one is other:
        return True
    return not isinstance(one, Unknown) and not isinstance(other, Unknown) and len(one.leader) == len(other.leader)


@dataclass(frozen=True, slots=True, eq=False)
class BrokerConfigs:
    """How the brokers of a cluster are set, each by its id as text."""

    all: Mapping[str, BrokerConfig | Unknown]


class TopicConfigs(Lazy):
    """How the topics of the target are set, for checks of other resources: the same object while they are."""

    def __init__(self, configs: Mapping[str, TopicConfig | Unknown]) -> None:
        self._configs = configs
        self._retention: dict[str, float | Unknown | None] = {}

    def of(self, topic: str) -> TopicConfig | Unknown:
        self.asked += 1
        return in_snapshot(self._configs, topic, "configuration of topic")

    def retention(self, topic: str) -> float | Unknown | None:
        """As of TopicConfig; of each topic read once."""
        self.asked += 1
        try:
            return self._retention[topic]
        except KeyError:
            config = self.of(topic)
            told = self._retention[topic] = config if isinstance(config, Unknown) else config.retention()
            return told
