from checks.check import Severity
from checks.facts import Unknown, Why
from checks.limits import Limits, Override, Pattern
from checks.sqs.retention_default import retention_default as check
from tests.checks.examples import Example, judge, only, queue, sqs

FIRING = (Example("4 days", (sqs(queue("orders")),)), Example("fifo", (sqs(queue("orders.fifo")),)))
SILENT = (
    Example("a week", (sqs(queue("orders", retention=7 * 86400.0)),)),
    Example("shorter", (sqs(queue("orders", retention=3600.0)),)),
    Example("a dead-letter queue", (sqs(queue("orders", redrive="dead", retention=3600.0), queue("dead")),)),
    Example("meant", (sqs(queue("orders")),), Limits([Override(Pattern(), "*", off=True)])),
)


def test_is_for_information() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.severity is Severity.INFO
    assert finding.summary == "queue orders keeps messages 4 d, the default"


def test_what_may_be_a_dead_letter_queue_is_a_gap() -> None:
    denied = Unknown(Why.DENIED, "no right")
    report = judge(check, Example("denied", (sqs(queue("orders"), unseen=["secret"], sources={"orders": denied}),)))
    assert not report.findings
    assert {gap.address.name for gap in report.gaps.values()} == {"orders", "secret"}
