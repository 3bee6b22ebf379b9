"""How to reach a Kafka cluster: with or without TLS, and as whom."""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from agent.collect.kafka.pem import MARK, as_file, certificates, pem_text, private_key, trust
from agent.collect.kafka.tokens import TokenSource
from agent.errors import ConfigError
from agent.secret import Secret

if TYPE_CHECKING:
    from agent.collect.kafka.client_properties import ClientProperties


class Protocol(StrEnum):
    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def tls(self) -> bool:
        return self in {Protocol.SSL, Protocol.SASL_SSL}

    @property
    def sasl(self) -> bool:
        return self in {Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL}

    @classmethod
    def of(cls, *, tls: bool, sasl: bool) -> "Protocol":
        return next(protocol for protocol in cls if (protocol.tls, protocol.sasl) == (tls, sasl))


class Mechanism(StrEnum):
    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    OAUTHBEARER = "OAUTHBEARER"
    AWS_MSK_IAM = "AWS_MSK_IAM"
    """To the broker it is OAUTHBEARER."""

    @property
    def by_password(self) -> bool:
        return self not in {Mechanism.OAUTHBEARER, Mechanism.AWS_MSK_IAM}


MECHANISMS: Final = ", ".join(Mechanism)


_PEPPER: Final = token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Certificates are paths of PEM files, or PEM itself; empty means the system's authorities, and no client certificate.

    Secrets and files are read anew by every call, so that what was rotated counts at the next connect.
    """

    protocol: Protocol = Protocol.PLAINTEXT
    mechanism: Mechanism | None = None
    username: str = ""
    password: Secret | None = None
    tokens: TokenSource | None = None
    extensions: tuple[tuple[str, str], ...] = ()  # of OAUTHBEARER: what some brokers want to hear beside the token
    ca: str = ""
    certificate: str = ""
    key: Secret | None = None  # without one, the key is looked for beside the certificate
    key_password: Secret | None = None
    verify_hostname: bool = True

    def __post_init__(self) -> None:
        if "PRIVATE KEY-----" in self.ca + self.certificate:
            raise ConfigError(
                "a certificate given inline holds a private key: give the key as the client key, a secret"
            )
        if not self.protocol.sasl:
            return
        if self.mechanism is None:
            raise ConfigError(
                f"security.protocol={self.protocol} needs sasl.mechanism: set one of {MECHANISMS}"
                " (Kafka's own default, GSSAPI, is not supported)"
            )
        if not self.mechanism.by_password:
            self._check_tokens(self.mechanism)
        elif not self.username or self.password is None:
            missing = "password" if self.username else "username"
            raise ConfigError(f"security.protocol={self.protocol} has no {missing} for {self.mechanism}: set one")

    def _check_tokens(self, mechanism: Mechanism) -> None:
        if mechanism is Mechanism.AWS_MSK_IAM and not self.protocol.tls:
            raise ConfigError(f"security.protocol={self.protocol} is not for AWS_MSK_IAM: set SASL_SSL")
        if self.tokens is None and mechanism is Mechanism.AWS_MSK_IAM:
            raise ConfigError("AWS_MSK_IAM has no region: set msk with the region of the cluster")
        if self.tokens is None:
            raise ConfigError(
                "OAUTHBEARER has nowhere to get tokens from: set token, or oauth with url, client_id and client_secret"
            )
        for name, value in self.extensions:  # as Kafka reads them
            if not re.fullmatch(r"[A-Za-z]+", name) or name == "auth" or not re.fullmatch(r"[\x20-\x7e\t\r\n]+", value):
                raise ConfigError(f"extension {name} can't be sent: its name has letters only, and its value is ASCII")

    @staticmethod
    def from_properties(source: Path | str) -> "ClientProperties":
        """Read a Java client's (or librdkafka's) client.properties: a path, or the text itself if it has a line or a `=`."""
        from agent.collect.kafka.client_properties import read_client_properties  # noqa: PLC0415 - it builds on this

        return read_client_properties(source)

    def secrets(self) -> bytes:
        """Stands for what one comes in with, as it is now: another value after it was changed. It tells nothing of it."""
        tokens = self.tokens.secrets if self.tokens is not None else ()
        digest = blake2b(key=_PEPPER)
        for secret in (self.password, self.key, self.key_password, *tokens):
            with suppress(ConfigError):
                digest.update((secret.reveal() if secret else "").encode() + b"\0")
        if self.certificate:
            with suppress(ConfigError):
                digest.update(pem_text(self.certificate, "the client certificate").encode())
        return digest.digest()

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.verify_hostname
        # As Java does: a broker's own certificate or an intermediate authority in the trust store is trusted.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.ca:
            trust(context, self.ca)
        else:
            context.load_default_certs()
        if self.certificate:
            self._identify(context)
        elif self.key is not None:
            raise ConfigError(
                f"the client key in {_shown(self.key)} has no certificate: set the client certificate, too"
            )
        return context

    def _identify(self, context: ssl.SSLContext) -> None:
        """Load the client's certificate and key."""
        shown = _shown(self.certificate)
        text = pem_text(self.certificate, "the client certificate")
        chain = certificates(text)
        if not chain:
            raise ConfigError(
                f"the client certificate {shown} holds no certificate in PEM form: give the PEM file of it"
            )
        key = private_key(text if self.key is None else self.key.reveal())
        place = f"the client key in {shown if self.key is None else _shown(self.key)}"
        if not key:
            raise ConfigError(f"{place} holds no private key in PEM form: give the PEM file of the client's key")
        password = self.key_password.reveal() if self.key_password else ""
        if not password and "ENCRYPTED" in key:
            raise ConfigError(f"{place} is encrypted: set the key's password")
        with as_file(chain + key) as name:
            try:
                # Always a password, be it empty: without one OpenSSL would ask at the terminal.
                context.load_cert_chain(name, password=password)
            except (ssl.SSLError, ValueError) as error:
                if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
                    what = f"does not belong to the client certificate {shown}: give the key it was made for"
                elif password:  # OpenSSL does not say more
                    what = "cannot be decrypted, or it or its certificate is damaged: check the key's password"
                else:
                    what = "or its certificate is damaged or of an unknown kind: export both again in PEM form"
            else:
                return
        # Raised out here, so that the exception of OpenSSL, and what it may quote, is not carried along.
        raise ConfigError(f"{place} {what}")

    def sasl_options(self, seconds: float = 10.0) -> Mapping[str, str]:
        """The mechanism, and what it sends: a name and a password in kafka-python's words, or a token, which whom it has to ask
        gives within `seconds`. Never keep or print it.
        """
        if not self.protocol.sasl or self.mechanism is None:
            return {}
        if self.tokens is not None:
            return {"sasl_mechanism": str(Mechanism.OAUTHBEARER), "token": self.tokens.token(seconds)}
        if self.password is None:
            return {}
        username = self.username
        if self.mechanism is not Mechanism.PLAIN:
            username = username.replace("=", "=3D").replace(",", "=2C")  # RFC 5802; the library leaves it out
        return {
            "sasl_mechanism": str(self.mechanism),
            "sasl_plain_username": username,
            "sasl_plain_password": self.password.reveal(),
        }


def _shown(source: str | Secret) -> str:
    """A PEM source for a message: its place, never its content."""
    if isinstance(source, Secret):
        return source.origin
    return "(inline PEM)" if MARK in source else source
