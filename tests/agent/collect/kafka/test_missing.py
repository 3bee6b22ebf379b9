"""Topics that are not there are not asked for at every look, and yet none that comes or goes is missed."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.collect.kafka import missing
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import Member, SimulatedCluster, brokers
from checks import all_checks
from checks.facts import KafkaSnapshot
from checks.limits import Limits
from checks.questions import Questions

METADATA = 3
Look = Callable[[], KafkaSnapshot]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(1)
    model.clock = time.time
    for name in ("orders", "payments"):
        model.add_topic(name, 1)
    owner = Member("m", subscription=("orders",), assignment={"orders": (0,)})
    model.add_group("app", {("orders", 0): 0}, state="Stable", members=[owner])
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Look:
    """Looks with one collector; what it saw before is handed to it, as the agent does."""
    made = KafkaCollector(KafkaSettings(cluster.endpoints), Questions(all_checks(), Limits()))
    seen: list[KafkaSnapshot | None] = [None]

    def once() -> KafkaSnapshot:
        cluster.requests.clear()
        seen.append(made.collect(seen[-1], 10))
        assert seen[-1] is not None
        return seen[-1]

    return once


def asked(cluster: SimulatedCluster) -> set[str]:
    """The topics that this look asked for by name."""
    requests = (request.fields["topics"] for request in cluster.asked(METADATA))
    return {topic["name"] for topics in requests if topics is not None for topic in topics}


def test_after_two_answers_only_now_and_then(
    cluster: SimulatedCluster, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = look()
    names = asked(cluster)
    assert "orders.dlq" in names
    assert set(first.topics.absent) == names
    for polls in (2, 3, 4):
        seen = look()
        assert asked(cluster) == (names if polls == 2 else set())
        assert {name: absence.polls for name, absence in seen.topics.absent.items()} == dict.fromkeys(names, polls)
    monkeypatch.setattr(missing, "ASK_AGAIN", 0.0)
    look()
    assert asked(cluster) == names


def test_one_that_comes_is_seen_at_once(cluster: SimulatedCluster, look: Look) -> None:
    for _ in range(3):
        look()
    with cluster.lock:
        cluster.model.add_topic("orders.dlq", 1)
    seen = look()
    assert "orders.dlq" in seen.topics.items
    assert "orders.dlq" not in seen.topics.absent
    with cluster.lock:
        del cluster.model.topics["orders.dlq"]
    for polls in (1, 2):
        seen = look()
        assert "orders.dlq" in asked(cluster), "gone is said after two answers, not after an old one"
        assert seen.topics.absent["orders.dlq"].polls == polls


def test_one_that_goes_is_asked_for_twice(cluster: SimulatedCluster, look: Look) -> None:
    for _ in range(3):
        look()
    with cluster.lock:
        del cluster.model.topics["payments"]
    for polls in (1, 2):
        seen = look()
        assert asked(cluster) == {"payments"}
        assert seen.topics.absent["payments"].polls == polls
