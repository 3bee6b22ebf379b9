"""Streams groups, read from a simulated cluster: members own tasks, and what a task reads is told by the topology."""

from collections.abc import Iterator

import pytest

from agent.demo.cluster import Member, Model, SimulatedCluster, brokers
from checks import all_checks
from checks.evaluate import evaluate
from checks.facts import Group, History, KafkaSnapshot, Lag, Unknown, Why, facts_of
from checks.limits import Limits
from tests.agent.collect.kafka.test_share import look

DESCRIBE = 89
READS = ("app-join-repartition", "few", "many")


@pytest.fixture
def model() -> Model:
    made = brokers(3)
    for name, partitions in zip(READS, (2, 1, 3), strict=True):
        for partition in made.add_topic(name, partitions, 3).partitions:
            partition.append(100, 1_000_000.0)
    members = [
        Member("m", assignment={"many": (0, 2)}, subscription=READS),
        Member("n", assignment={"many": (1,)}, subscription=READS, instance_id="second"),
    ]
    offsets = {("many", p): 90 for p in range(3)} | {("few", 0): 100}
    made.add_group("app", offsets, kind="streams", protocol_type="streams", state="Stable", members=members)
    return made


@pytest.fixture
def cluster(model: Model) -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model) as running:
        yield running


def app(snapshot: KafkaSnapshot) -> Group:
    group = snapshot.groups.items["app"]
    assert isinstance(group, Group)
    return group


@pytest.mark.parametrize("scope", [(), ("app",), ("a*",)], ids=["all", "by name", "by glob"])
def test_members_own_of_each_topic_what_it_has(cluster: SimulatedCluster, scope: tuple[str, ...]) -> None:
    snapshot = look(cluster, *scope)
    group = app(snapshot)
    assert (group.kind, group.state, group.protocol_type) == ("streams", "Stable", "streams")
    assert isinstance(group.members, tuple)
    first, second = group.members
    assert first.assigned == {"app-join-repartition": (0,), "few": (0,), "many": (0, 2)}
    assert second.assigned == {"app-join-repartition": (1,), "many": (1,)}
    assert (first.subscribed, second.instance_id) == (("few", "many"), "second")
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", "app"))
    assert isinstance(lag, Lag)
    uncommitted = {lag.place(row) for row in range(lag.topic.size) if lag.committed[row] < 0}
    assert uncommitted == {("app-join-repartition", 0), ("app-join-repartition", 1)}


def test_a_member_that_waits_for_a_task_tells_what_it_is_to_own(cluster: SimulatedCluster, model: Model) -> None:
    with cluster.lock:
        group = model.groups["app"]
        group.state, group.epoch, group.assignment_epoch = "Reconciling", 5, 4
        first, second = group.members
        first.epoch, first.target, second.epoch = 3, {"many": (0,)}, 4
    seen = app(look(cluster))
    assert isinstance(seen.members, tuple)
    assert (seen.epoch, seen.assignment_epoch, [m.epoch for m in seen.members]) == (5, 4, [3, 4])
    assert seen.members[0].target == {"app-join-repartition": (0,), "few": (0,), "many": (0,)}
    assert seen.members[1].target is None
    assert seen.behind() == seen.members[:1]


def test_its_own_repartition_topics_need_no_dead_letter_topic(cluster: SimulatedCluster) -> None:
    history = History()
    history.append(snapshot := look(cluster))
    report = evaluate(facts_of(snapshot, history), all_checks(), Limits())
    found = [f.summary for p, f in report.findings.items() if (p.check, p.address.name) == ("kafka/dlq-missing", "app")]
    assert [summary.rpartition(": ")[2] for summary in found] == ["few, many"]


def test_without_a_topology_nobody_knows_what_is_owned(cluster: SimulatedCluster) -> None:
    with cluster.lock:
        for member in cluster.model.groups["app"].members:
            member.subscription = ()
    owned = app(look(cluster)).assigned_topics()
    assert isinstance(owned, Unknown)
    assert "what topics" in owned.detail


def test_at_an_older_broker_all_but_the_members_is_read(model: Model) -> None:
    model.versions[DESCRIBE] = None
    with SimulatedCluster(model) as cluster:
        group = app(look(cluster))
    assert (group.kind, group.state) == ("streams", "Stable")
    assert isinstance(group.members, Unknown)
    assert (group.members.why, "too old for StreamsGroupDescribe" in group.members.detail) == (Why.UNSUPPORTED, True)


def test_one_that_may_not_be_read_and_one_that_is_gone(cluster: SimulatedCluster) -> None:
    first = look(cluster)
    with cluster.fault(api=DESCRIBE, group="app", error=30):
        denied = look(cluster, previous=first).groups.items["app"]
    assert isinstance(denied, Unknown)
    assert denied.why is Why.DENIED
    with cluster.lock:
        del cluster.model.groups["app"]
    assert "app" in look(cluster, previous=first).groups.absent
