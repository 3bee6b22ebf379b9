"""The command on a real Apache Kafka: each way in, each right, each broker; what it prints is what it judges from a file."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from agent.report.json import schema
from tests.agent.conftest import Run, mqcanary  # noqa: F401 - the real command
from tests.live import seed
from tests.live.broker import PROTOCOLS, KafkaCluster
from tests.live.certs import CLIENT

pytestmark = pytest.mark.live

Properties = Callable[..., str]
"""The path of a client.properties for a listener, as a user."""


@pytest.fixture
def properties(kafka_secure: KafkaCluster, tmp_path: Path) -> Properties:
    def write(listener: str, user: str = "", mechanism: str = "SCRAM-SHA-512") -> str:
        protocol, certs = PROTOCOLS[listener], kafka_secure.certs
        assert certs is not None
        lines = [f"bootstrap.servers={kafka_secure.bootstrap_of(listener)}", f"security.protocol={protocol}"]
        if protocol.endswith("SSL"):
            lines += ["ssl.truststore.type=PEM", f"ssl.truststore.location={certs.ca}"]
        if listener == "MTLS":
            (tmp_path / "client.pem").write_text(certs.client_key.read_text() + certs.client_cert.read_text())
            lines += ["ssl.keystore.type=PEM", f"ssl.keystore.location={tmp_path}/client.pem"]
        if protocol.startswith("SASL"):
            module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
            login = f'username="{user}" password="{kafka_secure.users[user]}"'
            lines += [
                f"sasl.mechanism={mechanism}",
                f"sasl.jaas.config=org.apache.kafka.common.security.{module} required {login};",
            ]
        file = tmp_path / f"{listener}-{user}-{mechanism}.properties"
        file.write_text("\n".join(lines) + "\n")
        return str(file)

    return write


def audited(run: Run, *words: str) -> dict[str, Any]:
    done = run("audit", *words, "--format", "json", "--samples", "1", "--fail-on", "never")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, schema())
    return document


def found(document: dict[str, Any]) -> set[str]:
    return {finding["fingerprint"] for finding in document["findings"]}


def gaps(document: dict[str, Any]) -> set[tuple[str | None, str, str]]:
    """Check, resource name and reason; the one that every cluster has is left out."""
    return {
        (gap["check"], gap["resource"].rpartition("/")[2], gap["why"])
        for gap in document["gaps"]
        if gap["why"] not in ("unsupported", "young")
    }


def late_group(kafka: KafkaCluster, topic: str, group: str) -> None:
    """A topic with ten records, an hour old, of which the group has read three."""
    seed.create_topics(kafka.bootstrap, [topic])
    seed.produce(kafka.bootstrap, topic, 10, partition=0, timestamp=int((time.time() - 3600) * 1000))
    seed.commit_offsets(kafka.bootstrap, group, {(topic, 0): 3})


def test_every_broker_leads_to_the_same_fingerprints(
    kafka3: KafkaCluster,
    fresh: str,
    mqcanary: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    late_group(kafka3, f"{fresh}-lone", f"{fresh}-late")
    each = [
        audited(
            mqcanary, "--kafka", kafka3.address(node), "--include", f"{fresh}*", "--save", f"{tmp_path}/{node}.json"
        )
        for node in kafka3.brokers
    ]
    assert [found(document) for document in each] == [
        {
            f"kafka/replication-factor-low kafka://{kafka3.cluster_id}/topics/{fresh}-lone",
            f"kafka/group-lagging kafka://{kafka3.cluster_id}/groups/{fresh}-late",
            f"kafka/auto-create-topics kafka://{kafka3.cluster_id}",
        }
    ] * 3
    for node, document in zip(kafka3.brokers, each, strict=True):
        again = mqcanary("audit", "--from", f"{tmp_path}/{node}.json", "--format", "json", "--fail-on", "never")
        assert json.loads(again.stdout) == document


WAYS = [
    ("SSL", "", ""),
    ("MTLS", "", ""),
    ("SASL_PLAINTEXT", "admin", "PLAIN"),
    ("SASL_PLAINTEXT", "admin", "SCRAM-SHA-256"),
    ("SASL_SSL", "admin", "SCRAM-SHA-512"),
]


def test_every_way_in_shows_the_same(
    kafka_secure: KafkaCluster,
    fresh: str,
    mqcanary: Run,  # noqa: F811
    properties: Properties,
) -> None:
    late_group(kafka_secure, f"{fresh}-a", f"{fresh}-late")
    seed.allow(kafka_secure.bootstrap, CLIENT, ResourceType.TOPIC, fresh, [AclOperation.DESCRIBE], prefixed=True)
    seed.allow(kafka_secure.bootstrap, CLIENT, ResourceType.GROUP, fresh, [AclOperation.DESCRIBE], prefixed=True)
    for listener, user, mechanism in WAYS:
        document = audited(
            mqcanary, "--kafka-properties", properties(listener, user, mechanism), "--include", f"{fresh}*"
        )
        assert found(document) == {f"kafka/group-lagging kafka://{kafka_secure.cluster_id}/groups/{fresh}-late"}, (
            f"{listener} {mechanism}"
        )


@pytest.fixture
def newcomer(kafka_secure: KafkaCluster) -> Iterator[str]:
    """A user without any right, whatever tests before and after give to it."""
    seed.take_rights(kafka_secure.bootstrap, "alice")
    yield "alice"
    seed.take_rights(kafka_secure.bootstrap, "alice")


def test_each_right_unlocks_what_the_readme_says(
    kafka_secure: KafkaCluster,
    fresh: str,
    mqcanary: Run,  # noqa: F811
    properties: Properties,
    newcomer: str,
) -> None:
    topic, group, other = f"{fresh}-a", f"{fresh}-late", f"{fresh}-other"
    late_group(kafka_secure, topic, group)
    seed.commit_offsets(kafka_secure.bootstrap, other, {(topic, 0): 3})
    lagging = f"kafka/group-lagging kafka://{kafka_secure.cluster_id}/groups/{group}"
    words = ("--kafka-properties", properties("SASL_SSL", newcomer), "--include", f"{fresh}*")

    def look() -> tuple[dict[str, int], set[str], set[tuple[str | None, str, str]]]:
        document = audited(mqcanary, *words)
        denied = {gap for gap in gaps(document) if gap[2] == "denied"}
        return document["targets"][0]["resources"], found(document), denied

    def may(kind: ResourceType, name: str, *operations: AclOperation) -> None:
        seed.allow(kafka_secure.bootstrap, newcomer, kind, name, operations)

    list_is_short = (None, "", "denied")
    of_cluster = ("controller-quorum-lagging", "disk-filling")
    cluster = {list_is_short, *((f"kafka/{check}", kafka_secure.cluster_id, "denied") for check in of_cluster)}
    assert look() == ({"topics": 0, "groups": 0}, set(), cluster)

    may(ResourceType.GROUP, group, AclOperation.DESCRIBE)
    resources, findings, _ = look()
    assert (resources, findings) == ({"topics": 0, "groups": 1}, set()), "a group without its topic has no lag to tell"

    may(ResourceType.TOPIC, topic, AclOperation.DESCRIBE)
    of_settings = ("flush-interval-set", "min-insync-unsafe", "retention-infinite", "unclean-election-enabled")
    settings = {(f"kafka/{check}", topic, "denied") for check in of_settings}
    settings.add(("kafka/lag-near-retention", group, "denied"))
    cluster.add(("kafka/partition-size-skew", "", "denied"))
    assert look() == ({"topics": 1, "groups": 1}, {lagging}, cluster | settings)

    may(ResourceType.TOPIC, topic, AclOperation.DESCRIBE_CONFIGS)
    assert look() == ({"topics": 1, "groups": 1}, {lagging}, cluster)

    may(ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE)
    resources, findings, holes = look()
    assert (resources, findings) == ({"topics": 1, "groups": 2}, {lagging}), "listed is not yet described"
    assert {(name, why) for _, name, why in holes} == {(other, "denied")}
