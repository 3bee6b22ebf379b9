"""The servers and helpers of the live tests do what the live tests take for granted."""

import contextlib
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from tests.live import certs, jars, referee, seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.process import Process, until
from tests.live.sqs import SqsServer

pytestmark = pytest.mark.soak  # the audit on the same servers stands in make test


def test_the_referee_sees_what_was_seeded(kafka: KafkaCluster, fresh: str) -> None:
    topic, other = f"{fresh}-a", f"{fresh}-b"
    seed.create_topics(kafka.bootstrap, {topic: seed.TopicSpec(3), other: seed.TopicSpec()})
    assert seed.produce(kafka.bootstrap, topic, 10, partition=1) == {1: 10}
    assert seed.produce(kafka.bootstrap, other, 5, key="k") == {0: 5}
    seed.commit_offsets(kafka.bootstrap, fresh, {(topic, 0): 0, (topic, 1): 4, (other, 0): 7})
    assert referee.offsets(kafka.bootstrap, fresh) == {
        (fresh, topic, 0): (0, 0, 0),
        (fresh, topic, 1): (4, 10, 6),
        (fresh, other, 0): (7, 5, -2),  # committed beyond the end: Kafka's command does not hide it
    }


def test_topics_have_their_configs_and_disappear(kafka: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(2, configs={"retention.ms": "60000"})})
    resource = ConfigResource(ConfigResource.Type.TOPIC, fresh)
    with seed.admin(kafka.bootstrap) as client:
        (answer,) = client.describe_configs([resource]).values()
        assert answer.result(10)["retention.ms"].value == "60000"
    seed.delete_topics(kafka.bootstrap, [fresh])
    assert fresh not in kafka.metadata().topics


def test_timestamps_and_log_start_are_as_asked(kafka: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka.bootstrap, [fresh])
    seed.produce(kafka.bootstrap, fresh, 4, timestamp=1_700_000_000_000, every=1_000)
    seed.delete_records(kafka.bootstrap, {(fresh, 0): 1})
    with Member(kafka.bootstrap, fresh, fresh) as member:
        got = [(message.offset(), message.timestamp()[1]) for message in member.consume(3)]
    assert got == [(1, 1_700_000_001_000), (2, 1_700_000_002_000), (3, 1_700_000_003_000)]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_joins_commits_consumes_and_leaves(kafka: KafkaCluster, fresh: str, protocol: str) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(2)})
    seed.produce(kafka.bootstrap, fresh, 5, partition=0)
    with Member(kafka.bootstrap, fresh, fresh, protocol=protocol, partitions=2) as member:
        assert member.assignment == {(fresh, 0), (fresh, 1)}
        member.commit({(fresh, 1): 0})
        assert len(member.consume(3)) == 3
        assert referee.offsets(kafka.bootstrap, fresh) == {(fresh, fresh, 0): (3, 5, 2), (fresh, fresh, 1): (0, 0, 0)}
        (row,) = referee.members(kafka.bootstrap, fresh)
        assert (row.group, row.consumer_id, row.partitions) == (fresh, member.member_id, 2)
    with seed.admin(kafka.bootstrap) as client:
        group = client.describe_consumer_groups([fresh])[fresh].result(10)
    assert (group.state.name, group.members) == ("EMPTY", [])


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_two_members_share_and_a_third_idles(kafka: KafkaCluster, fresh: str, protocol: str) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(2)})
    with Member(kafka.bootstrap, fresh, fresh, protocol=protocol, partitions=2) as first:
        with Member(kafka.bootstrap, fresh, fresh, protocol=protocol) as second:
            first.wait_assigned(1)
            assert first.assignment | second.assignment == {(fresh, 0), (fresh, 1)}
            with Member(kafka.bootstrap, fresh, fresh, protocol=protocol, partitions=0) as third:
                assert first.member_id != third.member_id
        first.wait_assigned(2)


def test_a_metadata_request_that_names_a_missing_topic_creates_it(kafka: KafkaCluster, fresh: str) -> None:
    """So that a reader of ours which does it can't stay unseen."""
    with seed.admin(kafka.bootstrap) as client:
        client.list_topics(fresh, timeout=10)
    until(lambda: fresh in kafka.metadata().topics, "the topic appears")


def test_a_broker_of_three_goes_and_comes_back(kafka3: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka3.bootstrap, {fresh: seed.TopicSpec(3, replication=3)})
    with kafka3.down(2):
        assert set(kafka3.metadata().brokers) == {1, 3}
        assert seed.produce(kafka3.bootstrap, fresh, 3, partition=0) == {0: 3}
        seed.commit_offsets(kafka3.bootstrap, fresh, {(fresh, 0): 1})
    assert set(kafka3.metadata().brokers) == {1, 2, 3}
    assert referee.offsets(kafka3.bootstrap, fresh) == {(fresh, fresh, 0): (1, 3, 2)}


def test_a_broker_of_three_is_killed(kafka3: KafkaCluster) -> None:
    before = kafka3.pid(3)
    with kafka3.down(3, kill=True):
        assert kafka3.running() == {1, 2}
    assert kafka3.pid(3) != before


