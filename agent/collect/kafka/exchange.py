"""One request, one answer, on a blocking socket that no call keeps past its deadline."""

import socket
import ssl
import struct
from collections.abc import Callable, Hashable, Iterable
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

from agent.collect.kafka.compact import behind_header

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

Left = Callable[[], float]  # seconds until the deadline; raises LateError after it

_FIRST: Final = 4 * 1024 * 1024
"""Bytes of an answer by one who has not yet shown that it speaks Kafka: "HTTP" read as a size is 1.2 GB."""
_LARGEST: Final = 1024 * 1024 * 1024
"""Of any other. 100 groups with 100,000 offsets each are 300 MB, and so big is what a big cluster answers."""


_CHUNK: Final = 256 * 1024
"""Bytes taken at once."""


class LateError(Exception):
    """The deadline has passed."""


class ClosedError(Exception):
    """The other side closed the connection instead of answering."""


class StrangeError(Exception):
    """What was answered is not Kafka's protocol; `head` is how it begins."""

    def __init__(self, head: bytes) -> None:
        super().__init__(head[:64])
        self.head = head[:64]


class OddError(Exception):
    """An answer in Kafka's protocol that tells what no broker should: what is answered after it is none the worse."""


def countdown(seconds: float, clock: Callable[[], float]) -> Left:
    end = clock() + seconds

    def left() -> float:
        remaining = end - clock()
        if remaining <= 0:
            raise LateError
        return remaining

    return left


def connect(addresses: Iterable[tuple[Any, ...]], left: Left) -> socket.socket:
    """To the first of getaddrinfo's addresses that answers; each gets its share of the time, so that a dead one costs only that."""
    waiting = list(addresses)
    failure: OSError = TimeoutError()
    while waiting:
        try:
            return _connected(waiting[0], left() / len(waiting))
        except OSError as error:
            failure = error
        del waiting[0]
    raise failure


def _connected(address: tuple[Any, ...], seconds: float) -> socket.socket:
    family, kind, protocol, _, endpoint = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(seconds)
        sock.connect(endpoint)
    except BaseException:
        sock.close()
        raise
    return sock


class Framed:
    """A request that is put look after look: encoded once, and only its number written anew."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self._bytes = bytearray()

    def numbered(self, serial: int, client_id: str) -> bytes:
        if not self._bytes:
            self._bytes += self._encoded(serial, client_id)
        struct.pack_into(">i", self._bytes, 8, serial)  # behind the size, the API key and its version
        return bytes(self._bytes)

    def _encoded(self, serial: int, client_id: str) -> bytes:
        self.request.with_header(correlation_id=serial, client_id=client_id)
        return bytes(self.request.encode(header=True, framed=True))


class Written(Framed):
    """A request of a flexible version that we wrote ourselves; `body` stands behind its header."""

    def __init__(self, key: int, version: int, body: bytes) -> None:
        super().__init__(None)
        self._key, self._version, self._body = key, version, body

    def _encoded(self, serial: int, client_id: str) -> bytes:
        name = client_id.encode()
        head = struct.pack(">hhih", self._key, self._version, serial, len(name)) + name + b"\0"
        return struct.pack(">i", len(head) + len(self._body)) + head + self._body


class Kept(Generic[K, V]):
    """What one look leaves for the next: what that one does not keep again is forgotten."""

    def __init__(self) -> None:
        self._former: dict[K, V] = {}
        self._latest: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What the last look kept."""
        return self._former.get(key)

    def keep(self, key: K, value: V) -> V:
        self._latest[key] = value
        return value

    def turn(self) -> None:
        self._former, self._latest = self._latest, {}


class Memos:
    """What was asked and made of the answers in one look, for the next one."""

    def __init__(self) -> None:
        self.committed: Kept[str, tuple[bytes, Any]] = Kept()
        """By group: the bytes of its committed offsets, and what was made of them."""
        self.topics: Kept[str, tuple[bytes, Any]] = Kept()
        """By topic: the bytes of its metadata, and what was made of them."""
        self._answers: Kept[bytes, tuple[bytes, Any]] = Kept()
        """By the bytes of the question: those of the answer, and what was made of them."""
        self._requests: Kept[Hashable, tuple[object, Framed]] = Kept()

    def framed(self, slot: Hashable, what: object, build: Callable[[], Framed]) -> Framed:
        """The request of the last look under `slot`, if it asked for the very same; else a new one."""
        before = self._requests.get(slot)
        if before is None or before[0] != what:
            before = what, build()
        return self._requests.keep(slot, before)[1]

    def get(self, question: bytes, answer: bytes, make: Callable[[], Any]) -> Any:
        before = self._answers.get(question)
        if before is None or before[0] != answer:
            before = answer, make()
        return self._answers.keep(question, before)[1]

    def turn(self) -> None:
        """A look begins."""
        for kept in (self.committed, self.topics, self._answers, self._requests):
            kept.turn()


