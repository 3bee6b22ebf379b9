"""More that goes wrong on the way: between two answers, at each byte of one, and from one look to the next."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from agent.collect.kafka.collector import KafkaCollector
from agent.demo.cluster import ANONYMOUS, Config, Member, Rights, all_but
from checks.facts import History, Lag, Unknown, Why, facts_of
from checks.limits import Limits
from checks.questions import Questions
from tests.agent.test_faults import (
    CHECKS,
    CONFIGS,
    COORDINATOR,
    DEADLINE,
    DESCRIBE,
    DESCRIBE_CONSUMER,
    LAGGING,
    LIST,
    LIST_OFFSETS,
    METADATA,
    OFFSET_FETCH,
    UNSAFE,
    VERSIONS,
    Cluster,
    Look,
    asks,
    closable,
    collector_of,
    known,
    look,
    looked,
    model,
    only,
    whole,
)

SHARE, SHARE_OFFSETS, LOG_DIRS = 77, 90, 35
CUTS = (
    *(
        (2, api)
        for api in (
            LIST_OFFSETS,
            METADATA,
            OFFSET_FETCH,
            DESCRIBE,
            LIST,
            VERSIONS,
            CONFIGS,
            SHARE,
            SHARE_OFFSETS,
            LOG_DIRS,
        )
    ),
    *((3, api) for api in (DESCRIBE_CONSUMER, LIST_OFFSETS, OFFSET_FETCH, LIST, LOG_DIRS)),
    *((1, api) for api in (METADATA, LIST_OFFSETS, LIST, LOG_DIRS)),
)
"""Brokers, and a question to each. Broker 1 is the way in."""
DENIED_TOO = {
    "storage",
    "reassignments",
    "quorum",
    *(f"disks {n}" for n in (1, 2, 3)),
    *(f"time t{n}" for n in (1, 2, 3)),
}
"""What needs DESCRIBE on the cluster; and nobody asks by time for whom it is not known where they stand."""
END = pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
"""How a connection ends."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(model()) as running:
        yield running


@pytest.fixture
def sharing(cluster: Cluster) -> Cluster:
    """With a share group on broker 2."""
    made = cluster.model
    members = [Member("s2", subscription=("t2",), assignment={"t2": (0,)})]
    made.add_group("s2", {("t2", 0): 9000}, state="Stable", kind="share", protocol_type="share", members=members)
    made.move_coordinator("s2", 2)
    return cluster


def cut_at(cluster: Cluster, good: Look, broker: int, api: int, byte: int, *, reset: bool) -> None:
    """A broker ends each answer to one question after so many bytes."""
    cluster.requests.clear()
    with cluster.fault(api=api, broker=broker, cut=byte, reset=reset):
        # Nobody is silent here: what comes late, of many thousand looks, is late by the machine.
        seen = looked(collector_of(cluster), deadline=5 * DEADLINE)
    assert broker in {request.broker for request in cluster.asked(api)}, "it was not asked"
    assert seen.seconds < DEADLINE
    only(seen, good, f"g{broker}", f"t{broker}", f"s{broker}", broker=broker)
    assert f"disks {broker}" not in known(seen.snapshot), "the fault was not met: disks are asked for last"


def cut_at_each(cluster: Cluster, broker: int, api: int, at: Iterable[int], *, reset: bool) -> None:
    good = look(cluster)
    for byte in at:
        cut_at(cluster, good, broker, api, byte, reset=reset)
    after = look(cluster, good.snapshot)
    whole(after)
    assert known(after.snapshot) == known(good.snapshot)


@END
@pytest.mark.parametrize(("broker", "api"), CUTS)
def test_an_answer_that_ends_early_is_lost_whole(sharing: Cluster, broker: int, api: int, reset: bool) -> None:
    cut_at_each(sharing, broker, api, (0, 1, 3, 4, 5, 8, 11, 29), reset=reset)


@pytest.mark.soak
@END
@pytest.mark.parametrize(("broker", "api"), CUTS)
def test_an_answer_that_ends_at_any_byte_is_lost_whole(sharing: Cluster, broker: int, api: int, reset: bool) -> None:
    cut_at_each(sharing, broker, api, range(130 if api == LOG_DIRS else 300), reset=reset)  # the last that is asked


