from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.evaluate import Verdict
from checks.facts import History, KafkaSnapshot, PartitionSizes, Storage, Unknown, Why, facts_of
from checks.kafka.partition_size_skew import partition_size_skew as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, disk, judge, kafka, only, topic

GIB = 1024**3
DELETE, COMPACT = {"cleanup.policy": "delete"}, {"cleanup.policy": "compact,delete"}
DOWN = Unknown(Why.UNREACHABLE, "broker 2 is down")


def look(
    sizes: Sequence[float],
    config: Mapping[str, str] = DELETE,
    *,
    leaderless: Sequence[int] = (),
    more: Mapping[str, Storage | Unknown] | None = None,
) -> KafkaSnapshot:
    """GiB of the leader's replica of each partition; every follower has just begun."""
    made = topic("orders", len(sizes), leaderless=leaderless, config=config)
    storage = {
        str(broker): disk(
            sizes={
                ("orders", p): int(size * GIB) if made[0].leader[p] == broker else 1
                for p, size in enumerate(sizes)
                if broker in made[0].replicas[p]
            }
        )
        for broker in (1, 2, 3)
    }
    return kafka([made], storage={**storage, **(more or {})})


EVEN, SKEW = (5, 6, 5, 5.5), (5, 20, 6, 5)
FIRING = (
    Example("one of four", (look(SKEW),)),
    Example("one of two", (look((1, 4)),)),
    Example("the others are empty", (look((0, 0, 9, 0)),)),
    Example("two of eight", (look((50, 5, 5, 5, 5, 40, 5, 5)),)),
    Example("sure, whatever a partition without a leader holds", (look((2, 90, 2, 2, 0), leaderless=[4]),)),
    Example("by its own limit", (look((0.1, 0.4)),), Limits([Override(Pattern(), "*", {"least": 1024})])),
)
SILENT = (
    Example("even", (look(EVEN),)),
    Example("twice as much", (look((5, 11, 5, 6)),)),
    Example("compacted", (look(SKEW, COMPACT),)),
    Example("few bytes", (look((0.1, 0.9, 0.1, 0.1)),)),
    Example("one partition", (look((50,)),)),
    Example("most of them hold more", (look((20, 20, 20, 2, 2)),)),
    Example("by its own limit", (look(SKEW),), Limits([Override(Pattern(), "*", {"factor": 5.0})])),
)


def unseen(snapshot: KafkaSnapshot) -> Unknown:
    report = judge(check, Example("gap", (snapshot,)))
    assert not report.findings
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    return gap.unknown


def test_says_which_and_how_much() -> None:
    finding = only(judge(check, FIRING[0]))
    assert (
        finding.summary == "partition 1 holds 20.0 GiB of topic orders; the median of the other partitions is 5.0 GiB"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(minutes=15))
    assert [(seen.field, seen.value) for seen in finding.evidence] == [("storage[2].size[1]", 20 * GIB)]
    assert finding.fix.command.endswith("--describe --topic-list orders")


def test_two_are_told_together() -> None:
    assert only(judge(check, FIRING[3])).summary.startswith("partitions 0, 5 hold 90.0 GiB of topic orders")


def test_what_is_being_moved_between_directories_is_not_counted_twice() -> None:
    snapshot = look(EVEN)
    there = disk(sizes={("orders", 1): 90 * GIB}, future=[("orders", 1)])
    assert unseen(replace(snapshot, storage={**snapshot.storage, "2": there})).why is Why.YOUNG  # type: ignore[dict-item]


@pytest.mark.parametrize("sizes", [SKEW, EVEN])
def test_a_broker_that_is_away_is_a_gap(sizes: Sequence[float]) -> None:
    assert unseen(look(sizes, more={"2": DOWN})) == DOWN


def test_a_topic_that_is_newer_than_what_the_broker_told_is_a_gap_that_closes_by_itself() -> None:
    assert unseen(look(EVEN, more={"2": disk()})).why is Why.YOUNG


def test_what_a_topic_is_set_to_must_be_known() -> None:
    snapshot = look(SKEW)
    assert unseen(replace(snapshot, topic_configs={"orders": DOWN})) == DOWN
    assert not judge(check, Example("even", (replace(look(EVEN), topic_configs={"orders": DOWN}),))).findings


def test_the_same_storage_and_topics_give_the_very_same_sizes() -> None:
    first, history = look(SKEW), History()
    second = replace(first, at=AT + 30, topics=replace(first.topics, items=dict(first.topics.items)))
    address = first.address.under("topics", "orders")
    history.append(first)
    before = facts_of(first, history)
    told = before.get(PartitionSizes, address)
    history.append(second)
    assert facts_of(second, history, before).get(PartitionSizes, address) is told
    third = replace(second, storage=dict(second.storage))  # type: ignore[arg-type]
    assert facts_of(third, history, before).get(PartitionSizes, address) is not told


def test_where_no_disk_is_told_it_is_one_gap_for_all_topics() -> None:
    hole = Unknown(Why.DENIED, "DescribeLogDirs: CLUSTER_AUTHORIZATION_FAILED", "grant DESCRIBE on the cluster")
    firing = judge(check, FIRING[0])
    (mark,) = firing.findings
    blind = replace(kafka([topic("orders", 4), topic("bills", 3)]), storage=hole)
    report = judge(check, Example("denied", (blind,)), previous=firing)
    assert not report.findings
    assert [(gap.address.kind, gap.address.name, gap.unknown) for gap in report.gaps.values() if gap.check] == [
        ("topics", "", hole)
    ]
    assert report.verdict(mark) is Verdict.UNKNOWN
