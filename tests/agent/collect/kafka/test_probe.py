"""Each way not to get into a broker has its cause and one line; the answers are packed by hand, as a second opinion of the codec."""

import base64
import contextlib
import hashlib
import hmac
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import Probed, probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.errors import ConfigError, ConnectError
from agent.secret import Secret
from tests.agent.collect.kafka.conftest import Authority

Handler = Callable[[socket.socket, threading.Event], None]
Serve = Callable[[Handler], int]
Contexts = Callable[..., ssl.SSLContext]

PASSWORD = "correct horse"
VERSIONS = {3: (0, 13), 17: (0, 1), 18: (0, 4), 36: (0, 2)}
BROKERS = {1: ("kafka-1", 9092), 2: ("kafka-2", 9093)}

PLAINTEXT = Security()
SSL = Security(protocol=Protocol.SSL)


def sasl(
    mechanism: Mechanism = Mechanism.PLAIN, password: str = PASSWORD, protocol: Protocol = Protocol.SASL_PLAINTEXT
) -> Security:
    return Security(protocol=protocol, mechanism=mechanism, username="alice", password=Secret.literal(password))


def refused(
    port: int, security: Security, cause: Cause, *says: str, seconds: float = 5.0, host: str = "127.0.0.1"
) -> str:
    with pytest.raises(ConnectError) as caught:
        probe(host, port, security, seconds)
    text = str(caught.value)
    assert caught.value.cause == cause, text
    assert text.startswith(f"{host}:{port} ")
    assert "\n" not in text
    assert PASSWORD not in text
    assert [part for part in says if part not in text] == [], text
    return text


# ── a broker of forty lines ──


def string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def requests(sock: socket.socket) -> Iterator[tuple[int, int, bytes, bytes]]:
    """API key, version, correlation id and body of each request."""
    file = sock.makefile("rb")
    while head := file.read(4):
        request = file.read(*struct.unpack(">i", head))
        key, version, correlation, client = struct.unpack(">hh4sh", request[:10])
        yield key, version, correlation, request[10 + client :]


class Broker:
    """Answers on one connection after the other; subclasses of a question answer it otherwise."""

    def __init__(
        self,
        *,
        mechanisms: tuple[str, ...] = (),
        context: ssl.SSLContext | None = None,
        versions: dict[int, tuple[int, int]] | None = None,
        answers: dict[int, Callable[[bytes], bytes | None]] | None = None,
    ) -> None:
        self.mechanisms = mechanisms
        self.context = context
        self.versions = VERSIONS if versions is None else versions
        self.answers = {3: self.metadata, 17: self.handshake, 18: self.api_versions, 36: self.authenticate} | (
            answers or {}
        )
        self.asked: list[tuple[int, int]] = []
        self.let_in = not mechanisms
        self.scram: Scram | None = None

    def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.let_in = not self.mechanisms
        with self.context.wrap_socket(sock, server_side=True) if self.context else sock as link:
            for key, version, correlation, body in requests(link):
                self.asked.append((key, version))
                answer = self.answers[key](body)
                if answer is None:
                    return
                link.sendall(struct.pack(">i", len(answer) + 4) + correlation + answer)
                if key == 36 and answer[:2] != b"\0\0":
                    return  # as Kafka does: the refusal, and at once the end

    def api_versions(self, body: bytes) -> bytes | None:
        rows = [struct.pack(">hhh", key, *span) for key, span in self.versions.items()]
        return struct.pack(">hi", 0, len(rows)) + b"".join(rows)

    def metadata(self, body: bytes) -> bytes | None:
        assert body == struct.pack(">i?", 0, False), "no topic, and none created"
        if not self.let_in:
            return None
        rows = [
            struct.pack(">i", node) + string(host) + struct.pack(">ih", port, -1)
            for node, (host, port) in BROKERS.items()
        ]
        return struct.pack(">ii", 0, len(rows)) + b"".join(rows) + string("c-1") + struct.pack(">ii", 1, 0)

    def handshake(self, body: bytes) -> bytes | None:
        if not self.mechanisms:
            return struct.pack(">hi", 34, 0)
        name = body[2:].decode()
        self.scram = Scram(name) if name.startswith("SCRAM") else None
        code = 0 if name in self.mechanisms else 33
        return struct.pack(">hi", code, len(self.mechanisms)) + b"".join(map(string, self.mechanisms))

    def authenticate(self, body: bytes) -> bytes | None:
        try:
            said = self.scram.next(body[4:]) if self.scram else plain(body[4:])
        except PermissionError as error:
            return struct.pack(">h", 58) + string(str(error)) + struct.pack(">i", 0)
        self.let_in = True
        return struct.pack(">hhi", 0, -1, len(said)) + said


