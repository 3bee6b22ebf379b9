from checks.facts import Unknown, Why
from checks.sqs.dlq_missing import dlq_missing as check
from tests.checks.examples import Example, judge, only, queue, sqs

FIRING = (Example("none", (sqs(queue("orders")),)), Example("fifo", (sqs(queue("orders.fifo")),)))
SILENT = (
    Example("has one, and that is one", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("told by the server", (sqs(queue("dead"), sources={"dead": ("orders",)}),)),
)


def test_fix_names_a_queue_of_the_same_kind() -> None:
    assert "orders-dlq.fifo" in only(judge(check, FIRING[1])).fix.command


def test_a_dead_letter_name_is_a_gap() -> None:
    report = judge(check, Example("sns", (sqs(queue("Orders-DLQ")),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values()] == [Why.OFF]


def test_a_queue_that_is_not_seen_may_redrive_here() -> None:
    report = judge(check, Example("denied", (sqs(queue("orders"), unseen=["secret"]),)))
    assert not report.findings
    assert {gap.address.name for gap in report.gaps.values()} == {"orders", "secret"}


def test_unless_the_server_says_nobody_does() -> None:
    report = judge(check, Example("asked", (sqs(queue("orders"), unseen=["secret"], sources={"orders": ()}),)))
    assert only(report).fingerprint.address.name == "orders"
    denied = Unknown(Why.DENIED, "no right")
    report = judge(check, Example("denied", (sqs(queue("orders"), unseen=["secret"], sources={"orders": denied}),)))
    assert not report.findings
