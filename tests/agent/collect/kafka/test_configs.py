"""What changes seldom is asked for by age, and not all of it, nor of all clusters, at the same moment."""

import random
from collections.abc import Iterator

import pytest

from agent.collect.kafka.configs import EVERY, Configs
from agent.collect.kafka.metadata import read_metadata
from agent.collect.kafka.security import Security
from agent.collect.kafka.wire import wired
from agent.demo.cluster import SimulatedCluster, brokers
from checks.facts import Topic, TopicConfig, Unknown

DESCRIBE_CONFIGS = 32
NAMES = [f"t{i}" for i in range(8)]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(4)
    for name in NAMES:
        model.add_topic(name, 1)
    with SimulatedCluster(model) as running:
        yield running


def test_each_is_asked_for_again_at_a_moment_of_its_own(
    cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([0.75 + i / 14 for i in range(8)])
    monkeypatch.setattr(random, "uniform", lambda low, high: min(high, max(low, next(drawn, high))))
    now = 0.0
    configs = Configs(clock=lambda: now)

    def asked(at: float) -> list[str]:
        nonlocal now
        now = at
        cluster.requests.clear()
        with wired(cluster.endpoints, Security(), 10) as wire:
            seen = read_metadata(wire, None)
            assert not isinstance(seen, Unknown)
            wire.know({b.id: (b.host, b.port) for b in seen.cluster.brokers})
            topics = {name: topic for name, topic in seen.topics.items() if isinstance(topic, Topic)}
            told = configs.of_topics(wire, topics)
        assert [type(one) for one in told.values()] == [TopicConfig] * 8
        requests = [r for r in cluster.requests if r.api == DESCRIBE_CONFIGS]
        return sorted(one["resource_name"] for r in requests for one in r.fields["resources"])

    assert asked(0) == NAMES
    assert asked(0.74 * EVERY) == []
    assert asked(EVERY) == NAMES[:4]
    assert asked(1.15 * EVERY) == NAMES[4:6]
    assert asked(1.26 * EVERY) == NAMES[6:]
