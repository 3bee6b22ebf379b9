"""Log directories and reassignments, as brokers tell them: to whom, how often, and how far."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.scope import SCOPED
from agent.collect.kafka.storage import LogDirs, _storage
from agent.demo.cluster import SimulatedCluster, brokers
from agent.demo.cluster.model import ANONYMOUS, Rights
from checks import all_checks
from checks.facts import Cluster as ClusterFacts
from checks.facts import KafkaSnapshot, LogDir, Reassignment, Storage, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions
from tests.checks.examples import kafka

LOG_DIRS, REASSIGNMENTS = 35, 46


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(2)
    model.clock = time.time
    for name in ("orders", "payments"):
        model.add_topic(name, 2, 2)
    model.topics["orders"].partitions[1].append(70, time.time())
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def look(cluster: SimulatedCluster) -> Callable[..., KafkaSnapshot]:
    settings = KafkaSettings(cluster.endpoints)
    collector = KafkaCollector(settings, Questions(all_checks(), Limits()))

    def once(*, later: float = 0.0, scope: tuple[str, ...] = ()) -> KafkaSnapshot:
        collector._log_dirs._clock = lambda: later
        collector._settings = replace(settings, scope=scope)
        return collector.collect(None, 10)

    return once


def asked(cluster: SimulatedCluster, api: int) -> int:
    return sum(request.api == api for request in cluster.requests)


def test_each_broker_tells_of_its_own_replicas_and_volumes(look: Callable[..., KafkaSnapshot]) -> None:
    storage = look().storage
    assert isinstance(storage, dict)
    assert list(storage) == ["1", "2"]
    for told in storage.values():
        assert isinstance(told, Storage)
        assert told.dirs == (LogDir("/var/lib/kafka/data", 500_000_000_000, 400_000_000_000),)
        assert told.topics == ("orders", "payments")
        columns = zip(told.topic.tolist(), told.partition.tolist(), told.size.tolist(), strict=True)
        assert list(columns) == [(0, 0, 0), (0, 1, 7000), (1, 0, 0), (1, 1, 0)]


def test_brokers_are_asked_again_by_age_and_what_is_kept_is_the_very_same(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    first = look().storage
    assert look(later=44.0).storage is first
    assert asked(cluster, LOG_DIRS) == 2
    with cluster.lock:
        cluster.model.brokers[2].usable_bytes -= 1
    third = look(later=76.0).storage
    assert asked(cluster, LOG_DIRS) == 4
    assert isinstance(first, dict)
    assert isinstance(third, dict)
    assert third["2"] != first["2"]


def test_a_broker_that_is_away_and_holds_replicas_is_not_known(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    with cluster.lock:
        cluster.model.fence(2)
    away = look().storage
    assert isinstance(away, dict)
    assert isinstance(away["1"], Storage)
    assert away["2"] == Unknown(Why.UNREACHABLE, "broker 2 is down")
    with cluster.lock:
        cluster.model.unfence(2)
    back = look(later=1.0).storage
    assert isinstance(back, dict)
    assert isinstance(back["2"], Storage), "one that was away is asked at once"
    assert back["1"] is away["1"]


class Slow:
    """Two brokers that answer as they are told to: in mid-look, since what counts is how often a look waits for them."""

    def __init__(self) -> None:
        self.over = False
        self.up = {1, 2}
        self.late: set[int] = set()
        self.asked: list[int] = []

    @property
    def patience(self) -> "Slow":
        return self

    def version(self, broker: int, _: int) -> int:
        return 4 if broker in self.up else -1

    def put_all(self, asks: list[tuple[int, object]]) -> list[object]:
        self.asked = [broker for broker, _ in asks]
        return [LATE if broker in self.late or broker not in self.up else STORED for broker in self.asked]


LATE = Unknown(Why.DEADLINE, "did not answer in time")
STORED = Storage((), (), *(np.zeros(0, dtype=np.int64) for _ in range(5)), at=0.0)


def test_a_broker_that_was_late_is_asked_at_once_and_one_that_is_always_late_with_this_now_and_then() -> None:
    now, wire = 0.0, Slow()
    dirs = LogDirs(clock=lambda: now)
    cluster = kafka([]).cluster
    assert isinstance(cluster, ClusterFacts)
    cluster = replace(cluster, brokers=cluster.brokers[:2])

    def asked(at: float, *, up: Collection[int] = (1, 2), late: Collection[int] = ()) -> list[int]:
        nonlocal now
        now, wire.up, wire.late = at, set(up), set(late)
        told = dirs.read(wire, cluster, [1, 2], at)  # type: ignore[arg-type]
        assert isinstance(told, dict)
        assert all(
            told[str(broker)] is STORED for broker in wire.asked if broker not in wire.late and broker in wire.up
        )
        return wire.asked

    assert asked(0, late=[2]) == [1, 2]
    assert asked(1) == [2], "late once, and at once known"
    assert asked(2) == []
    # Lost before its turn: it costs a look nothing to ask, however often.
    assert asked(76, up=[1]) == [1, 2]
    assert [asked(at, up=[1]) for at in range(77, 81)] == [[2]] * 4
    assert asked(81, late=[2]) == [2]
    assert asked(82, late=[2]) == [2]
    assert asked(83) == [], "twice in a row it was this answer alone that took too long"
    assert asked(110) == []
    assert asked(160, late=[2]) == [1, 2]
    assert asked(161) == []
    # A look that is over before it comes to this says nothing of a broker.
    wire.over = True
    assert asked(240, late=[1, 2]) == [1, 2]
    assert asked(241, late=[1, 2]) == [1, 2]
    assert asked(242) == [1, 2]


def test_without_the_right_nobody_is_asked(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    with cluster.lock:
        cluster.model.rights[ANONYMOUS] = Rights(cluster=False, more=False)
    seen = look()
    for told in (seen.storage, seen.reassignments):
        assert isinstance(told, Unknown)
        assert told.why is Why.DENIED
        assert told.close.endswith("--operation Describe --cluster")
    assert asked(cluster, LOG_DIRS) == asked(cluster, REASSIGNMENTS) == 0


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_old_broker_does_not_tell_how_big_its_volumes_are(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot], version: int
) -> None:
    cluster.model.versions[LOG_DIRS] = version
    storage = look().storage
    assert isinstance(storage, dict)
    told = storage["1"]
    assert isinstance(told, Storage)
    (folder,) = told.dirs
    assert isinstance(folder, LogDir)
    assert isinstance(folder.total, Unknown)
    assert folder.total.why is Why.UNSUPPORTED
    assert "needs Kafka 3.3: KIP-827" in folder.total.detail
    assert told.size.sum() == 7000


def test_reassignments_are_told_and_are_the_same_while_they_last(
    cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]
) -> None:
    assert look().reassignments == ()
    with cluster.lock:
        moved = cluster.model.topics["payments"].partitions[1]
        moved.adding, moved.removing = (2,), (1,)
    second = look()
    assert second.reassignments == (Reassignment("payments", 1, (2,), (1,)),)
    assert look().reassignments is second.reassignments


def test_a_scope_asks_for_neither(cluster: SimulatedCluster, look: Callable[..., KafkaSnapshot]) -> None:
    seen = look(scope=("nobody",))
    assert (seen.storage, seen.reassignments) == (SCOPED, SCOPED)
    assert asked(cluster, LOG_DIRS) == asked(cluster, REASSIGNMENTS) == 0


def test_a_snapshot_holds_them_and_an_older_one_says_that_it_does_not(look: Callable[..., KafkaSnapshot]) -> None:
    seen = look()
    text = files.dumps([seen])
    (again,) = files.loads(text)
    assert isinstance(again, KafkaSnapshot)
    assert files.dumps([again]) == text
    assert isinstance(again.storage, dict)
    assert isinstance(again.storage["2"], Storage)
    assert again.reassignments == ()
    (older,) = files.loads(text.replace('"storage"', '"former"').replace('"reassignments"', '"formerly"'))
    assert isinstance(older, KafkaSnapshot)
    for told in (older.storage, older.reassignments):
        assert isinstance(told, Unknown)
        assert told.why is Why.UNSUPPORTED


def test_who_tells_nothing_without_an_error_denies() -> None:
    class Answer:
        error_code, results = 0, ()

    told = _storage(Answer(), 1, 0.0, totals=False)
    assert isinstance(told, Unknown)
    assert told.why is Why.DENIED
