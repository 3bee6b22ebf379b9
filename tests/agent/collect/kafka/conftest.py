"""Certificates for a minute, and servers that answer as they are told."""

import dataclasses
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = Callable[[socket.socket, threading.Event], None]


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def certificate(self) -> str:
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def key(self, password: str = "", form: str = "PKCS8") -> str:
        how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        return self.private.private_bytes(
            serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), how
        ).decode()


def sign(name: str, issuer: Pair | None = None, *, host: str = "127.0.0.1", days: int = 1) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        address: x509.GeneralName = x509.DNSName(host)
        if host[0].isdigit():
            address = x509.IPAddress(ipaddress.ip_address(host))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return Pair(builder.sign(issuer.private if issuer else key, hashes.SHA256()), key)


@dataclasses.dataclass(frozen=True)
class Authority:
    ca: Pair
    server: Pair
    client: Pair
    stranger: Pair
    sign: Callable[..., Pair]


@pytest.fixture(scope="session")
def authority() -> Authority:
    ca = sign("a CA")
    return Authority(ca, sign("server", ca), sign("client", ca), sign("a stranger"), sign)


@pytest.fixture(scope="session")
def server_context(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("server")

    def make(pair: Pair | None = None, *, client_ca: Pair | None = None) -> ssl.SSLContext:
        pair = pair or authority.server
        file: Path = folder / f"{pair.cert.serial_number}.pem"
        file.write_text(pair.certificate + pair.key())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=client_ca.certificate)
        return context

    return make


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], int]]:
    """Starts a server whose handler gets one connection after the other; returns its port."""
    stop = threading.Event()
    listeners: list[tuple[socket.socket, threading.Thread]] = []
    failures: list[BaseException] = []

    def run(listener: socket.socket, handler: Handler) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if stop.is_set():
                    return
                try:
                    handler(connection, stop)
                except OSError:
                    pass  # the client hung up: often what the test is about
                except BaseException as error:  # noqa: BLE001 - shown by the test's thread
                    failures.append(error)

    def start(handler: Handler) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=run, args=(listener, handler))
        thread.start()
        listeners.append((listener, thread))
        return int(listener.getsockname()[1])

    yield start
    stop.set()
    for listener, thread in listeners:
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()
    assert not failures
