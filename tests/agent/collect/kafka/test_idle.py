"""Connections are kept from look to look, and nothing is worse for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.collect.kafka import idle
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.security import Security
from agent.demo.cluster import SimulatedCluster, brokers
from agent.secret import Secret
from checks.facts import Cluster, Group, KafkaSnapshot, Unknown
from checks.limits import Limits
from checks.questions import Questions
from tests.live.process import until

METADATA, LIST_GROUPS = 3, 16


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    for n in (1, 2, 3):
        model.add_topic(f"t{n}", 1, 3)
        model.add_group(f"g{n}", {(f"t{n}", 0): 0})
        model.move_coordinator(f"g{n}", n)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def collector(cluster: SimulatedCluster) -> Iterator[KafkaCollector]:
    made = KafkaCollector(KafkaSettings(cluster.endpoints), Questions((), Limits()), keep=True)
    yield made
    made.close()


def whole(snapshot: KafkaSnapshot) -> KafkaSnapshot:
    assert isinstance(snapshot.cluster, Cluster)
    assert [type(group) for group in snapshot.groups.items.values()] == [Group] * 3
    assert not any(isinstance(one, Unknown) for one in snapshot.committed.values())
    assert not snapshot.groups.blind
    return snapshot


def connects(collector: KafkaCollector) -> int:
    return sum(count for (name, _), count in collector.calls.counts().items() if name == "Connect")


def test_brokers_are_met_once(cluster: SimulatedCluster, collector: KafkaCollector) -> None:
    first = whole(collector.collect(None, 10))
    whole(collector.collect(whole(collector.collect(first, 10)), 10))
    assert (connects(collector), cluster.connections) == (3, 3)


def test_without_being_asked_to_none_is_kept(cluster: SimulatedCluster) -> None:
    made = KafkaCollector(KafkaSettings(cluster.endpoints), Questions((), Limits()))
    whole(made.collect(None, 10))
    whole(made.collect(None, 10))
    assert connects(made) == 6


@pytest.mark.parametrize(("api", "broker"), [(METADATA, 1), (LIST_GROUPS, 2)])
def test_a_broker_that_ends_one_when_it_is_used_again_is_met_anew(
    cluster: SimulatedCluster, collector: KafkaCollector, api: int, broker: int
) -> None:
    first = whole(collector.collect(None, 10))
    cluster.fault(api=api, broker=broker, drop=True, times=1)
    whole(collector.collect(first, 10))
    assert connects(collector) == 4


def test_one_that_always_does_so_is_lost_after_the_second_time(
    cluster: SimulatedCluster, collector: KafkaCollector
) -> None:
    first = whole(collector.collect(None, 10))
    with cluster.fault(api=LIST_GROUPS, broker=2, drop=True):
        seen = collector.collect(first, 10)
    assert [hole.detail.split(":")[0] for hole in seen.groups.blind] == ["groups of broker 2 are not listed"]
    assert connects(collector) == 4
    whole(collector.collect(seen, 10))


def test_a_broker_that_was_restarted_meanwhile_is_met_anew(
    cluster: SimulatedCluster, collector: KafkaCollector
) -> None:
    first = whole(collector.collect(None, 10))
    cluster.stop_broker(2)
    cluster.start_broker(2)
    whole(collector.collect(first, 10))
    assert connects(collector) == 4


def test_one_that_was_silent_for_long_is_not_used_again(
    cluster: SimulatedCluster, collector: KafkaCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = whole(collector.collect(None, 10))
    monkeypatch.setattr(idle, "LONGEST", -1.0)
    whole(collector.collect(first, 10))
    assert connects(collector) == 6


def test_with_another_secret_none_is_used_again(cluster: SimulatedCluster, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first")
    security = Security(password=Secret.file(secret))
    made = KafkaCollector(KafkaSettings(cluster.endpoints, security=security), Questions((), Limits()), keep=True)
    try:
        first = whole(made.collect(None, 10))
        second = whole(made.collect(first, 10))
        assert connects(made) == 3
        secret.write_text("second")
        whole(made.collect(second, 10))
        assert connects(made) == 6
    finally:
        made.close()


def test_a_broker_that_is_gone_from_the_cluster_is_let_go(cluster: SimulatedCluster, collector: KafkaCollector) -> None:
    whole(collector.collect(None, 10))
    assert cluster.connections == 3
    cluster.stop_broker(2)
    collector.collect(None, 10)
    until(lambda: cluster.connections == 2, "the third is closed")


def test_a_process_that_may_open_few_files_keeps_few(
    cluster: SimulatedCluster, collector: KafkaCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle.resource, "getrlimit", lambda _: (8, 8))
    first = whole(collector.collect(None, 10))
    whole(collector.collect(first, 10))
    assert connects(collector) == 4


def test_at_the_end_none_is_open(cluster: SimulatedCluster, collector: KafkaCollector) -> None:
    whole(collector.collect(None, 10))
    collector.close()
    until(lambda: cluster.connections == 0, "none is open")
    whole(collector.collect(None, 10))
    until(lambda: cluster.connections == 0, "none is open")
