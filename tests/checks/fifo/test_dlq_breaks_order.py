from checks.check import Severity
from checks.fifo.dlq_breaks_order import dlq_breaks_order as check
from checks.limits import Limits, Override, Pattern
from tests.checks.examples import Example, judge, only, queue, sqs

FIRING = (Example("fifo", (sqs(queue("orders.fifo", redrive="dead.fifo"), queue("dead.fifo")),)),)
SILENT = (
    Example("standard", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("no dead-letter queue", (sqs(queue("orders.fifo")),)),
    Example("is one", (sqs(queue("dead.fifo"), sources={"dead.fifo": ("orders.fifo",)}),)),
    Example("order does not matter", FIRING[0].snapshots, Limits([Override(Pattern(), "*", off=True)])),
)


def test_is_for_information() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.severity is Severity.INFO
    assert finding.summary == (
        "FIFO queue orders.fifo gives up order: after 5 receives a message goes to dead.fifo, and those behind it go on"
    )
