"""A small cluster with a little of everything, and three ways to ask it: raw, kafka-python, confluent-kafka."""

import logging
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    # kafka-python reads its schemas with a function that Python 3.11 deprecates and 3.13 takes back.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient

    from agent.demo.cluster import Member, Model, SimulatedCluster, brokers

from confluent_kafka.admin import AdminClient

NOW = 1_700_000_000.0

Ask = Callable[..., Any]


@pytest.fixture
def model() -> Model:
    """Three brokers; `orders` with 4 partitions of 100 records (the last at NOW), `payments` with 1; three groups."""
    model = brokers(3)
    model.clock = lambda: NOW
    orders = model.add_topic("orders", partitions=4, replication=3, retention_ms="1000")
    for partition in orders.partitions:
        partition.append(1, NOW - 99)
        partition.append(99, NOW)
    model.add_topic("payments", partitions=1)
    crew = Member("m-1", "billing-app", "/10.0.0.7", ("orders",), {"orders": (0, 1, 2, 3)}, instance_id="i-1")
    model.add_group("billing", {("orders", 0): 90, ("orders", 3): 50}, state="Stable", members=[crew])
    model.add_group("modern", {("orders", 1): 7}, kind="consumer", state="Stable", assignor="uniform", members=[crew])
    model.add_group("idle", {("payments", 0): 0})
    return model


@pytest.fixture
def cluster(model: Model) -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture
def ask(cluster: SimulatedCluster) -> Ask:
    """Sends one message on a connection of its own and returns the decoded response: `ask(request, version, broker=1)`"""
    return lambda request, version, broker=1: Wire(cluster, broker).ask(request, version)


class Wire:
    """One blocking connection; nothing in it knows what the messages mean."""

    def __init__(self, cluster: SimulatedCluster, broker: int = 1) -> None:
        self.socket = socket.create_connection(("127.0.0.1", cluster.port(broker)), timeout=60)

    def send(self, request: Any, version: int) -> None:
        request.API_VERSION = version
        request.with_header(correlation_id=7, client_id="wire")
        self.socket.sendall(request.encode(header=True, framed=True))

    def receive(self) -> bytes:
        """One frame without its length; what arrived of it if the connection ended before."""
        length = struct.unpack(">i", self._exactly(4).ljust(4, b"\0"))[0]
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count and (more := self.socket.recv(count - len(received))):
            received += more
        return received

    def ask(self, request: Any, version: int, *, close: bool = True) -> Any:
        self.send(request, version)
        answer = self.receive()
        if close:
            self.close()
        assert answer, "closed without an answer"
        return request.header.get_response_class().decode(answer, header=True)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def wire_to() -> Iterator[Callable[[SimulatedCluster, int], Wire]]:
    """Connects to a broker of a cluster until the test ends: `wire_to(cluster, broker)`"""
    wires: list[Wire] = []

    def connect(cluster: SimulatedCluster, broker: int) -> Wire:
        wires.append(Wire(cluster, broker))
        return wires[-1]

    yield connect
    for each in wires:
        each.close()


@pytest.fixture
def wire(cluster: SimulatedCluster, wire_to: Callable[[SimulatedCluster, int], Wire]) -> Callable[..., Wire]:
    """The same of the small cluster: `wire(broker=1)`"""
    return lambda broker=1: wire_to(cluster, broker)


@pytest.fixture
def admin(cluster: SimulatedCluster) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=cluster.bootstrap, request_timeout_ms=5000, bootstrap_timeout_ms=5000)
    yield client
    client.close()


@pytest.fixture
def confluent(cluster: SimulatedCluster) -> AdminClient:
    return AdminClient(
        {"bootstrap.servers": cluster.bootstrap, "log_level": 0, "socket.timeout.ms": 5000},
        logger=logging.getLogger("rdkafka"),
    )
