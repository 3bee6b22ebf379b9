import json
from typing import Any

import pytest

from checks.facts import Why
from checks.sqs.tls_not_forced import tls_not_forced as check
from tests.checks.examples import Example, arn, judge, only, queue, sqs
from tests.checks.test_policy import policy, statement

PLAIN = {"Bool": {"aws:SecureTransport": "false"}}


def deny(condition: Any = PLAIN, **other: Any) -> dict[str, Any]:
    return statement(Effect="Deny", Condition=condition, **other)


def of(*statements: dict[str, Any]) -> tuple[Any, ...]:
    return (sqs(queue("orders", access=policy(*statements))),)


FIRING = (
    Example("no policy", (sqs(queue("orders")),)),
    Example("a policy that only allows", of(statement())),
    Example("denies requests that come over TLS", of(deny({"Bool": {"aws:SecureTransport": "true"}}))),
    Example("allows what comes over TLS", of(statement(Condition={"Bool": {"aws:SecureTransport": "true"}}))),
    Example("denies one role only", of(deny(Principal={"AWS": "arn:aws:iam::111122223333:role/app"}))),
    Example("denies to send only", of(deny(Action="sqs:SendMessage"))),
    Example("denies only outside the VPC", of(deny({**PLAIN, "StringNotEquals": {"aws:SourceVpc": "vpc-1"}}))),
    Example("of another queue", of(deny(Resource=arn("other")))),
    Example("denies all but everyone", of(statement(Effect="Deny", NotPrincipal="*", Principal=None, Condition=PLAIN))),
)
SILENT = (
    Example("denied", of(deny())),
    Example("beside what is allowed", of(statement(), deny(Principal={"AWS": "*"}))),
    Example("in lists, in any case", of(deny({"bool": {"AWS:securetransport": ["false"]}}, Action=["SQS:*"]))),
    Example("as a truth value", of(deny({"Bool": {"aws:SecureTransport": False}}))),
    Example("if it exists: it always does", of(deny({"BoolIfExists": {"aws:SecureTransport": "false"}}))),
    Example("in two statements", of(deny(Action="sqs:Send*"), deny(Action="sqs:Receive*"))),
    Example("all but to read attributes", of(deny(Action=None, NotAction="sqs:GetQueueAttributes"))),
    Example("every resource", of(deny(Resource="*"))),
)


def test_the_fix_adds_a_statement_and_keeps_the_others() -> None:
    for example, kept in ((FIRING[0], 0), (FIRING[1], 1)):
        command = only(judge(check, example)).fix.command
        attributes = command.partition("--attributes '")[2].partition("' --region")[0]
        made = json.loads(json.loads(attributes)["Policy"])
        assert len(made["Statement"]) == kept + 1
        again = sqs(queue("orders", access=made))
        assert not judge(check, Example("mended", (again,))).findings


@pytest.mark.parametrize("text", ["{", "[]", '{"Statement": 1}', '{"Statement": [{"Effect": "Perhaps"}]}'])
def test_a_policy_that_cant_be_read_is_a_gap(text: str) -> None:
    report = judge(check, Example("broken", (sqs(queue("orders", access=text)),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values()] == [Why.UNSUPPORTED]
