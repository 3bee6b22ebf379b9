"""client.properties of Java clients and of librdkafka, read as a Security."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agent.collect.kafka.msk import MskIam
from agent.collect.kafka.pem import MARK
from agent.collect.kafka.properties import LoginModule, parse_jaas, parse_properties, properties_of
from agent.collect.kafka.security import MECHANISMS, Mechanism, Protocol, Security
from agent.collect.kafka.tokens import ClientCredentials, GivenToken, TokenSource
from agent.errors import ConfigError
from agent.secret import Secret

_LARGEST: Final = 4 * 1024 * 1024

# Java tunes with them what Python's TLS decides for itself, or they protect stores that are PEM here.
_HARMLESS: Final = {
    "security.providers",
    "ssl.provider",
    "ssl.protocol",
    "ssl.enabled.protocols",
    "ssl.cipher.suites",
    "ssl.keymanager.algorithm",
    "ssl.trustmanager.algorithm",
    "ssl.secure.random.implementation",
    "ssl.keystore.password",
    "ssl.truststore.password",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.service.name",
    "sasl.kerberos.ticket.renew.jitter",
    "sasl.kerberos.ticket.renew.window.factor",
    "sasl.login.refresh.buffer.seconds",
    "sasl.login.refresh.min.period.seconds",
    "sasl.login.refresh.window.factor",
    "sasl.login.refresh.window.jitter",
}


@dataclass(frozen=True, slots=True)
class ClientProperties:
    security: Security
    bootstrap: tuple[str, ...]
    ignored: tuple[str, ...]  # keys about security that mean nothing here: worth a word to the user


class _Keys(dict[str, str]):
    """Properties that remember which of them were asked for."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        super().__init__({key: value.strip() for key, value in properties.items()})  # as Kafka does
        self.asked: set[str] = set()

    def first(self, *names: str) -> str:
        self.asked.update(names)
        return next((self[name] for name in names if self.get(name)), "")


def read_client_properties(source: Path | str) -> ClientProperties:
    """A path, or the text itself.

    Raises:
        ConfigError: it can't be used; said with its file, and the line of the key that is to be mended.
    """
    text = _text(source)
    try:
        return _read(_Keys(parse_properties(text)))
    except ConfigError as error:
        raise ConfigError(f"{_place(source, text, str(error))}{error}") from None


def _place(source: Path | str, text: str, said: str) -> str:
    """`client.properties:3: ` before what is said of a key; nothing where the text came without a file."""
    if text is source:
        return ""
    try:
        lines = {one.key: one.line for one in properties_of(text)}
    except ConfigError:  # the very thing that is said
        lines = {}
    key = re.match(r"[a-z0-9.]+", said)
    line = lines.get(key[0]) if key else None
    return f"{source}: " if line is None else f"{source}:{line}: "


def _read(keys: _Keys) -> ClientProperties:
    protocol = _protocol(keys.first("security.protocol"))
    mechanism = _mechanism(keys.first("sasl.mechanism", "sasl.mechanisms"), needed=protocol.sasl)
    login = parse_jaas(jaas) if protocol.sasl and (jaas := keys.first("sasl.jaas.config")) else None
    tokens: TokenSource | None = None
    extensions: tuple[tuple[str, str], ...] = ()
    username = password = ""
    servers = _listed(keys.first("bootstrap.servers", "metadata.broker.list"))
    if login is not None and login.name.endswith(".IAMLoginModule"):
        mechanism = mechanism and Mechanism.AWS_MSK_IAM  # be it by its own name, or as OAUTHBEARER
    if mechanism is Mechanism.AWS_MSK_IAM:
        tokens = _msk(keys, login, servers)
    elif mechanism is Mechanism.OAUTHBEARER:
        tokens, extensions = _tokens(keys, login)
    else:
        username, password = _credentials(keys, login)
    ca = _store(keys, "truststore", needed=protocol.tls)
    certificate, key = _identity(keys, needed=protocol.tls)
    key_password = keys.first("ssl.key.password")
    algorithm = keys.get("ssl.endpoint.identification.algorithm", "https")
    keys.first("ssl.endpoint.identification.algorithm")
    security = Security(
        protocol=protocol,
        mechanism=mechanism,
        username=username,
        password=_secret(keys, password) if password else None,
        tokens=tokens,
        extensions=extensions,
        ca=ca,
        certificate=certificate,
        key=key,
        key_password=_secret(keys, key_password) if key_password else None,
        verify_hostname=algorithm.lower() not in {"", "none"},
    )
    about = ("ssl.", "sasl.", "security.", "enable.ssl.")
    ignored = sorted(key for key in keys if key.startswith(about) and key not in keys.asked | _HARMLESS)
    return ClientProperties(security, servers, tuple(ignored))


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part for one in value.split(",") if (part := one.strip()))


