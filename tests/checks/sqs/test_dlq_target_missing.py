from checks.facts import Absence, Unknown, Why
from checks.sqs.backlog_growing import backlog_growing
from checks.sqs.dlq_retention_short import dlq_retention_short
from checks.sqs.dlq_target_missing import dlq_target_missing as check
from tests.checks.examples import AT, Example, arn, judge, only, queue, sqs

FIRING = (
    Example("deleted", (sqs(queue("orders", redrive="dead"), missing=["dead"]),)),
    Example("fifo", (sqs(queue("orders.fifo", redrive="dead.fifo"), missing=["dead.fifo"]),)),
)
SILENT = (
    Example("there", (sqs(queue("orders", redrive="dead"), queue("dead")),)),
    Example("there, but not chosen", (sqs(queue("orders", redrive="dead"), others={arn("dead"): queue("dead")}),)),
    Example("no redrive policy", (sqs(queue("orders")),)),
)


def test_the_fix_makes_a_queue_of_its_name_and_kind() -> None:
    assert only(judge(check, FIRING[0])).summary == "queue orders redrives to dead, which does not exist"
    assert '"FifoQueue":"true"' in only(judge(check, FIRING[1])).fix.command
    assert "FifoQueue" not in only(judge(check, FIRING[0])).fix.command


def test_what_may_not_be_looked_at_is_a_gap() -> None:
    for why in (Why.OFF, Why.DENIED, Why.DEADLINE):
        unseen = {arn("dead"): Unknown(why, "belongs to account 4")}
        report = judge(check, Example("foreign", (sqs(queue("orders", redrive="dead"), others=unseen),)))
        assert not report.findings
        assert [gap.unknown.why for gap in report.gaps.values()] == [why]


def test_other_checks_leave_it_to_this_one() -> None:
    for other in (dlq_retention_short, backlog_growing):
        polls = tuple(
            sqs(
                queue("orders", redrive="dead", visible=100 + 40 * i, in_flight=10, at=AT + 60 * i),
                missing=["dead"],
                at=AT + 60 * i,
            )
            for i in range(16)
        )
        assert not judge(other, Example("missing", polls)).gaps


def test_absence_is_a_fact_of_the_snapshot() -> None:
    assert FIRING[0].snapshots[0].missing == {arn("dead"): Absence(AT, 1)}  # type: ignore[union-attr]
