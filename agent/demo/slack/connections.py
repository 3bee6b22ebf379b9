"""Sockets and threads: every connection is known, so that every one can be ended."""

import socket
import struct
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Protocol

from agent.demo.slack.wire import Query, Reply, read

_LONGEST = 10 * 1024 * 1024
# How long it takes to notice that it shall stop.
_POLL = 0.05


class Host(Protocol):
    def handle(self, query: Query, connection: "Handler") -> None: ...


class Connections:
    """The listener of `host`, and what it accepted. `ending` is set when everything shall go."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.ending = threading.Event()
        self.crashes: list[Exception] = []
        self._server = _Server(self)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def quiet(self) -> bool:
        """Nobody is connected, but those who wait for an answer that never comes."""
        return self._server.quiet()

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="local-slack", daemon=True
        )
        self._thread.start()

    def stop(self) -> list[Exception]:
        """Returns the errors of handlers, once."""
        self.ending.set()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._server.end_all()
        crashes, self.crashes = self.crashes, []
        return crashes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: Connections) -> None:
        self.owner = owner
        self._open: dict[Any, threading.Thread] = {}
        self._guard = threading.Lock()
        self._hanging: set[Any] = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def server_bind(self) -> None:
        # Without the look-up of our own name that http.server makes: it may take seconds, and asks the network.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="local-slack-client", daemon=True
        )
        with self._guard:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._guard:
            self._open.pop(request, None)

    def hang(self, request: Any) -> None:
        """Until the server ends."""
        with self._guard:
            self._hanging.add(request)
        self.owner.ending.wait()

    def quiet(self) -> bool:
        with self._guard:
            return self._open.keys() <= self._hanging

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (socketserver's signature)
        error = sys.exception()
        # A client that went away is what half of the tests are about.
        if isinstance(error, Exception) and not isinstance(error, ConnectionError | TimeoutError):
            self.owner.crashes.append(error)

    def end_all(self) -> None:
        with self._guard:
            left = dict(self._open)
        for request, thread in left.items():
            _cut(request)
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection; http.server reads its requests one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "local-slack"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def _take(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST:
            self.close_connection = True
            self.reply(Reply(413, "text/plain", "request_too_large"))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.owner.host.handle(read(self.path, headers, body), self)

    def reply(self, reply: Reply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", f"{reply.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def vanish(self, *, hang: bool, reset: bool) -> None:
        """Ends the connection without an answer: now, or when the server ends."""
        if hang:
            self.server.hang(self.request)
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            _cut(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's signature)
        """Says nothing: a demo prints messages, not requests."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it is gone already, and that was the aim
        connection.shutdown(socket.SHUT_RDWR)