def plain(said: bytes) -> bytes:
    if said != b"\0".join([b"alice", b"alice", PASSWORD.encode()]):
        raise PermissionError("Authentication failed: Invalid username or password")
    return b""


class Scram:
    """The broker's half of RFC 5802."""

    def __init__(self, mechanism: str, password: str = PASSWORD) -> None:
        self.hash = "sha256" if mechanism.endswith("256") else "sha512"
        self.salted = hashlib.pbkdf2_hmac(self.hash, password.encode(), b"salt", 4096)
        self.bare = self.first = b""

    def sign(self, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, text, self.hash)

    def next(self, said: bytes) -> bytes:
        if not self.bare:
            self.bare = said.removeprefix(b"n,,")
            self.first = (
                self.bare.partition(b"r=")[2].join([b"r=", b"more,s="]) + base64.b64encode(b"salt") + b",i=4096"
            )
            return self.first
        without_proof, _, proof = said.partition(b",p=")
        message = b",".join([self.bare, self.first, without_proof])
        client_key = self.sign(self.salted, b"Client Key")
        signature = self.sign(hashlib.new(self.hash, client_key).digest(), message)
        if base64.b64decode(proof) != bytes(a ^ b for a, b in zip(client_key, signature, strict=True)):
            raise PermissionError("Authentication failed during authentication due to invalid credentials")
        return b"v=" + base64.b64encode(self.sign(self.sign(self.salted, b"Server Key"), message))


# ── getting in ──


def test_plaintext(serve: Serve) -> None:
    broker = Broker()
    assert probe("127.0.0.1", serve(broker), PLAINTEXT, 5.0) == Probed(VERSIONS, "c-1", BROKERS)
    assert broker.asked == [(18, 0), (3, 4)]


@pytest.mark.parametrize("mechanism", [one for one in Mechanism if one.by_password])
@pytest.mark.parametrize("tls", [False, True])
def test_sasl(serve: Serve, server_context: Contexts, authority: Authority, mechanism: Mechanism, *, tls: bool) -> None:
    port = serve(Broker(mechanisms=("GSSAPI", str(mechanism)), context=server_context() if tls else None))
    security = Security(
        protocol=Protocol.of(tls=tls, sasl=True),
        mechanism=mechanism,
        username="alice",
        password=Secret.literal(PASSWORD),
        ca=authority.ca.certificate,
    )
    assert probe("127.0.0.1", port, security, 5.0).cluster_id == "c-1"


def test_tls_with_and_without_a_client_certificate(
    serve: Serve, server_context: Contexts, authority: Authority
) -> None:
    ca = authority.ca.certificate
    port = serve(Broker(context=server_context()))
    assert probe("127.0.0.1", port, Security(protocol=Protocol.SSL, ca=ca), 5.0).brokers == BROKERS
    port = serve(Broker(context=server_context(client_ca=authority.ca)))
    client = Security(
        protocol=Protocol.SSL,
        ca=ca,
        certificate=authority.client.certificate,
        key=Secret.literal(authority.client.key()),
    )
    assert probe("127.0.0.1", port, client, 5.0).brokers == BROKERS


