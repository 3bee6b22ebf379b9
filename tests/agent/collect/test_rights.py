"""What collectors declare is what they do: no right without a use, no use without a right, and none that changes anything."""

import json
import re
from pathlib import Path

import botocore.session
from kafka.protocol.api_key import ApiKey

from agent.collect.aws import rights as aws
from agent.collect.kafka import rights as kafka
from agent.collect.kafka.connection import ALLOWED
from agent.docs.rights import readme

README = Path("README.md")
SOURCES = [path.read_text() for path in Path("agent/collect/aws").glob("*.py") if path.name != "rights.py"]


def part(name: str) -> str:
    found = re.search(rf"<!-- {name}: [^\n]*\n```\w*\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    return found[1]


def policy() -> dict[str, list[dict[str, object]]]:
    made: dict[str, list[dict[str, object]]] = json.loads(part("iam-policy"))
    return made


def test_every_api_that_may_be_asked_is_declared() -> None:
    names = {ApiKey(key).name for key in ALLOWED}
    declared = {call for right in kafka.RIGHTS for call in right.calls} | set(kafka.FREE)
    assert declared == names


def test_no_right_on_a_cluster_changes_anything() -> None:
    assert {right.operation for right in kafka.RIGHTS} <= {"Describe", "DescribeConfigs", "Read"}
    assert all(right.extra for right in kafka.RIGHTS if right.operation == "Read")


def test_the_readme_says_what_is_declared() -> None:
    assert readme(README.read_text()) == README.read_text()
    lines = part("kafka-acls").splitlines()
    said = {
        (operation, line.split("--operation")[-1].split()[1])
        for line in lines
        for operation in re.findall(r"--operation (\w+)", line)
    }
    assert said == {(right.operation, f"--{right.kind}") for right in kafka.RIGHTS if not right.extra}


def test_every_action_exists_and_is_asked_for_somewhere() -> None:
    session = botocore.session.Session()
    prefixes = {"tag": "resourcegroupstaggingapi"}
    for right in aws.RIGHTS:
        service, _, action = right.action.partition(":")
        model = session.get_service_model(prefixes.get(service, service))
        assert action in model.operation_names
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        assert any(f".{method}(" in text or f'"{method}"' in text for text in SOURCES), f"nobody asks for {action}"


def test_every_call_to_aws_is_declared() -> None:
    session = botocore.session.Session()
    services = {"sqs": "sqs", "sts": "sts", "resourcegroupstaggingapi": "tag"}
    known = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): f"{prefix}:{name}"
        for service, prefix in services.items()
        for name in session.get_service_model(service).operation_names
    }
    words = {
        word
        for text in SOURCES
        for word in re.findall(r"\.(\w+)\(", text) + re.findall(r'get_paginator\("(\w+)"', text)
    }
    asked = {known[word] for word in words & known.keys()}
    assert asked == {right.action for right in aws.RIGHTS} | set(aws.FREE)


def test_the_policy_is_well_formed_and_only_reads() -> None:
    document = policy()
    assert set(document) == {"Version", "Statement"}
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:  # type: ignore[attr-defined]
            assert re.fullmatch(r"sqs:(Get|List)[A-Za-z]+", action), f"{action} may do more than read"
            right = next(right for right in aws.RIGHTS if right.action == action)
            assert (statement["Resource"] == "*") is right.everywhere
