"""Where the replicas and the leaders of a cluster are, broker by broker."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from checks.facts.kafka import Topic
from checks.facts.offsets import Ints
from checks.facts.unknown import Listing, Unknown, Why


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Replicas and leaders by broker, over all topics that are seen: for each broker that has some replica, by its id."""

    brokers: Ints
    leaders: Ints
    preferred: Ints
    """Partitions whose first replica it has: it leads them once leaders are where they should be."""
    replicas: Ints
    unsettled: str
    """What moves leaders for a while, if anything does: a partition without one, a replica that is away or out of step."""
    unknown: Unknown | None
    """Why a part of it is not known, if so."""
    topics: Mapping[str, Topic | Unknown] = field(repr=False)
    left_out: bool = False
    """Others are there, and are not looked at by choice."""

    def led_by(self, broker: int, most: int) -> list[tuple[str, int, tuple[int, ...]]]:
        """Some partitions that a broker leads, with their replicas."""
        return list(islice((one for one, leader in self._all() if leader == broker), most))

    def held_by(self, broker: int, most: int) -> list[tuple[str, int, tuple[int, ...]]]:
        """Some partitions that a broker has a replica of, with their replicas."""
        return list(islice((one for one, _ in self._all() if broker in one[2]), most))

    def _all(self) -> Iterator[tuple[tuple[str, int, tuple[int, ...]], int]]:
        for name, topic in self.topics.items():
            if not isinstance(topic, Unknown):
                for p, replicas in enumerate(topic.replicas):
                    yield (name, p, replicas), topic.leader[p]


def placement_of(listing: Listing[Topic]) -> Placement:
    """Of all topics of a cluster, at once. A list that can't know whether it is whole, as Kafka's, is taken for whole."""
    topics = listing.items
    known = [topic for topic in topics.values() if not isinstance(topic, Unknown)]
    holes = [topic for topic in topics.values() if isinstance(topic, Unknown)]
    holes += [blind for blind in listing.blind if blind.why is not Why.UNSUPPORTED]
    holders = _column(chain.from_iterable(replicas for topic in known for replicas in topic.replicas))
    brokers, replicas = np.unique(holders, return_counts=True)
    leaders = _column(chain.from_iterable(topic.leader for topic in known))
    preferred = _column(replicas[0] for topic in known for replicas in topic.replicas if replicas)
    return Placement(
        brokers,
        _counted(brokers, leaders),
        _counted(brokers, preferred),
        replicas.astype(np.int64),
        _unsettled(known),
        holes[0] if holes else None,
        topics,
        bool(listing.left_out),
    )


def _column(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _counted(brokers: Ints, values: Ints) -> Ints:
    there = values[np.isin(values, brokers)]
    counts: Ints = np.bincount(np.searchsorted(brokers, there), minlength=brokers.size).astype(np.int64)
    return counts


def _unsettled(topics: list[Topic]) -> str:
    for topic in topics:
        if -1 in topic.leader:
            return f"partition {topic.leader.index(-1)} of topic {topic.name} has no leader"
        if topic.isr == topic.replicas:
            continue
        for p, replicas in enumerate(topic.replicas):
            if missing := [broker for broker in replicas if broker not in topic.isr[p]]:
                away = "offline" if missing[0] in topic.offline[p] else "out of step"
                return f"broker {missing[0]} is {away} on partition {p} of topic {topic.name}"
    return ""
