"""Certificates for a minute: a CA, a server on 127.0.0.1, a client, and a CA that nobody trusts."""

import dataclasses
import datetime as dt
import ipaddress
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = "mtls-client"  # the client's common name, its principal in Kafka is User:mtls-client


@dataclasses.dataclass(frozen=True)
class _Signed:
    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def cert_pem(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclasses.dataclass(frozen=True)
class Certs:
    ca: Path
    stranger_ca: Path
    server_keystore: Path  # key and certificate in one file, as Kafka's PEM key store wants it
    client_cert: Path
    client_key: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        ca = _sign("mqcanary test CA", None)
        server = _sign("localhost", ca)
        client = _sign(CLIENT, ca)
        result = cls(
            folder / "ca.pem",
            folder / "stranger-ca.pem",
            folder / "server.pem",
            folder / "client.pem",
            folder / "client.key",
        )
        result.ca.write_bytes(ca.cert_pem())
        result.stranger_ca.write_bytes(_sign("a stranger's CA", None).cert_pem())
        result.server_keystore.write_bytes(server.key_pem() + server.cert_pem() + ca.cert_pem())
        result.client_cert.write_bytes(client.cert_pem())
        result.client_key.write_bytes(client.key_pem())
        return result


def _sign(name: str, issuer: _Signed | None) -> _Signed:
    """A certificate with all that a strict verifier (Python 3.13's default) asks for; without an issuer it is a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by_name, by_key = (issuer.cert.subject, issuer.key) if issuer else (subject, key)
    is_ca = issuer is None
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
    )
    if not is_ca:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return _Signed(builder.sign(by_key, hashes.SHA256()), key)
