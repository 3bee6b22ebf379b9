"""A broker of forty lines that packs its answers by hand, as a second opinion of the codec, and what it is asked through."""

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.errors import ConnectError
from agent.secret import Secret

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
