"""Several brokers at once on one thread, against servers that hold back what would come of itself only if nobody waited."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from agent.collect.kafka.exchange import ClosedError, Exchange, LateError, StrangeError, Written
from agent.collect.kafka.fanout import MOST, Line, Prepared, converse
from tests.live.certs import Certs

Served = Callable[[socket.socket], None]


def prepared(body: bytes) -> Prepared:
    return Prepared(Written(3, 10, body), lambda _, answer: answer[4:])


def take(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = sock.recv(min(65536, size - len(data)))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def request(sock: socket.socket) -> tuple[bytes, bytes]:
    """Number and last bytes of the next request."""
    (size,) = struct.unpack(">i", take(sock, 4))
    data = take(sock, size)
    return data[4:8], data[-4:]


def answer(sock: socket.socket, number: bytes, body: bytes) -> None:
    sock.sendall(struct.pack(">i", 4 + len(body)) + number + body)


@pytest.fixture
def brokers() -> Iterator[Callable[[Served], Exchange]]:
    with ExitStack() as stack:
        threads: list[threading.Thread] = []

        def start(serve: Served) -> Exchange:
            ours, theirs = socket.socketpair()
            stack.callback(ours.close)

            def run() -> None:
                with theirs:
                    try:
                        serve(theirs)
                    except (EOFError, OSError):
                        return

            threads.append(threading.Thread(target=run))
            threads[-1].start()
            return Exchange(ours, lambda: 10.0, "test")

        yield start
        stack.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


def line(exchange: Exchange, *bodies: bytes, each: float = 10.0) -> Line:
    return Line(exchange, [partial(prepared, body) for body in bodies], each)


def talk(*lines: Line, seconds: float = 10.0) -> None:
    converse(lines, time.monotonic() + seconds)


def echo(sock: socket.socket) -> None:
    while True:
        answer(sock, *request(sock))


def test_no_broker_waits_for_another(brokers: Callable[[Served], Exchange]) -> None:
    both = threading.Barrier(2, timeout=10)

    def serve(sock: socket.socket) -> None:
        asked = request(sock)
        both.wait()  # until the other one has been asked as well
        answer(sock, *asked)

    lines = [line(brokers(serve), body) for body in (b"aaaa", b"bbbb")]
    talk(*lines)
    assert [one.answers for one in lines] == [[b"aaaa"], [b"bbbb"]]


def test_the_next_question_is_there_before_the_last_is_answered(brokers: Callable[[Served], Exchange]) -> None:
    def serve(sock: socket.socket) -> None:
        first, second = request(sock), request(sock)
        answer(sock, *first)
        answer(sock, *second)
        echo(sock)

    bodies = [b"%04d" % i for i in range(20)]
    one = line(brokers(serve), *bodies)
    talk(one)
    assert one.answers == bodies
    assert one.failure is None


def test_a_broker_is_never_sent_more_than_it_may_have(brokers: Callable[[Served], Exchange]) -> None:
    come: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        while True:
            come.append(request(sock)[1])

    one = line(brokers(serve), *(b"%04d" % i for i in range(20)), each=0.3)
    talk(one)
    assert isinstance(one.failure, LateError)
    assert len(come) == MOST


def test_a_broker_that_reads_nothing_is_late_with_what_could_not_be_sent(brokers: Callable[[Served], Exchange]) -> None:
    over = threading.Event()
    silent, other = (
        line(brokers(lambda _: over.wait(10) and None), b"x" * 8_000_000, each=0.2),
        line(brokers(echo), b"aaaa"),
    )
    talk(silent, other)
    over.set()
    assert isinstance(silent.failure, LateError)
    assert other.answers == [b"aaaa"]


def test_big_questions_and_big_answers_pass_each_other(brokers: Callable[[Served], Exchange]) -> None:
    size = 4_000_000

    def serve(sock: socket.socket) -> None:
        number, _ = request(sock)
        answer(sock, number, b"x" * size)  # without reading what has come meanwhile
        answer(sock, *request(sock))

    one = line(brokers(serve), b"aaaa", b"y" * size)
    talk(one)
    assert [len(body) for body in one.answers] == [size, 4]


def test_the_same_through_tls(brokers: Callable[[Served], Exchange], tmp_path: Path) -> None:
    certs = Certs.make(tmp_path)
    ours, theirs = (ssl.SSLContext(p) for p in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER))
    ours.load_verify_locations(certs.ca)
    theirs.load_cert_chain(certs.server_keystore)

    def serve(sock: socket.socket) -> None:
        with theirs.wrap_socket(sock, server_side=True) as link:
            first, second = request(link), request(link)
            answer(link, first[0], b"x" * 1_000_000)
            answer(link, *second)
            echo(link)

    plain = brokers(serve).sock
    with ours.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        bodies = [b"%04d" % i for i in range(20)]
        one = line(Exchange(secure, lambda: 10.0, "test"), *bodies, b"y" * 1_000_000)
        talk(one)
    assert one.failure is None
    assert [len(body) for body in one.answers] == [1_000_000, *(4 for _ in bodies)]


def close(sock: socket.socket) -> None:
    answer(sock, *request(sock))


def garble(sock: socket.socket) -> None:
    answer(sock, *request(sock))
    sock.sendall(b"HTTP/1.1 400 Bad Request")


def swap(sock: socket.socket) -> None:
    answer(sock, *request(sock))
    request(sock)
    answer(sock, b"\0\0\0\7", b"another's")


def chatter(sock: socket.socket) -> None:
    answer(sock, *request(sock))
    number, body = request(sock)
    answer(sock, number, body)
    request(sock)
    sock.sendall(b"\0\0")


@pytest.mark.parametrize(
    ("serve", "told", "failure"),
    [(close, 1, ClosedError), (garble, 1, StrangeError), (swap, 1, StrangeError), (chatter, 2, StrangeError)],
)
def test_one_that_fails_keeps_what_it_said_and_takes_nothing_from_the_others(
    brokers: Callable[[Served], Exchange], serve: Served, told: int, failure: type[Exception]
) -> None:
    bodies = [b"%04d" % i for i in range(6)]
    bad, good = line(brokers(serve), *bodies), line(brokers(echo), *bodies)
    talk(bad, good)
    assert (bad.answers, type(bad.failure)) == (bodies[:told], failure)
    assert (good.answers, good.failure) == (bodies, None)


def test_who_goes_on_after_the_last_answer_has_answered_all_the_same(brokers: Callable[[Served], Exchange]) -> None:
    def serve(sock: socket.socket) -> None:
        number, body = request(sock)
        both = struct.pack(">i", 8) + number + body
        sock.sendall(both + both)

    one = line(brokers(serve), b"aaaa")
    talk(one)
    assert (one.answers, type(one.failure)) == ([b"aaaa"], StrangeError)


def test_an_answer_that_drips_is_late_by_the_end_of_the_look(brokers: Callable[[Served], Exchange]) -> None:
    go_on = threading.Event()

    def serve(sock: socket.socket) -> None:
        number, body = request(sock)
        sock.sendall(struct.pack(">i", 8) + number)
        go_on.wait(10)
        sock.sendall(body)

    slow, good = line(brokers(serve), b"aaaa"), line(brokers(echo), b"bbbb")
    talk(slow, good, seconds=0.2)
    go_on.set()
    assert isinstance(slow.failure, LateError)
    assert good.answers == [b"bbbb"]


def test_nothing_to_ask_ends_at_once() -> None:
    talk()
