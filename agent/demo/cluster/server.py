"""Brokers on 127.0.0.1 that speak the Kafka protocol, all in one background thread."""

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from kafka.protocol.broker_version_data import BROKER_API_VERSIONS

from agent.demo.cluster.connection import Connection, Request
from agent.demo.cluster.faults import Fault
from agent.demo.cluster.handlers import APIS
from agent.demo.cluster.model import Broker, Model

_MOST_REQUESTS = 10_000
_FEATURES = (3, 3)
"""The first release that finalizes a feature by itself: metadata.version."""


class SimulatedCluster:
    """Serves `model` between `start()` and `stop()`, or as a context manager.

    `model`, `faults` and who is up may change at any time. `requests` holds the last 10,000 requests of all brokers.
    `tls` makes every listener speak TLS only. Free ports are taken at once, so `bootstrap` is known before `start()`, and
    are kept while a broker is stopped: nobody else answers there. `meanwhile` is called before every answer, under `lock`:
    what the model is to show by now.
    """

    def __init__(self, model: Model, *, tls: ssl.SSLContext | None = None) -> None:
        self.model = model
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.requests: deque[Request] = deque(maxlen=_MOST_REQUESTS)
        self.connections_made = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._tls = tls
        self._recorded = threading.Condition()
        self._connections: set[Connection] = set()
        self._servers: dict[int, asyncio.Server] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._done: asyncio.Event | None = None
        self._left: asyncio.Event | None = None
        self._crashes: list[Exception] = []
        for broker in model.brokers.values():
            self._reserve(broker)

    @property
    def bootstrap(self) -> str:
        """host:port of every broker, joined by commas; where they listen, whatever they advertise."""
        return ",".join(f"{host}:{port}" for host, port in self.endpoints)

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """The same as host and port of each."""
        return tuple(("127.0.0.1", self.port(broker)) for broker in sorted(self.model.brokers))

    def port(self, broker: int) -> int:
        """Where the broker listens, or did and will."""
        return int(self._sockets[broker].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when every broker listens."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(ready)), name="simulated-cluster", daemon=True
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Closes every connection and waits for the thread; a second call does nothing.

        Raises what went wrong in a handler while it ran: such a bug would look like a network error to the client.
        """
        if self._thread is not None and self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
            self._thread.join()
            self._thread = None
        for listener in self._sockets.values():
            listener.close()
        crashes, self._crashes = self._crashes, []
        if crashes:
            raise ExceptionGroup("the simulated cluster failed", crashes)

    def stop_broker(self, broker: int) -> None:
        """Refuses connections and cuts the open ones, as a dead process does; who leads what stays: see `Model.fence`."""
        self._await(self._close_listener(broker))

    def start_broker(self, broker: int) -> None:
        """Listens again, on the same port."""
        self._await(self._open_listener(broker))

    def fault(self, **what: Any) -> Fault:
        """Switches a fault on: the arguments are the fields of `Fault`. It ends with `off()` or its `with` block."""
        fault = Fault(**what)
        with self.lock:
            self.faults = [*(old for old in self.faults if old.active), fault]
        return fault

    def limit_to(self, release: tuple[int, ...]) -> None:
        """Advertises no more than that Kafka release, (2, 4) for example, did."""
        known = BROKER_API_VERSIONS[release]
        self.model.versions = {api: known[api][1] if api in known else None for api in APIS}
        if release < _FEATURES:
            self.model.features = {}
            for broker in self.model.brokers.values():
                broker.features = {}

    def wait_for(self, seen: Callable[[list[Request]], bool], timeout: float = 10.0) -> bool:
        """Waits until `seen(all recorded requests)`; False if that took longer than `timeout` seconds."""
        with self._recorded:
            return self._recorded.wait_for(lambda: seen(list(self.requests)), timeout)

    def asked(self, api: int) -> list[Request]:
        """The recorded requests of one API key, in order."""
        with self._recorded:
            return [request for request in self.requests if request.api == api]

    # ── for the connections, in the loop's thread ──

    def faults_for(self, api: int, broker: int) -> list[Fault]:
        with self.lock:
            hitting = [fault for fault in self.faults if fault.hits(api, broker)]
            for fault in hitting:
                fault.spend()
        return hitting

    def record(self, request: Request) -> None:
        with self._recorded:
            self.requests.append(request)
            self._recorded.notify_all()

    def answer(self, make: Callable[[], bytes]) -> bytes:
        with self.lock:
            self.meanwhile()
            return make()

    def opened(self, connection: Connection) -> None:
        self.connections_made += 1
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._left is not None:
            self._left.set()

    def crashed(self, error: Exception) -> None:
        self._crashes.append(error)

    # ── the loop ──

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._left = left = asyncio.Event()
        for broker in self.model.brokers:
            await self._open_listener(broker)
        ready.set()
        await self._done.wait()
        for broker in list(self._servers):
            await self._close_listener(broker)
        while self._connections:
            left.clear()
            for connection in list(self._connections):
                connection.abort()
            await left.wait()

    async def _open_listener(self, broker: int) -> None:
        if broker not in self._servers:
            self._servers[broker] = await asyncio.get_running_loop().create_server(
                lambda: Connection(self, broker), sock=self._sockets[broker], ssl=self._tls
            )

    async def _close_listener(self, broker: int) -> None:
        server = self._servers.pop(broker, None)
        if server is None:
            return
        port = self.port(broker)
        # Whoever was accepted already becomes a connection before the server closes: asyncio would forget its open socket.
        asyncio.get_running_loop().remove_reader(self._sockets[broker])
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        for connection in [each for each in self._connections if each.broker == broker]:
            connection.abort()
        self._sockets[broker] = _bound(port)

    def _await(self, work: Any) -> None:
        if self._loop is None:
            raise RuntimeError("the cluster does not run")
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _reserve(self, broker: Broker) -> None:
        self._sockets[broker.id] = _bound(0)
        broker.port = self.port(broker.id)


def _bound(port: int) -> socket.socket:
    """Bound, not listening: connections are refused, and the port is ours."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener
