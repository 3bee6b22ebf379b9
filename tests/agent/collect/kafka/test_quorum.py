"""The quorum of controllers, as brokers pass it on: to whom, how far, and where there is none."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.scope import SCOPED
from agent.demo.cluster import SimulatedCluster, Voter, brokers
from agent.demo.cluster.model import ANONYMOUS, Rights
from checks import all_checks
from checks.facts import KafkaSnapshot, Quorum, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

QUORUM = 55


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.clock = time.time
    model.voters = [Voter(103), Voter(101, 30.5, 31.0), Voter(102, None, None)]
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Callable[..., KafkaSnapshot]:

    def once(scope: tuple[str, ...] = ()) -> KafkaSnapshot:
        settings = replace(KafkaSettings(cluster.endpoints), scope=scope)
        return KafkaCollector(settings, Questions(all_checks(), Limits())).collect(None, 10)

    return once


@pytest.mark.parametrize("version", [1, 2])
def test_voters_are_told_with_when_they_fetched_and_had_all(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], version: int
) -> None:
    cluster.model.versions[QUORUM] = version
    quorum = look().quorum
    assert isinstance(quorum, Quorum)
    assert quorum.leader == 103
    told = [(v.id, v.host, *(t if t < 0 else quorum.now - t for t in (v.fetched, v.caught_up))) for v in quorum.voters]
    hosts = ["controller-101", "controller-102", "controller-103"] if version > 1 else ["", "", ""]
    assert told == [(101, hosts[0], 30_500, 31_000), (102, hosts[1], -1, -1), (103, hosts[2], 0, 0)]
    assert sum(request.api == QUORUM for request in cluster.requests) == 1, "one broker is asked"


def test_a_cluster_without_a_quorum_has_none_whatever_one_may(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    cluster.model.versions[QUORUM] = None
    assert look().quorum is None
    with cluster.lock:
        cluster.model.rights[ANONYMOUS] = Rights(cluster=False, more=False)
    assert look().quorum is None


def test_without_the_right_nobody_is_asked(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    with cluster.lock:
        cluster.model.rights[ANONYMOUS] = Rights(cluster=False, more=False)
    told = look().quorum
    assert isinstance(told, Unknown)
    assert told.why is Why.DENIED
    assert told.close.endswith("--operation Describe --cluster")
    assert look(("nobody",)).quorum is SCOPED
    assert not any(request.api == QUORUM for request in cluster.requests)


def test_what_is_not_told_is_unknown(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    cluster.model.versions[QUORUM] = 0
    early = look().quorum
    assert isinstance(early, Unknown)
    assert "needs Kafka 3.3: KIP-836" in early.detail
    cluster.model.versions.clear()
    with cluster.fault(api=QUORUM, error=7):
        late = look().quorum
    assert isinstance(late, Unknown)
    assert late.why is Why.DEADLINE
    with cluster.fault(api=QUORUM, cut=9):
        lost = look().quorum
    assert isinstance(lost, Unknown)
    assert lost.why is Why.UNREACHABLE


def test_a_snapshot_holds_it_and_an_older_one_says_that_it_does_not(look: Callable[..., KafkaSnapshot]) -> None:
    seen = look()
    text = files.dumps([seen])
    (again,) = files.loads(text)
    assert isinstance(again, KafkaSnapshot)
    assert again.quorum == seen.quorum
    (none,) = files.loads(files.dumps([replace(seen, quorum=None)]))
    assert isinstance(none, KafkaSnapshot)
    assert none.quorum is None
    (older,) = files.loads(text.replace('"quorum"', '"former"'))
    assert isinstance(older, KafkaSnapshot)
    assert isinstance(older.quorum, Unknown)
