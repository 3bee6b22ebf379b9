"""The doctor on a real Apache Kafka with its authorizer: the ACLs of the README are enough, and one fewer is named."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from agent.collect.kafka import rights
from tests.agent.cli.conftest import Run, run  # noqa: F401 - the command in this process
from tests.live import seed
from tests.live.broker import KafkaCluster
from tests.live.test_command import Properties, newcomer, properties  # noqa: F401 - a user without rights, and its file

pytestmark = pytest.mark.live

KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
OPERATIONS = {
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
}
Acl = tuple[str, str, str]
"""Operation, kind of resource, and name."""


def acls(commands: list[str]) -> list[Acl]:
    """What kafka-acls.sh would make of these commands."""
    found: list[Acl] = []
    for command in commands:
        words = shlex.split(command)
        kind = next(kind for kind in KINDS if f"--{kind}" in words)
        name = "kafka-cluster" if kind == "cluster" else words[words.index(f"--{kind}") + 1]
        found += [(words[i + 1], kind, name) for i, word in enumerate(words) if word == "--operation"]
    return found


def allow(kafka: KafkaCluster, user: str, wanted: list[Acl]) -> None:
    seed.take_rights(kafka.bootstrap, user)
    for operation, kind, name in wanted:
        seed.allow(kafka.bootstrap, user, KINDS[kind], name, [OPERATIONS[operation]])


def test_the_acls_of_the_readme_are_enough_and_one_fewer_is_named(
    kafka_secure: KafkaCluster,
    fresh: str,
    run: Run,  # noqa: F811
    properties: Properties,  # noqa: F811
    newcomer: str,  # noqa: F811
) -> None:
    seed.create_topics(
        kafka_secure.bootstrap, {fresh: seed.TopicSpec(configs={"message.timestamp.type": "LogAppendTime"})}
    )
    seed.produce(kafka_secure.bootstrap, fresh, 3, partition=0)
    seed.commit_offsets(kafka_secure.bootstrap, f"{fresh}-group", {(fresh, 0): 1})
    file = properties("SASL_SSL", newcomer)
    part = re.search(r"<!-- kafka-acls: [^\n]*\n```\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    assert part
    every = acls(part[1].splitlines())
    assert len(every) == len([right for right in rights.RIGHTS if not right.extra])

    def examined() -> tuple[int, dict[str, Any]]:
        done = run("doctor", "--kafka-properties", file, "--format", "json")
        (subject,) = json.loads(done.out)["subjects"]
        return done.code, {item["name"]: item for item in subject["items"]}

    def missing(items: dict[str, Any]) -> dict[str, list[Acl]]:
        return {name: acls(item["commands"]) for name, item in items.items() if item["state"] == "missing"}

    allow(kafka_secure, newcomer, every)
    code, items = examined()
    assert (code, missing(items)) == (0, {})
    assert items["version"]["text"].startswith("4.3 (by the feature metadata.version")
    assert items["kind"]["text"].startswith("Apache Kafka")
    assert "SCRAM-SHA-512 as alice" in items["authenticated"]["text"]
    assert items["clock"]["state"] == "ok"
    assert kafka_secure.users[newcomer] not in json.dumps(items)
    audited = json.loads(run("audit", "--kafka-properties", file, "--include", f"{fresh}*", "--format", "json").out)
    assert audited["targets"][0]["resources"] == {"topics": 1, "groups": 1}
    assert not [gap for gap in audited["gaps"] if gap["why"] == "denied"]

    for more, state in (((), "missing"), ((("Read", "topic", fresh),), "ok")):
        allow(kafka_secure, newcomer, [*every, *more])
        (subject,) = json.loads(run("doctor", "--kafka-properties", file, "--sample", fresh, "--format", "json").out)[
            "subjects"
        ]
        (reading,) = (item for item in subject["items"] if item["name"] == "READ on topics")
        assert (reading["state"], acls(reading["commands"])) == (state, [] if more else [("Read", "topic", fresh)])

    for acl in every:
        allow(kafka_secure, newcomer, [other for other in every if other != acl])
        code, items = examined()
        assert (code, list(missing(items).values())) == (1, [[acl]]), f"without {acl}"