def _text(source: Path | str) -> str:
    if isinstance(source, str):
        if "\n" in source or "=" in source:
            return source
        source = Path(source)
    try:
        with source.open("rb") as file:
            raw = file.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"{source} cannot be read ({error.strerror}): give the path of a client.properties") from None
    if b"\0" in raw:  # a key store, most likely
        raise ConfigError(f"{source} is not text: give the path of a client.properties")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # the encoding of the format's first 25 years


def _protocol(value: str) -> Protocol:
    try:
        return Protocol((value or "PLAINTEXT").upper())
    except ValueError:
        raise ConfigError(f"security.protocol={value} is unknown: set one of {', '.join(Protocol)}") from None


def _mechanism(value: str, *, needed: bool) -> Mechanism | None:
    if not needed or not value:
        return None
    try:
        return Mechanism(value.upper())
    except ValueError:
        raise ConfigError(f"sasl.mechanism={value} is not supported: use one of {MECHANISMS}") from None


def _credentials(keys: _Keys, module: LoginModule | None) -> tuple[str, str]:
    plain = keys.first("sasl.username"), keys.first("sasl.password")
    if module is None:
        return plain
    if not module.name.endswith((".PlainLoginModule", ".ScramLoginModule")):
        raise ConfigError(
            f"sasl.jaas.config names {module.name}, which is not supported:"
            " use PlainLoginModule, ScramLoginModule or OAuthBearerLoginModule"
        )
    if module.options.get("tokenauth", "").lower() == "true":
        raise ConfigError(
            "sasl.jaas.config has tokenauth=true, and delegation tokens are not supported: use a SCRAM user"
        )
    return module.options.get("username", ""), module.options.get("password", "")


def _tokens(keys: _Keys, module: LoginModule | None) -> tuple[TokenSource | None, tuple[tuple[str, str], ...]]:
    """A token endpoint or a token's file, in Kafka's own words (KIP-768, KIP-1139) or librdkafka's, and the extensions."""
    if module is not None and not module.name.endswith(".OAuthBearerLoginModule"):
        raise ConfigError(
            f"sasl.jaas.config names {module.name}, which is not for OAUTHBEARER: use OAuthBearerLoginModule"
        )
    said = {} if module is None else module.options
    keys.first("sasl.login.callback.handler.class", "sasl.oauthbearer.method", "sasl.oauthbearer.jwt.retriever.class")
    pairs = [(name.removeprefix("extension_"), value) for name, value in said.items() if name.startswith("extension_")]
    pairs += [_pair(one) for one in _listed(keys.first("sasl.oauthbearer.extensions"))]
    url = keys.first("sasl.oauthbearer.token.endpoint.url")
    if url.startswith("file:"):
        return GivenToken(Secret.file(url2pathname(urlsplit(url).path))), tuple(pairs)
    if not url:
        raise ConfigError(
            "sasl.oauthbearer.token.endpoint.url is not set, and tokens made by the client itself are not supported:"
            " set it to https://HOST/PATH or file:///PATH"
        )
    names = "sasl.oauthbearer.client.credentials.client", "sasl.oauthbearer.client"
    client = keys.first(*(f"{name}.id" for name in names)) or said.get("clientId", "")
    secret = keys.first(*(f"{name}.secret" for name in names)) or said.get("clientSecret", "")
    scope = keys.first("sasl.oauthbearer.scope") or said.get("scope", "")
    if not client or not secret:
        raise ConfigError(
            f"OAUTHBEARER has no {'client secret' if client else 'client id'}:"
            " set clientId and clientSecret in sasl.jaas.config, or sasl.oauthbearer.client.credentials.client.id and .secret"
        )
    # Brokers' authorities are not those of the endpoint: Java has these in the login module's options.
    ca = keys.first("https.ca.pem", "https.ca.location") or _store(_Keys(said), "truststore", needed=True)
    return ClientCredentials(url, client, _secret(keys, secret), scope, ca), tuple(pairs)


