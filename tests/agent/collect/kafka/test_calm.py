"""A group that has read everything and stays as it is is described now and then; one with lag each time."""

import time
from collections.abc import Callable, Iterator

import pytest

from agent.collect.kafka.calm import EVERY
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import Member, Request, SimulatedCluster, brokers
from checks.facts import Group, KafkaSnapshot
from checks.limits import Limits
from checks.questions import Questions

DESCRIBE, DESCRIBE_CONSUMER = 15, 69
Look = Callable[..., list[str]]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(1)
    model.add_topic("t", 1, 1).partitions[0].append(10, time.time() - 600)
    for name, at, kind in (("calm", 10, "classic"), ("late", 4, "classic"), ("new", 10, "consumer")):
        member = Member(f"m-{name}", subscription=("t",), assignment={"t": (0,)})
        model.add_group(name, {("t", 0): at}, state="Stable", kind=kind, members=[member])
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Look:
    """Which groups a look describes; `after`: seconds since the one before."""
    now, snapshots = [time.time()], list[KafkaSnapshot]()
    collector = KafkaCollector(KafkaSettings(cluster.endpoints), Questions((), Limits()), lambda: now[0])

    def one(after: float = 30.0) -> list[str]:
        now[0] += after
        cluster.requests.clear()
        snapshots.append(collector.collect(snapshots[-1] if snapshots else None, 10))
        assert {name: type(group) for name, group in snapshots[-1].groups.items.items()} == dict.fromkeys(
            cluster.model.groups, Group
        )
        return sorted(name for request in cluster.requests for name in described(request))

    return one


def described(request: Request) -> list[str]:
    if request.api not in {DESCRIBE, DESCRIBE_CONSUMER}:
        return []
    names: list[str] = request.fields["groups" if request.api == DESCRIBE else "group_ids"]
    return names


EVERYBODY = ["calm", "late", "new"]


def test_who_reads_everything_and_stays_is_described_now_and_then(look: Look) -> None:
    assert look() == look() == EVERYBODY, "it has to be seen that nothing moves"
    assert look() == look() == ["late"]
    assert look(1.3 * EVERY) == EVERYBODY
    assert look() == ["late"]


def test_who_commits_is_described_until_that_ends(cluster: SimulatedCluster, look: Look) -> None:
    assert look() == look() == EVERYBODY
    assert look() == ["late"]
    cluster.model.topics["t"].partitions[0].append(1, time.time())
    for name in ("calm", "new"):
        cluster.model.groups[name].committed["t", 0] = 11
    assert look() == ["late"], "what moved is known at the end of a look"
    assert look() == EVERYBODY
    assert look() == ["late"]


def test_another_state_is_looked_into_at_once(cluster: SimulatedCluster, look: Look) -> None:
    assert look() == look() == EVERYBODY
    cluster.model.groups["calm"].state = "Empty"
    cluster.model.groups["calm"].members.clear()
    assert look() == ["calm", "late"]


def test_who_has_something_to_read_is_described(cluster: SimulatedCluster, look: Look) -> None:
    assert look() == look() == EVERYBODY
    cluster.model.topics["t"].partitions[0].append(1, time.time())
    assert look() == ["late"]
    assert look() == EVERYBODY
