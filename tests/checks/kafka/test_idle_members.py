from dataclasses import replace

from checks.kafka.idle_members import idle_members as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import Example, group, judge, kafka, member, only, topic

THREE = [member("m1", {"orders": (0,)}), member("m2", {"orders": (1,)}), member("m3", {})]
UNSETTLED = replace(
    group("app", [replace(m, epoch=7 if m.assigned else 0) for m in THREE], kind="consumer"),
    epoch=7,
    assignment_epoch=7,
)
SPARE = Limits([Override(Pattern(), "*", {"spare": 1})])
FIRING = (
    Example("three members, two partitions", (kafka([topic("orders", 2)], [group("app", THREE)]),)),
    Example("of the consumer protocol", (kafka([topic("orders", 2)], [group("app", THREE, kind="consumer")]),)),
)
SILENT = (
    Example("as many as partitions", (kafka([topic("orders", 2)], [group("app", THREE[:2])]),)),
    Example("rebalancing", (kafka([topic("orders", 2)], [group("app", THREE, state="PreparingRebalance")]),)),
    Example("declared standby", (kafka([topic("orders", 2)], [group("app", THREE)]),), SPARE),
    Example("the third has not taken up its part", (kafka([topic("orders", 2)], [UNSETTLED]),)),
    Example("share group", (kafka([topic("orders", 2)], [group("app", THREE, kind="share")]),)),
    Example("empty", (kafka([topic("orders", 2)], [group("app")]),)),
)


def test_counts_who_waits() -> None:
    assert only(judge(check, FIRING[0])).summary.startswith("1 member of 3 of group app without a partition")
