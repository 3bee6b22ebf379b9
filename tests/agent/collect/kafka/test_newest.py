"""When the newest record of a log was written, asked of a simulated cluster: of what is wanted alone, and while logs move."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

import agent.collect.kafka.newest as module
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.offsets import Answers, Places, unanswered
from agent.demo.cluster import Config, SimulatedCluster, brokers
from agent.snapshot import dumps, loads
from checks import all_checks
from checks.facts import NEVER, Address, KafkaSnapshot, Newest, Unknown, Why, unseen_kafka
from checks.kafka.dlq_unread import dlq_unread
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.questions import Questions

NOW = 1_800_000_000.0
Look = Callable[[], Newest]
Times = dict[tuple[str, int], tuple[int, float]]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.clock = lambda: NOW
    for name in ("orders", "orders.dlq", "tiered.dlq"):
        topic = model.add_topic(name, 2, 1)
        topic.partitions[0].append(5, NOW - 3600)
    model.topics["tiered.dlq"].configs["remote.storage.enable"] = Config("true")
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Look:
    bootstrap = tuple((host, int(port)) for host, port in (b.split(":") for b in cluster.bootstrap.split(",")))
    collector = KafkaCollector(KafkaSettings(bootstrap), Questions(all_checks(), Limits()), lambda: NOW)

    def looked() -> Newest:
        snapshot = collector.collect(None, 30)
        assert isinstance(snapshot.newest, Newest)
        return snapshot.newest

    return looked


def times(newest: Newest) -> Times:
    """Offsets, and for how many seconds each is there."""
    rows = zip(
        newest.topic.tolist(), newest.partition.tolist(), newest.offset.tolist(), newest.timestamp.tolist(), strict=True
    )
    return {(newest.topics[topic], p): (offset, NOW - ms / 1000) for topic, p, offset, ms in rows}


def asked(cluster: SimulatedCluster) -> int:
    """How many partitions were asked for their newest record, ever."""
    fields = [request.fields for request in cluster.requests if request.api == 2]
    return sum(row["timestamp"] == -3 for one in fields for topic in one["topics"] for row in topic["partitions"])


def test_only_dead_letters_are_asked_for_and_only_while_their_logs_move(cluster: SimulatedCluster, look: Look) -> None:
    first = look()
    assert times(first) == {("orders.dlq", 0): (0, 3600.0)}, "an empty log holds nothing, and a tiered one is not asked"
    assert asked(cluster) == 1
    assert look() is first
    assert asked(cluster) == 1
    with cluster.lock:
        cluster.model.topics["orders.dlq"].partitions[1].append(1, NOW - 60)
    assert times(look()) == {("orders.dlq", 0): (0, 3600.0), ("orders.dlq", 1): (0, 60.0)}
    assert asked(cluster) == 2
    with cluster.lock:
        cluster.model.topics["orders.dlq"].partitions[1].log_start = 1
        cluster.model.topics["new.dlq"] = cluster.model.topics["orders"]
        cluster.model.topics["new.dlq"].name = "new.dlq"
    assert times(look()) == {("new.dlq", 0): (0, 3600.0), ("orders.dlq", 0): (0, 3600.0)}


def test_a_topic_that_was_created_anew_is_asked_again(cluster: SimulatedCluster, look: Look) -> None:
    look()
    with cluster.lock:
        del cluster.model.topics["orders.dlq"]
        topic = cluster.model.add_topic("orders.dlq", 2, 1)
        topic.id = uuid.uuid4()
        topic.partitions[0].append(5, NOW - 10)
    assert times(look()) == {("orders.dlq", 0): (0, 10.0)}


def test_brokers_before_3_0_are_not_asked(cluster: SimulatedCluster, look: Look) -> None:
    cluster.model.versions[2] = 6
    assert look().error.tolist() == [35]
    assert asked(cluster) == 0


def test_a_refusal_is_told_and_asked_again(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object, places: Places, *__: object) -> Answers:
        return unanswered(places.leader.size, 29)

    with monkeypatch.context() as patch:
        patch.setattr(module, "ask", refuse)
        told = look()
    assert (told.error.tolist(), told.timestamp.tolist()) == ([29], [NEVER])
    assert times(look()) == {("orders.dlq", 0): (0, 3600.0)}


def test_what_is_deleted_is_not_the_newest(
    cluster: SimulatedCluster, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker answers with a record that is deleted while its segment is not."""

    def whole(_: object, places: Places, *__: object) -> Answers:
        size = places.leader.size
        return unanswered(size)._replace(offset=np.full(size, 2), timestamp=np.full(size, 99))

    with cluster.lock:
        cluster.model.topics["orders.dlq"].partitions[0].log_start = 3
    monkeypatch.setattr(module, "ask", whole)
    assert (look().offset.tolist(), look().timestamp.tolist()) == ([NEVER], [NEVER])


def test_it_is_kept_in_a_file(look: Look) -> None:
    newest = look()
    (again,) = loads(dumps([replace(unseen_kafka("c", NOW, Unknown(Why.OFF, "")), newest=newest)]))
    assert isinstance(again, KafkaSnapshot)
    assert isinstance(again.newest, Newest)
    assert times(again.newest) == times(newest)


def test_a_check_asks_by_the_names_that_its_limits_have() -> None:
    prod = Address("kafka", "prod")
    names = {"orders", "orders.dlq", "graveyard"}
    assert Questions([dlq_unread], Limits()).newest(prod, names) == {"orders.dlq"}
    mine = Override(Pattern(), "*", {"patterns": ("grave*",)})
    assert Questions([dlq_unread], Limits([mine])).newest(prod, names) == {"graveyard"}
    assert not Questions([dlq_unread], Limits([Override(Pattern(), "*", off=True)])).newest(prod, names)