def test_brokers_are_in_racks(kafka3: KafkaCluster) -> None:
    with seed.admin(kafka3.bootstrap) as client:
        nodes = client.describe_cluster().result(10).nodes
    assert {node.id: node.rack for node in nodes} == {1: "a", 2: "b", 3: "c"}


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_right_password_opens_and_a_wrong_one_does_not(
    kafka_secure: KafkaCluster, listener: str, mechanism: str
) -> None:
    good = AdminClient(kafka_secure.client_config(listener, user="admin", mechanism=mechanism))
    assert good.list_topics(timeout=10).brokers
    bad = kafka_secure.client_config(listener, user="admin", password="wrong", mechanism=mechanism)
    assert _refusal(bad) == KafkaError._AUTHENTICATION


def test_only_what_was_allowed_is_seen(kafka_secure: KafkaCluster, fresh: str) -> None:
    mine, theirs = f"{fresh}-mine", f"{fresh}-theirs"
    seed.create_topics(kafka_secure.bootstrap, [mine, theirs])
    alice = AdminClient(kafka_secure.client_config("SASL_PLAINTEXT", user="alice"))
    assert not {mine, theirs} & set(alice.list_topics(timeout=10).topics)
    seed.allow(kafka_secure.bootstrap, "alice", ResourceType.TOPIC, mine, [AclOperation.DESCRIBE])
    assert {mine, theirs} & set(alice.list_topics(timeout=10).topics) == {mine}
    with pytest.raises(KafkaException) as denied:
        alice.describe_consumer_groups([fresh])[fresh].result(10)
    assert denied.value.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def test_mtls_names_the_client_by_its_certificate(kafka_secure: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka_secure.bootstrap, [fresh])
    client = AdminClient(kafka_secure.client_config("MTLS"))
    assert fresh not in client.list_topics(timeout=10).topics
    seed.allow(kafka_secure.bootstrap, certs.CLIENT, ResourceType.TOPIC, fresh, [AclOperation.DESCRIBE])
    assert fresh in client.list_topics(timeout=10).topics


def test_tls_refuses_strangers(kafka_secure: KafkaCluster) -> None:
    assert kafka_secure.certs is not None
    assert AdminClient(kafka_secure.client_config("SSL")).list_topics(timeout=10).brokers
    no_certificate = kafka_secure.client_config("MTLS")
    del no_certificate["ssl.certificate.location"], no_certificate["ssl.key.location"]
    # In TLS 1.3 the client has shaken hands before the server says no: it may see the alert, or only the closed connection.
    assert _refusal(no_certificate) in {KafkaError._SSL, KafkaError._TRANSPORT}
    other_ca = kafka_secure.client_config("SSL") | {"ssl.ca.location": str(kafka_secure.certs.stranger_ca)}
    assert _refusal(other_ca) == KafkaError._SSL


def test_queues_live_until_the_reset(sqs_server: SqsServer, fresh: str) -> None:
    sqs = sqs_server.client()
    url = sqs.create_queue(QueueName=fresh)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert attributes == {"ApproximateNumberOfMessages": "1"}
    sqs_server.reset()
    assert "QueueUrls" not in sqs.list_queues()


def test_moto_can_enforce_iam(sqs_server: SqsServer, fresh: str) -> None:
    sqs_server.client("iam").create_user(UserName=fresh)
    key = sqs_server.client("iam").create_access_key(UserName=fresh)["AccessKey"]
    sqs_server.enforce_iam()
    try:
        with pytest.raises(ClientError) as denied:
            sqs_server.client(key=key["AccessKeyId"], secret=key["SecretAccessKey"]).list_queues()
    finally:
        sqs_server.enforce_iam(None)
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_broker_that_fails_shows_its_log() -> None:
    cluster = KafkaCluster(properties={"log.cleaner.threads": "-1"})
    with pytest.raises(RuntimeError, match=r"log\.cleaner\.threads"):
        cluster.start()


def test_nothing_outlives_a_killed_session(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys, pathlib
        from tests.live.process import Process
        print(Process("sleeper", ["sleep", "600"], pathlib.Path(sys.argv[1])).pid, flush=True)
        sys.stdin.read()
    """)
    argv = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(argv, cwd=jars.CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        pid = int(session.stdout.readline())
        session.send_signal(signal.SIGKILL)
    until(lambda: not _runs(pid), "the child of the killed session is gone", timeout=10)


def test_a_process_that_ends_early_is_told_with_its_output(tmp_path: Path) -> None:
    with Process("shell", ["sh", "-c", "echo alas; exit 3"], tmp_path / "log") as process:
        assert process.wait(10) == 3
        with pytest.raises(RuntimeError, match=r"shell ended with code 3\n(.*\n)*alas"):
            process.check()


def test_without_java_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(jars.MissingToolError, match="openjdk-17-jre-headless"):
        jars.java.__wrapped__()
    with pytest.raises(jars.MissingToolError, match="install maven"):
        jars._resolve(tmp_path / "kafka", jars.POM, jars.version())


def _refusal(config: dict[str, Any]) -> int | None:
    """The code of the error that a client gets first."""
    codes: list[int] = []
    watched = config | {"error_cb": lambda error: codes.append(error.code())}
    client = AdminClient(watched)
    with contextlib.suppress(TimeoutError):
        until(lambda: client.poll(0.1) is not None and codes, "an error", timeout=10)
    return next((code for code in codes if code != KafkaError._ALL_BROKERS_DOWN), None)


def _runs(pid: int) -> bool:
    """A zombie, which nobody may be there to reap, does not run."""
    status = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return status.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False
