from collections.abc import Mapping

import pytest

from checks.check import Severity
from checks.facts import KafkaSnapshot, Unknown, Why
from checks.kafka.offline_partition import offline_partition as check
from tests.checks.examples import Example, judge, kafka, only, topic

_OLD = Unknown(Why.UNSUPPORTED, "b1:9092 is too old for DescribeTopicPartitions")


def bare(eligible: Mapping[str, tuple[tuple[int, ...], ...] | Unknown]) -> tuple[KafkaSnapshot, ...]:
    """Partition 1 of orders, on brokers 2 and 3, has neither a leader nor an in-sync replica; partition 0 is led."""
    return (kafka([topic("orders", 2, 2, leaderless=[1], missing={1: (2, 3)}, down=[3])], eligible=eligible),)


FIRING = (
    Example("one of four", (kafka([topic("orders", 4, leaderless=[1])]),)),
    Example("who may lead is told apart from the in-sync replicas", bare({"orders": ((), (2,))})),
    Example("nobody may", bare({"orders": ((), ())})),
    Example("who may is not told", bare({"orders": _OLD})),
)
SILENT = (Example("all led", (kafka([topic("orders", 4)]),)),)


def test_names_partition_and_who_could_lead() -> None:
    report = judge(check, FIRING[0])
    finding = only(report)
    assert finding.severity is Severity.CRITICAL
    assert finding.summary == "1 partition of 4 of topic orders without a leader: 1"
    assert "have all records (broker 1, 2, 3)" in finding.fix.text
    assert not [gap for gap in report.gaps.values() if gap.check]


@pytest.mark.parametrize(
    ("example", "said", "gaps"),
    [
        (FIRING[1], "Bring back one of the replicas that have all records (broker 2): ", 0),
        (
            FIRING[2],
            "No replica of partition 1 is known to have all records: bring back all of them (broker 2, 3), ",
            0,
        ),
        (
            FIRING[3],
            "Which replicas of partition 1 have all records is not known: bring back all of them (broker 2, 3) ",
            1,
        ),
        (Example("an older file", bare({})), "Which replicas of partition 1 have all records is not known", 1),
    ],
    ids=lambda value: value.name if isinstance(value, Example) else "",
)
def test_a_replica_is_not_in_sync_because_nothing_says_that_it_is_not(example: Example, said: str, gaps: int) -> None:
    report = judge(check, example)
    assert only(report).fix.text.startswith(said)
    assert len([gap for gap in report.gaps.values() if gap.check]) == gaps


def test_partitions_with_and_without_in_sync_replicas_are_told_apart() -> None:
    both = kafka([topic("orders", 2, 2, leaderless=[0, 1], missing={0: (2,), 1: (2, 3)})], eligible={"orders": _OLD})
    text = only(judge(check, Example("both", (both,)))).fix.text
    assert "have all records (broker 1)" in text
    assert "Which replicas of partition 1 have all records is not known" in text
