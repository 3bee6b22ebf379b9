"""What a user gets wrong, through the real command: one clear line, and the other target goes on."""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import jsonschema
import pytest

from agent.demo.cluster import Model, SimulatedCluster, brokers
from agent.report.json import schema
from tests.agent.collect.aws.gateway import Gateway, refuse, refuse_xml
from tests.agent.collect.kafka.conftest import Authority
from tests.agent.conftest import Run
from tests.agent.estate import cluster_model
from tests.live.sqs import ACCOUNT, REGION, SqsServer

Serve = Callable[[Callable[[socket.socket, threading.Event], None]], int]
Audit = Callable[..., "Said"]

PASSWORD = "correct horse"
QUEUE = f"sqs/dlq-missing sqs://{ACCOUNT}.{REGION}/queues/orders"


class Said(NamedTuple):
    """What the command made of a bad target and a good one beside it."""

    unseen: dict[str, str] | None
    found: set[str]
    code: int


@pytest.fixture
def gateway(aws: SqsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """SQS with one queue, which has no dead-letter queue; the environment leads there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    aws.reset()
    aws.client().create_queue(QueueName="orders")
    with Gateway(aws.port) as door:
        monkeypatch.setenv("AWS_ENDPOINT_URL", door.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield door
    aws.reset()


@pytest.fixture
def audit(mqcanary: Run) -> Audit:
    """Audits two targets; findings do not count, so that the exit code speaks of what was seen."""

    def run(bad: str, *words: str, **env: str) -> Said:
        done = mqcanary("audit", *words, "--format", "json", "--samples", "1", "--fail-on", "never", **env)
        assert done.stderr == ""
        document = json.loads(done.stdout)
        jsonschema.validate(document, schema())
        assert len(document["targets"]) == 2
        unseen = {target["address"].partition(":")[0]: target["unseen"] for target in document["targets"]}
        told = unseen.pop(bad)
        assert list(unseen.values()) == [None]
        if told:
            assert document["summary"]["unseen_targets"] == 1
            assert "\n" not in told["detail"]
            assert PASSWORD not in done.stdout
            assert "report this" not in done.stdout
        return Said(told, {finding["fingerprint"] for finding in document["findings"]}, done.returncode)

    return run


@pytest.fixture
def kafka(audit: Audit, gateway: Gateway, tmp_path: Path) -> Callable[..., Said]:
    """An audit of a bad cluster, with queues beside it."""

    def run(place: str, *words: str, properties: str = "", **env: str) -> Said:
        if properties:
            (tmp_path / "client.properties").write_text(properties)
            words = (*words, "--kafka-properties", f"{tmp_path}/client.properties")
        said = audit("kafka", "--kafka", place, "--sqs", REGION, *words, **env)
        assert QUEUE in said.found
        return said

    return run


def seen_not(said: Said, why: str, *words: str) -> None:
    assert said.unseen is not None
    assert said.code == 3
    text = f"{said.unseen['detail']} | {said.unseen['close']}"
    assert said.unseen["why"] == why, text
    assert [word for word in words if word not in text] == [], text


# ── Kafka ──

NAMES = """
import socket, threading
real = socket.getaddrinfo
def look(host, *rest, **more):
    if host == "wrong.invalid":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if host == "slow.invalid":
        threading.Event().wait()
    return real(host, *rest, **more)
socket.getaddrinfo = look
"""
"""A resolver that asks nobody: one name is not known, one is never answered."""


@pytest.fixture
def resolver(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(NAMES)
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}


def test_a_wrong_host(kafka: Callable[..., Said], resolver: dict[str, str]) -> None:
    seen_not(kafka("wrong.invalid:9092", **resolver), "unreachable", "wrong.invalid:9092", "does not resolve")


def test_a_name_that_is_none(kafka: Callable[..., Said]) -> None:
    seen_not(kafka(f"{'x' * 64}.test:9092"), "unreachable", "does not resolve")


def test_a_name_server_that_is_silent(kafka: Callable[..., Said], resolver: dict[str, str]) -> None:
    begun = time.monotonic()
    seen_not(
        kafka("slow.invalid:9092", "--deadline", "2s", **resolver),
        "deadline",
        "slow.invalid:9092",
        "was not reached within",
    )
    assert time.monotonic() - begun < 10


def test_a_web_server(kafka: Callable[..., Said], serve: Serve) -> None:
    def refuse_it(sock: socket.socket, stop: threading.Event) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    seen_not(kafka(f"127.0.0.1:{serve(refuse_it)}"), "unreachable", "does not speak Kafka's protocol", "HTTP/1.1 400")


def test_a_silent_listener(kafka: Callable[..., Said], serve: Serve) -> None:
    port = serve(lambda sock, stop: sock.makefile("rb").read() and None)
    seen_not(kafka(f"127.0.0.1:{port}", "--deadline", "3s"), "deadline", f"127.0.0.1:{port}", "did not finish")


def test_a_port_where_nobody_listens(kafka: Callable[..., Said]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        seen_not(kafka(place), "unreachable", place, "refuses connections")


def test_one_good_bootstrap_broker_is_enough(kafka: Callable[..., Said]) -> None:
    with SimulatedCluster(brokers(1)) as cluster:
        said = kafka(f"127.0.0.1:1,{cluster.bootstrap}")
    assert (said.unseen, said.code) == (None, 0)


def test_a_broker_that_advertises_another_place(kafka: Callable[..., Said]) -> None:
    model = brokers(3)
    model.add_topic("orders", 3, 3, min_insync_replicas="2")
    with SimulatedCluster(model) as cluster:
        bootstrap = cluster.bootstrap.split(",")[0]
        model.brokers[2].port = 1
        said = kafka(bootstrap)
    assert (said.unseen, said.code) == (None, 0)
    assert {mark for mark in said.found if "kafka" in mark} == {
        "kafka/auto-create-topics kafka://simulated-cluster-0001"
    }


@pytest.fixture
def secure(server_context: Callable[..., ssl.SSLContext]) -> Iterator[SimulatedCluster]:
    with SimulatedCluster(cluster_model(time.time), tls=server_context()) as cluster:
        yield cluster


def test_tls(kafka: Callable[..., Said], secure: SimulatedCluster, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(authority.ca.certificate)
    trust = f"ssl.truststore.type=PEM\nssl.truststore.location={tmp_path}/ca.pem"
    said = kafka(secure.bootstrap, properties=f"security.protocol=SSL\n{trust}\n")
    assert (said.unseen, said.code) == (None, 0)
    assert "kafka/offline-partition kafka://simulated-cluster-0001/topics/clicks" in said.found


def test_plaintext_against_tls(kafka: Callable[..., Said], secure: SimulatedCluster) -> None:
    seen_not(kafka(secure.bootstrap), "unreachable", "speaks TLS", "security.protocol=SSL")


def test_tls_against_plaintext(kafka: Callable[..., Said]) -> None:
    with SimulatedCluster(brokers(1)) as cluster:
        said = kafka(cluster.bootstrap, properties="security.protocol=SSL\n")
    seen_not(said, "unreachable", "speaks no TLS", "security.protocol=PLAINTEXT")


def test_an_untrusted_certificate(
    kafka: Callable[..., Said],
    secure: SimulatedCluster,
    authority: Authority,
    tmp_path: Path,
) -> None:
    (tmp_path / "ca.pem").write_text(authority.stranger.certificate)
    trust = f"ssl.truststore.type=PEM\nssl.truststore.location={tmp_path}/ca.pem"
    said = kafka(secure.bootstrap, properties=f"security.protocol=SSL\n{trust}\n")
    seen_not(said, "unreachable", "not trusted", "set the CA that signed it")
    assert said.unseen is not None
    assert said.unseen["detail"].endswith("checked against the CA given)")
    assert said.unseen["close"] == "set the CA that signed it"
    assert not secure.requests, "nothing is said to a stranger"


@pytest.fixture
def guarded() -> Iterator[SimulatedCluster]:
    model = cluster_model(time.time)
    model.users = {"alice": PASSWORD}
    with SimulatedCluster(model) as cluster:
        yield cluster


def sasl(mechanism: str, password: str) -> str:
    module = "scram.ScramLoginModule" if "SCRAM" in mechanism else "plain.PlainLoginModule"
    login = f'org.apache.kafka.common.security.{module} required username="alice" password="{password}";'
    return f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\nsasl.jaas.config={login}\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password(kafka: Callable[..., Said], guarded: SimulatedCluster, mechanism: str) -> None:
    said = kafka(guarded.bootstrap.split(",")[0], properties=sasl(mechanism, "wrong horse"))
    seen_not(said, "denied", "does not accept user 'alice'", "check username and password")
    assert "wrong horse" not in str(said)
    assert {request.api for request in guarded.requests} <= {17, 18, 36}
    assert len(guarded.asked(17)) == 1, "a second try may lock the account"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_the_right_password(kafka: Callable[..., Said], guarded: SimulatedCluster, mechanism: str) -> None:
    said = kafka(guarded.bootstrap, properties=sasl(mechanism, PASSWORD))
    assert (said.unseen, said.code) == (None, 0)
    assert "kafka/offline-partition kafka://simulated-cluster-0001/topics/clicks" in said.found
    assert {request.principal for request in guarded.requests if request.api not in {17, 18, 36}} == {"alice"}


def test_properties_without_a_cluster(mqcanary: Run, tmp_path: Path) -> None:
    (tmp_path / "client.properties").write_text("security.protocol=SSL\n")
    done = mqcanary("audit", "--kafka-properties", f"{tmp_path}/client.properties")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no bootstrap.servers: set it there, or give --kafka HOST:PORT" in done.stderr


def test_no_password_where_one_is_wanted(kafka: Callable[..., Said], guarded: SimulatedCluster) -> None:
    seen_not(kafka(guarded.bootstrap.split(",")[0]), "denied", "SASL")


def test_a_mechanism_that_is_not_offered(kafka: Callable[..., Said], guarded: SimulatedCluster) -> None:
    guarded.model.mechanisms = ("SCRAM-SHA-512",)
    said = kafka(guarded.bootstrap.split(",")[0], properties=sasl("PLAIN", PASSWORD))
    seen_not(said, "unreachable", "SCRAM-SHA-512")


def test_an_empty_cluster(mqcanary: Run) -> None:
    with SimulatedCluster(brokers(1)) as cluster:
        done = mqcanary("audit", "--kafka", cluster.bootstrap, "--format", "json", "--fail-on-gap")
        text = mqcanary("audit", "--kafka", cluster.bootstrap)
    document = json.loads(done.stdout)
    assert (done.returncode, document["findings"], done.stderr) == (0, [], "")
    assert document["targets"][0]["resources"] == {"topics": 0, "groups": 0}
    assert document["targets"][0]["unseen"] is None
    assert text.returncode == 0
    assert "0 critical" in text.stdout


# ── SQS ──


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(late()) as running:
        yield running


def late() -> Model:
    model = brokers(3)
    model.add_topic("lonely", 1, 1)
    return model


@pytest.fixture
def sqs(audit: Audit, gateway: Gateway, cluster: SimulatedCluster) -> Callable[..., Said]:
    """An audit of bad queues, with a cluster beside them."""

    def run(region: str = REGION, *words: str, **env: str) -> Said:
        said = audit("sqs", "--sqs", region, "--kafka", cluster.bootstrap, *words, **env)
        assert "kafka/replication-factor-low kafka://simulated-cluster-0001/topics/lonely" in said.found
        return said

    return run


def test_no_credentials(sqs: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = sqs(HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    seen_not(said, "denied", "no usable AWS credentials", "AWS_PROFILE")


def test_a_profile_that_is_not_there(sqs: Callable[..., Said], tmp_path: Path) -> None:
    seen_not(sqs(HOME=str(tmp_path), AWS_PROFILE="nobody"), "denied", "no usable AWS credentials")


@pytest.mark.parametrize(
    ("code", "status", "why", "words"),
    [
        ("ExpiredToken", 403, "denied", ("the AWS session token has expired", "log in again")),
        ("InvalidClientTokenId", 403, "denied", ("does not know these credentials", "check the access key")),
        ("AccessDenied", 403, "denied", ("access denied", "allow sqs:ListQueues")),
        ("InternalError", 500, "unreachable", ("InternalError",)),
    ],
)
def test_refused_by_aws(
    sqs: Callable[..., Said], gateway: Gateway, code: str, status: int, why: str, words: tuple[str, ...]
) -> None:
    gateway.hooks = {"ListQueues": refuse(code, status), "GetCallerIdentity": refuse_xml(code, status)}
    seen_not(sqs(), why, *words)


def test_a_web_page_instead_of_an_answer(sqs: Callable[..., Said], gateway: Gateway) -> None:
    page = b"<html>\nSign in to the hotel's network</html>"
    gateway.hooks = dict.fromkeys(("ListQueues", "GetCallerIdentity"), lambda call, _: (200, page))
    gateway.content_type = "text/html; charset=utf-8"
    seen_not(sqs(), "unreachable", "a web page")


def test_a_silent_endpoint(sqs: Callable[..., Said], gateway: Gateway) -> None:
    gateway.hooks["ListQueues"] = gateway.stall
    # The collector says so, or whoever waits for it where that is late.
    seen_not(sqs(REGION, "--deadline", "3s"), "deadline")


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [("http://127.0.0.1:1", "Could not connect to the endpoint"), ("nonsense", "Invalid endpoint")],
)
def test_a_wrong_endpoint(sqs: Callable[..., Said], endpoint: str, says: str) -> None:
    seen_not(sqs(AWS_ENDPOINT_URL=endpoint), "unreachable", says)


def test_a_region_that_is_none(mqcanary: Run) -> None:
    done = mqcanary("audit", "--sqs", "us east")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "us east" in line
    assert "is not a region" in line


def test_queues_that_are_not_there(gateway: Gateway, mqcanary: Run, tmp_path: Path) -> None:
    file = tmp_path / "mqcanary.yaml"
    file.write_text(f"sqs:\n  - region: {REGION}\n    queues: [ordres, orders, invioces]\n")
    done = mqcanary("audit", "--config", str(file), "--format", "json", "--fail-on", "never", "--fail-on-gap")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    (gap,) = document["gaps"]
    assert gap["detail"] == "no queue here is called invioces, ordres"
    assert [finding["fingerprint"] for finding in document["findings"]] == [
        QUEUE,
        *(QUEUE.replace("dlq-missing", check) for check in ("retention-default", "tls-not-forced")),
    ]
    assert document["targets"][0]["unseen"] is None


def test_an_empty_account(aws: SqsServer, gateway: Gateway, mqcanary: Run) -> None:
    aws.reset()
    done = mqcanary("audit", "--sqs", REGION, "--format", "json", "--fail-on-gap")
    document = json.loads(done.stdout)
    assert (done.returncode, document["findings"], done.stderr) == (0, [], "")
    (target,) = document["targets"]
    assert (target["address"], target["resources"], target["unseen"]) == (
        f"sqs://{ACCOUNT}.{REGION}",
        {"queues": 0},
        None,
    )


# ── snapshots ──


@pytest.fixture
def one_line(mqcanary: Run, tmp_path: Path) -> Callable[[str | bytes], str]:
    """What is said of a snapshot file: wrong usage, in one line."""

    def run(content: str | bytes) -> str:
        file = tmp_path / "s.json"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        done: CompletedProcess[str] = mqcanary("audit", "--from", str(file))
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"mqcanary: {file} ")
        return line

    return run


@pytest.fixture(scope="module")
def snapshot() -> Any:
    return (Path(__file__).parent / "golden/snapshot-v1.json").read_text()


def test_a_snapshot_that_is_none(one_line: Callable[[str | bytes], str], snapshot: str) -> None:
    assert "take the snapshot again" in one_line(snapshot[: len(snapshot) // 2])
    assert "take the snapshot again" in one_line("")
    assert "reads 1 to" in one_line(snapshot.replace('"mqcanary_snapshot":1', '"mqcanary_snapshot":99', 1))
    assert "is damaged" in one_line(snapshot.replace('"kind":"kafka"', '"kind":"rabbit"', 1))
    assert "no snapshot" in one_line(b"\x1f\x8b\xff\0")
