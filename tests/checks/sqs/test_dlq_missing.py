from checks.facts import Unknown, Why
from checks.sqs.dlq_missing import dlq_missing as check
from tests.checks.examples import Example, judge, only, queue, sqs

FIRING = (Example("none", (sqs(queue("orders")),)), Example("fifo", (sqs(queue("orders.fifo")),)))
SILENT = (
    Example("has one, and that is one", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("told by the server", (sqs(queue("dead"), sources={"dead": ("orders",)}),)),
)


def test_fix_names_a_queue_of_the_same_kind() -> None:
    command = only(judge(check, FIRING[1])).fix.command
    assert command.startswith("aws sqs create-queue --queue-name orders-dlq.fifo ")
    assert '"FifoQueue": "true"' in command
    assert "orders-dlq.fifo" in command.partition("&&")[2]
    assert command.count("--region us-east-1") == 2


def test_fix_names_a_queue_that_may_exist() -> None:
    for name in ("x" * 80, "x" * 75 + ".fifo"):
        command = only(judge(check, Example("long", (sqs(queue(name)),)))).fix.command
        assert len(command.split()[4]) <= 80
        assert command.split()[4] in command.partition("&&")[2]


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
