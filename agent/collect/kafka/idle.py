"""Connections that wait for the next look: no broker is shaken hands with, and no password sent, every half a minute."""

import resource
import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.collect.kafka.connection import Connection, Endpoint

LONGEST = 120.0
"""Seconds for which one is kept: firewalls forget what is silent, and tell nobody."""
_PART = 4
"""One of so many of the files that this process may open is a connection that waits, at most."""


class _Room:
    """How many wait in the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def enter(self) -> bool:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _PART
        with self._lock:
            if self._taken >= most:
                return False
            self._taken += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._taken -= 1


_ROOM = _Room()


class Idle:
    """Those of one cluster. For any thread; `secrets` gives a digest of what one comes in with: with another one none is used."""

    def __init__(self, secrets: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._secrets, self._clock = secrets, clock
        self._lock = threading.Lock()
        self._waiting: dict[Endpoint, tuple[float, Connection]] = {}
        self._with = b""
        self._over = False

    def begin(self) -> None:
        """A look begins: with another secret nothing of the one before is used."""
        if self._waiting and self._secrets() != self._with:
            self.empty()

    def take(self, endpoint: "Endpoint") -> "Connection | None":
        """One that was left to be used again, if there is one and the broker has not ended it."""
        with self._lock:
            since, link = self._waiting.pop(endpoint, (0.0, None))
        if link is None:
            return None
        _ROOM.leave()
        if self._clock() - since <= LONGEST and _silent(link):
            return link
        link.close()
        return None

    def leave(self, links: Iterable["Connection"]) -> None:
        """These are not needed before the next look; what the look before left and nobody took is closed."""
        now = self._clock()
        left: dict[Endpoint, tuple[float, Connection]] = {}
        self.empty()
        for link in links:
            if link.exchange.settled and not self._over and _ROOM.enter():
                left[link.endpoint] = now, link
            else:
                link.close()
        digest = self._secrets() if left else b""
        with self._lock:
            if not self._over:
                self._waiting, self._with = left, digest
                return
        self._close(left.values())

    def empty(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        self._close(waiting.values())

    def close(self) -> None:
        """None is kept any more."""
        with self._lock:
            self._over = True
        self.empty()

    def _close(self, waiting: Iterable[tuple[float, "Connection"]]) -> None:
        for _, link in waiting:
            _ROOM.leave()
            link.close()


def _silent(link: "Connection") -> bool:
    """A broker says nothing that it was not asked: what can be read is the end of the connection."""
    poll = select.poll()
    poll.register(link.exchange.sock, select.POLLIN)
    return not poll.poll(0)
