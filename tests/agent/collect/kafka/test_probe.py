"""Each way not to get into a broker has its cause and one line: on the way to it, and where something else answers."""

import contextlib
import socket
import struct
import threading
import time
from typing import Any

import pytest

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import Probed, probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.errors import ConnectError
from agent.secret import Secret
from tests.agent.collect.kafka.conftest import Authority
from tests.agent.collect.kafka.packed import (
    BROKERS,
    PASSWORD,
    PLAINTEXT,
    SSL,
    VERSIONS,
    Broker,
    Contexts,
    Handler,
    Serve,
    refused,
    requests,
    sasl,
)

# ── getting in ──


def test_plaintext(serve: Serve) -> None:
    broker = Broker()
    assert probe("127.0.0.1", serve(broker), PLAINTEXT, 5.0) == Probed(VERSIONS, "c-1", BROKERS)
    assert broker.asked == [(18, 0), (3, 4)]


@pytest.mark.parametrize("mechanism", [one for one in Mechanism if one.by_password])
@pytest.mark.parametrize("tls", [False, True])
def test_sasl(serve: Serve, server_context: Contexts, authority: Authority, mechanism: Mechanism, *, tls: bool) -> None:
    port = serve(Broker(mechanisms=("GSSAPI", str(mechanism)), context=server_context() if tls else None))
    security = Security(
        protocol=Protocol.of(tls=tls, sasl=True),
        mechanism=mechanism,
        username="alice",
        password=Secret.literal(PASSWORD),
        ca=authority.ca.certificate,
    )
    assert probe("127.0.0.1", port, security, 5.0).cluster_id == "c-1"


def test_tls_with_and_without_a_client_certificate(
    serve: Serve, server_context: Contexts, authority: Authority
) -> None:
    ca = authority.ca.certificate
    port = serve(Broker(context=server_context()))
    assert probe("127.0.0.1", port, Security(protocol=Protocol.SSL, ca=ca), 5.0).brokers == BROKERS
    port = serve(Broker(context=server_context(client_ca=authority.ca)))
    client = Security(
        protocol=Protocol.SSL,
        ca=ca,
        certificate=authority.client.certificate,
        key=Secret.literal(authority.client.key()),
    )
    assert probe("127.0.0.1", port, client, 5.0).brokers == BROKERS


def test_the_next_address_is_tried(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    port = serve(Broker())
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        answers = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", deaf.getsockname()[1])),
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        assert probe("kafka-1", port, PLAINTEXT, 5.0).cluster_id == "c-1"


def test_an_answer_in_pieces(serve: Serve) -> None:
    class Slow(Broker):
        def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
            with contextlib.closing(sock):
                for key, _, correlation, body in requests(sock):
                    answer = correlation + (self.answers[key](body) or b"")
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for byte in struct.pack(">i", len(answer)) + answer:
                        sock.sendall(bytes([byte]))

    assert probe("127.0.0.1", serve(Slow()), PLAINTEXT, 5.0).cluster_id == "c-1"


# ── not getting in: TCP ──


def test_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(9092, PLAINTEXT, Cause.DNS, "not a host name", host="a" * 70)

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refused(9092, PLAINTEXT, Cause.DNS, "(Name or service not known)", "check bootstrap.servers", host="kafka-1")


def test_refused() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        refused(deaf.getsockname()[1], PLAINTEXT, Cause.REFUSED, "is the broker up")


def test_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(*_: object) -> None:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket.socket, "connect", no_route)
    refused(9092, PLAINTEXT, Cause.UNREACHABLE, "(No route to host)")


def test_nobody_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the queue is full now: the next one is not answered
            refused(port, PLAINTEXT, Cause.TIMED_OUT, "took no TCP connection within 0.3 s", seconds=0.3)


def test_no_time_at_all(serve: Serve) -> None:
    refused(serve(Broker()), PLAINTEXT, Cause.TIMED_OUT, seconds=0.0)


# ── silence and drops ──


def until_hung_up(sock: socket.socket, stop: threading.Event) -> None:
    while sock.recv(4096):
        pass


