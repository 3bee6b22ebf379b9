"""A real broker's ways of refusing have the causes that the stub servers of tests/agent have been given for them."""

import base64
import json
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import Probed, probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.collect.kafka.tokens import GivenToken
from agent.config.model import read_endpoints
from agent.errors import ConfigError, ConnectError
from agent.secret import Secret
from tests.live import seed
from tests.live.broker import KafkaCluster

BY_PASSWORD = [one for one in Mechanism if one.by_password]
SECONDS = 20.0  # a busy machine, not a slow broker


def enter(cluster: KafkaCluster, listener: str, security: Security) -> Probed:
    return probe("127.0.0.1", cluster.brokers[1].ports[listener], security, SECONDS)


def refused(cluster: KafkaCluster, listener: str, security: Security, cause: Cause, says: str) -> None:
    with pytest.raises(ConnectError) as caught:
        enter(cluster, listener, security)
    assert caught.value.cause == cause, caught.value
    assert says in str(caught.value)


def sasl(mechanism: Mechanism, protocol: Protocol = Protocol.SASL_PLAINTEXT, **fields: str) -> Security:
    fields = {"username": "alice", "password": "alice-secret"} | fields
    password = Secret.literal(fields.pop("password"))
    return Security(protocol=protocol, mechanism=mechanism, password=password, **fields)  # type: ignore[arg-type]


def tls(cluster: KafkaCluster, *, ca: str = "", client: bool = False, verify_hostname: bool = True) -> Security:
    assert cluster.certs
    return Security(
        protocol=Protocol.SSL,
        ca=ca or str(cluster.certs.ca),
        certificate=str(cluster.certs.client_cert) if client else "",
        key=Secret.file(cluster.certs.client_key) if client else None,
        verify_hostname=verify_hostname,
    )


def unsigned(subject: str, *, seconds: float = 300) -> str:
    """A token without a signature, as Kafka's validator for development takes it."""
    claims = {"sub": subject, "iat": time.time() + min(0, seconds - 1), "exp": time.time() + seconds}
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])


def bearing(token: str, **fields: Any) -> Security:
    tokens = GivenToken(Secret.literal(token))
    return Security(protocol=Protocol.SASL_PLAINTEXT, mechanism=Mechanism.OAUTHBEARER, tokens=tokens, **fields)


# ── getting in ──


def test_in_by_every_listener(kafka_secure: KafkaCluster) -> None:
    assert kafka_secure.certs
    ca = str(kafka_secure.certs.ca)
    ways = [
        ("PLAINTEXT", Security()),
        ("OAUTH", bearing(unsigned("alice"), extensions=(("logicalCluster", "lkc-1"), ("x", "y z")))),
        ("SSL", tls(kafka_secure)),
        ("MTLS", tls(kafka_secure, client=True)),
        *(("SASL_PLAINTEXT", sasl(mechanism)) for mechanism in BY_PASSWORD),
        *(("SASL_SSL", sasl(mechanism, Protocol.SASL_SSL, ca=ca)) for mechanism in BY_PASSWORD),
    ]
    for listener, security in ways:
        probed = enter(kafka_secure, listener, security)
        assert probed.cluster_id == kafka_secure.cluster_id
        assert probed.brokers == {1: ("127.0.0.1", kafka_secure.brokers[1].ports[listener])}
        assert probed.versions[18][1] >= 3


