from checks.facts import Unknown, Why
from checks.sqs.dlq_retention_short import dlq_retention_short as check
from tests.checks.examples import Example, arn, judge, only, queue, sqs

LONG = 14 * 86400.0
FIRING = (
    Example("equal", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("both the longest", (sqs(queue("orders", redrive="dead", retention=LONG), queue("dead", retention=LONG)),)),
)
SILENT = (
    Example("longer", (sqs(queue("orders", redrive="dead"), queue("dead", retention=LONG)),)),
    Example("fifo starts anew", (sqs(queue("o.fifo", redrive="d.fifo"), queue("d.fifo")),)),
    Example("no dead-letter queue", (sqs(queue("orders")),)),
)


def test_mends_the_one_that_can_be_mended() -> None:
    assert "1209600" in only(judge(check, FIRING[0])).fix.command
    assert "shorten the source's" in only(judge(check, FIRING[1])).fix.text


def test_somebody_elses_queue_is_a_gap() -> None:
    foreign = {arn("dead"): Unknown(Why.OFF, "belongs to account 4")}
    report = judge(check, Example("foreign", (sqs(queue("orders", redrive="dead"), others=foreign),)))
    assert not report.findings
    assert len(report.gaps) == 1
    assert judge(check, Example("nowhere", (sqs(queue("orders", redrive="dead")),))).gaps
