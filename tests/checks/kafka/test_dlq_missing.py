from dataclasses import replace

from checks.check import Severity
from checks.facts import KafkaSnapshot, Why
from checks.facts.letters import PATTERNS
from checks.kafka.dlq_missing import dlq_missing as check
from checks.limits import Limits
from checks.questions import Questions
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0,)})])
NONE = tuple(p.replace("{topic}", "orders").replace("{group}", "app") for p in PATTERNS)
READ = {"app": {("orders", 0): 100}}
BEHIND = {"app": {("orders", 0): 40}}


def at(seconds: float, **more: object) -> object:
    return kafka([topic("orders")], [APP], committed=BEHIND, absent=NONE, at=AT + seconds, **more)  # type: ignore[arg-type]


FIRING = (
    Example("no such topic", (kafka([topic("orders")], [APP], committed=READ, absent=NONE),)),
    Example("stuck", (at(0), at(60), at(120))),  # type: ignore[arg-type]
)
SILENT = (
    Example("has one", (kafka([topic("orders"), topic("orders.dlq")], [APP], committed=READ),)),
    Example("Spring's", (kafka([topic("orders"), topic("orders-dlt")], [APP], committed=READ, absent=NONE[:6]),)),
    Example("of the group", (kafka([topic("orders"), topic("app.dlq")], [APP], committed=READ),)),
    Example("nobody in it", (kafka([topic("orders")], [group("app")], committed=READ, absent=NONE),)),
    Example(
        "drains a dead-letter topic",
        (kafka([topic("orders.dlq")], [group("app", [member("m", {"orders.dlq": (0,)})])]),),
    ),
)


def test_is_info_and_a_warning_when_stuck() -> None:
    assert only(judge(check, FIRING[0])).severity is Severity.INFO
    stuck = only(judge(check, FIRING[1]))
    assert stuck.severity is Severity.WARNING
    assert "stood still" in stuck.summary


def test_a_blind_list_proves_nothing() -> None:
    report = judge(check, Example("not asked by name", (kafka([topic("orders")], [APP], committed=READ),)))
    assert not report.findings
    assert {gap.check for gap in report.gaps.values()} == {"", "kafka/dlq-missing"}


def test_connect_is_a_gap_until_it_is_read() -> None:
    sink = group("connect-sink", [member("m", {"orders": (0,)})])
    report = judge(check, Example("connect", (kafka([topic("orders")], [sink], absent=NONE),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.OFF]


def test_asks_for_its_candidates_by_name() -> None:
    snapshot = kafka([topic("orders")], [APP])
    asked = Questions([check], Limits()).topics(snapshot.address.under("groups", "app"), APP)
    assert {"orders.dlq", "orders-dlt", "app.dlq"} <= asked


def test_a_dead_letter_topic_that_is_left_out_is_there() -> None:
    (whole,) = FIRING[0].snapshots
    assert isinstance(whole, KafkaSnapshot)
    part = replace(whole, topics=replace(whole.topics, left_out=frozenset({"orders.dlq"})))
    report = judge(check, Example("excluded", (part,)))
    assert not report.findings
    assert not [gap for gap in report.gaps.values() if gap.check]