def test_in_by_the_java_client_s_own_configuration(kafka_secure: KafkaCluster, tmp_path: Path) -> None:
    """The file that lets Kafka's own command in lets us in."""
    assert kafka_secure.certs
    certs = kafka_secure.certs
    keys = tmp_path / "keys.pem"
    keys.write_text(certs.client_cert.read_text() + certs.client_key.read_text())
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    files = {
        "SASL_SSL": (
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
            f'sasl.jaas.config={module} required \\\n  username="alice" password="alice-secret";\n'
        ),
        "MTLS": f"security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.location={keys}\n",
    }
    for listener, text in files.items():
        path = tmp_path / f"{listener}.properties"
        trust = f"ssl.truststore.type=PEM\nssl.truststore.location={certs.ca}\n"
        path.write_text(f"bootstrap.servers={kafka_secure.bootstrap_of(listener)}\n{text}{trust}")
        read = Security.from_properties(path)
        assert (
            probe(*read_endpoints(list(read.bootstrap))[0], read.security, SECONDS).cluster_id
            == kafka_secure.cluster_id
        )
        assert read.ignored == ()


@pytest.mark.parametrize("mechanism", [Mechanism.SCRAM_SHA_256, Mechanism.SCRAM_SHA_512])
def test_in_with_a_name_that_scram_escapes(kafka_secure: KafkaCluster, fresh: str, mechanism: Mechanism) -> None:
    name, password = f"{fresh}=a,b", 'ü "quoted", and=more'
    kind = ScramMechanism[mechanism.replace("-", "_")]
    with seed.admin(kafka_secure.bootstrap) as admin:
        upsertion = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, 4096), password.encode())
        admin.alter_user_scram_credentials([upsertion])[name].result(10)
    assert enter(kafka_secure, "SASL_PLAINTEXT", sasl(mechanism, username=name, password=password)).brokers


# ── not getting in ──


@pytest.mark.parametrize("mechanism", BY_PASSWORD)
@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "nobody"}])
def test_wrong_credentials(kafka_secure: KafkaCluster, mechanism: Mechanism, fields: dict[str, str]) -> None:
    """The answer and the end of the connection come together; kafka-python's own transport loses the first."""
    said = f"with {mechanism} (Authentication failed"
    refused(kafka_secure, "SASL_PLAINTEXT", sasl(mechanism, **fields), Cause.WRONG_CREDENTIALS, said)


@pytest.mark.parametrize("token", [unsigned("alice", seconds=-60), unsigned(""), "no.to.ken"])
def test_a_token_that_the_broker_refuses(kafka_secure: KafkaCluster, token: str) -> None:
    said = "does not accept the token from the configuration (invalid_token)"
    refused(kafka_secure, "OAUTH", bearing(token), Cause.WRONG_CREDENTIALS, said)


def test_a_password_where_a_token_is_wanted(kafka_secure: KafkaCluster) -> None:
    plain = sasl(Mechanism.PLAIN)
    refused(kafka_secure, "OAUTH", plain, Cause.MECHANISM_UNSUPPORTED, "does not offer PLAIN, it offers OAUTHBEARER")


def test_tls_or_not(kafka_secure: KafkaCluster) -> None:
    plain = sasl(Mechanism.PLAIN)
    over_tls = sasl(Mechanism.PLAIN, Protocol.SASL_SSL)
    for listener, security, cause, protocol in [
        ("SSL", Security(), Cause.TLS_EXPECTED, "SSL"),
        ("MTLS", Security(), Cause.TLS_EXPECTED, "SSL"),
        ("SASL_SSL", plain, Cause.TLS_EXPECTED, "SASL_SSL"),
        ("PLAINTEXT", tls(kafka_secure), Cause.TLS_NOT_OFFERED, "PLAINTEXT"),
        ("SASL_PLAINTEXT", over_tls, Cause.TLS_NOT_OFFERED, "SASL_PLAINTEXT"),
    ]:
        refused(kafka_secure, listener, security, cause, f": set security.protocol={protocol}")


