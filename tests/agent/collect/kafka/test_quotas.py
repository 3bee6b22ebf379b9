"""Quotas of clients, as some broker tells them: which one counts, who may see them, how often they are asked."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import ANONYMOUS, Rights, SimulatedCluster, brokers
from checks import all_checks
from checks.facts import Group, KafkaSnapshot, Quotas, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

QUOTAS = 48
NONE = Quotas({}, None, users=False)
Entity = tuple[tuple[str, str | None], ...]


def client(name: str | None) -> Entity:
    return (("client-id", name),)


def user(name: str | None, *more: tuple[str, str | None]) -> Entity:
    return (("user", name), *more)


def rate(of: float) -> dict[str, float]:
    return {"consumer_byte_rate": of}


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.quotas[client("app")] = rate(1024.0)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Iterator[Callable[..., KafkaSnapshot]]:
    settings = KafkaSettings(cluster.endpoints)
    collector = KafkaCollector(settings, Questions(all_checks(), Limits()), keep=True)

    def once(*, later: float = 0.0, scope: tuple[str, ...] = (), seconds: float = 10.0) -> KafkaSnapshot:
        collector._quotas._clock = lambda: later
        collector._settings = replace(settings, scope=scope)
        return collector.collect(None, seconds)

    yield once
    collector.close()


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, NONE),
        ({client("app"): rate(5), client(None): rate(9)}, Quotas({"app": 5}, 9, users=False)),
        ({client("app"): {"producer_byte_rate": 5, "request_percentage": 200}}, NONE),
        ({user("alice"): rate(5)}, Quotas({}, None, users=True)),
        (
            {user("alice", *client("app")): rate(5), client("app"): rate(7)},
            Quotas({"app": 7}, None, users=True),
        ),
        # What all users have by default goes before what is of client ids alone.
        ({user(None): rate(5), client("app"): rate(1), client(None): rate(2)}, Quotas({}, 5, users=False)),
        (
            {user(None, *client(None)): rate(4), user(None): rate(5), client("app"): rate(1)},
            Quotas({}, 4, users=False),
        ),
        (
            {user(None, *client("b")): rate(3), client("a"): rate(1), client(None): rate(2)},
            Quotas({"a": 1, "b": 3}, 2, users=False),
        ),
        ({(("client-id", "b"), ("user", None)): rate(3), user(None): rate(5)}, Quotas({"b": 3}, 5, users=False)),
        # Of a broker that is newer, or another one.
        ({(("ip", "10.0.0.1"),): {"connection_creation_rate": 5}, (("ip", None),): rate(5)}, NONE),
        ({(("group", "g"),): rate(5), (("group", "g"), *client("app")): rate(6), (): rate(7)}, NONE),
        ({client("a"): rate(float("nan")), client("b"): rate(float("inf")), client("c"): rate(-1)}, NONE),
    ],
)
def test_of_each_client_id_it_is_known_what_it_may_read(
    cluster: SimulatedCluster,
    look: Callable[..., KafkaSnapshot],
    told: Mapping[Entity, dict[str, float]],
    expected: Quotas,
    version: int,
) -> None:
    cluster.model.versions[QUOTAS] = version
    cluster.model.quotas = dict(told)
    assert look().quotas == expected


def test_one_broker_is_asked_and_again_by_age_and_what_is_equal_is_the_very_same(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    first = look().quotas
    assert first == Quotas({"app": 1024.0}, None, users=False)
    assert look(later=224.0).quotas is first
    assert len(cluster.asked(QUOTAS)) == 1
    assert look(later=376.0).quotas is first
    assert len(cluster.asked(QUOTAS)) == 2
    cluster.model.quotas[client(None)] = rate(7)
    assert look(later=752.0).quotas == Quotas({"app": 1024.0}, 7, users=False)


def test_a_scope_asks_for_them_too(look: Callable[..., KafkaSnapshot]) -> None:
    assert isinstance(look(scope=("nobody",)).quotas, Quotas)


def test_before_kafka_26_nothing_is_asked(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    cluster.limit_to((2, 5))
    told = look().quotas
    assert isinstance(told, Unknown)
    assert (told.why, told.detail[-26:]) == (Why.UNSUPPORTED, "(needs Kafka 2.6: KIP-546)")
    assert not cluster.asked(QUOTAS)


@pytest.mark.parametrize("describe", [True, False])
def test_without_the_right_it_says_which_and_no_group_is_a_gap(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], describe: bool
) -> None:
    with cluster.lock:
        cluster.model.add_group("app", {})
        cluster.model.rights[ANONYMOUS] = Rights(cluster=describe, cluster_configs=False, more=False)
    seen = look()
    assert isinstance(seen.quotas, Unknown)
    assert seen.quotas.why is Why.DENIED
    assert seen.quotas.close.startswith("grant DESCRIBE_CONFIGS on the cluster: kafka-acls.sh ")
    assert isinstance(seen.groups.items["app"], Group)
    # A broker that tells that it may not be asked is not.
    assert len(cluster.asked(QUOTAS)) == (not describe)
    assert look(later=1.0).quotas is seen.quotas
    with cluster.lock:
        cluster.model.rights[ANONYMOUS] = Rights(cluster=describe, more=False)
    assert isinstance(look(later=2.0).quotas, Quotas), "at once"


@pytest.mark.parametrize("fault", [{"drop": True}, {"cut": 9}, {"error": -1}])
def test_a_failed_answer_is_unknown_and_is_asked_for_again(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], fault: dict[str, Any]
) -> None:
    look()
    with cluster.fault(api=QUOTAS, **fault):
        told = look(later=376.0).quotas
    assert isinstance(told, Unknown)
    assert told.why is Why.UNREACHABLE
    assert isinstance(look(later=377.0).quotas, Quotas)


def test_a_late_answer_costs_one_look_and_not_each(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    with cluster.fault(api=QUOTAS, stall=True):
        seen = look(seconds=0.7)
        assert isinstance(seen.quotas, Unknown)
        assert seen.quotas.why is Why.DEADLINE
        # What every broker knows is asked of a second one.
        assert [request.broker for request in cluster.asked(QUOTAS)] == [1, 2]
        assert look(later=224.0).quotas is seen.quotas
        assert len(cluster.asked(QUOTAS)) == 2
    assert isinstance(look(later=376.0).quotas, Quotas)


def test_a_snapshot_holds_them_and_an_older_one_says_that_it_does_not(look: Callable[..., KafkaSnapshot]) -> None:
    seen = look()
    text = files.dumps([seen])
    (again,) = files.loads(text)
    assert isinstance(again, KafkaSnapshot)
    assert again.quotas == seen.quotas
    (older,) = files.loads(text.replace('"quotas"', '"former"'))
    assert isinstance(older, KafkaSnapshot)
    assert isinstance(older.quotas, Unknown)