def test_the_next_address_is_tried(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    port = serve(Broker())
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        answers = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", deaf.getsockname()[1])),
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        assert probe("kafka-1", port, PLAINTEXT, 5.0).cluster_id == "c-1"


def test_an_answer_in_pieces(serve: Serve) -> None:
    class Slow(Broker):
        def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
            with contextlib.closing(sock):
                for key, _, correlation, body in requests(sock):
                    answer = correlation + (self.answers[key](body) or b"")
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for byte in struct.pack(">i", len(answer)) + answer:
                        sock.sendall(bytes([byte]))

    assert probe("127.0.0.1", serve(Slow()), PLAINTEXT, 5.0).cluster_id == "c-1"


# ── not getting in: TCP ──


def test_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(9092, PLAINTEXT, Cause.DNS, "not a host name", host="a" * 70)

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refused(9092, PLAINTEXT, Cause.DNS, "(Name or service not known)", "check bootstrap.servers", host="kafka-1")


def test_refused() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        refused(deaf.getsockname()[1], PLAINTEXT, Cause.REFUSED, "is the broker up")


def test_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(*_: object) -> None:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket.socket, "connect", no_route)
    refused(9092, PLAINTEXT, Cause.UNREACHABLE, "(No route to host)")


def test_nobody_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the queue is full now: the next one is not answered
            refused(port, PLAINTEXT, Cause.TIMED_OUT, "took no TCP connection within 0.3 s", seconds=0.3)


def test_no_time_at_all(serve: Serve) -> None:
    refused(serve(Broker()), PLAINTEXT, Cause.TIMED_OUT, seconds=0.0)


# ── silence and drops ──


def until_hung_up(sock: socket.socket, stop: threading.Event) -> None:
    while sock.recv(4096):
        pass


