import shlex
import ssl
from pathlib import Path

import pytest

from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.errors import ConfigError
from agent.secret import Secret
from tests.agent.collect.kafka.conftest import Authority

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


def refused(source: Path | str) -> str:
    with pytest.raises(ConfigError) as caught:
        Security.from_properties(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def context_refused(security: Security) -> str:
    with pytest.raises(ConfigError) as caught:
        security.ssl_context()
    assert "\n" not in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    return str(caught.value)


# ── client.properties ──


def test_nothing_said_is_plaintext() -> None:
    read = Security.from_properties("bootstrap.servers = a:1, b:2 ,\nclient.id=x\ngroup.id=y")
    assert read.security == Security()
    assert read.bootstrap == ("a:1", "b:2")
    assert read.ignored == ()


@pytest.mark.parametrize(
    ("mechanism", "module"),
    [("PLAIN", PLAIN), ("SCRAM-SHA-256", SCRAM), ("SCRAM-SHA-512", SCRAM)],
)
def test_a_java_client(mechanism: str, module: str) -> None:
    read = Security.from_properties(
        "security.protocol=SASL_SSL\n"
        f"sasl.mechanism={mechanism}\n"
        f"sasl.jaas.config={module} required \\\n"
        '    username="alice" \\\n'
        '    password="it\'s \\\\"quoted\\\\" \\u00fc";\n'
        "ssl.endpoint.identification.algorithm=\n"
    )
    security = read.security
    assert security.protocol is Protocol.SASL_SSL
    assert security.mechanism is Mechanism(mechanism)
    assert security.username == "alice"
    assert security.password is not None
    assert security.password.reveal() == 'it\'s "quoted" ü'
    assert not security.verify_hostname
    assert "quoted" not in repr(read)


def test_librdkafka(tmp_path: Path) -> None:
    path = tmp_path / "librdkafka.conf"
    path.write_text(
        "metadata.broker.list=a:1\nsecurity.protocol=sasl_ssl\nsasl.mechanisms=scram-sha-512\n"
        "sasl.username=alice\nsasl.password=p w\nssl.ca.location=/ca.pem\nssl.certificate.location=/c.pem\n"
        "ssl.key.location=/k.pem\nssl.key.password=kp\n"
    )
    read = Security.from_properties(path)
    assert read.bootstrap == ("a:1",)
    assert read.security == Security(
        protocol=Protocol.SASL_SSL,
        mechanism=Mechanism.SCRAM_SHA_512,
        username="alice",
        password=Secret.literal("p w"),
        ca="/ca.pem",
        certificate="/c.pem",
        key=Secret.file("/k.pem"),
        key_password=Secret.literal("kp"),
    )
    assert Security.from_properties("security.protocol=SSL\nssl.ca.location=probe").security.ca == ""


@pytest.mark.parametrize(
    ("algorithm", "verified"), [("https", True), ("HTTPS", True), ("", False), ("none", False), (None, True)]
)
def test_host_names_are_verified_unless_told_otherwise(algorithm: str | None, *, verified: bool) -> None:
    line = "" if algorithm is None else f"ssl.endpoint.identification.algorithm={algorithm}"
    security = Security.from_properties(f"security.protocol=SSL\n{line}").security
    assert security.verify_hostname is verified
    assert security.ssl_context().check_hostname is verified
    assert security.ssl_context().verify_mode is ssl.CERT_REQUIRED


def test_pem_stores_inline_on_one_line(authority: Authority) -> None:
    def one_line(pem: str) -> str:
        return pem.replace("\n", " ")

    read = Security.from_properties(
        "security.protocol=SSL\n"
        f"ssl.truststore.type=PEM\nssl.truststore.certificates={one_line(authority.ca.certificate)}\n"
        f"ssl.keystore.type=PEM\nssl.keystore.certificate.chain={one_line(authority.client.certificate)}\n"
        f"ssl.keystore.key={one_line(authority.client.key('secret'))}\nssl.key.password=secret\n"
    )
    context = read.security.ssl_context()
    assert context.cert_store_stats()["x509_ca"] == 1
    assert "PRIVATE" not in repr(read)
    assert read.ignored == ()


def test_pem_stores_in_files(authority: Authority, tmp_path: Path) -> None:
    trust, keys = tmp_path / "trust.pem", tmp_path / "keys.pem"
    trust.write_text(authority.ca.certificate)
    keys.write_text(authority.client.certificate + authority.client.key())
    for kind in ("PEM", ""):  # a store without a type is known by its content
        security = Security.from_properties(
            f"security.protocol=SSL\nssl.truststore.type={kind}\nssl.truststore.location={trust}\n"
            f"ssl.keystore.type={kind}\nssl.keystore.location={keys}\n"
        ).security
        assert security.ssl_context().cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a b.jks", b"\xfe\xed\xfe\xed", "JKS"),
        ("store.jks", b"0\x82", "PKCS12"),  # what keytool writes since Java 9, whatever its name
        ("store.p12", b"0\x82", "PKCS12"),
        ("missing.pfx", None, "PKCS12"),
        ("missing", None, "JKS"),
    ],
)
def test_a_store_of_java_is_told_how_to_be_converted(
    tmp_path: Path, name: str, content: bytes | None, kind: str
) -> None:
    store = tmp_path / name
    if content:
        store.write_bytes(content)
    pem, p12 = store.with_suffix(".pem"), store.with_suffix(".p12")
    quoted, quoted_pem, quoted_p12 = (shlex.quote(str(path)) for path in (store, pem, p12))

    text = refused(f"security.protocol=SSL\nssl.truststore.location={store}")
    assert text.startswith(f"ssl.truststore.location={store} is a {kind} store")
    assert f"`keytool -list -rfc -keystore {quoted} > {quoted_pem}`" in text
    assert text.endswith(f"ssl.truststore.type=PEM and ssl.truststore.location={pem}")

    text = refused(f"security.protocol=SSL\nssl.keystore.location={store}\nssl.keystore.password=hunter2")
    source = quoted_p12 if kind == "JKS" else quoted
    assert f"openssl pkcs12 -in {source} -nodes -out {quoted_pem}`" in text
    assert (f"keytool -importkeystore -srckeystore {quoted}" in text) is (kind == "JKS")
    assert "hunter2" not in text