def dripping(first: bytes, drop: bytes = b"\0") -> Handler:
    """Says something, and then a byte now and then, without an end."""

    def handle(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(4096)
        sock.sendall(first)
        while not stop.wait(0.02):
            sock.sendall(drop)

    return handle


HELLO = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"  # the beginning of a very long ServerHello


@pytest.mark.parametrize(
    ("security", "handler", "says"),
    [
        (PLAINTEXT, until_hung_up, "ApiVersions"),
        (PLAINTEXT, dripping(struct.pack(">i", 100_000)), "ApiVersions"),
        (SSL, until_hung_up, "the TLS handshake"),
        (SSL, dripping(HELLO), "the TLS handshake"),
    ],
)
def test_who_does_not_come_to_an_end_is_left_at_the_deadline(
    serve: Serve, security: Security, handler: Handler, says: str
) -> None:
    port = serve(handler)
    begin = time.monotonic()
    refused(port, security, Cause.TIMED_OUT, f"did not finish {says} within 0.3 s", seconds=0.3)
    assert 0.25 < time.monotonic() - begin < 3


@pytest.mark.parametrize(("key", "says"), [(3, "Metadata"), (17, "the SASL handshake"), (36, "the check of the cred")])
def test_a_broker_that_falls_silent(serve: Serve, key: int, says: str) -> None:
    class Silent(Broker):
        def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
            self.answers[key] = lambda _: until_hung_up(sock, stop)
            super().__call__(sock, stop)

    refused(serve(Silent(mechanisms=("PLAIN",))), sasl(), Cause.TIMED_OUT, f"did not finish {says}", seconds=0.3)


def test_the_clock_decides(serve: Serve) -> None:
    ticks = iter([0.0, 1.0, 2.0, 11.0, 12.0])
    with pytest.raises(ConnectError) as caught:
        probe("127.0.0.1", serve(Broker()), PLAINTEXT, 10.0, lambda: next(ticks))
    assert caught.value.cause == Cause.TIMED_OUT


# ── something else than Kafka ──


def saying(text: bytes) -> Handler:
    def handle(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(4096)
        sock.sendall(text)

    return handle


@pytest.mark.parametrize(
    ("security", "text", "says"),
    [
        (PLAINTEXT, b"HTTP/1.1 400 Bad Request\r\n\r\n", "'HTTP/1.1 400 Bad Request'"),
        (SSL, b"HTTP/1.1 400 Bad Request\r\n\r\n", "'HTTP/1.1 400 Bad Request'"),
        (PLAINTEXT, b"SSH-2.0-\x1b[2J\r\n", "'SSH-2.0- [2J'"),
        (PLAINTEXT, b"ok", "'ok'"),
        (PLAINTEXT, b"\x00\x00\x00\x03abc", "does not speak"),  # a frame without room for a correlation id
        (PLAINTEXT, b"\xff\xff\xff\xffabc", "does not speak"),
        (PLAINTEXT, b"\x00\x00\x00\x08\x00\x00\x00\x07abcd", "does not speak"),  # an answer to another question
        (PLAINTEXT, b"\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x09", "does not speak"),
    ],
)
def test_not_kafka(serve: Serve, security: Security, text: bytes, says: str) -> None:
    refused(serve(saying(text)), security, Cause.NOT_KAFKA, says)


def test_a_size_is_not_believed(serve: Serve) -> None:
    begin = time.monotonic()
    refused(serve(dripping(b"HTTP")), PLAINTEXT, Cause.NOT_KAFKA, "'HTTP'", seconds=30)
    assert time.monotonic() - begin < 10


def at_once(sock: socket.socket, stop: threading.Event) -> None:
    """Hangs up."""


@pytest.mark.parametrize("security", [PLAINTEXT, SSL, sasl()])
def test_a_port_that_hangs_up(serve: Serve, security: Security) -> None:
    refused(serve(at_once), security, Cause.CLOSED, "closed the connection during ", "limit of connections")


@pytest.mark.parametrize(
    ("key", "during"), [(17, "the SASL handshake"), (36, "the check of the cred"), (3, "Metadata")]
)
def test_a_broker_that_hangs_up_later(serve: Serve, key: int, during: str) -> None:
    broker = Broker(mechanisms=("PLAIN",), answers={key: lambda _: None})
    refused(serve(broker), sasl(), Cause.CLOSED, f"during {during}")


def test_an_answer_that_is_cut_off(serve: Serve) -> None:
    refused(serve(saying(struct.pack(">ii", 100, 1))), PLAINTEXT, Cause.CLOSED)


@pytest.mark.parametrize(
    ("versions", "security", "says"),
    [
        ({}, PLAINTEXT, "names no API"),
        ({18: (0, 4), 52: (0, 1)}, PLAINTEXT, "a controller's listener?"),
        ({3: (0, 2)}, PLAINTEXT, "does not speak version 4 of API 3: Kafka 1.0 or newer"),
        ({3: (0, 5), 17: (0, 0)}, sasl(), "does not speak version 1 of API 17"),
        ({3: (0, 5), 17: (0, 1)}, sasl(), "does not speak version 0 of API 36"),
    ],
)
def test_an_unsupported_broker(
    serve: Serve, versions: dict[int, tuple[int, int]], security: Security, says: str
) -> None:
    port = serve(Broker(versions=versions, mechanisms=("PLAIN",) if security.protocol.sasl else ()))
    refused(port, security, Cause.UNSUPPORTED_BROKER, says)