def dripping(first: bytes, drop: bytes = b"\0") -> Handler:
    """Says something, and then a byte now and then, without an end."""

    def handle(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(4096)
        sock.sendall(first)
        while not stop.wait(0.02):
            sock.sendall(drop)

    return handle


HELLO = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"  # the beginning of a very long ServerHello


@pytest.mark.parametrize(
    ("security", "handler", "says"),
    [
        (PLAINTEXT, until_hung_up, "ApiVersions"),
        (PLAINTEXT, dripping(struct.pack(">i", 100_000)), "ApiVersions"),
        (SSL, until_hung_up, "the TLS handshake"),
        (SSL, dripping(HELLO), "the TLS handshake"),
    ],
)
def test_who_does_not_come_to_an_end_is_left_at_the_deadline(
    serve: Serve, security: Security, handler: Handler, says: str
) -> None:
    port = serve(handler)
    begin = time.monotonic()
    refused(port, security, Cause.TIMED_OUT, f"did not finish {says} within 0.3 s", seconds=0.3)
    assert 0.25 < time.monotonic() - begin < 3


@pytest.mark.parametrize(("key", "says"), [(3, "Metadata"), (17, "the SASL handshake"), (36, "the check of the cred")])
def test_a_broker_that_falls_silent(serve: Serve, key: int, says: str) -> None:
    class Silent(Broker):
        def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
            self.answers[key] = lambda _: until_hung_up(sock, stop)
            super().__call__(sock, stop)

    refused(serve(Silent(mechanisms=("PLAIN",))), sasl(), Cause.TIMED_OUT, f"did not finish {says}", seconds=0.3)


def test_the_clock_decides(serve: Serve) -> None:
    ticks = iter([0.0, 1.0, 2.0, 11.0, 12.0])
    with pytest.raises(ConnectError) as caught:
        probe("127.0.0.1", serve(Broker()), PLAINTEXT, 10.0, lambda: next(ticks))
    assert caught.value.cause == Cause.TIMED_OUT


# ── something else than Kafka ──


def saying(text: bytes) -> Handler:
    def handle(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(4096)
        sock.sendall(text)

    return handle


@pytest.mark.parametrize(
    ("security", "text", "says"),
    [
        (PLAINTEXT, b"HTTP/1.1 400 Bad Request\r\n\r\n", "'HTTP/1.1 400 Bad Request'"),
        (SSL, b"HTTP/1.1 400 Bad Request\r\n\r\n", "'HTTP/1.1 400 Bad Request'"),
        (PLAINTEXT, b"SSH-2.0-\x1b[2J\r\n", "'SSH-2.0- [2J'"),
        (PLAINTEXT, b"ok", "'ok'"),
        (PLAINTEXT, b"\x00\x00\x00\x03abc", "does not speak"),  # a frame without room for a correlation id
        (PLAINTEXT, b"\xff\xff\xff\xffabc", "does not speak"),
        (PLAINTEXT, b"\x00\x00\x00\x08\x00\x00\x00\x07abcd", "does not speak"),  # an answer to another question
        (PLAINTEXT, b"\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x09", "does not speak"),
    ],
)
def test_not_kafka(serve: Serve, security: Security, text: bytes, says: str) -> None:
    refused(serve(saying(text)), security, Cause.NOT_KAFKA, says)


def test_a_size_is_not_believed(serve: Serve) -> None:
    begin = time.monotonic()
    refused(serve(dripping(b"HTTP")), PLAINTEXT, Cause.NOT_KAFKA, "'HTTP'", seconds=30)
    assert time.monotonic() - begin < 10


def at_once(sock: socket.socket, stop: threading.Event) -> None:
    """Hangs up."""


@pytest.mark.parametrize("security", [PLAINTEXT, SSL, sasl()])
def test_a_port_that_hangs_up(serve: Serve, security: Security) -> None:
    refused(serve(at_once), security, Cause.CLOSED, "closed the connection during ", "limit of connections")


@pytest.mark.parametrize(
    ("key", "during"), [(17, "the SASL handshake"), (36, "the check of the cred"), (3, "Metadata")]
)
def test_a_broker_that_hangs_up_later(serve: Serve, key: int, during: str) -> None:
    broker = Broker(mechanisms=("PLAIN",), answers={key: lambda _: None})
    refused(serve(broker), sasl(), Cause.CLOSED, f"during {during}")


def test_an_answer_that_is_cut_off(serve: Serve) -> None:
    refused(serve(saying(struct.pack(">ii", 100, 1))), PLAINTEXT, Cause.CLOSED)


@pytest.mark.parametrize(
    ("versions", "security", "says"),
    [
        ({}, PLAINTEXT, "names no API"),
        ({18: (0, 4), 52: (0, 1)}, PLAINTEXT, "a controller's listener?"),
        ({3: (0, 2)}, PLAINTEXT, "does not speak version 4 of API 3: Kafka 1.0 or newer"),
        ({3: (0, 5), 17: (0, 0)}, sasl(), "does not speak version 1 of API 17"),
        ({3: (0, 5), 17: (0, 1)}, sasl(), "does not speak version 0 of API 36"),
    ],
)
def test_an_unsupported_broker(
    serve: Serve, versions: dict[int, tuple[int, int]], security: Security, says: str
) -> None:
    port = serve(Broker(versions=versions, mechanisms=("PLAIN",) if security.protocol.sasl else ()))
    refused(port, security, Cause.UNSUPPORTED_BROKER, says)


# ── TLS ──


@pytest.mark.parametrize("security", [PLAINTEXT, sasl()])
def test_tls_expected(serve: Serve, server_context: Contexts, security: Security) -> None:
    port = serve(Broker(context=server_context()))
    wanted = "SASL_SSL" if security.protocol.sasl else "SSL"
    refused(port, security, Cause.TLS_EXPECTED, f"speaks TLS: set security.protocol={wanted}")


def test_tls_expected_by_a_broker_that_just_hangs_up(
    serve: Serve, server_context: Contexts, authority: Authority
) -> None:
    context = server_context(client_ca=authority.ca)

    def handle(sock: socket.socket, stop: threading.Event) -> None:
        if sock.recv(1, socket.MSG_PEEK) == b"\x16":
            Broker(context=context)(sock, stop)

    refused(serve(handle), PLAINTEXT, Cause.TLS_EXPECTED)


@pytest.mark.parametrize("protocol", [Protocol.SSL, Protocol.SASL_SSL])
def test_tls_not_offered(serve: Serve, protocol: Protocol) -> None:
    class Real(Broker):
        """A frame of 369 MB is what a ClientHello looks like; Kafka closes the connection then."""

        def __call__(self, sock: socket.socket, stop: threading.Event) -> None:
            if sock.recv(1, socket.MSG_PEEK) == b"\0":
                super().__call__(sock, stop)

    security = sasl(protocol=protocol) if protocol.sasl else SSL
    plain_protocol = Protocol.of(tls=False, sasl=protocol.sasl)
    refused(serve(Real()), security, Cause.TLS_NOT_OFFERED, f"speaks no TLS: set security.protocol={plain_protocol}")


def test_tls_not_offered_by_one_that_answers_in_plain(serve: Serve) -> None:
    def handle(sock: socket.socket, stop: threading.Event) -> None:
        if sock.recv(4096)[:1] == b"\x16":
            sock.sendall(b"what?")

    refused(serve(handle), SSL, Cause.TLS_NOT_OFFERED)


def test_untrusted_certificates(serve: Serve, server_context: Contexts, authority: Authority) -> None:
    port = serve(Broker(context=server_context()))
    refused(port, SSL, Cause.CERTIFICATE_UNTRUSTED, "the system's CAs; none was given", "set the CA that signed it")
    stranger = Security(protocol=Protocol.SSL, ca=authority.stranger.certificate)
    refused(port, stranger, Cause.CERTIFICATE_UNTRUSTED, "checked against the CA given")
    expired = authority.sign("old", authority.ca, days=-1)
    port = serve(Broker(context=server_context(expired)))
    trusting = Security(protocol=Protocol.SSL, ca=authority.ca.certificate)
    refused(port, trusting, Cause.CERTIFICATE_UNTRUSTED, "certificate has expired")


@pytest.mark.parametrize("host", ["kafka-1.example.com", "10.0.0.1"])
def test_a_certificate_for_another_name(
    serve: Serve, server_context: Contexts, authority: Authority, host: str
) -> None:
    port = serve(Broker(context=server_context(authority.sign("other", authority.ca, host=host))))
    ca = authority.ca.certificate
    refused(port, Security(protocol=Protocol.SSL, ca=ca), Cause.CERTIFICATE_HOSTNAME, "127.0.0.1", "algorithm")
    assert probe("127.0.0.1", port, Security(protocol=Protocol.SSL, ca=ca, verify_hostname=False), 5.0).brokers


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificates(
    serve: Serve, server_context: Contexts, authority: Authority, newest: ssl.TLSVersion
) -> None:
    context = server_context(client_ca=authority.stranger)
    context.maximum_version = newest
    port = serve(Broker(context=context))
    ca = authority.ca.certificate
    wrong = Security(
        protocol=Protocol.SSL,
        ca=ca,
        certificate=authority.client.certificate,
        key=Secret.literal(authority.client.key()),
    )
    refused(port, wrong, Cause.CLIENT_CERTIFICATE_REFUSED, "does not accept our client certificate")
    none = Security(protocol=Protocol.SSL, ca=ca)
    if newest is ssl.TLSVersion.TLSv1_3:
        refused(port, none, Cause.CLIENT_CERTIFICATE_REQUIRED, "wants a client certificate")
    else:  # OpenSSL's word for it in TLS 1.2 is that of any failed handshake; Java's is not
        refused(port, none, Cause.TLS_FAILED, "or it may want a client certificate")


def test_a_client_certificate_refused_without_a_word(
    serve: Serve, server_context: Contexts, authority: Authority
) -> None:
    """In TLS 1.3 the alert can get lost when the connection is reset; then TLS 1.2 tells."""
    context = server_context(client_ca=authority.stranger)
    lenient = server_context()
    seen: list[bool] = []

    def handle(sock: socket.socket, stop: threading.Event) -> None:
        seen.append(True)
        if len(seen) == 1:
            with lenient.wrap_socket(sock, server_side=True):
                return
        with context.wrap_socket(sock, server_side=True):
            pass

    security = Security(
        protocol=Protocol.SSL,
        ca=authority.ca.certificate,
        certificate=authority.client.certificate,
        key=Secret.literal(authority.client.key()),
    )
    refused(serve(handle), security, Cause.CLIENT_CERTIFICATE_REFUSED)
    assert len(seen) == 2


def test_no_tls_in_common(serve: Serve, server_context: Contexts, authority: Authority) -> None:
    context = server_context()
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")  # which no key of an elliptic curve can speak
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    security = Security(protocol=Protocol.SSL, ca=authority.ca.certificate)
    refused(serve(Broker(context=context)), security, Cause.TLS_FAILED, "compare TLS versions")


# ── SASL ──


def test_sasl_required(serve: Serve, server_context: Contexts, authority: Authority) -> None:
    offers = ("SCRAM-SHA-512", "OAUTHBEARER")
    port = serve(Broker(mechanisms=offers))
    refused(port, PLAINTEXT, Cause.SASL_REQUIRED, "offers OAUTHBEARER, SCRAM-SHA-512", "protocol=SASL_PLAINTEXT,")
    port = serve(Broker(mechanisms=offers, context=server_context()))
    security = Security(protocol=Protocol.SSL, ca=authority.ca.certificate)
    refused(port, security, Cause.SASL_REQUIRED, "set security.protocol=SASL_SSL,")


def test_hanging_up_without_wanting_sasl_is_no_matter_of_sasl(serve: Serve) -> None:
    refused(serve(Broker(answers={3: lambda _: None})), PLAINTEXT, Cause.CLOSED, "during Metadata")


def test_sasl_not_offered(serve: Serve) -> None:
    refused(serve(Broker()), sasl(), Cause.SASL_NOT_OFFERED, "set security.protocol=PLAINTEXT")


def test_a_mechanism_that_is_not_offered(serve: Serve) -> None:
    port = serve(Broker(mechanisms=("SCRAM-SHA-512", "GSSAPI")))
    refused(port, sasl(), Cause.MECHANISM_UNSUPPORTED, "does not offer PLAIN, it offers GSSAPI, SCRAM-SHA-512:")


@pytest.mark.parametrize("mechanism", [one for one in Mechanism if one.by_password])
def test_a_wrong_password_that_is_answered_and_closed_at_once(serve: Serve, mechanism: Mechanism) -> None:
    broker = Broker(mechanisms=(str(mechanism),))
    text = refused(
        serve(broker),
        sasl(mechanism, "wrong battery"),
        Cause.WRONG_CREDENTIALS,
        f"does not accept user 'alice' with {mechanism} (Authentication failed",
        "check username and password (from the configuration)",
    )
    assert "wrong battery" not in text
    assert [key for key, _ in broker.asked].count(17) == 1, (
        "credentials are tried once: a second time may lock the account"
    )


def test_what_a_broker_says_is_not_trusted_with_the_password_or_the_terminal(serve: Serve) -> None:
    said = f"no: {PASSWORD}\r\n\x1b[2J" + "x" * 5000
    answer = struct.pack(">h", 58) + string(said) + struct.pack(">i", 0)
    broker = Broker(mechanisms=("PLAIN",), answers={36: lambda _: answer})
    text = refused(serve(broker), sasl(), Cause.WRONG_CREDENTIALS, "(no: ***")
    assert text.isprintable()
    assert len(text) < 500


def test_an_error_of_the_broker_s_own(serve: Serve) -> None:
    answer = struct.pack(">hhi", -1, -1, 0)
    broker = Broker(mechanisms=("PLAIN",), answers={36: lambda _: answer})
    refused(serve(broker), sasl(), Cause.UNSUPPORTED_BROKER, "answers the credentials with error -1")


def test_plain_that_is_answered_with_something(serve: Serve) -> None:
    answer = struct.pack(">hhi", 0, -1, 1) + b"?"
    broker = Broker(mechanisms=("PLAIN",), answers={36: lambda _: answer})
    refused(serve(broker), sasl(), Cause.WRONG_CREDENTIALS, "did not let 'alice' in")


def test_a_cluster_that_does_not_know_the_password_itself(serve: Serve) -> None:
    class Impostor(Scram):
        def next(self, said: bytes) -> bytes:
            return super().next(said) if not self.bare else b"v=" + base64.b64encode(b"?" * 32)

    class Fake(Broker):
        def handshake(self, body: bytes) -> bytes | None:
            answer = super().handshake(body)
            self.scram = Impostor("SCRAM-SHA-256")
            return answer

    broker = Fake(mechanisms=("SCRAM-SHA-256",))
    refused(serve(broker), sasl(Mechanism.SCRAM_SHA_256), Cause.WRONG_CREDENTIALS, "is it the right cluster?")


def test_a_secret_that_cannot_be_read_is_a_matter_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROKER_PASSWORD", raising=False)
    security = Security(
        protocol=Protocol.SASL_PLAINTEXT,
        mechanism=Mechanism.PLAIN,
        username="alice",
        password=Secret.env("BROKER_PASSWORD"),
    )
    with pytest.raises(ConfigError, match="environment variable BROKER_PASSWORD"):
        probe("127.0.0.1", 1, security, 1.0)