def where_is_g2(cluster: Cluster, at: Iterable[int], *, reset: bool) -> None:
    """No list has it any more: its coordinator is asked for, of the way in, and of another where that ends its answer early."""
    good = look(cluster)
    cluster.model.groups["g2"].listed_by = set()
    for byte in at:
        with cluster.fault(api=COORDINATOR, broker=1, cut=byte, reset=reset):
            seen = look(cluster, good.snapshot)
        only(seen, good, "g1", "t1", broker=1)
        assert {mark[1] for mark in closable(seen)} == {"g1"}
        with cluster.fault(api=COORDINATOR, cut=byte, reset=reset):
            lost = look(cluster, good.snapshot)
        only(lost, good, "g1", "t1", "g2", "t2", "1", broker=2)
        assert isinstance(lost.snapshot.groups.items["g2"], Unknown)
        assert not lost.snapshot.groups.absent
    after = look(cluster, lost.snapshot)
    whole(after)
    assert known(after.snapshot) == known(good.snapshot)


@END
def test_a_coordinator_that_is_told_halfway_is_not_told(cluster: Cluster, reset: bool) -> None:
    where_is_g2(cluster, (0, 1, 3, 4, 5, 8, 11, 29), reset=reset)


@pytest.mark.soak
@END
def test_a_coordinator_that_is_told_up_to_any_byte_is_not_told(cluster: Cluster, reset: bool) -> None:
    where_is_g2(cluster, range(40), reset=reset)  # it has so many


# ── between two questions ──


def test_a_topic_that_goes_between_metadata_and_offsets(cluster: Cluster) -> None:
    good = look(cluster)

    def gone() -> None:
        del cluster.model.topics["t2"]

    cluster.on(asks(LIST_OFFSETS, "t2"), gone)
    seen = look(cluster, good.snapshot)
    only(seen, good, "g2", "t2")
    assert {name for name, topic in seen.snapshot.topics.items.items() if not isinstance(topic, Unknown)} >= {
        "t1",
        "t3",
    }
    later = look(cluster, seen.snapshot)
    assert later.snapshot.topics.absent["t2"].polls == 1
    assert "t2" not in later.snapshot.topics.items


@pytest.mark.parametrize("api", [DESCRIBE, OFFSET_FETCH])
def test_a_group_that_goes_after_it_was_listed(cluster: Cluster, api: int) -> None:
    """Who has been described and then has no offsets is judged by what it has; the looks after say that it is gone."""
    good = look(cluster)

    def gone() -> None:
        del cluster.model.groups["g2"]

    cluster.on(asks(api, "g2"), gone)
    seen = look(cluster, good.snapshot)
    assert seen.found <= good.found - {("kafka/group-lagging", "g2")}
    assert good.found - seen.found <= {mark for mark in good.found if mark[1] == "g2"}
    later = look(cluster, look(cluster, seen.snapshot).snapshot)
    assert later.snapshot.groups.absent["g2"].polls >= 2
    assert set(later.snapshot.groups.items) == {"g1", "g3"}


def test_rights_that_are_taken_away_resolve_nothing(cluster: Cluster) -> None:
    """Groups vanish from the lists without an error: each is asked for by name, and refused."""
    good = look(cluster)
    cluster.on(
        asks(DESCRIBE, "g1"),
        lambda: cluster.model.rights.update({ANONYMOUS: Rights(groups=all_but("g1", "g2", "g3"), cluster=False)}),
    )
    during = look(cluster, good.snapshot)
    after = look(cluster, during.snapshot)
    groups = ("g1", "g2", "g3")
    unread = {(f"kafka/{check}", name) for check in ("dlq-missing", "group-lagging") for name in groups}
    members = {("kafka/idle-members", name) for name in groups}
    # Who is described before that, and who behind it, is a matter of luck: but not of g1, nor what each has committed.
    assert unread | {("kafka/idle-members", "g1")} <= closable(during).keys() <= unread | members
    assert closable(after) == dict.fromkeys(unread | members | {("", "groups")}, Why.DENIED)
    # A topic for dead letters is missing, or not, by what members read: who was described in time has that said still.
    assert UNSAFE <= during.found <= UNSAFE | {("kafka/dlq-missing", name) for name in groups}
    assert after.found == UNSAFE
    for seen in (during, after):
        assert not seen.snapshot.groups.absent
        assert set(seen.snapshot.groups.items) == set(groups)
        lost = known(good.snapshot) - known(seen.snapshot)
        assert {f"offsets {name}" for name in groups} <= lost
        described = {f"{part} {name}" for part in ("group", "offsets") for name in groups}
        assert lost <= described | DENIED_TOO
    assert all(isinstance(group, Unknown) and group.why is Why.DENIED for group in after.snapshot.groups.items.values())
    cluster.model.rights.clear()
    later = look(cluster, after.snapshot)
    whole(later)
    assert known(later.snapshot) == known(good.snapshot)


