"""Who may lead partitions that have lost all in-sync replicas: when that is asked for, and what of it is known."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.rights import DESCRIBE_TOPIC
from agent.demo.cluster import NOBODY, SimulatedCluster, brokers
from checks import all_checks
from checks.facts import KafkaSnapshot, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

PARTITIONS = 75


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    for name, count in (("orders", 3), ("wide", 4100), ("well", 1)):
        model.add_topic(name, partitions=count, replication=2)
    with SimulatedCluster(model) as running:
        yield running


def lose(cluster: SimulatedCluster, topic: str, partition: int, eligible: tuple[int, ...] | None) -> None:
    with cluster.lock:
        lost = cluster.model.topics[topic].partitions[partition]
        lost.leader, lost.isr, lost.eligible = NOBODY, (), eligible


@pytest.fixture
def look(cluster: SimulatedCluster) -> Callable[[], Mapping[str, Any]]:

    def once() -> Mapping[str, Any]:
        snapshot = KafkaCollector(KafkaSettings(cluster.endpoints), Questions(all_checks(), Limits())).collect(None, 10)
        (again,) = files.loads(files.dumps([snapshot]))
        assert isinstance(again, KafkaSnapshot)
        assert again.eligible == snapshot.eligible
        assert not isinstance(snapshot.eligible, Unknown)
        return snapshot.eligible

    return once


Look = Callable[[], Mapping[str, Any]]


def test_nothing_is_asked_while_each_partition_has_a_leader_or_an_in_sync_replica(
    cluster: SimulatedCluster, look: Look
) -> None:
    cluster.model.topics["orders"].partitions[0].leader = NOBODY
    assert look() == {}
    assert not cluster.asked(PARTITIONS)


def test_only_topics_that_have_lost_all_are_asked_for(cluster: SimulatedCluster, look: Look) -> None:
    lose(cluster, "orders", 1, (2,))
    assert look() == {"orders": ((1, 2), (2,), (3, 1))}
    assert len(cluster.asked(PARTITIONS)) == 1


def test_more_than_an_answer_holds_is_asked_for_in_parts(cluster: SimulatedCluster, look: Look) -> None:
    lose(cluster, "orders", 1, ())
    for partition in (0, 2000, 4099):
        lose(cluster, "wide", partition, (3,))
    told = look()
    assert told["orders"][1] == ()
    assert [len(told["wide"]), *(told["wide"][p] for p in (0, 1999, 2000, 4099))] == [4100, (3,), (3, 1), (3,), (3,)]
    assert len(cluster.asked(PARTITIONS)) == 3


def test_what_is_not_told_is_unknown_and_the_rest_is_not_lost_with_it(cluster: SimulatedCluster, look: Look) -> None:
    for topic in ("orders", "wide", "well"):
        lose(cluster, topic, 0, None if topic == "well" else (2,))
    with cluster.fault(api=PARTITIONS, topic="wide", error=29):
        told = look()
    assert told["orders"][0] == (2,)
    assert told["wide"].why is Why.DENIED
    assert told["wide"].close == DESCRIBE_TOPIC.remedy("wide")
    assert told["well"].why is Why.UNSUPPORTED
    with cluster.fault(api=PARTITIONS, cut=9):
        assert {one.why for one in look().values()} == {Why.UNREACHABLE}
    cluster.model.versions[PARTITIONS] = None
    assert {one.why for one in look().values()} == {Why.UNSUPPORTED}
