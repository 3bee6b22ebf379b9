"""Brokers that are connected and say nothing more, or say it when nobody listens any more: they cost what is theirs, and no time."""

import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.collect.kafka.collector import KafkaCollector
from agent.demo.cluster import Request
from checks.facts import Why
from tests.agent.relay import Relay
from tests.agent.test_faults import (
    CONFIGS,
    DESCRIBE,
    LIST,
    LIST_OFFSETS,
    METADATA,
    OFFSET_FETCH,
    UNSAFE,
    VERSIONS,
    Cluster,
    Look,
    closable,
    collector_of,
    looked,
    model,
    only,
    whole,
)

SECONDS = 1.2
"""Of a look; a third of it for each answer."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(model()) as running:
        yield running


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[Relay]:
    """The only way to broker 2 that the cluster tells."""
    with Relay(cluster.port(2)) as running:
        cluster.model.brokers[2].port = running.port
        yield running


@pytest.fixture
def collector(cluster: Cluster) -> KafkaCollector:
    return collector_of(cluster)


def lost_with_broker_2(seen: Look, good: Look) -> None:
    only(seen, good, "g2", "t2")
    assert set(closable(seen).values()) == {Why.DEADLINE}
    assert seen.found >= UNSAFE, "any broker knows the topics' configurations"
    assert {("kafka/group-lagging", f"g{n}") for n in (1, 3)} <= seen.found
    assert ("kafka/group-lagging", "g2") not in seen.found
    assert set(seen.snapshot.groups.items) == {"g1", "g2", "g3"}
    assert not seen.snapshot.groups.absent
    assert seen.seconds < SECONDS


@pytest.mark.parametrize(
    ("api", "after"), [(VERSIONS, 6), (LIST, 0), (LIST, 6), (DESCRIBE, 6), (OFFSET_FETCH, 6), (LIST_OFFSETS, 6)]
)
def test_a_broker_that_falls_silent_on_an_open_connection(
    cluster: Cluster, relay: Relay, collector: KafkaCollector, api: int, after: int
) -> None:
    good = looked(collector)
    whole(good)
    cluster.on(lambda asked: (asked.broker, asked.api) == (2, api), lambda: relay.fall_silent(after))
    seen = looked(collector, good.snapshot, SECONDS)
    assert not cluster.left, "the fault was not met"
    lost_with_broker_2(seen, good)
    still = looked(collector, seen.snapshot, SECONDS)  # its connections are made now, and nobody reads there
    lost_with_broker_2(still, good)
    relay.go_on()
    whole(looked(collector, still.snapshot))


@pytest.mark.parametrize("api", [METADATA, CONFIGS])
def test_a_way_in_that_falls_silent_leaves_the_others(
    cluster: Cluster, relay: Relay, collector: KafkaCollector, api: int
) -> None:
    ways = [("127.0.0.1", port) for port in (relay.port, cluster.port(1), cluster.port(3))]
    object.__setattr__(collector.settings, "bootstrap", tuple(ways))
    good = looked(collector)
    whole(good)
    collector._configs._topics.clear()  # old by now
    cluster.on(lambda asked: (asked.broker, asked.api) == (2, api), lambda: relay.fall_silent(6))
    seen = looked(collector, good.snapshot, SECONDS)
    assert not cluster.left, "the fault was not met"
    only(seen, good, "g2", "t2")
    assert set(closable(seen).values()) == {Why.DEADLINE}
    assert seen.found >= UNSAFE
    assert not seen.snapshot.groups.absent
    assert seen.seconds < SECONDS
    relay.go_on()
    whole(looked(collector, seen.snapshot))


def test_a_broker_that_accepts_and_never_reads(cluster: Cluster, collector: KafkaCollector) -> None:
    good = looked(collector)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the system accepts for it
        cluster.model.brokers[2].port = listener.getsockname()[1]
        seen = looked(collector, good.snapshot, SECONDS)
        lost_with_broker_2(seen, good)
        with_no_way_in = collector_of(cluster)
        object.__setattr__(with_no_way_in.settings, "bootstrap", (listener.getsockname(),))
        unseen = looked(with_no_way_in, None, SECONDS)
    assert unseen.snapshot.cluster.why is Why.DEADLINE  # type: ignore[union-attr]
    assert unseen.seconds < SECONDS
    cluster.model.brokers[2].port = cluster.port(2)
    whole(looked(collector, seen.snapshot))


# ── an answer that comes when nobody waits for it any more ──


def test_an_answer_that_comes_in_the_next_look_is_nobody_s(
    cluster: Cluster, relay: Relay, collector: KafkaCollector
) -> None:
    good = looked(collector)
    cluster.on(lambda asked: (asked.broker, asked.api) == (2, LIST), relay.fall_silent)
    late = looked(collector, good.snapshot, SECONDS)
    lost_with_broker_2(late, good)
    cluster.on(lambda _: True, relay.go_on)  # its answer and the first one of this look set out together
    with cluster.lock:
        cluster.model.groups["g2"].committed["t2", 0] = 4300  # what was answered then is not so any more
    seen = looked(collector, late.snapshot)
    whole(seen)
    assert relay.late, "the answer never came"
    assert seen.snapshot.committed["g2"].offset.tolist() == [4300]  # type: ignore[union-attr]


def test_an_answer_that_comes_in_the_same_look_is_not_taken_any_more(
    cluster: Cluster, relay: Relay, collector: KafkaCollector
) -> None:
    good = looked(collector)
    steps = deque([(2, LIST), (1, CONFIGS)])  # the look goes on without broker 2: that is when it answers

    def next_step(asked: Request) -> bool:
        return bool(steps) and (asked.broker, asked.api) == steps[0] and bool(steps.popleft())

    cluster.on(next_step, relay.fall_silent, relay.go_on)
    collector._configs._topics.clear()  # old by now
    seen = looked(collector, good.snapshot, SECONDS)
    assert not cluster.left
    lost_with_broker_2(seen, good)
    whole(looked(collector, seen.snapshot))


def things() -> tuple[int, int]:
    """Threads and descriptors of this process."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_silent_holds_no_thread_and_no_descriptor() -> None:
    before = things()
    with Cluster(model()) as cluster, Relay(cluster.port(2)) as relay:
        collector = collector_of(cluster)
        cluster.model.brokers[2].port = relay.port
        good = looked(collector)
        relay.fall_silent()
        seen = good
        for _ in range(5):
            seen = looked(collector, seen.snapshot, 0.3)
            assert seen.seconds < 1
            assert not seen.snapshot.groups.absent
        cluster.on(lambda _: True, relay.go_on)
        whole(looked(collector, seen.snapshot))
    assert all(after <= then for after, then in zip(things(), before, strict=True))
