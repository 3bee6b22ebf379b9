from dataclasses import replace
from datetime import timedelta

from checks.check import Severity
from checks.facts import Unknown, Why
from checks.kafka.under_min_isr import under_min_isr as check
from tests.checks.examples import Example, judge, kafka, only, topic

TWO = {"min.insync.replicas": "2"}
FIRING = (
    Example("one copy of three", (kafka([topic("orders", 2, missing={1: (1, 3)}, config=TWO)]),)),
    Example(
        "all of three are asked for",
        (kafka([topic("orders", missing={0: (3,)}, config={"min.insync.replicas": "3"})]),),
    ),
)
SILENT = (
    Example("all in step", (kafka([topic("orders", config=TWO)]),)),
    Example("enough are left", (kafka([topic("orders", 2, missing={1: (3,)}, config=TWO)]),)),
    Example("no leader", (kafka([topic("orders", leaderless=[0], missing={0: (2, 3)}, config=TWO)]),)),
    Example("fewer replicas than asked for", (kafka([topic("orders", rf=1, config=TWO)]),)),
)


def test_is_critical_after_a_minute() -> None:
    finding = only(judge(check, FIRING[0]))
    assert (finding.severity, finding.after) == (Severity.CRITICAL, timedelta(minutes=1))
    assert finding.summary.startswith("1 partition of 2 of topic orders takes no records with acks=all")
    assert "Bring broker 1, 3 back" in finding.fix.text


def test_a_configuration_that_is_denied_matters_only_where_a_copy_is_missing() -> None:
    def gaps(example: Example) -> list[Unknown]:
        (last,) = example.snapshots
        hidden = replace(last, topic_configs={"orders": Unknown(Why.DENIED, "")})  # type: ignore[arg-type]
        report = judge(check, Example("denied", (hidden,)))
        assert not report.findings
        return [gap.unknown for gap in report.gaps.values() if gap.check]

    assert gaps(SILENT[0]) == []
    assert [hole.why for hole in gaps(FIRING[0])] == [Why.DENIED]
