"""Share groups, read from a simulated cluster: what is left, what no broker tells, and what checks make of both."""

from collections.abc import Iterator

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import Member, Model, SimulatedCluster, brokers
from agent.snapshot import dumps, loads
from checks import all_checks
from checks.evaluate import Report, evaluate
from checks.facts import Group, History, KafkaSnapshot, Lag, Unknown, Why, facts_of
from checks.limits import Limits
from checks.questions import Questions

SHARE_OFFSETS = 90
MEMBER = Member("m", assignment={"jobs": (0, 1)}, subscription=("jobs",))


@pytest.fixture
def model() -> Model:
    made = brokers(3)
    for partition in made.add_topic("jobs", 2, 3).partitions:
        partition.append(100, 1_000_000.0)
    made.add_topic("jobs.dlq", 1, 3)
    for name in ("done", "behind"):
        start = {("jobs", 0): 60, ("jobs", 1): 100}
        group = made.add_group(name, start, kind="share", protocol_type="share", state="Stable", members=[MEMBER])
        group.finished = {("jobs", 0): 40 if name == "done" else 10}
    made.add_group("gone", kind="share", protocol_type="share")
    return made


@pytest.fixture
def cluster(model: Model) -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model) as running:
        yield running


def look(cluster: SimulatedCluster, *scope: str, previous: KafkaSnapshot | None = None) -> KafkaSnapshot:
    questions = Questions(all_checks(), Limits())
    return KafkaCollector(KafkaSettings(cluster.endpoints, "c", scope=scope), questions).collect(previous, 30)


def lag_of(snapshot: KafkaSnapshot, name: str) -> Lag:
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", name))
    assert isinstance(lag, Lag)
    return lag


def judged(snapshot: KafkaSnapshot) -> Report:
    history = History()
    history.append(snapshot)
    return evaluate(facts_of(snapshot, history), all_checks(), Limits())


def test_what_is_left_is_what_the_broker_says(cluster: SimulatedCluster) -> None:
    snapshot = look(cluster)
    group = snapshot.groups.items["behind"]
    assert isinstance(group, Group)
    assert (group.kind, group.state, group.protocol_type) == ("share", "Stable", "share")
    assert isinstance(group.members, tuple)
    assert group.members[0].assigned == {"jobs": (0, 1)}
    assert (group.epoch, group.assignment_epoch, group.members[0].epoch, group.members[0].target) == (1, 1, 1, None)
    assert (lag_of(snapshot, "behind").lag.tolist(), lag_of(snapshot, "behind").total) == ([30, 0], 30)
    assert lag_of(snapshot, "done").read
    (again,) = loads(dumps([snapshot]))
    assert isinstance(again, KafkaSnapshot)
    assert lag_of(again, "behind").lag.tolist() == [30, 0]


def test_how_old_it_is_nobody_knows(cluster: SimulatedCluster) -> None:
    """And it is said of the groups alone that have something left."""
    report = judged(look(cluster))
    unknown = [(check, at.name) for (check, at), gap in report.gaps.items() if "out of order" in gap.unknown.detail]
    checks = ("group-lagging", "group-stalled", "lag-near-retention", "lag-on-one-partition")
    assert unknown == [(f"kafka/{check}", "behind") for check in checks]
    assert not [f for f in report.findings if f.address.kind == "groups" and f.check != "kafka/dlq-missing"]


def test_before_kafka_4_2_the_lag_is_not_known(model: Model) -> None:
    model.versions[SHARE_OFFSETS] = 0
    with SimulatedCluster(model) as cluster:
        snapshot = look(cluster)
    lag = lag_of(snapshot, "behind")
    assert lag.lag.tolist() == [-1, -1]
    unknown = lag.unknown()
    assert isinstance(unknown, Unknown)
    assert (unknown.why, "KIP-1226" in unknown.detail) == (Why.UNSUPPORTED, True)


def test_one_that_may_not_be_read_and_one_that_is_gone(cluster: SimulatedCluster) -> None:
    first = look(cluster)
    with cluster.lock:
        del cluster.model.groups["gone"]
    with cluster.fault(api=SHARE_OFFSETS, group="behind", error=30):
        second = look(cluster, previous=first)
    assert "gone" in second.groups.absent
    assert isinstance(second.committed["behind"], Unknown)
    assert not isinstance(second.committed["done"], Unknown)


def test_by_name_its_kind_is_found_out(cluster: SimulatedCluster) -> None:
    snapshot = look(cluster, "behind")
    assert [name for name, group in snapshot.groups.items.items() if isinstance(group, Group)] == ["behind"]
    assert lag_of(snapshot, "behind").total == 30
