"""The README's IAM policy, tried on moto, which enforces it: it is enough, and the doctor names each action that is taken away."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.doctor.model import State, Subject
from agent.doctor.sqs import examine
from tests.live.sqs import REGION, SqsServer

Tried = Callable[[dict[str, Any]], Subject]

part = re.search(r"<!-- iam-policy: [^\n]*\n```json\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
assert part
POLICY: dict[str, Any] = json.loads(part[1])
ACTIONS = [action for statement in POLICY["Statement"] for action in statement["Action"]]


@pytest.fixture
def tried(server: SqsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    """What the doctor says to a user who has a policy."""
    server.client().create_queue(QueueName="orders")
    iam = server.client("iam")
    iam.create_user(UserName="auditor")
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def run(policy: dict[str, Any]) -> Subject:
        server.enforce_iam(None)
        iam.put_user_policy(UserName="auditor", PolicyName="may", PolicyDocument=json.dumps(as_moto(policy)))
        server.enforce_iam()
        return examine(SqsCollector(SqsSettings(region=REGION, endpoint_url=server.url)), 20.0, 30.0)

    yield run
    server.enforce_iam(None)


def as_moto(policy: dict[str, Any]) -> dict[str, Any]:
    """Moto takes the resource of GetQueueUrl, which has no URL to read it from, for `*`; AWS knows it."""
    made = []
    for statement in policy["Statement"]:
        made.append(statement)
        if "sqs:GetQueueUrl" in statement["Action"]:
            made.append(statement | {"Action": ["sqs:GetQueueUrl"], "Resource": "*"})
    return policy | {"Statement": made}


def lacking(subject: Subject) -> dict[str, list[Any]]:
    assert subject.items[0].state is State.OK
    return {i.name: [json.loads(c) for c in i.commands] for i in subject.items if i.state is State.MISSING}


def without(action: str) -> dict[str, Any]:
    statements = [s | {"Action": [a for a in s["Action"] if a != action]} for s in POLICY["Statement"]]
    return POLICY | {"Statement": [statement for statement in statements if statement["Action"]]}


def test_the_policy_of_the_readme_is_enough(tried: Tried) -> None:
    assert lacking(tried(POLICY)) == {}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_doctor_names_what_is_taken_away_and_its_statement_mends_it(tried: Tried, action: str) -> None:
    short = without(action)
    found = lacking(tried(short))
    assert list(found) == [action]
    (statement,) = found[action]
    assert statement["Action"] == [action]
    assert lacking(tried(short | {"Statement": [*short["Statement"], statement]})) == {}
