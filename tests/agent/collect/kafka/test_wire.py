"""Several brokers asked through the wire: what each of them does is its own affair."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agent.collect.kafka.connection import Question
from agent.collect.kafka.metadata import Metadata, read_metadata
from agent.collect.kafka.security import Protocol, Security
from agent.collect.kafka.wire import Wire, wired
from agent.demo.cluster import SimulatedCluster, brokers
from checks.facts import Unknown, Why
from tests.agent.collect.kafka.conftest import Authority

LIST_GROUPS = 16


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(4)
    model.add_topic("orders", 4, 2)
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def connect(cluster: SimulatedCluster) -> Iterator[Callable[[float], Wire]]:
    open_ones: list[Any] = []

    def connected(seconds: float) -> Wire:
        context = wired(cluster.endpoints, Security(), seconds)
        open_ones.append(context)
        wire = context.__enter__()
        metadata = read_metadata(wire)
        assert isinstance(metadata, Metadata)
        wire.know({b.id: (b.host, b.port) for b in metadata.cluster.brokers})
        return wire

    yield connected
    for context in open_ones:
        context.__exit__(None, None, None)


def groups(answer: Any) -> int:
    return len(answer.groups)


def question(make: Callable[[Any], Any] = groups) -> Question:
    from kafka.protocol.admin import ListGroupsRequest  # noqa: PLC0415 - only collectors import kafka-python

    return Question(ListGroupsRequest, 5, lambda: {"states_filter": [], "types_filter": []}, make)


def whys(answers: list[Any]) -> list[Any]:
    return [answer.why if isinstance(answer, Unknown) else answer for answer in answers]


def test_each_broker_that_fails_fails_alone(cluster: SimulatedCluster, connect: Callable[[float], Wire]) -> None:
    wire = connect(3.0)
    asks: list[tuple[int | None, Question]] = [(node, question()) for node in (1, 2, 3, 4, 9, None)]
    with cluster.fault(api=LIST_GROUPS, broker=2, stall=True), cluster.fault(api=LIST_GROUPS, broker=3, drop=True):
        answers = wire.put_all(asks)
    assert whys(answers) == [0, Why.DEADLINE, Why.UNREACHABLE, 0, Why.UNREACHABLE, 0]
    # One that failed is not asked again in this look.
    assert whys(wire.put_all([(2, question()), (3, question()), (4, question())])) == [
        Why.DEADLINE,
        Why.UNREACHABLE,
        0,
    ]


def test_what_any_broker_knows_another_one_is_asked(
    cluster: SimulatedCluster, connect: Callable[[float], Wire]
) -> None:
    wire = connect(10.0)
    with cluster.fault(api=LIST_GROUPS, broker=1, drop=True):
        assert whys(wire.put_all([(None, question()), (None, question())])) == [0, 0]


def test_a_question_that_a_broker_does_not_know_keeps_the_others(connect: Callable[[float], Wire]) -> None:
    wire = connect(10.0)
    newer = question()._replace(most=-1)
    assert whys(wire.put_all([(1, question()), (1, newer), (1, question())])) == [0, Why.UNSUPPORTED, 0]


def test_a_name_that_no_certificate_holds_is_mended_at_the_brokers(
    authority: Authority, server_context: Callable[..., ssl.SSLContext]
) -> None:
    model = brokers(3)
    with SimulatedCluster(model, tls=server_context()) as cluster:
        security = Security(protocol=Protocol.SSL, ca=authority.ca.certificate)
        for broker in model.brokers.values():
            broker.host = "localhost"
        with wired(cluster.endpoints[:1], security, 5.0) as wire:
            wire.know({b.id: (b.host, b.port) for b in model.brokers.values()})
            nobody = wire.nobody()
            assert isinstance(nobody, Unknown)
            assert "shows a certificate for another name" in nobody.detail
            assert "advertised.listeners that its certificate holds" in nobody.close
            model.brokers[3].host = "127.0.0.1"
            wire.know({b.id: (b.host, b.port) for b in model.brokers.values()})
            assert wire.nobody() is None


def test_a_look_that_is_over_connects_no_more(cluster: SimulatedCluster, connect: Callable[[float], Wire]) -> None:
    wire = connect(10.0)
    wire.close()
    assert whys(wire.put_all([(1, question())])) == [Why.DEADLINE]


def test_who_is_reached_after_the_look_is_let_go(
    cluster: SimulatedCluster, connect: Callable[[float], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = connect(10.0)
    made: list[Any] = []
    real = wire._connected

    def late(endpoint: Any, each: float) -> Any:
        wire.close()
        made.append(real(endpoint, each))
        return made[0]

    monkeypatch.setattr(wire, "_connected", late)
    assert whys(wire.put_all([(2, question())])) == [Why.DEADLINE]
    assert made[0].exchange.sock.fileno() == -1


@pytest.mark.parametrize("others", [(2, 3, 4), (1,)], ids=["beside others", "the only one to be reached"])
def test_a_resolver_that_hangs_keeps_one_broker_from_being_seen_and_no_other(
    cluster: SimulatedCluster,
    connect: Callable[[float], Wire],
    monkeypatch: pytest.MonkeyPatch,
    others: tuple[int, ...],
) -> None:
    wire, go_on = connect(1.5), threading.Event()
    wire.know({**dict(enumerate(cluster.endpoints, start=1)), 9: ("silent.invalid", 9092)})
    real = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **options: Any) -> Any:
        if host == "silent.invalid":
            go_on.wait(10)
        return real("127.0.0.1" if host == "silent.invalid" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        assert whys(wire.put_all([(node, question()) for node in (9, *others)])) == [Why.DEADLINE, *[0] * len(others)]
    finally:
        go_on.set()


@pytest.fixture
def silent() -> Iterator[Callable[[int], list[tuple[str, int]]]]:
    """Hosts that accept and never say a word."""
    with ExitStack() as stack:

        def hosts(count: int) -> list[tuple[str, int]]:
            made = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
            return [("127.0.0.1", one.getsockname()[1]) for one in made]

        yield hosts


def test_silent_bootstrap_hosts_leave_time_for_one_that_answers(
    cluster: SimulatedCluster, silent: Callable[[int], list[tuple[str, int]]]
) -> None:
    with wired([*silent(4), cluster.endpoints[0]], Security(), 3.0) as wire:
        assert whys(wire.put_all([(None, question())])) == [0]


def test_many_silent_brokers_take_no_other_with_them(
    cluster: SimulatedCluster, connect: Callable[[float], Wire], silent: Callable[[int], list[tuple[str, int]]]
) -> None:
    """As when a zone is cut off."""
    wire, lost = connect(3.0), silent(60)
    wire.know(dict(enumerate([*lost, *cluster.endpoints], start=1)))
    told = whys(wire.put_all([(node, question()) for node in range(1, 65)]))
    assert (set(told[:60]), told[60:]) == ({Why.DEADLINE}, [0, 0, 0, 0])
