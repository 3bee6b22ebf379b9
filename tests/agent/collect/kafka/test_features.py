"""Levels of features, as each broker tells them: of whom, how often, and where there are none."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.scope import SCOPED
from agent.demo.cluster import SimulatedCluster, brokers
from checks import all_checks
from checks.facts import Features, KafkaSnapshot, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

API_VERSIONS = 18
BEHIND = {"metadata.version": 29, "group.version": 1}
HIGHEST = {"metadata.version": 30, "group.version": 1, "transaction.version": 2, "kraft.version": 1}


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.features = dict(BEHIND)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Iterator[Callable[..., KafkaSnapshot]]:
    bootstrap = tuple((host, int(port)) for host, port in (b.split(":") for b in cluster.bootstrap.split(",")))
    settings = KafkaSettings(bootstrap)
    collector = KafkaCollector(settings, Questions(all_checks(), Limits()), keep=True)

    def once(*, later: float = 0.0, scope: tuple[str, ...] = ()) -> KafkaSnapshot:
        collector._features._clock = lambda: later
        collector._settings = replace(settings, scope=scope)
        return collector.collect(None, 10)

    yield once
    collector.close()


def asked(cluster: SimulatedCluster) -> int:
    """Beside the question that greets: that one is of version 0."""
    return sum(request.version > 0 for request in cluster.asked(API_VERSIONS))


def test_each_broker_tells_what_it_supports_and_all_what_is_used(look: Callable[..., KafkaSnapshot]) -> None:
    assert look().features == Features(BEHIND, {"1": HIGHEST, "2": HIGHEST})


def test_before_kafka_39_nothing_is_told_of_what_may_be_at_level_0(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    cluster.model.versions[API_VERSIONS] = 3
    metadata = {"metadata.version": 30}
    assert look().features == Features(BEHIND, {"1": metadata, "2": metadata})


@pytest.mark.parametrize("version", [0, 2, 4])
def test_where_nothing_is_finalized_there_is_none(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], version: int
) -> None:
    cluster.model.versions[API_VERSIONS] = version
    if version == 4:
        cluster.model.features = {}  # ZooKeeper
    assert look().features is None


def test_brokers_are_asked_again_by_age_and_what_is_equal_is_the_very_same(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    first = look().features
    assert look(later=224.0).features is first
    assert asked(cluster) == 2
    assert look(later=376.0).features is first, "though its epoch has moved on"
    assert asked(cluster) == 4
    cluster.model.features["metadata.version"] = 30
    told = look(later=752.0).features
    assert isinstance(told, Features)
    assert told.finalized["metadata.version"] == 30


def test_one_that_is_away_is_not_seen_and_the_others_are(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    cluster.model.add_topic("orders", 1, 2)
    cluster.stop_broker(2)
    cluster.model.fence(2)
    told = look().features
    assert isinstance(told, Features)
    assert told.supported == {"1": HIGHEST, "2": Unknown(Why.UNREACHABLE, "broker 2 is down")}


@pytest.mark.parametrize("fault", [{"drop": True}, {"cut": 9}])
def test_one_that_does_not_answer_is_unknown_alone_and_asked_again(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], fault: dict[str, Any]
) -> None:
    look()
    with cluster.fault(api=API_VERSIONS, broker=2, **fault):
        told = look(later=376.0).features
    assert isinstance(told, Features)
    lost = told.supported["2"]
    assert isinstance(lost, Unknown)
    assert lost.why is Why.UNREACHABLE
    assert told.supported["1"] == HIGHEST
    back = look(later=377.0).features
    assert isinstance(back, Features)
    assert back.supported == {"1": HIGHEST, "2": HIGHEST}


def test_a_scope_leaves_it_out(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    assert look(scope=("nobody",)).features is SCOPED
    assert not asked(cluster)


def test_a_snapshot_holds_it_and_an_older_one_says_that_it_does_not(look: Callable[..., KafkaSnapshot]) -> None:
    seen = look()
    text = files.dumps([seen])
    (again,) = files.loads(text)
    assert isinstance(again, KafkaSnapshot)
    assert again.features == seen.features
    (none,) = files.loads(files.dumps([replace(seen, features=None)]))
    assert isinstance(none, KafkaSnapshot)
    assert none.features is None
    (older,) = files.loads(text.replace('"features"', '"former"'))
    assert isinstance(older, KafkaSnapshot)
    assert isinstance(older.features, Unknown)