# ── what a broker says of itself ──


def test_a_quota_that_there_is_time_for_takes_nothing_away(cluster: Cluster) -> None:
    with cluster.fault(throttle_ms=20):
        seen = looked(collector_of(cluster), deadline=30.0)
    whole(seen)
    assert seen.seconds > 20 * 0.02, "each broker holds up what follows on its connection"


def test_a_quota_of_one_broker_takes_its_own_away_and_nothing_else(cluster: Cluster) -> None:
    good = look(cluster)
    with cluster.fault(throttle_ms=30_000, broker=2):
        seen = look(cluster)
    assert seen.seconds < DEADLINE
    only(seen, good, "g2", "t2", broker=2)
    assert "throttled by broker 2 for" in str(seen.snapshot.groups.blind)
    whole(look(cluster, seen.snapshot))


def test_an_address_that_does_not_resolve_costs_its_broker_alone(cluster: Cluster) -> None:
    good = look(cluster)
    with cluster.lock:
        cluster.model.brokers[2].host = "broker-2.invalid"
    seen = look(cluster, good.snapshot)
    only(seen, good, "g2", "t2", broker=2)
    assert "broker-2.invalid" in str(seen.snapshot.groups.blind)
    assert not seen.snapshot.groups.absent


def test_where_no_broker_can_be_come_to_nothing_of_the_cluster_is_seen(cluster: Cluster) -> None:
    collector = collector_of(cluster, endpoints=cluster.endpoints[:1])
    good = looked(collector).snapshot
    with cluster.lock:
        for broker in cluster.model.brokers.values():
            broker.host = "kafka.invalid"
    seen = looked(collector, good)
    unseen = seen.snapshot.cluster
    assert isinstance(unseen, Unknown)
    assert unseen.why is Why.UNREACHABLE
    assert unseen.detail.startswith(
        "none of the 3 brokers of the cluster lets us in where it tells clients to come to: "
    )
    assert "kafka.invalid:" in unseen.detail
    assert "does not resolve" in unseen.detail
    assert "advertised.listeners" in unseen.close
    assert seen.snapshot.address == good.address
    assert facts_of(seen.snapshot, History()).unseen is unseen
    assert not seen.found


@pytest.mark.parametrize("scope", [(), ("g1",)], ids=["whole", "scoped"])
@pytest.mark.parametrize("here", [0, 1], ids=["none", "one"])
def test_one_broker_that_can_be_come_to_is_enough(cluster: Cluster, scope: tuple[str, ...], here: int) -> None:
    with cluster.lock:
        for broker in cluster.model.brokers.values():
            broker.port = 1 if broker.id != 3 * here else broker.port
    cluster.model.brokers[1].host = "127.0.0.2"  # where nobody listens, either
    settings = replace(collector_of(cluster).settings, bootstrap=cluster.endpoints[1:2], scope=scope)
    snapshot = KafkaCollector(settings, Questions(CHECKS, Limits())).collect(None, DEADLINE)
    if here:
        assert not isinstance(snapshot.cluster, Unknown)
    else:
        assert isinstance(snapshot.cluster, Unknown)
        assert "refuses connections" in snapshot.cluster.detail


