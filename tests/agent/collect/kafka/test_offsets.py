"""Offsets of logs and look-ups by time, read from a simulated cluster."""

from collections.abc import Iterator

import numpy as np
import pytest

from agent.collect.kafka.metadata import Metadata, read_metadata
from agent.collect.kafka.offsets import Places, ask, read_ends, read_lookups
from agent.collect.kafka.security import Security
from agent.collect.kafka.wire import Wire, wired
from agent.demo.cluster import SimulatedCluster, brokers
from checks.facts import Topic

NOW = 1_000_000.0


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    for name, partitions in (("orders", 3), ("payments", 2), ("x" * 200, 1)):
        topic = model.add_topic(name, partitions, 1)
        for index, partition in enumerate(topic.partitions):
            for minute in range(10 + index):
                partition.append(1, NOW - 600 + 60 * minute)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def wire(cluster: SimulatedCluster) -> Iterator[Wire]:
    with wired(cluster.endpoints, Security(), 10) as wire:
        yield wire


def topics_of(wire: Wire) -> dict[str, Topic]:
    metadata = read_metadata(wire)
    assert isinstance(metadata, Metadata)
    wire.know({b.id: (b.host, b.port) for b in metadata.cluster.brokers})
    return {name: topic for name, topic in metadata.topics.items() if isinstance(topic, Topic)}


def test_every_log_is_read_from_whoever_leads_it(wire: Wire) -> None:
    ends = read_ends(wire, topics_of(wire), NOW)
    assert ends.topics == ("orders", "payments", "x" * 200)
    assert ends.end.tolist() == [10, 11, 12, 10, 11, 10]
    assert ends.start.tolist() == [0] * 6
    assert ends.stable.tolist() == ends.end.tolist()
    assert ends.error.tolist() == [0] * 6


def test_what_nobody_leads_has_an_error_and_nothing_else_has(cluster: SimulatedCluster, wire: Wire) -> None:
    with cluster.lock:
        leader = cluster.model.topics["orders"].partitions[1].leader
        cluster.model.topics["orders"].partitions[1].leader = -1
    assert leader >= 0
    ends = read_ends(wire, topics_of(wire), NOW)
    assert ends.error.tolist() == [0, 5, 0, 0, 0, 0]
    assert ends.end.tolist() == [10, -1, 12, 10, 11, 10]


def test_only_what_was_asked_for_is_answered(wire: Wire) -> None:
    places = Places(topics_of(wire))
    answers = ask(wire, places, np.array([1, 4]), -1)
    assert np.flatnonzero(answers.error == 0).tolist() == [1, 4]
    assert answers.offset[[1, 4]].tolist() == [11, 11]


def test_look_ups_know_whose_they_are(wire: Wire) -> None:
    ages = {120.0: {("payments", 1), ("orders", 2)}, 300.0: {("orders", 2), ("orders", 9), ("payments", 1)}}
    # Nobody asks about the age of what is unread elsewhere; what comes last is read up to its last minutes.
    unread = {("x" * 200, 0): 0, ("orders", 2): 2, ("payments", 1): 9}
    told = read_lookups(wire, topics_of(wire), ages, unread, NOW)
    rows = zip(told.age.tolist(), told.topic.tolist(), told.partition.tolist(), told.offset.tolist(), strict=True)
    assert {(age, told.topics[topic], partition): offset for age, topic, partition, offset in rows} == {
        (120.0, "orders", 2): 8,
        (120.0, "payments", 1): 8,  # what is unread is younger: older ages are not asked about
        (300.0, "orders", 2): 5,
    }
    assert not told.error.any()
