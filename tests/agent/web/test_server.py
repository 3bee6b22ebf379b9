"""Starting and stopping, whatever the clients do; TLS; errors of one line."""

import http.client
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from agent.errors import ConfigError
from agent.metrics import Exposition, Options
from agent.secret import Secret
from agent.view import View
from agent.web import WebOptions, WebServer
from tests.agent.web.conftest import Serve, ask
from tests.checks.examples import AT
from tests.live.certs import Certs

BIG = Exposition((b"x" * 1_000_000,) * 60, {}, Options(), {})


def refused(server: WebServer) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", server.port)) != 0


def stop_in_a_second(server: WebServer) -> None:
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 1
    assert refused(server)


def test_starts_and_stops(serve: Serve) -> None:
    server = serve()
    assert server.url == f"http://127.0.0.1:{server.port}/"
    assert ask(server, "/healthz").status == 200
    stop_in_a_second(server)
    server.stop()  # nothing happens


def test_stops_while_a_client_has_stopped_reading(serve: Serve) -> None:
    server = serve(made=BIG)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"  # it is being sent, and will never be read
        assert ask(server, "/healthz").status == 200
        stop_in_a_second(server)


def test_stops_while_a_handler_is_slow(serve: Serve) -> None:
    entered, leave = threading.Event(), threading.Event()

    def read() -> View:
        entered.set()
        leave.wait(30)
        return View(at=AT)

    server = serve(read=read)
    with socket.socket() as client:
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert entered.wait(10)
        stop_in_a_second(server)
        leave.set()


def test_stops_with_idle_connections(serve: Serve) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/healthz")
    connection.getresponse().read()  # kept alive
    stop_in_a_second(server)
    connection.close()


_STUCK = """
import socket, threading, time
from agent.metrics import Exposition, Options
from agent.view import View
from agent.web import WebOptions, WebServer
entered = threading.Event()
def read():
    entered.set()
    time.sleep(600)
big = Exposition((b"x" * 1_000_000,) * 60, {}, Options(), {})
server = WebServer(WebOptions(), read, lambda: big)
server.start()
for path in ("healthz", "metrics"):
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(f"GET /{path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
    kept = globals().setdefault("kept", []); kept.append(client)
client.recv(1)
entered.wait()
start = time.monotonic()
%s
print(f"{time.monotonic() - start:.2f}", flush=True)
"""


@pytest.mark.parametrize("last", ["server.stop()", "pass"])
def test_no_thread_keeps_the_process_alive(last: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", _STUCK % last], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert float(process.stdout.readline()) < 1
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_stalled_client_holds_up_nobody(serve: Serve) -> None:
    server = serve(made=BIG, options=WebOptions(threads=3))
    with socket.create_connection(("127.0.0.1", server.port)) as first:
        first.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        first.recv(1)
        with socket.create_connection(("127.0.0.1", server.port)):  # says nothing at all
            assert len(ask(server, "/metrics").body) == BIG.size


# ── errors of one line ──


def test_a_taken_port_is_told_in_one_line(serve: Serve) -> None:
    taken = serve().port
    server = WebServer(WebOptions(port=taken), View, lambda: BIG)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        server.start()
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{taken} (Address already in use): write another address or port, or stop what has it"
    )


def test_an_address_of_another_machine_is_told_in_one_line() -> None:
    server = WebServer(WebOptions(host="192.0.2.1"), View, lambda: BIG)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^cannot listen on 192\.0\.2\.1:0 \(Cannot assign requested address\): "):
        server.start()


def test_a_token_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    server = WebServer(WebOptions(token=Secret.file(tmp_path / "none")), View, lambda: BIG)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="none is not a file"):
        server.start()


# ── TLS ──


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certs:
    return Certs.make(tmp_path_factory.mktemp("certs"))


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_tls(serve: Serve, certs: Certs) -> None:
    server = serve(made=BIG, options=WebOptions(certificate=certs.server_keystore))
    assert server.url.startswith("https://")
    assert ask(server, "/healthz", tls=trusting(certs.ca)).text == "ok\n"
    assert len(ask(server, "/metrics", tls=trusting(certs.ca)).body) == BIG.size
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(server, "/healthz", tls=trusting(certs.stranger_ca))
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(server, "/healthz")  # plain HTTP gets no answer that looks like one
    assert ask(server, "/healthz", tls=trusting(certs.ca)).status == 200
    stop_in_a_second(server)


def test_a_client_that_never_shakes_hands_holds_up_nobody(serve: Serve, certs: Certs) -> None:
    server = serve(options=WebOptions(certificate=certs.server_keystore, timeout=60))
    with socket.create_connection(("127.0.0.1", server.port)):
        start = time.monotonic()
        assert ask(server, "/healthz", tls=trusting(certs.ca)).status == 200
        assert time.monotonic() - start < 5
        stop_in_a_second(server)


def test_who_speaks_no_tls_leaves_no_line(serve: Serve, certs: Certs) -> None:
    server = serve(options=WebOptions(certificate=certs.server_keystore, threads=1, timeout=0.2))
    with capture_logs() as lines:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\0\1\2garbage" * 9, b"SSH-2.0-x\r\n", b"\x16\x03\x01"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client, suppress(ConnectionError):
                client.sendall(said)
                client.recv(100)
        with socket.create_connection(("127.0.0.1", server.port)) as client:  # gone before anybody looks: a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"x")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(server, "/healthz", tls=trusting(certs.stranger_ca))
        assert ask(server, "/healthz", tls=trusting(certs.ca)).status == 200  # one thread: the others are over
    assert lines == []


def test_stops_while_a_tls_client_has_stopped_reading(serve: Serve, certs: Certs) -> None:
    server = serve(made=BIG, options=WebOptions(certificate=certs.server_keystore))
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        client = trusting(certs.ca).wrap_socket(plain, server_hostname="localhost")
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        stop_in_a_second(server)
        client.close()


def test_certificates_that_cannot_be_used_are_told_in_one_line(certs: Certs, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(certs.client_key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    for certificate, key_file, told in (
        (tmp_path / "none.pem", None, "none.pem is not a file"),
        (certs.server_keystore, certs.client_key, "belong together"),
        (certs.client_cert, locked, "without a password"),
        (certs.ca, None, "have to be PEM"),
    ):
        server = WebServer(WebOptions(certificate=certificate, key=key_file), View, lambda: BIG)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=told) as caught:
            server.start()
        assert "\n" not in str(caught.value)