def test_another_cluster_at_the_same_address_is_another_target(cluster: Cluster) -> None:
    good = look(cluster)
    with cluster.lock:
        cluster.model.cluster_id = "another"
    seen = look(cluster, good.snapshot)
    assert seen.snapshot.address != good.snapshot.address


def test_nothing_of_another_cluster_is_said_of_the_one_that_took_its_place(cluster: Cluster) -> None:
    collector = collector_of(cluster)
    before = looked(collector).snapshot
    with cluster.lock:
        cluster.model.cluster_id = "another"
        del cluster.model.groups["g2"]
        for broker in cluster.model.brokers.values():
            broker.configs["offsets.retention.minutes"] = Config("7")
    seen = looked(collector, before).snapshot
    assert set(seen.groups.items) == {"g1", "g3"}
    assert not seen.groups.absent
    told = [config.settings["offsets.retention.minutes"].value for config in seen.broker_configs.values()]  # type: ignore[union-attr]
    assert told == ["7"] * 3


def test_an_offset_beyond_the_end_is_no_lag_below_zero(cluster: Cluster) -> None:
    with cluster.lock:
        cluster.model.groups["g2"].committed["t2", 0] = 10_005
    snapshot = look(cluster).snapshot
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", "g2"))
    assert isinstance(lag, Lag)
    assert (lag.lag.tolist(), lag.total, lag.read) == ([-1], 0, False)


@pytest.mark.parametrize("skew", [-7200.0, 7200.0], ids=["slow", "fast"])
def test_a_cluster_whose_clock_is_wrong(cluster: Cluster, skew: float) -> None:
    """Records carry its time: their age is wrong by as much, and never below zero; counts and configurations are right."""
    good = look(cluster)
    with cluster.lock:
        for topic in cluster.model.topics.values():
            for partition in topic.partitions:
                partition.points = [point._replace(ms=point.ms + int(skew * 1000)) for point in partition.points]
    seen = look(cluster)
    assert {mark for mark in good.found if mark[0] != "kafka/group-lagging"} <= seen.found
    for name in ("g1", "g2", "g3"):
        lag = facts_of(seen.snapshot, History()).get(Lag, seen.snapshot.address.under("groups", name))
        assert isinstance(lag, Lag)
        least, most = lag.waited()
        assert lag.total == 5800
        assert 0 <= least[0] <= most[0]


def test_a_coordinator_that_nobody_names_and_a_leader_that_nobody_is(cluster: Cluster) -> None:
    good = look(cluster)
    cluster.model.topics["t2"].partitions[0].leader = -1
    with cluster.fault(api=COORDINATOR, coordinator="g1", error=15):
        seen = look(cluster, good.snapshot)
    assert ("kafka/offline-partition", "t2") in seen.found
    assert ("kafka/group-lagging", "g2") in closable(seen)


def test_a_restart_of_one_broker_after_the_other(cluster: Cluster) -> None:
    """Whoever is away takes his own with him for that look; nothing is ever gone, and no lag is below zero."""
    good = look(cluster)
    before = good.snapshot
    for broker in (1, 2, 3):
        cluster.stop_broker(broker)
        away = look(cluster, before)
        cluster.start_broker(broker)
        back = look(cluster, away.snapshot)
        for seen in (away, back):
            assert seen.found <= good.found
            assert not seen.snapshot.groups.absent
            assert not seen.snapshot.topics.absent.keys() & {"t1", "t2", "t3"}
        whole(back)
        before = back.snapshot


def test_a_broker_is_asked_no_more_than_its_budget_and_what_is_left_is_a_gap(cluster: Cluster) -> None:
    collector = KafkaCollector(replace(collector_of(cluster).settings, requests=6), Questions(CHECKS, Limits()))
    seen = looked(collector)
    asked = Counter(request.broker for request in cluster.requests)
    greeting = 2  # which versions it speaks, and whether it lets us in
    assert sorted(asked.values()) == [6 + greeting] * 3
    assert sorted(collector.calls.servers().values()) == [6, 6, 6]
    assert seen.found < LAGGING | UNSAFE
    assert set(closable(seen).values()) == {Why.DEADLINE}
    whole(look(cluster, seen.snapshot))