def test_stores_are_no_matter_without_tls() -> None:
    read = Security.from_properties("security.protocol=PLAINTEXT\nssl.truststore.location=/x.jks\n")
    assert read.security.ca == ""


@pytest.mark.parametrize("mechanism", ["GSSAPI", "X"])
def test_an_unsupported_mechanism_says_which_are_supported(mechanism: str) -> None:
    text = refused(f"security.protocol=SASL_SSL\nsasl.mechanism={mechanism}")
    assert text == (
        f"sasl.mechanism={mechanism} is not supported: use one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("security.protocol=TLS", "=TLS is unknown: set one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("security.protocol=SASL_SSL", "needs sasl.mechanism: set one of PLAIN"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN", "has no username for PLAIN"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=a", "has no password for PLAIN"),
        (
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=a.Krb5LoginModule required;",
            "sasl.jaas.config names a.Krb5LoginModule, which is not supported: use PlainLoginModule, ScramLogin",
        ),
        (
            f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={SCRAM} required tokenauth=true;",
            "delegation tokens are not supported",
        ),
        (
            f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={PLAIN} required password=hunter2",
            "ended by ;",
        ),
        ("a=\\u12", "a has a malformed \\u escape"),
    ],
)
def test_mistakes_are_one_line_without_the_password(text: str, says: str) -> None:
    told = refused(text)
    assert says in told
    assert "hunter2" not in told


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.properties"
    for source in (path, str(path)):
        assert refused(source).startswith(f"{path} cannot be read (No such file or directory)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# x\n\nsecurity.protocol = SSSL\n", ":3: security.protocol=SSSL is unknown: set one of PLAINTEXT, SSL, "),
        ("client.id=a\\\n  b\nsecurity.protocol=TLS", ":3: security.protocol=TLS is unknown: set one of "),
        (
            "security.protocol=SASL_SSL\nsasl.mechanism=NTLM",
            ":2: sasl.mechanism=NTLM is not supported: use one of PLAIN",
        ),
        ("security.protocol=SASL_SSL", ":1: security.protocol=SASL_SSL needs sasl.mechanism: set one of PLAIN"),
        ("a=\\u12", ": a has a malformed \\u escape"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "client.properties"
    path.write_text(text)
    assert refused(path).startswith(f"{path}{said}")
    if "\n" in text:
        assert refused(text).startswith(said.split(" ", 1)[1]), "what came without a file has none"


def test_a_store_in_the_place_of_the_properties(tmp_path: Path) -> None:
    store = tmp_path / "trust.jks"
    store.write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    with pytest.raises(ConfigError, match="is not text: give the path"):
        Security.from_properties(store)


def test_a_file_in_the_format_s_old_encoding(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    for encoding in ("utf-8", "latin-1"):
        path.write_text("sasl.username=jürgen", encoding=encoding)
        assert Security.from_properties(path).security.username == "jürgen"


def test_keys_about_security_that_mean_nothing_here_are_returned() -> None:
    read = Security.from_properties(
        "ssl.protocol=TLSv1.3\nssl.keystore.password=x\nenable.ssl.certificate.verification=false\n"
        "sasl.login.class=a.B\nssl.engine.factory.class=a.C\nlinger.ms=5\nssl.key.password=y\n"
    )
    assert read.ignored == ("enable.ssl.certificate.verification", "sasl.login.class", "ssl.engine.factory.class")


def test_a_secret_by_a_config_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("from a file")
    monkeypatch.setenv("BROKER_PASSWORD", "from the environment")
    text = (
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=a\nconfig.providers=env, dir,vault\n"
        "config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n"
        "config.providers.dir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider\n"
        "config.providers.vault.class=com.example.VaultConfigProvider\n"
    )

    def password(reference: str) -> str:
        secret = Security.from_properties(f"{text}sasl.password={reference}").security.password
        return secret.reveal() if secret else ""

    assert password("${env:BROKER_PASSWORD}") == "from the environment"
    assert password(f"${{dir:{tmp_path}:password}}") == "from a file"
    assert password("${other:x}") == "${other:x}"  # no provider of this name: the value is what it looks like
    assert "needs the config provider VaultConfigProvider, which is not supported" in refused(
        f"{text}sasl.password=${{vault:a:b}}"
    )


# ── the TLS context ──


def test_certificates_from_files_and_inline(authority: Authority, tmp_path: Path) -> None:
    files = {"ca": authority.ca.certificate, "cert": authority.client.certificate, "key": authority.client.key()}
    for name, text in files.items():
        (tmp_path / name).write_text("a comment, né après 1990\n" + text)
    from_files = Security(
        protocol=Protocol.SSL,
        ca=str(tmp_path / "ca"),
        certificate=str(tmp_path / "cert"),
        key=Secret.file(tmp_path / "key"),
    )
    inline = Security(
        protocol=Protocol.SSL, ca=files["ca"], certificate=files["cert"], key=Secret.literal(files["key"])
    )
    for security in (from_files, inline):
        assert security.ssl_context().cert_store_stats()["x509_ca"] == 1
        assert files["key"] not in repr(security)


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_an_encrypted_key(authority: Authority, form: str) -> None:
    def security(password: str | None) -> Security:
        return Security(
            protocol=Protocol.SSL,
            ca=authority.ca.certificate,
            certificate=authority.client.certificate,
            key=Secret.literal(authority.client.key("right", form)),
            key_password=None if password is None else Secret.literal(password),
        )

    security("right").ssl_context()
    # Without a password OpenSSL would ask at the terminal, and wait.
    assert context_refused(security(None)) == "the client key in the configuration is encrypted: set the key's password"
    assert context_refused(security("wrong")).endswith(": check the key's password")


def test_a_folder_of_authorities(tmp_path: Path) -> None:
    Security(protocol=Protocol.SSL, ca=str(tmp_path)).ssl_context()


def test_what_cannot_be_used_is_named(authority: Authority, tmp_path: Path) -> None:
    other, broken, nowhere = (tmp_path / name for name in ("other.pem", "broken.pem", "nowhere.pem"))
    other.write_text("no PEM at all")
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    chain, key = authority.client.certificate, Secret.literal(authority.client.key())

    def tls(**fields: object) -> Security:
        return Security(protocol=Protocol.SSL, **fields)  # type: ignore[arg-type]

    for security, says in [
        (tls(ca=str(nowhere)), f"the CA file {nowhere} cannot be read (No such file or directory): give the path"),
        (tls(ca="a\0b"), "cannot be read (embedded null byte)"),
        (tls(ca=str(other)), f"the CA file {other} holds no certificate in PEM form"),
        (tls(ca=str(broken)), f"the CA file {broken} holds a damaged certificate"),
        (tls(certificate=str(other), key=key), f"the client certificate {other} holds no certificate"),
        (tls(certificate=str(nowhere), key=key), f"the client certificate {nowhere} cannot be read"),
        (tls(certificate=chain), "the client key in (inline PEM) holds no private key"),
        (tls(certificate=chain, key=Secret.file(other)), f"the client key in file {other} holds no private key"),
        (tls(certificate=chain, key=Secret.file(nowhere)), f"file {nowhere} is not a file"),
        (
            tls(certificate=chain, key=Secret.literal(authority.server.key())),
            "does not belong to the client certificate",
        ),
        (tls(certificate=str(broken), key=key), "is damaged or of an unknown kind"),
        (tls(key=key), "has no certificate: set the client certificate, too"),
    ]:
        assert says in context_refused(security)


def test_a_key_among_the_certificates_is_refused_before_it_can_be_printed(authority: Authority) -> None:
    with pytest.raises(ConfigError, match="holds a private key"):
        Security(protocol=Protocol.SSL, certificate=authority.client.certificate + authority.client.key())


def test_old_tls_is_not_spoken() -> None:
    assert Security(protocol=Protocol.SSL).ssl_context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_scram_name_is_escaped_as_kafka_does_it() -> None:
    def name(mechanism: Mechanism) -> str:
        security = Security(
            protocol=Protocol.SASL_SSL, mechanism=mechanism, username="a=b,c", password=Secret.literal("p")
        )
        return security.sasl_options()["sasl_plain_username"]

    assert name(Mechanism.SCRAM_SHA_256) == "a=3Db=2Cc"
    assert name(Mechanism.PLAIN) == "a=b,c"


def test_the_password_is_read_at_every_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    security = Security(
        protocol=Protocol.SASL_SSL, mechanism=Mechanism.PLAIN, username="a", password=Secret.env("BROKER_PASSWORD")
    )
    for value in ("old", "new"):
        monkeypatch.setenv("BROKER_PASSWORD", value)
        assert security.sasl_options()["sasl_plain_password"] == value
    monkeypatch.delenv("BROKER_PASSWORD")
    with pytest.raises(ConfigError, match="environment variable BROKER_PASSWORD"):
        security.sasl_options()