def _msk(keys: _Keys, module: LoginModule | None, servers: Iterable[str]) -> MskIam:
    """As the options of Amazon's IAMLoginModule have it; the region is that of the brokers' names, or of the environment."""
    said = {} if module is None else module.options
    keys.first("sasl.client.callback.handler.class", "sasl.login.callback.handler.class")
    found = (re.search(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com", server) for server in servers)
    region = next((one[1] for one in found if one), "") or os.environ.get("AWS_REGION", "")
    if not region:
        raise ConfigError("AWS_MSK_IAM has no region, and no name of a broker tells it: set AWS_REGION")
    profile, role, external_id = (
        said.get(f"aws{name}") or None for name in ("ProfileName", "RoleArn", "RoleExternalId")
    )
    return MskIam(region, profile, role, external_id)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _secret(keys: _Keys, value: str) -> Secret:
    """A secret, by reference where the file has one by a config provider of Kafka's (KIP-297, KIP-421)."""
    provider = re.fullmatch(r"\$\{(?P<name>[^:}]+):(?P<rest>[^}]+)\}", value)
    if provider is None or provider["name"] not in re.split(r"\s*,\s*", keys.first("config.providers")):
        return Secret.literal(value)
    kind = keys.first(f"config.providers.{provider['name']}.class").rpartition(".")[2]
    path, _, entry = provider["rest"].rpartition(":")
    if kind == "EnvVarConfigProvider":
        return Secret.env(entry)
    if kind == "DirectoryConfigProvider" and path:
        return Secret.file(Path(path) / entry)
    raise ConfigError(
        f"{value} needs the config provider {kind or provider['name']}, which is not supported:"
        " use EnvVarConfigProvider or DirectoryConfigProvider"
    )


def _identity(keys: _Keys, *, needed: bool) -> tuple[str, Secret | None]:
    chain = keys.first("ssl.keystore.certificate.chain", "ssl.certificate.pem")
    inline = keys.first("ssl.keystore.key", "ssl.key.pem")
    location = keys.first("ssl.certificate.location")
    path = keys.first("ssl.key.location")
    store = _store(keys, "keystore", needed=needed and not (chain or location))
    key = _secret(keys, inline) if inline else Secret.file(path) if path else None
    return chain or location or store, key


def _store(keys: _Keys, which: Literal["truststore", "keystore"], *, needed: bool) -> str:
    """The PEM of a store, inline or as a path."""
    declared = keys.first(f"ssl.{which}.type").upper()
    if which == "truststore":
        inline = keys.first("ssl.truststore.certificates", "ssl.ca.pem", "ssl.ca.location")
        if inline:
            return "" if inline == "probe" else inline  # librdkafka's word for the system's authorities
    location = keys.first(f"ssl.{which}.location")
    if not needed or not location:
        return ""
    kind = declared or _kind(location)
    if kind == "PEM":
        return location
    stem = location.removesuffix(Path(location).suffix)
    raise ConfigError(
        f"ssl.{which}.location={location} is a {kind} store, which only Java reads: convert it once with `"
        f"{_conversion(which, kind, location, stem)}`, then set ssl.{which}.type=PEM"
        f" and ssl.{which}.location={stem}.pem"
    )


def _kind(location: str) -> str:
    """What a store is that has no declared type: Java would take it for JKS, and read PKCS12 all the same."""
    try:
        with Path(location).open("rb") as file:
            head = file.read(64 * 1024)
    except OSError:
        head = b""
    if MARK.encode() in head:
        return "PEM"
    by_name = Path(location).suffix.lower() in {".p12", ".pfx", ".pkcs12"}
    return "PKCS12" if head.startswith(b"0") or (by_name and not head) else "JKS"


def _conversion(which: Literal["truststore", "keystore"], kind: str, location: str, stem: str) -> str:
    store, pem, p12 = (shlex.quote(name) for name in (location, f"{stem}.pem", f"{stem}.p12"))
    if which == "truststore":
        return f"keytool -list -rfc -keystore {store} > {pem}"
    if kind == "PKCS12":
        return f"openssl pkcs12 -in {store} -nodes -out {pem}"
    return (
        f"keytool -importkeystore -srckeystore {store} -destkeystore {p12} -deststoretype PKCS12"
        f" && openssl pkcs12 -in {p12} -nodes -out {pem}"
    )
