"""Each way not to get into a broker has its cause and one line: TLS, certificates, SASL and its mechanisms."""

import base64
import socket
import ssl
import struct
import threading

import pytest

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.errors import ConfigError
from agent.secret import Secret
from tests.agent.collect.kafka.conftest import Authority
from tests.agent.collect.kafka.packed import (
    PASSWORD,
    PLAINTEXT,
    SSL,
    Broker,
    Contexts,
    Scram,
    Serve,
    refused,
    sasl,
    string,
)

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
