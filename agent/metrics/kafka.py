"""The series of one Kafka cluster. Bulk: columns become lists once, and each line is one f-string."""

from math import inf
from typing import NamedTuple

import numpy as np

from agent.metrics.families import BROKER_BYTES, BROKERS, UNTIMED
from agent.metrics.groups import GroupTexts, Partitions, group_chunks, group_texts, lagging
from agent.metrics.held import Span
from agent.metrics.rows import Presence
from agent.metrics.text import Chunks, Lines, packed, series
from agent.metrics.topics import TopicsKept, topic_chunks
from checks.facts import Facts, KafkaSnapshot, Topic, Unknown, Waits
from checks.facts.lag import near


class KafkaKept(NamedTuple):
    """What the next rendering may need of this one."""

    groups: GroupTexts
    topics: TopicsKept

    @property
    def oldest(self) -> float:
        """When the oldest was seen that is served and not of the last look; infinite where there is none."""
        return min(self.topics.oldest, min((text.oldest for text in self.groups.values()), default=inf))


def kafka_chunks(
    facts: Facts, snapshot: KafkaSnapshot, partitions: Partitions, cap: int, before: KafkaKept | None, span: Span
) -> tuple[Chunks, KafkaKept]:
    """The series, sorted by names and partitions: what a cap cuts off is the same each time.

    Groups that are as they were in `before` are taken from there, and so is what can't be seen.
    """
    topics = Presence(snapshot, _anew(snapshot, before.topics.snapshot) if before is not None else frozenset())
    groups = group_texts(facts, snapshot, partitions, before.groups if before is not None else {}, span, topics)
    behind = lagging(groups) if partitions == "lagging" else frozenset()
    kept = before.topics if before is not None else None
    of_topics, kept = topic_chunks(facts, snapshot, partitions, behind, cap, kept, span, topics)
    chunks = {**group_chunks(groups), **of_topics, **packed(cluster_lines(str(facts.address), snapshot), cap)}
    return chunks, KafkaKept(groups, kept)


def _anew(new: KafkaSnapshot, old: KafkaSnapshot) -> frozenset[str]:
    """The topics that have another id than before."""
    if new.topics.items is old.topics.items:
        return frozenset()
    pairs = ((name, topic, old.topics.items.get(name)) for name, topic in new.topics.items.items())
    return frozenset(
        name
        for name, topic, before in pairs
        if topic is not before and isinstance(topic, Topic) and isinstance(before, Topic) and topic.id != before.id
    )


def cluster_lines(target: str, snapshot: KafkaSnapshot) -> Lines:
    """What is told of the cluster as a whole."""
    lines: Lines = {}
    if not isinstance(snapshot.cluster, Unknown):
        lines[BROKERS] = [series(BROKERS, len(snapshot.cluster.brokers), target=target)]
    if not isinstance(snapshot.storage, Unknown):
        lines[BROKER_BYTES] = [
            series(BROKER_BYTES, int(told.size.sum()), target=target, broker_id=broker)
            for broker, told in sorted(snapshot.storage.items(), key=lambda item: item[0])
            if not isinstance(told, Unknown) and not any(isinstance(volume, Unknown) for volume in told.dirs)
        ]
    if not isinstance(snapshot.waits, Unknown):
        lines[UNTIMED] = [series(UNTIMED, _untimed(snapshot.waits), target=target)]
    return lines


def _untimed(waits: Waits) -> int:
    least, most = (np.maximum(0.0, waits.at - ends / 1000) for ends in (waits.until, waits.since))
    return int(((waits.since < 0) | ~near(least, most)).sum())