def test_certificates(kafka_secure: KafkaCluster) -> None:
    assert kafka_secure.certs
    stranger = tls(kafka_secure, ca=str(kafka_secure.certs.stranger_ca))
    refused(kafka_secure, "SSL", stranger, Cause.CERTIFICATE_UNTRUSTED, "checked against the CA given")
    refused(kafka_secure, "SSL", Security(protocol=Protocol.SSL), Cause.CERTIFICATE_UNTRUSTED, "none was given")


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate(
    kafka_secure: KafkaCluster, newest: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Security.ssl_context

    def limited(self: Security) -> ssl.SSLContext:
        context = make(self)
        context.maximum_version = newest
        return context

    monkeypatch.setattr(Security, "ssl_context", limited)
    for _ in range(5):  # with TLS 1.3 the alert races with the end of the connection
        security = tls(kafka_secure)
        refused(kafka_secure, "MTLS", security, Cause.CLIENT_CERTIFICATE_REQUIRED, "set a certificate and its key")


def test_a_client_certificate_that_the_broker_does_not_trust(kafka_secure: KafkaCluster) -> None:
    assert kafka_secure.certs
    # The server's own key and certificate, signed by itself: no CA of the broker's trust store vouches for it.
    stranger = _self_signed(kafka_secure.certs.stranger_ca.parent)
    security = Security(
        protocol=Protocol.SSL, ca=str(kafka_secure.certs.ca), certificate=str(stranger), key=Secret.file(stranger)
    )
    refused(kafka_secure, "MTLS", security, Cause.CLIENT_CERTIFICATE_REFUSED, "does not accept our client certificate")


def test_sasl_or_not(kafka_secure: KafkaCluster) -> None:
    offers = "wants SASL and offers PLAIN, SCRAM-SHA-256, SCRAM-SHA-512: set security.protocol=SASL"
    refused(kafka_secure, "SASL_PLAINTEXT", Security(), Cause.SASL_REQUIRED, f"{offers}_PLAINTEXT")
    refused(kafka_secure, "SASL_SSL", tls(kafka_secure), Cause.SASL_REQUIRED, f"{offers}_SSL")
    plain = sasl(Mechanism.PLAIN)
    refused(kafka_secure, "PLAINTEXT", plain, Cause.SASL_NOT_OFFERED, "set security.protocol=PLAINTEXT")


def test_a_controller_is_no_broker(kafka_secure: KafkaCluster) -> None:
    refused(kafka_secure, "CONTROLLER", Security(), Cause.UNSUPPORTED_BROKER, "a controller's listener?")


# ── stores of Java ──


@pytest.mark.skipif(not shutil.which("keytool") or not shutil.which("openssl"), reason="needs keytool and openssl")
@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_the_command_that_an_error_gives_converts_a_store(tmp_path: Path, kind: str) -> None:
    trust, keys = tmp_path / "my trust.jks", tmp_path / "my keys.jks"
    for store in (trust, keys):
        words = ("-genkeypair", "-alias", "ä", "-keyalg", "EC", "-dname", "CN=x", "-keystore", str(store))
        secrets = ("-storetype", kind, "-storepass", "secret1", "-keypass", "secret1")
        subprocess.run(["keytool", *words, *secrets], check=True, capture_output=True)
    text = f"security.protocol=SSL\nssl.truststore.location={trust}\n"
    _convert(text)
    text = f"security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={trust.with_suffix('.pem')}\n"
    text += f"ssl.keystore.location={keys}\n"
    _convert(text)
    text = text.replace(str(keys), f"{keys.with_suffix('.pem')}\nssl.keystore.type=PEM")
    context = Security.from_properties(text).security.ssl_context()
    assert context.cert_store_stats()["x509"] == 1


def _convert(properties: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Security.from_properties(properties)
    command = str(caught.value).split("`")[1]
    for part in command.split(
        " && "
    ):  # keytool reads more of a pipe than it needs, where a person would be asked twice
        subprocess.run(part, shell=True, check=True, capture_output=True, input=b"secret1\n" * 4)  # noqa: S602 - as a user would


def _self_signed(folder: Path) -> Path:
    path = folder / "self-signed.pem"
    subject = ("-subj", "/CN=nobody", "-days", "1", "-keyout", str(path), "-out", str(path) + ".crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path
