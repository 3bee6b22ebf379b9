"""Groups whose coordinators answer in other ways than a list would have it: kinds that are switched off, a log that is still
loaded, a cluster that took another one's place, and brokers that are asked for one coordinator at a time.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.connection import Patience
from agent.collect.kafka.groups import find_coordinators
from agent.collect.kafka.security import Security
from agent.collect.kafka.wire import wired
from agent.demo.cluster import Model, SimulatedCluster, brokers
from checks.facts import Committed, Group, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

OFFSET_FETCH, COORDINATOR, DESCRIBE, LIST, NEWER, SHARE, STREAMS = 9, 10, 15, 16, 69, 77, 89
UNSUPPORTED_VERSION, LOADING = 35, 14


def model() -> Model:
    made = brokers(3)
    made.clock = time.time
    made.add_topic("orders", 3).partitions[0].append(100, time.time())
    for n in range(6):
        made.add_group(f"g{n}", {("orders", 0): 100})
    return made


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model()) as running:
        yield running


def collector(cluster: SimulatedCluster, **settings: Any) -> KafkaCollector:
    return KafkaCollector(KafkaSettings(cluster.endpoints, **settings), Questions((), Limits()))


@pytest.mark.parametrize("off", [(NEWER, SHARE, STREAMS), (NEWER,), (SHARE,), (STREAMS,)])
def test_a_kind_that_is_switched_off_hides_no_group_and_no_end_of_one(
    cluster: SimulatedCluster, off: tuple[int, ...]
) -> None:
    """Kafka 3.9 knows the question about KIP-848 groups and answers UNSUPPORTED_VERSION to it; so does 4.3 about others."""
    for api in off:
        cluster.fault(api=api, error=UNSUPPORTED_VERSION)
    named = collector(cluster, scope=("g0", "nobody")).collect(None, 10).groups
    assert isinstance(named.items["g0"], Group)
    assert set(named.absent) == {"nobody"}
    every = collector(cluster)
    seen = every.collect(None, 10)
    with cluster.lock:
        del cluster.model.groups["g1"]
    for polls in (1, 2, 3):
        seen = every.collect(seen, 10)
        assert seen.groups.absent["g1"].polls == polls
        assert set(seen.groups.items) == {"g0", "g2", "g3", "g4", "g5"}


@pytest.mark.parametrize("api", [DESCRIBE, OFFSET_FETCH, LIST])
def test_a_coordinator_that_loads_its_log_is_asked_once_more(cluster: SimulatedCluster, api: int) -> None:
    with cluster.fault(api=api, error=LOADING, times=1):
        seen = collector(cluster).collect(None, 10)
    assert not any(isinstance(one, Unknown) for one in seen.groups.items.values())
    assert all(isinstance(one, Committed) for one in seen.committed.values())
    assert len(seen.groups.items) == 6
    with cluster.fault(api=api, error=LOADING):
        seen = collector(cluster).collect(None, 10)
    told = seen.groups.blind if api == LIST else seen.groups.items if api == DESCRIBE else seen.committed
    assert "COORDINATOR_LOAD_IN_PROGRESS" in str(told)


@pytest.mark.parametrize("settings", [{"name": "prod"}, {"scope": ("g0",)}, {}], ids=["named", "scope", "by its id"])
def test_who_took_another_clusters_place_is_not_asked_for_its_groups(
    cluster: SimulatedCluster, settings: Mapping[str, Any]
) -> None:
    """A broker that is asked for a coordinator makes the offsets topic: one that nobody ever was in a group of has none."""
    looks = collector(cluster, **settings)
    former = looks.collect(None, 10)
    assert "g0" in former.groups.items
    with cluster.lock:
        cluster.model.cluster_id = "another"
        cluster.model.groups.clear()
        cluster.model.topics.clear()
        cluster.model.offsets_topic = False
    begun = len(cluster.asked(COORDINATOR))
    for asked in (looks, collector(cluster, **settings)):  # the second one is an agent that was started anew
        seen = asked.collect(former, 10)
        assert not seen.groups.items
        assert set(seen.groups.absent) <= set(settings.get("scope", ()))
    assert len(cluster.asked(COORDINATOR)) == begun
    assert not cluster.model.offsets_topic


def test_before_kafka_3_coordinators_are_found_in_a_row_and_in_half_of_the_look(cluster: SimulatedCluster) -> None:
    cluster.limit_to((2, 8))
    names = [f"g{n}" for n in range(6)]
    with wired(cluster.endpoints, Security(), 10) as wire:
        found = find_coordinators(wire, names)
        assert found == {name: cluster.model.groups[name].coordinator for name in names}
        wire.patience = Patience(10, 5, iter([0.0, 5.0]).__next__)
        late = find_coordinators(wire, names)
    assert {one.why for one in late.values() if isinstance(one, Unknown)} == {Why.DEADLINE}
    assert len(late) == len(cluster.asked(COORDINATOR)) == 6
