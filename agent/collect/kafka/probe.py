"""One look at a broker on a socket of our own, before the connection manager starts: can we get in, and if not, why not?

kafka-python's transport loses an answer that is followed at once by end of file, and a wrong password becomes a time-out without a
cause. Here every failure has one of the causes below, and one line that says what to do.

Every wait ends at the deadline but one: resolving a name (getaddrinfo) blocks for as long as the system's resolver takes. Therefore
probe in a thread that its supervisor may give up.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.exchange import ClosedError, Exchange, LateError, Left, StrangeError, connect, countdown
from agent.collect.kafka.security import MECHANISMS, Mechanism, Protocol, Security
from agent.collect.kafka.tokens import TokenSource, first_message, refusal
from agent.errors import ConnectError

CLIENT_ID: Final = "mqcanary"

_METADATA: Final = 3
_SASL_HANDSHAKE: Final = 17
_SASL_AUTHENTICATE: Final = 36
_UNSUPPORTED_SASL_MECHANISM: Final = 33
_ILLEGAL_SASL_STATE: Final = 34
_SASL_AUTHENTICATION_FAILED: Final = 58

_ALERT: Final = b"\x15"  # the first byte of a TLS alert
# How OpenSSL tells that what it reads is not TLS.
_NO_TLS: Final = {
    "WRONG_VERSION_NUMBER",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
}


@dataclass(frozen=True, slots=True)
class Probed:
    """What a broker said of itself and its cluster."""

    versions: Mapping[int, tuple[int, int]]  # by API key: the lowest and the highest version it speaks
    cluster_id: str
    brokers: Mapping[int, tuple[str, int]]  # by node: where it tells clients to go


def probe(
    host: str, port: int, security: Security, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Probed:
    """Go in once, by TCP, TLS, ApiVersions, SASL and a Metadata request for no topic.

    Raises ConnectError with a Cause, or ConfigError for a secret or certificate of ours that can't be read.
    """
    secrets = security.sasl_options(seconds)
    context = security.ssl_context() if security.protocol.tls else None
    visit = Visit(host, port, security, countdown(seconds, clock), seconds)
    return visit.look(context, secrets)


class Visit:
    """One probe: where, how, until when, and what it is doing."""

    def __init__(self, host: str, port: int, security: Security, left: Left, seconds: float) -> None:
        self.host = host
        self.port = port
        self.security = security
        self.protocol = security.protocol
        self.left = left
        self.seconds = seconds
        self.doing = ""
        self.greeted = False
        """It has said which versions it speaks: it is Kafka."""
        self.throttled = 0.0
        """Seconds for which the broker said that it holds us up."""

    def look(self, context: ssl.SSLContext | None, secrets: Mapping[str, str]) -> Probed:
        with self.named(), closing(self.reach()) as sock, self.talk(sock, context) as exchange:
            versions = self.greet(exchange)
            self.check(versions)
            if secrets:
                self.authenticate(exchange, secrets)
            return self.survey(exchange, versions)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Gives what goes wrong on the way in its cause."""
        try:
            yield
        except LateError:
            # Its first answer tells of no quota: what follows one that bites is just silence.
            known = f"does a quota of requests hold client id {CLIENT_ID} up (request_percentage)?"
            raise self.error(
                Cause.TIMED_OUT,
                f"did not finish {self.doing} within {self.seconds:g} s",
                f"is it overloaded, or {known if self.greeted else 'something else than Kafka?'}",
            ) from None
        except ssl.SSLError as error:
            raise self.tls_error(error) from None
        except StrangeError as error:
            raise self.strange(error.head) from None

    def error(self, cause: Cause, what: str, mend: str) -> ConnectError:
        place = f"[{self.host}]" if ":" in self.host else self.host
        return ConnectError(f"{place}:{self.port} {what}", mend, cause=cause)

    def strange(self, head: bytes) -> ConnectError:
        if head[:2] == _ALERT + b"\x03":
            return self.tls_expected()
        quoted = _printable(head.decode("latin-1"))
        return self.error(
            Cause.NOT_KAFKA, f"does not speak Kafka's protocol (it says {quoted!r})", "check host and port"
        )

    # ── TCP ──

    def reach(self) -> socket.socket:
        self.doing = "connecting"
        try:
            addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a host name"
            raise self.error(
                Cause.DNS, f"has a name that does not resolve ({reason})", "check bootstrap.servers, and DNS here"
            ) from None
        try:
            return connect(addresses, self.left)
        except ConnectionRefusedError:
            raise self.error(Cause.REFUSED, "refuses connections", "is the broker up, and is this its port?") from None
        except (TimeoutError, LateError):
            raise self.error(
                Cause.TIMED_OUT,
                f"took no TCP connection within {self.seconds:g} s",
                "check the port, firewalls and security groups",
            ) from None
        except OSError as error:
            raise self.error(
                Cause.UNREACHABLE, f"is not reachable from here ({error.strerror})", "check routes and firewalls"
            ) from None

    # ── TLS ──

    @contextmanager
    def talk(self, sock: socket.socket, context: ssl.SSLContext | None) -> Iterator[Exchange]:
        """An exchange over the socket, with TLS if there is a context."""
        if context is None:
            yield Exchange(sock, self.left, CLIENT_ID)
            return
        try:
            secure = self.handshake(sock, context)
        except TimeoutError:
            raise LateError from None
        except ssl.SSLError as error:
            raise self.tls_error(error) from None
        except OSError:
            raise self.no_tls(certain=False) from None
        with secure:
            yield Exchange(secure, self.left, CLIENT_ID)

    def handshake(self, sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        self.doing = "the TLS handshake"
        sock.settimeout(self.left())  # for the whole handshake: dripping bytes do not prolong it
        return context.wrap_socket(sock, server_hostname=self.host.rstrip("."))

    def tls_error(self, error: ssl.SSLError) -> ConnectError:
        reason = error.reason or ""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self.untrusted(error)
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return self.no_tls(certain=False)
        if reason in _NO_TLS:
            return self.no_tls(certain=True)
        if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")):
            return self.client_certificate(_words(reason))
        hint = "" if self.security.certificate else ", or it may want a client certificate"
        return self.error(
            Cause.TLS_FAILED,
            f"and we agree on no TLS ({_words(reason)})",
            f"compare TLS versions (1.2 or newer is needed) and ciphers{hint}",
        )

    def untrusted(self, error: ssl.SSLCertVerificationError) -> ConnectError:
        why = _printable(error.verify_message).rstrip(".")
        if error.verify_code in {62, 64}:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return self.error(
                Cause.CERTIFICATE_HOSTNAME,
                f"shows a certificate for another name ({why})",
                "use a name that it holds in bootstrap.servers, or set ssl.endpoint.identification.algorithm to nothing",
            )
        given = "the CA given" if self.security.ca else "the system's CAs; none was given"
        return self.error(
            Cause.CERTIFICATE_UNTRUSTED,
            f"shows a certificate that is not trusted ({why}; checked against {given})",
            "set the CA that signed it",
        )

    def client_certificate(self, alert: str) -> ConnectError:
        if self.security.certificate:
            return self.error(
                Cause.CLIENT_CERTIFICATE_REFUSED,
                f"does not accept our client certificate ({alert})",
                "have it signed by a CA in the broker's trust store, and see that it has not expired",
            )
        return self.error(
            Cause.CLIENT_CERTIFICATE_REQUIRED, f"wants a client certificate ({alert})", "set a certificate and its key"
        )

    def no_tls(self, *, certain: bool) -> ConnectError:
        """TLS led to nothing; another look without it says whether the port speaks plain Kafka, or something else."""
        closed = self.closed()
        plain = Protocol.of(tls=False, sasl=self.protocol.sasl)
        not_offered = self.error(Cause.TLS_NOT_OFFERED, "speaks no TLS", f"set security.protocol={plain}")
        try:
            with closing(self.reach()) as sock:
                self.greet(Exchange(sock, self.left, CLIENT_ID), again=False)
        except StrangeError as error:
            return closed if error.head[:1] == _ALERT else self.strange(error.head)
        except (ConnectError, ClosedError, LateError):
            return not_offered if certain else closed
        return not_offered

    def tls_expected(self) -> ConnectError:
        secure = Protocol.of(tls=True, sasl=self.protocol.sasl)
        return self.error(Cause.TLS_EXPECTED, "speaks TLS", f"set security.protocol={secure}")

    def closed(self) -> ConnectError:
        return self.error(
            Cause.CLOSED,
            f"closed the connection during {self.doing}",
            "is it a proxy without a broker behind it, a broker that is just stopping, or its limit of connections?",
        )

    # ── Kafka ──

    def greet(self, exchange: Exchange, *, again: bool = True) -> dict[int, tuple[int, int]]:
        """The API versions. Version 0 of the request is understood by all; and a broker answers it before it knows who asks."""
        from kafka.protocol.metadata import ApiVersionsRequest  # noqa: PLC0415 - the import costs 0.4 s

        self.doing = "ApiVersions"
        try:
            answer = exchange.ask(ApiVersionsRequest(version=0))
        except (ClosedError, ssl.SSLError) as error:
            if not again:
                raise
            raise self.unanswered(error) from None
        self.greeted = True
        return {api.api_key: (api.min_version, api.max_version) for api in answer.api_keys or ()}

    def unanswered(self, error: Exception) -> ConnectError:
        """Who hangs up on the first request wants TLS, or a client certificate; or is just going away."""
        closed = self.closed()
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return self.tls_error(error)
        # In TLS 1.3 a refused client certificate is told after the handshake, and can get lost; in 1.2 it is told within.
        context = self.security.ssl_context() if self.protocol.tls else _anyone()
        if self.protocol.tls:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            with closing(self.reach()) as sock, self.handshake(sock, context):
                return closed if self.protocol.tls else self.tls_expected()
        except ssl.SSLError as failure:
            if "ALERT" not in (failure.reason or ""):
                return closed
            return self.tls_error(failure) if self.protocol.tls else self.tls_expected()
        except (ConnectError, LateError, OSError):
            return closed

    def check(self, versions: Mapping[int, tuple[int, int]]) -> None:
        if not versions:
            raise self.error(Cause.UNSUPPORTED_BROKER, "names no API that it speaks", "Kafka 1.0 or newer is needed")
        if _METADATA not in versions:
            raise self.error(
                Cause.UNSUPPORTED_BROKER, "does not answer clients", "is it a controller's listener? give a broker's"
            )
        needed = {_METADATA: 4} | ({_SASL_HANDSHAKE: 1, _SASL_AUTHENTICATE: 0} if self.protocol.sasl else {})
        for key, version in needed.items():
            lowest, highest = versions.get(key, (0, -1))
            if not lowest <= version <= highest:
                raise self.error(
                    Cause.UNSUPPORTED_BROKER,
                    f"does not speak version {version} of API {key}",
                    "Kafka 1.0 or newer is needed",
                )

    def survey(self, exchange: Exchange, versions: Mapping[int, tuple[int, int]]) -> Probed:
        """The cluster and its brokers; who leaves this first real question unanswered wants SASL."""
        from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - as above

        self.doing = "Metadata"
        # No topic, and never one that the question would create.
        try:
            answer = exchange.ask(MetadataRequest(version=4, topics=[], allow_auto_topic_creation=False))
        except ClosedError:
            closed = self.closed()
            mechanisms = () if self.protocol.sasl else self.offered()
            raise (self.sasl_required(mechanisms) if mechanisms else closed) from None
        self.throttled += max(0, answer.throttle_time_ms) / 1000
        brokers = {broker.node_id: (str(broker.host), int(broker.port)) for broker in answer.brokers or ()}
        return Probed(versions, answer.cluster_id or "", brokers)

    # ── SASL ──

    def authenticate(self, exchange: Exchange, secrets: Mapping[str, str]) -> None:
        from kafka.net.sasl import get_sasl_mechanism  # noqa: PLC0415 - as above
        from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest  # noqa: PLC0415 - as above

        self.doing = "the SASL handshake"
        name = secrets["sasl_mechanism"]
        try:
            self.handshaken(exchange.ask(SaslHandshakeRequest(version=1, mechanism=name)), name)
            if self.security.tokens is not None:
                self.bear(exchange, secrets["token"], self.security.tokens)
                return
            mechanism = get_sasl_mechanism(name)(host=self.host, **secrets)
            while not mechanism.is_done():
                self.doing = "the check of the credentials"
                answer = exchange.ask(SaslAuthenticateRequest(version=0, auth_bytes=mechanism.auth_bytes()))
                if answer.error_code:
                    raise self.refused(answer, secrets)
                self.take(mechanism, answer.auth_bytes)
        except ClosedError:
            raise self.closed() from None
        if not mechanism.is_authenticated():
            raise self.error(
                Cause.WRONG_CREDENTIALS, f"did not let {self.security.username!r} in", "check the password"
            )

    def bear(self, exchange: Exchange, token: str, source: TokenSource) -> None:
        """OAUTHBEARER, RFC 7628."""
        from kafka.protocol.sasl import SaslAuthenticateRequest  # noqa: PLC0415 - as above

        self.doing = "the check of the token"
        first = first_message(token, self.security.extensions)
        answer = exchange.ask(SaslAuthenticateRequest(version=0, auth_bytes=first))
        if not answer.error_code and not answer.auth_bytes:
            return
        source.forget()
        said = str(answer.error_message or "")
        if answer.auth_bytes:  # the refusal, which is over when it was acknowledged
            said = refusal(bytes(answer.auth_bytes))
            with suppress(ClosedError):
                exchange.ask(SaslAuthenticateRequest(version=0, auth_bytes=b"\x01"))
        said = _printable(said.replace(token, "***"))
        raise self.error(
            Cause.WRONG_CREDENTIALS, f"does not accept the token from {source.origin} ({said})", source.mend
        )

    def handshaken(self, answer: Any, name: str) -> None:
        if answer.error_code == _UNSUPPORTED_SASL_MECHANISM:
            offered = _listed(answer.mechanisms)
            raise self.error(
                Cause.MECHANISM_UNSUPPORTED,
                f"does not offer {name}, it offers {offered or 'none'}",
                f"set sasl.mechanism to one of {MECHANISMS} that it offers",
            )
        if answer.error_code:
            plain = Protocol.of(tls=self.protocol.tls, sasl=False)
            raise self.error(
                Cause.SASL_NOT_OFFERED,
                f"does not ask for SASL on this listener (error {answer.error_code})",
                f"set security.protocol={plain}",
            )

    def refused(self, answer: Any, secrets: Mapping[str, str]) -> ConnectError:
        said = _printable(str(answer.error_message or "").replace(secrets["sasl_plain_password"] or "\0", "***"))
        if answer.error_code == _SASL_AUTHENTICATION_FAILED:
            return self.error(
                Cause.WRONG_CREDENTIALS,
                f"does not accept user {self.security.username!r} with {self.security.mechanism} ({said})",
                f"check username and password (from {self.security.password and self.security.password.origin})",
            )
        return self.error(
            Cause.UNSUPPORTED_BROKER,
            f"answers the credentials with error {answer.error_code} ({said})",
            "see the broker's log",
        )

    def take(self, mechanism: Any, challenge: bytes) -> None:
        try:
            mechanism.receive(challenge)
        except (ValueError, KeyError):
            raise self.error(
                Cause.WRONG_CREDENTIALS,
                f"could not prove that it knows the password of {self.security.username!r}",
                "is it the right cluster?",
            ) from None

    def offered(self) -> tuple[str, ...]:
        """The mechanisms that the broker offers, asked on another connection; none where it wants no SASL."""
        from kafka.protocol.sasl import SaslHandshakeRequest  # noqa: PLC0415 - as above

        context = self.security.ssl_context() if self.protocol.tls else None
        try:
            with closing(self.reach()) as sock, self.talk(sock, context) as exchange:
                answer = exchange.ask(SaslHandshakeRequest(version=1, mechanism=Mechanism.PLAIN.value))
        except (ClosedError, LateError, StrangeError, ConnectError):
            return ()
        return () if answer.error_code == _ILLEGAL_SASL_STATE else tuple(map(str, answer.mechanisms or ()))

    def sasl_required(self, mechanisms: tuple[str, ...]) -> ConnectError:
        secure = Protocol.of(tls=self.protocol.tls, sasl=True)
        return self.error(
            Cause.SASL_REQUIRED,
            f"wants SASL and offers {_listed(mechanisms)}",
            f"set security.protocol={secure}, sasl.mechanism and what it needs",
        )


def _anyone() -> ssl.SSLContext:
    """Trusts whoever answers, because all we want to know is whether it speaks TLS; nothing is said to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ") or "unknown reason"


def _listed(names: Any) -> str:
    return _printable(", ".join(sorted(map(str, names or ()))))  # a broker keeps them in a set


def _printable(text: str) -> str:
    """What another side says, fit for one line: short, and nothing that moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200]).strip()
