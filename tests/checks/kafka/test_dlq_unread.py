from dataclasses import replace

import numpy as np

from checks.facts import KafkaSnapshot, Listing, Newest, Unknown, Why
from checks.kafka.dlq_unread import dlq_unread as check
from tests.checks.examples import Example, group, judge, kafka, member, only, topic

DLQ = topic("orders.dlq", 2)
LYING = {("orders.dlq", 0): 12, ("orders.dlq", 1): 0}
EMPTY = {("orders.dlq", 0): 0, ("orders.dlq", 1): 0}
HIDDEN = Unknown(Why.DENIED, "not all groups are listed", "allow DESCRIBE on the cluster")

FIRING = (
    Example("nobody reads it", (kafka([topic("orders"), DLQ], ends=LYING),)),
    Example(
        "a group that reads only its source",
        (
            kafka(
                [topic("orders"), DLQ],
                [group("app", [member("m", {"orders": (0,)})])],
                committed={"app": {("orders", 0): 90}},
                ends=LYING,
            ),
        ),
    ),
)
SILENT = (
    Example("nothing lies in it", (kafka([topic("orders"), DLQ], ends=EMPTY),)),
    Example(
        "a member owns a partition", (kafka([DLQ], [group("t", [member("m", {"orders.dlq": (1,)})])], ends=LYING),)
    ),
    Example("a stopped group", (kafka([DLQ], [group("t")], committed={"t": {("orders.dlq", 0): 3}}, ends=LYING),)),
    Example("no dead letters", (kafka([topic("orders", 2)], ends={("orders", 0): 12, ("orders", 1): 0}),)),
)


def test_says_how_many_and_what_was_deleted() -> None:
    (whole,) = FIRING[0].snapshots
    assert only(judge(check, FIRING[0])).summary == (
        "12 records in dead-letter topic orders.dlq (of orders) and no group that reads it; the newest of 1 h ago"
    )
    assert whole is not None
    ends = whole.ends  # type: ignore[union-attr]
    start = ends.start.copy()
    start[ends.rows["orders.dlq"]] = (4, 0)
    told = judge(check, Example("expired", (replace(whole, ends=replace(ends, start=start)),)))  # type: ignore[arg-type]
    assert only(told).summary.startswith("8 records in ")
    assert only(told).summary.endswith("; 4 before them are deleted already")


def test_a_group_that_can_t_be_seen_may_read_it() -> None:
    (whole,) = FIRING[0].snapshots
    blind = replace(whole, groups=Listing({}, (HIDDEN,)))  # type: ignore[arg-type]
    report = judge(check, Example("blind", (blind,)))
    assert not report.findings
    assert [gap.unknown for gap in report.gaps.values() if gap.check] == [HIDDEN]


def test_a_group_that_is_left_out_may_read_it() -> None:
    (whole,) = FIRING[0].snapshots
    without = replace(whole, groups=Listing({}, left_out=frozenset({"tool", "other"})))  # type: ignore[arg-type]
    report = judge(check, Example("excluded", (without,)))
    assert not report.findings
    assert [gap.unknown for gap in report.gaps.values() if gap.check] == [
        Unknown(Why.OFF, "groups are left out by choice: other and 1 more", "include all groups")
    ]


def test_says_when_the_newest_was_written() -> None:
    def told(**newest: float | None) -> str:
        ages = {("orders.dlq", int(p[1:])): age for p, age in newest.items()}
        ends = {("orders.dlq", 0): 12, ("orders.dlq", 1): 3}
        return only(judge(check, Example("", (kafka([DLQ], ends=ends, newest=ages),)))).summary.partition("reads it")[2]

    assert told(p0=90_000.0, p1=None) == "; the newest of 1 d 1 h ago"
    assert told(p0=-30.0) == "; the newest of 0 s ago"
    assert told(p1=-86400.0) == "; the newest of 2027-01-16 08:00 UTC, which is yet to come"
    assert told(p0=None, p1=None) == ""


def test_where_it_is_not_told_when_the_newest_was_written_that_is_a_gap() -> None:
    (whole,) = FIRING[0].snapshots
    assert isinstance(whole, KafkaSnapshot)
    assert isinstance(whole.newest, Newest)
    old = replace(whole, newest=replace(whole.newest, error=np.full(whole.newest.error.size, 35, dtype=np.int16)))
    tiered = kafka([topic("orders.dlq", 2, config={"remote.storage.enable": "true"})], ends=LYING)
    tiered = replace(tiered, newest=kafka().newest)
    for snapshot, why in ((old, "needs Kafka 3.0: KIP-734"), (tiered, "remote storage")):
        report = judge(check, Example("", (snapshot,)))
        assert only(report).summary.endswith("no group that reads it")
        (gap,) = (gap.unknown for gap in report.gaps.values() if gap.check)
        assert (gap.why, why in gap.detail) == (Why.UNSUPPORTED, True)
