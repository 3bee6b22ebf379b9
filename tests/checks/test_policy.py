"""What policies say, as they are written by hand, by tools and by AWS."""

import json
from typing import Any

import pytest

from checks.facts import Unknown
from checks.policy import policy_with, statements
from tests.checks.examples import arn


def statement(**parts: Any) -> dict[str, Any]:
    """One that allows everyone everything on the queue `orders`; a part that is None is left out."""
    whole = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": arn("orders")} | parts
    return {key: value for key, value in whole.items() if value is not None}


def policy(*many: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(many)}


BROKEN = [
    "{",
    "[]",
    "null",
    "{}",
    '"*"',
    '{"Statement": 1}',
    '{"Statement": ["x"]}',
    '{"Statement": [{}]}',
    '{"Statement": [{"Effect": "allow"}]}',
    '{"Statement": [{"Effect": "Allow", "Action": {"a": 1}}]}',
    '{"Statement": [{"Effect": "Allow", "Condition": ["a"]}]}',
    '{"Statement": [{"Effect": "Allow", "Condition": {"Bool": "a"}}]}',
    '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": {"a": 1}}}]}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_cant_be_read_is_unknown(text: str) -> None:
    assert isinstance(statements(text), Unknown)


def test_no_policy_has_no_statements() -> None:
    assert statements(None) == ()
    assert statements("") == ()


def test_one_statement_may_stand_alone() -> None:
    told = statements(json.dumps({"Statement": statement()}))
    assert not isinstance(told, Unknown)
    assert [one.everyone for one in told] == [True]


@pytest.mark.parametrize(
    ("action", "covered"),
    [
        ("sqs:SendMessage", True),
        ("SQS:sendmessage", True),
        ("sqs:Send*", True),
        ("sqs:SendMessag?", True),
        ("*", True),
        (["sqs:GetQueueUrl", "sqs:*"], True),
        ("sqs:SendMessag[e]", False),
        ("sqs:SendMessageBatch", False),
    ],
)
def test_what_an_action_covers(action: Any, covered: bool) -> None:
    for parts, expected in (({"Action": action}, covered), ({"Action": None, "NotAction": action}, not covered)):
        told = statements(json.dumps(policy(statement(**parts))))
        assert not isinstance(told, Unknown)
        assert told[0].covers("sqs:SendMessage") is expected


def test_other_statements_keep_what_else_the_policy_says() -> None:
    text = json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": []})
    assert json.loads(policy_with(text, [statement()])) == {
        "Version": "2008-10-17",
        "Id": "x",
        "Statement": [statement()],
    }
