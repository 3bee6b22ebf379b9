import json
from typing import Any

from checks.facts import Unknown, Why
from checks.sqs.public_policy import public_policy as check
from tests.checks.examples import ACCOUNT, Example, arn, judge, only, queue, sqs
from tests.checks.test_policy import policy, statement


def of(*statements: dict[str, Any]) -> tuple[Any, ...]:
    return (sqs(queue("orders", access=policy(*statements))),)


def when(operator: str, key: str, value: Any, **other: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: value}}, **other)


TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:orders"
OURS = when("StringNotEquals", "aws:PrincipalAccount", ACCOUNT, Effect="Deny")

FIRING = (
    Example("everyone, everything", of(statement())),
    Example("as a map", of(statement(Principal={"AWS": "*"}))),
    Example("in a list", of(statement(Principal={"AWS": ["arn:aws:iam::1:root", "*"]}))),
    Example("to send only", of(statement(Sid="in", Action="SQS:SendMessage"))),
    Example("all but to read", of(statement(Action=None, NotAction="sqs:ReceiveMessage"))),
    Example("all but one", of(statement(Principal=None, NotPrincipal={"AWS": "arn:aws:iam::1:root"}))),
    Example("over TLS", of(when("Bool", "aws:SecureTransport", "true"))),
    Example("by an agent that anybody can name", of(when("StringEquals", "aws:UserAgent", "us"))),
    Example("from everywhere", of(when("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "0.0.0.0/0"]))),
    Example("from every source", of(when("ArnLike", "aws:SourceArn", "*"))),
    Example("unless the key is missing", of(when("ArnEqualsIfExists", "aws:SourceArn", TOPIC))),
    Example("all but one account", of(when("StringNotEquals", "aws:SourceAccount", "444455556666"))),
    Example("a Deny of something else", of(statement(), statement(Effect="Deny", Action="sqs:DeleteQueue"))),
    Example(
        "a Deny of one role", of(statement(), statement(Effect="Deny", Principal={"AWS": "arn:aws:iam::1:role/x"}))
    ),
    Example(
        "a Deny without TLS", of(statement(), when("Bool", "aws:SecureTransport", "false", Effect="Deny", Sid="tls"))
    ),
    Example("one statement of two", of(when("ArnEquals", "aws:SourceArn", TOPIC, Sid="sns"), statement(Sid="all"))),
)
SILENT = (
    Example("no policy", (sqs(queue("orders")),)),
    Example("one account", of(statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))),
    Example("a service", of(statement(Principal={"Service": "sns.amazonaws.com"}))),
    Example("everyone is denied", of(statement(Effect="Deny"))),
    Example("all but one are denied", of(statement(Effect="Deny", Principal=None, NotPrincipal={"AWS": "x"}))),
    Example("one topic", of(when("ArnEquals", "aws:SourceArn", TOPIC))),
    Example("topics of one account", of(when("ArnLike", "AWS:SourceArn", f"arn:aws:sns:*:{ACCOUNT}:*"))),
    Example("our organisation", of(when("StringEquals", "aws:PrincipalOrgID", "o-1"))),
    Example("our network", of(when("IpAddress", "aws:SourceIp", "10.0.0.0/8"))),
    Example("our endpoint", of(when("ForAnyValue:StringEquals", "aws:SourceVpce", ["vpce-1"]))),
    Example(
        "one condition of two narrows",
        of(
            statement(
                Condition={"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
            )
        ),
    ),
    Example("everyone outside is denied", of(statement(), OURS)),
    Example("only to ask for its address", of(statement(Action="sqs:GetQueueUrl"))),
    Example("of another queue", of(statement(Resource=arn("other")))),
)


def test_names_the_statement_and_what_it_allows() -> None:
    (one,), (all_but,) = (judge(check, FIRING[i]).findings.values() for i in (3, 5))
    assert (
        one.summary == 'anybody may use queue orders: statement "in" of its policy allows SQS:SendMessage to everyone'
    )
    assert one.evidence[0].field == "policy.Statement[0].Principal"
    assert one.evidence[0].value == '"*"'
    assert all_but.summary.endswith('statement 1 of its policy allows sqs:* to all but {"AWS": "arn:aws:iam::1:root"}')


def test_the_fix_narrows_that_statement_alone() -> None:
    for example in (FIRING[-1], FIRING[5]):
        command = only(judge(check, example)).fix.command
        attributes = command.partition("--attributes '")[2].partition("' --region")[0]
        made = json.loads(json.loads(attributes)["Policy"])
        assert made["Statement"][-1]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert not judge(check, Example("mended", (sqs(queue("orders", access=made)),))).findings


def gap(access: Any) -> Unknown:
    report = judge(check, Example("gap", (sqs(queue("orders", access=access)),)))
    assert not report.findings
    (found,) = report.gaps.values()
    return found.unknown


def test_broken_json_is_a_gap() -> None:
    assert gap("{").why is Why.UNSUPPORTED


def test_a_condition_that_is_not_known_here_is_a_gap() -> None:
    assert "aws:resourcetag/team" in gap(policy(when("StringEquals", "aws:ResourceTag/team", "x"))).detail
    public = policy(when("StringEquals", "aws:ResourceTag/team", "x"), statement(Sid="all"))
    report = judge(check, Example("both", (sqs(queue("orders", access=public)),)))
    assert only(report).fingerprint.key == "statement all"
    assert len(report.gaps) == 1