class Exchange:
    """What is said on one socket: requests in order, and their answers in the same order."""

    def __init__(self, sock: socket.socket, left: Left, client_id: str) -> None:
        self.sock = sock
        self.left = left
        self._client_id = client_id
        self._buffer = bytearray()
        self._serial = 0
        self._answered = 0

    @property
    def settled(self) -> bool:
        """All that was asked is answered."""
        return self._answered == self._serial and not self._buffer

    def ask(self, request: Any) -> Any:
        """The decoded answer to one of kafka-python's requests, whose version is set."""
        return decoded(request, self.exchanged(Framed(request))[1])

    def exchanged(self, request: Framed) -> tuple[bytes, bytes]:
        """The bytes of a request with their size before them, and those of its answer without."""
        asked = self.numbered(request)
        self._send(asked)
        while (body := self.answered()) is None:
            self.sock.settimeout(self.left())  # anew for each piece, or one byte a second would never be late
            self.receive()
        return asked, body

    def numbered(self, request: Framed) -> bytes:
        """The bytes to send for a request."""
        self._serial += 1
        return request.numbered(self._serial, self._client_id)

    def answered(self) -> bytes | None:
        """The next answer, if all of it has come."""
        if len(self._buffer) < 4:
            return None
        (size,) = struct.unpack_from(">i", self._buffer)
        if not 4 <= size <= (_LARGEST if self._answered else _FIRST):
            raise StrangeError(bytes(self._buffer[:64]))
        if len(self._buffer) < 4 + size:
            return None
        body = bytes(memoryview(self._buffer)[4 : 4 + size])
        del self._buffer[: 4 + size]
        self._answered += 1
        if self._answered > self._serial or body[:4] != struct.pack(">i", self._answered):
            raise StrangeError(body)
        return body

    def receive(self) -> int:
        """Takes what has come, at least one byte; how many, and how the socket says that there is none is for the caller.

        Raises:
            LateError, ClosedError, StrangeError: nothing came in the socket's own time; the other side has closed; it did so
                within the size of an answer, which no broker does.
        """
        try:
            chunk = self.sock.recv(_CHUNK)
        except TimeoutError:
            raise LateError from None
        except (ssl.SSLError, BlockingIOError):
            raise  # an alert that says why; or nothing yet
        except OSError:
            chunk = b""
        if not chunk:
            raise StrangeError(bytes(self._buffer)) if 0 < len(self._buffer) < 4 else ClosedError
        self._buffer += chunk
        return len(chunk)

    def _send(self, data: bytes) -> None:
        self.sock.settimeout(self.left())
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise LateError from None
        except OSError:
            return  # who hangs up may have said why before: the answer is read all the same


def decoded(request: Any, body: bytes) -> Any:
    """An answer as kafka-python reads it."""
    try:
        return request.header.get_response_class().decode(body, header=True)
    except Exception:  # noqa: BLE001 - a decoder that is fed with another protocol's bytes may raise anything
        raise StrangeError(body) from None


def made(
    asked: bytes, body: bytes, request: Framed, make: Callable[[Any], T], memos: Memos, whom: str, *, raw: bool = False
) -> T:
    """What `make` makes of an answer; the very same as before while not a byte of it has changed.

    `whom` is who was asked: two brokers may answer the same to the same question. With `raw` it is handed the bytes behind
    the header of a flexible answer.
    """
    # Without the number of the request, which is another one each time.
    question = blake2b(asked[4:8] + asked[12:] + whom.encode()).digest()
    answer = blake2b(memoryview(body)[4:]).digest()
    found: T = memos.get(question, answer, lambda: understood(body, request, make, raw=raw))
    return found


def understood(body: bytes, request: Framed, make: Callable[[Any], T], *, raw: bool = False) -> T:
    """As `made`, of an answer of which nothing is kept.

    Raises:
        StrangeError, OddError: the bytes are no such answer; or `make` can't do with it, whatever it raises.
    """
    try:
        return _read(make, body) if raw else make(decoded(request.request, body))
    except (StrangeError, OddError):
        raise
    except Exception as error:  # what brokers say is not for us to foresee
        raise OddError from error


def _read(make: Callable[[bytes], T], body: bytes) -> T:
    try:
        return make(body[behind_header(body) :])
    except (ValueError, IndexError, struct.error):
        raise StrangeError(body) from None
