"""What a broker says again in the very same bytes is not decoded again, and never taken for another broker's word."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.exchange import Memos
from agent.demo.cluster import Member, SimulatedCluster, brokers
from checks import all_checks
from checks.facts import Committed, Group, KafkaSnapshot
from checks.limits import Limits
from checks.questions import Questions

Look = Callable[[], KafkaSnapshot]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.clock = time.time
    for name in ("orders", "payments"):
        model.add_topic(name, 2, 2)
    for name, kind in (("classic", "classic"), ("newer", "consumer")):
        owner = Member("m", subscription=("orders",), assignment={"orders": (0, 1)})
        model.add_group(name, {("orders", 0): 0, ("orders", 1): 0}, state="Stable", kind=kind, members=[owner])
        model.move_coordinator(name, 1)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Look:
    collector = KafkaCollector(KafkaSettings(cluster.endpoints), Questions(all_checks(), Limits()))
    return lambda: collector.collect(None, 10)


def test_what_is_said_again_is_the_very_same(look: Look) -> None:
    first, second = look(), look()
    for name in ("orders", "payments"):
        assert second.topics.items[name] is first.topics.items[name]
    for name in ("classic", "newer"):
        assert second.groups.items[name] is first.groups.items[name]
        assert second.committed[name] is first.committed[name]
    assert second.at > first.at


def test_what_is_said_anew_is_what_counts(cluster: SimulatedCluster, look: Look) -> None:
    first = look()
    with cluster.lock:
        cluster.model.groups["classic"].committed["orders", 0] = 5
        cluster.model.topics["orders"].partitions[0].append(9, time.time())
        cluster.model.move_leader("payments", 0, 1)
    second = look()
    before, after = first.committed["classic"], second.committed["classic"]
    assert isinstance(before, Committed)
    assert isinstance(after, Committed)
    assert (before.offset.tolist(), after.offset.tolist()) == ([0, 0], [5, 0])
    assert second.topics.items["payments"] != first.topics.items["payments"]
    assert look().topics.items["payments"] is second.topics.items["payments"]


@pytest.mark.parametrize("name", ["classic", "newer"])
def test_the_same_words_of_another_broker_are_another_answer(cluster: SimulatedCluster, look: Look, name: str) -> None:
    for broker in (1, 2, 1):
        with cluster.lock:
            cluster.model.move_coordinator(name, broker)
        group = look().groups.items[name]
        assert isinstance(group, Group)
        assert group.coordinator == broker


def test_what_was_not_asked_in_the_last_look_is_forgotten() -> None:
    memos, made = Memos(), []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    def ask(question: bytes, answer: bytes = b"a") -> object:
        return memos.get(question, answer, make)

    assert [ask(b"1"), ask(b"2")] == [0, 1]
    memos.turn()
    assert ask(b"1") == 0
    assert ask(b"1", b"other") == 2
    memos.turn()
    assert [ask(b"1", b"other"), ask(b"2")] == [2, 3]
