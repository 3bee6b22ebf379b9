"""Many requests to several brokers at once, on one thread: no broker waits for another, and none is sent too many."""

import selectors
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from agent.collect.kafka.exchange import ClosedError, Exchange, Framed, LateError, StrangeError

MOST = 3
"""Requests under way to one broker: while it works on one, the next is there and the last one's answer is read."""

_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Prepared(NamedTuple):
    """A request, and what to make of its bytes and those of the answer."""

    request: Framed
    finish: Callable[[bytes, bytes], Any]


class Ask(Protocol):
    """One question in a row of them."""

    def __call__(self) -> Prepared:
        """Called when its turn comes, so that not all requests are in memory at once."""
        ...


class Line:
    """What one broker is to be asked, and what it has answered so far, in order."""

    def __init__(self, exchange: Exchange, asks: Iterable[Ask], each: float) -> None:
        """`each`: seconds that one answer may take, from when the broker could begin with it."""
        self.answers: list[Any] = []
        self.failure: Exception | None = None
        """Why there are no more answers, if so."""
        self._exchange = exchange
        self._asks = deque(asks)
        self._flying: deque[tuple[bytes, Prepared]] = deque()
        self._out = memoryview(b"")
        self._each = each
        self.due = 0.0

    @property
    def sock(self) -> Any:
        return self._exchange.sock

    @property
    def over(self) -> bool:
        return self.failure is not None or not (self._asks or self._flying)

    @property
    def wants(self) -> int:
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)

    def turn(self, now: float) -> None:
        """Sends and takes whatever goes without waiting."""
        try:
            self._send(now)
            while self._flying and self._received():
                while (body := self._exchange.answered()) is not None:
                    asked, prepared = self._flying.popleft()
                    self.due = now + self._each
                    self._send(now)  # first, so that the broker works while we read
                    self.answers.append(prepared.finish(asked, body))
        except (ClosedError, LateError, StrangeError, OSError) as failure:
            self.failure = failure

    def _received(self) -> bool:
        try:
            return self._exchange.receive() > 0
        except _NOTHING_YET:
            return False

    def _send(self, now: float) -> None:
        while True:
            if not self._out:
                if not self._asks or len(self._flying) >= MOST:
                    return
                prepared = self._asks.popleft()()
                asked = self._exchange.numbered(prepared.request)
                if not self._flying:
                    self.due = now + self._each
                self._flying.append((asked, prepared))
                self._out = memoryview(asked)
            try:
                sent = self.sock.send(self._out)
            except _NOTHING_YET:
                return
            except OSError:
                sent = len(self._out)  # who hangs up may have said why before: the answer is read all the same
            self._out = self._out[sent:]


def converse(lines: Sequence[Line], end: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Until every line is over; what is under way at `end`, by `clock`, is late."""
    with selectors.DefaultSelector() as selector:
        for line in lines:
            line.sock.settimeout(0)
            line.turn(clock())
            if not line.over:
                selector.register(line.sock, line.wants, line)
        while waiting := {key.data: key for key in selector.get_map().values()}:
            soonest = min(*(line.due for line in waiting), end)
            for key, _ in selector.select(max(0.0, soonest - clock())):
                key.data.turn(clock())
            now = clock()
            for line, key in waiting.items():
                if not line.over and (now >= line.due or now >= end):
                    line.failure = LateError()
                if line.over:
                    selector.unregister(line.sock)
                elif line.wants != key.events:
                    selector.modify(line.sock, line.wants, line)
