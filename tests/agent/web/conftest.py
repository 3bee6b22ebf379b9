"""A server on a free port of 127.0.0.1, and a client that is not clever."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from agent.metrics import Exposition, Options, exposition
from agent.view import View
from agent.web import WebOptions, WebServer
from tests.checks.examples import AT

Serve = Callable[..., WebServer]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    server: WebServer, path: str, *, method: str = "GET", tls: ssl.SSLContext | None = None, **headers: str
) -> Answer:
    if tls is not None:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, timeout=10, context=tls
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that shows one View (or what `read` gives); all are stopped at the end."""
    started: list[WebServer] = []

    def start(
        view: View | None = None,
        options: WebOptions | None = None,
        *,
        read: Callable[[], View] | None = None,
        made: Exposition | None = None,
        now: float = AT + 5,
        **more: object,
    ) -> WebServer:
        shown = view or View(at=AT, judged=AT, started=AT - 60)
        scrape = made or exposition(shown, now, Options())
        server = WebServer(
            options or WebOptions(),
            read or (lambda: shown),
            lambda: scrape,
            clock=lambda: now,
            **more,  # type: ignore[arg-type]
        )
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
