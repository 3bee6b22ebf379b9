"""The door of an agent elsewhere, when it is not what it should be: one line each, and the token goes nowhere else."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.door.remote import RemoteDoor
from agent.errors import AskError, ConfigError, MqcanaryError
from agent.secret import Secret
from tests.live.process import free_port

Stub = Callable[..., str]
ADDRESS = "name the address that stands under api: in the agent's configuration"


@pytest.fixture
def seen() -> list[tuple[str, str | None]]:
    return []


@pytest.fixture
def stub(seen: list[tuple[str, str | None]]) -> Iterator[Stub]:
    """A server that answers everything alike; gives its URL."""
    servers: list[ThreadingHTTPServer] = []

    def make(status: int, body: bytes, **headers: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers["Authorization"]))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - as its base has it

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base has it
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def refused(url: str, token: Secret | None = None) -> MqcanaryError:
    with pytest.raises(MqcanaryError) as caught:
        RemoteDoor(url, token or Secret.literal("s3cret")).show("alerts")
    assert "s3cret" not in str(caught.value)
    return caught.value


def test_the_token_is_given_and_read_again_each_time(
    stub: Stub, seen: list[tuple[str, str | None]], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    door = RemoteDoor(stub(200, b'{"at": 1, "alerts": []}') + "/", Secret.file(file))
    assert door.show("alerts").rows == []
    file.write_text("two\n")
    door.show("alerts")
    assert seen == [("/v1/alerts", "Bearer one"), ("/v1/alerts", "Bearer two")]
    file.unlink()
    with pytest.raises(ConfigError, match="is not a file"):
        door.show("alerts")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_follows_nowhere(stub: Stub, seen: list[tuple[str, str | None]], status: int) -> None:
    elsewhere = stub(200, b'{"at": 1, "alerts": []}')
    url = stub(status, b"", Location=f"{elsewhere}/v1/alerts")
    assert str(refused(url)) == f"{url} answers, but not as an agent's API does: {ADDRESS}"
    assert len(seen) == 1, "the token stayed where it was given"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>", "{url} answers, but not as an agent's API does: " + ADDRESS),
        (200, b"[" * 50_000, "{url} answers, but not as an agent's API does: " + ADDRESS),
        (200, b"[]", "{url} answers, but not as an agent's API does: " + ADDRESS),
        (200, b"{}", "{url} answers, but not as an agent's API does: " + ADDRESS),
        (200, b'{"at": "x", "alerts": []}', "{url} answers, but not as an agent's API does: " + ADDRESS),
        (502, b"<html>bad gateway", "{url} answers, but not as an agent's API does: " + ADDRESS),
        (401, b'{"error": "a bearer token is needed"}', "{url} says: a bearer token is needed: give a token of its configuration (--token-file)"),
        (403, b'{"error": "no"}', "{url} says: no: give its operate token (--token-file)"),
        (500, b"{}", "{url} says: status 500: its log says more"),
    ],
)  # fmt: skip
def test_what_is_no_answer(stub: Stub, status: int, body: bytes, told: str) -> None:
    url = stub(status, body)
    assert str(refused(url)) == told.format(url=url)


def test_a_refusal_has_its_key(stub: Stub) -> None:
    door = RemoteDoor(stub(404, b'{"error": "there is no alert \\"x\\"", "key": "alert"}'), Secret.literal("t"))
    with pytest.raises(AskError) as caught:
        door.ask({"command": "acknowledge", "alert": "x"})
    assert (caught.value.key, caught.value.text, caught.value.unknown) == ("alert", 'there is no alert "x"', True)


def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert str(refused(url)) == f"{url} does not answer (Connection refused): {ADDRESS}"


def test_a_plain_port_is_no_https(stub: Stub) -> None:
    url = stub(200, b"{}").replace("http:", "https:")
    assert str(refused(url)).startswith(f"{url} does not answer (")


@pytest.mark.parametrize("token", ["s3cret\r\nX: y", "s3cret x", "s3cretü", "s3cret\x00"])
def test_what_no_header_takes_is_sent_nowhere(stub: Stub, seen: list[tuple[str, str | None]], token: str) -> None:
    told = str(refused(stub(200, b"{}"), Secret.literal(token)))
    assert told == "the configuration is no token: it has blanks, or characters that are not ASCII"
    assert seen == []


@pytest.mark.parametrize("url", ["", "mqcanary:9189", "ftp://x", "http://me:s3cret@x", "https://"])
def test_no_url(url: str) -> None:
    mend = "write https://mqcanary.example:9189, without user or password"
    assert str(refused(url)) == f"--url: what is given is not a URL: {mend}"
