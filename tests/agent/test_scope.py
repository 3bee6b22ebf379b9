"""`mqcanary run --scope`: one application's groups and queues and what they read, by name, with the rights on them alone."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.audit import audit
from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from agent.collect.kafka.scope import nobodys
from agent.config import Config, load
from agent.config.scope import scoped
from agent.demo.cluster import ANONYMOUS, Member, Rights, SimulatedCluster, brokers
from agent.errors import ConfigError
from agent.snapshot import dumps, loads
from checks import all_checks
from checks.facts import Group, KafkaSnapshot, Unknown
from checks.limits import Limits
from checks.questions import Questions

METADATA, LIST_GROUPS = 3, 16
FILE = """
kafka: [{name: prod, bootstrap: ["127.0.0.1:9092"]}]
sqs: [{region: us-east-1, prefix: pay-}]
"""


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    model.clock = time.time
    now = time.time()
    for name in ("orders", "orders.dlq", "payments", "secret"):
        for partition in model.add_topic(name, 2, 3, min_insync_replicas="2").partitions:
            partition.append(1000, now - 1500)
    member = Member("m", subscription=("orders",), assignment={"orders": (0, 1)})
    model.add_group("orders-app", {("orders", 0): 400, ("orders", 1): 1000}, state="Stable", members=[member])
    newer = Member("n", subscription=("payments",), assignment={"payments": (0, 1)})
    model.add_group("pay-app", {("payments", 0): 1000}, state="Stable", kind="consumer", members=[newer])
    model.add_group("other-app", {("secret", 0): 1}, state="Empty")
    with SimulatedCluster(model) as running:
        yield running


def look(cluster: SimulatedCluster, *scope: str, previous: KafkaSnapshot | None = None) -> KafkaSnapshot:
    settings = KafkaSettings(cluster.endpoints[:1], name="prod", scope=scope)
    return KafkaCollector(settings, Questions(all_checks(), Limits())).collect(previous, 10)


def test_what_is_left_out_by_choice_is_known_by_name(cluster: SimulatedCluster) -> None:
    settings = KafkaSettings(
        cluster.endpoints[:1],
        topics=Choice(exclude=("ord*",), platform=("pay*",)),
        groups=Choice(include=("pay-app",), platform=("f*",)),
    )
    snapshot = KafkaCollector(settings, Questions(all_checks(), Limits())).collect(None, 10)
    topics, groups = snapshot.topics, snapshot.groups
    assert {"orders", "orders.dlq"} <= topics.left_out
    assert (topics.exists("orders"), groups.exists("orders-app")) == (True, True)
    assert groups.items.keys() == {"pay-app"}
    assert not any(name.startswith(("pay", "f")) for name in (*topics.left_out, *groups.left_out))
    (again,) = loads(dumps([snapshot]))
    assert isinstance(again, KafkaSnapshot)
    assert (again.topics.left_out, again.groups.left_out) == (topics.left_out, groups.left_out)


def test_names_are_asked_for_and_nothing_is_listed(cluster: SimulatedCluster) -> None:
    snapshot = look(cluster, "orders-app", "pay-app")
    assert snapshot.groups.items.keys() == {"orders-app", "pay-app"}
    kinds = {g.kind for g in snapshot.groups.items.values() if isinstance(g, Group)}
    assert kinds == {"classic", "consumer"}
    assert {"orders", "payments"} <= snapshot.topics.items.keys() <= {"orders", "orders.dlq", "payments"}
    assert not cluster.asked(LIST_GROUPS)
    assert all(request.fields["topics"] is not None for request in cluster.asked(METADATA))


def test_rights_on_its_own_groups_and_topics_are_enough(cluster: SimulatedCluster) -> None:
    cluster.model.rights[ANONYMOUS] = Rights(topics={"orders", "orders.dlq"}, groups={"orders-app"}, cluster=False)
    snapshot = look(cluster, "orders-app")
    report = audit([snapshot], all_checks(), Limits())[0].report
    assert not [gap for gap in report.gaps.values() if not gap.check]
    assert {f.fingerprint.check for f in report.findings.values()} >= {"kafka/group-lagging"}
    # The same without a scope: the list of groups may be incomplete, and that is said.
    whole = audit([look(cluster)], all_checks(), Limits())[0].report
    assert [gap for gap in whole.gaps.values() if not gap.check and gap.address.kind == "groups"]


def test_a_glob_needs_the_list_and_takes_only_what_it_names(cluster: SimulatedCluster) -> None:
    assert look(cluster, "*-app").groups.items.keys() == {"orders-app", "pay-app", "other-app"}
    assert look(cluster, "o*r-app").groups.items.keys() == {"other-app"}


def test_a_group_that_is_not_there_is_absent_and_a_lost_coordinator_is_unknown(cluster: SimulatedCluster) -> None:
    assert look(cluster, "nobody").groups.absent.keys() == {"nobody"}
    before = look(cluster, "orders-app")
    cluster.fault(api=10, coordinator="orders-app", error=15)
    after = look(cluster, "orders-app", previous=before)
    assert isinstance(after.groups.items["orders-app"], Unknown)
    assert not after.groups.absent


def gaps(snapshot: KafkaSnapshot) -> dict[str, Unknown]:
    """Those of lists, by kind."""
    report = audit([snapshot], all_checks(), Limits())[0].report
    return {gap.address.kind: gap.unknown for gap in report.gaps.values() if not gap.check}


def test_a_name_that_no_group_has_is_said(cluster: SimulatedCluster) -> None:
    assert "groups" not in gaps(look(cluster, "orders-app"))
    told = gaps(look(cluster, "orders-app", "order-app", "xyz"))["groups"]
    assert told.detail == "--scope names what no group is called: order-app, xyz"
    assert nobodys(("order-app", "xyz"), look(cluster, "orders-app", "order-app", "xyz").groups) == {
        "order-app": "did you mean orders-app? Else it is there from its first commit on",
        "xyz": "mend the name in --scope; a group is there from its first commit on",
    }
    assert gaps(look(cluster, "xyz*"))["groups"].detail == "--scope names what no group is called: xyz*"
    assert "groups" not in gaps(look(cluster, "ord*"))


def test_what_is_denied_or_away_is_not_said_to_be_nobody(cluster: SimulatedCluster) -> None:
    cluster.model.rights[ANONYMOUS] = Rights(topics={"orders"}, groups={"pay-app"}, cluster=False)
    assert not nobodys(("orders-app",), look(cluster, "orders-app").groups)
    cluster.model.rights.clear()
    cluster.stop_broker(2)
    holes = look(cluster, "xyz*").groups
    assert len(holes.blind) > 1
    assert not nobodys(("xyz*",), holes)


def test_nobody_is_asked_for_a_coordinator_where_that_would_make_the_topic_of_offsets(
    cluster: SimulatedCluster,
) -> None:
    cluster.model.groups.clear()
    cluster.model.offsets_topic = False
    before = look(cluster, "orders-app")
    assert not before.groups.items
    assert not look(cluster, "orders-app", previous=before).groups.items
    assert not cluster.model.offsets_topic
    cluster.model.add_group("orders-app", {("orders", 0): 1})
    cluster.model.offsets_topic = True  # its first member has asked for a coordinator
    assert look(cluster, "orders-app", previous=before).groups.items.keys() == {"orders-app"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "mqcanary.yaml"
    path.write_text(FILE, encoding="utf-8")
    return load(path)


def test_targets_without_anything_of_the_scope_are_left_out(config: Config) -> None:
    cut = scoped(config, ("groups/a", "groups/b*"))
    assert [target.scope for target in cut.kafka] == [("a", "b*")]
    assert cut.sqs == ()
    (queue,) = scoped(config, ("queues/pay-in",)).sqs
    assert (queue.queues, queue.prefix) == (("pay-in",), "")
    (some,) = scoped(config, ("queues/pay-*",)).sqs
    assert (some.queues, some.prefix, some.include) == ((), "pay-", ("pay-*",))
    assert scoped(config, ()) is config


def test_without_a_route_it_serves_metrics_only(config: Config, tmp_path: Path) -> None:
    assert scoped(config, ("groups/a",)).running.policy.route.destinations == ()
    path = tmp_path / "routed.yaml"
    path.write_text(f"{FILE}route: {{to: console}}\n", encoding="utf-8")
    assert scoped(load(path), ("groups/a",)).running.policy.route.destinations == ("console",)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (("payments",), "--scope 'payments' is no group and no queue: write groups/payments or queues/payments"),
        (("topics/orders",), "--scope 'topics/orders' is no group and no queue"),
        (("queues/",), "--scope 'queues/' is no group and no queue"),
    ],
)
def test_a_wrong_scope_is_one_line(config: Config, scope: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        scoped(config, scope)


def test_a_scope_that_no_target_serves_is_said(config: Config) -> None:
    with pytest.raises(ConfigError, match="has no target for it"):
        scoped(replace(config, sqs=()), ("queues/a",))
