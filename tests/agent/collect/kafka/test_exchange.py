"""How much one answer may hold: of a stranger little, of a broker as much as a big cluster has to tell."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest
from kafka.protocol.sasl import SaslHandshakeRequest

from agent.collect.kafka.exchange import Exchange, StrangeError, countdown

Serve = Callable[[Callable[[socket.socket, threading.Event], None]], int]

LONG = 32_000
"""Characters of one name."""


def answer(serial: int, names: int) -> bytes:
    """SaslHandshake version 1 with so many names, packed by hand."""
    name = struct.pack(">h", LONG) + b"x" * LONG
    body = struct.pack(">ihi", serial, 0, names) + name * names
    return struct.pack(">i", len(body)) + body


def server(*names: int) -> Callable[[socket.socket, threading.Event], None]:
    """Answers one question after the other, each with so many names."""

    def handle(sock: socket.socket, _: threading.Event) -> None:
        with sock.makefile("rb") as asked:
            for serial, many in enumerate(names, 1):
                asked.read(struct.unpack(">i", asked.read(4))[0])
                sock.sendall(answer(serial, many))

    return handle


def ask(exchange: Exchange) -> int:
    return len(exchange.ask(SaslHandshakeRequest(version=1, mechanism="PLAIN")).mechanisms)


def test_a_broker_may_answer_more_than_four_megabytes(serve: Serve) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", serve(server(1, 200))))) as sock:
        exchange = Exchange(sock, countdown(20, time.monotonic), "test")
        assert [ask(exchange), ask(exchange)] == [1, 200]


def test_a_stranger_may_not(serve: Serve) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", serve(server(200))))) as sock:
        exchange = Exchange(sock, countdown(20, time.monotonic), "test")
        with pytest.raises(StrangeError):
            ask(exchange)
