import pytest

from checks.facts import RedrivePolicy, Unknown, Why
from checks.sqs.dlq_type_mismatch import dlq_type_mismatch as check
from tests.checks.examples import Example, arn, judge, only, queue, sqs

FOREIGN = "arn:aws:sqs:eu-west-1:444455556666:{}"

FIRING = (
    Example("fifo to standard", (sqs(queue("orders.fifo", redrive="dead"), queue("dead")),)),
    Example("standard to fifo", (sqs(queue("orders", redrive="dead.fifo"), queue("dead.fifo")),)),
    Example("in another account", (sqs(queue("orders", policy=RedrivePolicy(FOREIGN.format("d.fifo"), 5))),)),
)
SILENT = (
    Example("both fifo", (sqs(queue("orders.fifo", redrive="dead.fifo"), queue("dead.fifo")),)),
    Example("both standard", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("both standard, elsewhere", (sqs(queue("orders", policy=RedrivePolicy(FOREIGN.format("d"), 5))),)),
    Example("fifo in its name only", (sqs(queue("fifo-orders", redrive="dead"), queue("dead")),)),
    Example("no redrive policy", (sqs(queue("orders.fifo")),)),
)


@pytest.mark.parametrize(
    ("example", "summary", "right"),
    [
        (FIRING[0], "FIFO queue orders.fifo redrives to dead, a standard queue", "dead.fifo"),
        (FIRING[1], "standard queue orders redrives to dead.fifo, a FIFO queue", "dead"),
    ],
)
def test_names_both_kinds_and_the_right_one(example: Example, summary: str, right: str) -> None:
    finding = only(judge(check, example))
    assert finding.summary == summary
    assert f"--queue-name {right} " in finding.fix.command
    assert arn(right) in finding.fix.command


def test_a_policy_that_cant_be_read_is_a_gap() -> None:
    broken = queue("orders.fifo", policy=Unknown(Why.UNSUPPORTED, "broken"))
    assert [gap.unknown.detail for gap in judge(check, Example("broken", (sqs(broken),))).gaps.values()] == ["broken"]
