"""What is kept from look to look: the names that are asked for, and whatever did not change."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.daemon.memory import pruned, remembered, same
from alerts.model import Setting, State, TargetState
from checks.check import Fix, Kind, Severity
from checks.evaluate import Finding, Fingerprint
from checks.facts import Absence, Address, Committed, KafkaSnapshot, LogEnds, SqsSnapshot, Unknown, Why
from tests.checks.examples import AT, group, kafka, member, sqs, topic

PROD, OTHER, QUEUES = Address("kafka", "prod"), Address("kafka", "other"), Address("sqs", "queues")


def state() -> State:
    told = [
        Fingerprint("kafka/group-lagging", PROD.under("groups", "payments")),
        Fingerprint("kafka/offline-partition", PROD.under("topics", "orders")),
        Fingerprint("kafka/offline-partition", OTHER.under("topics", "clicks")),
        Fingerprint("sqs/dlq-not-empty", QUEUES.under("queues", "dead")),
    ]
    setting = Fingerprint("sqs/dlq-missing", QUEUES.under("queues", "invoices"))
    finding = Finding(setting, Kind.CONFIGURATION, Severity.WARNING, timedelta(0), "no queue", (), Fix("Make one."))
    places = {PROD: "kafka:prod", OTHER: "kafka:other", QUEUES: "sqs:queues"}
    return State(
        open={fingerprint: str(n) for n, fingerprint in enumerate(told)},
        settings={setting: Setting(finding, 0.0)},
        targets={address: TargetState(address, 0.0, place) for address, place in places.items()},
    )


def test_of_a_cluster() -> None:
    found = remembered(state(), "kafka:prod")
    assert isinstance(found, KafkaSnapshot)
    assert (set(found.topics.items), set(found.groups.items)) == ({"orders"}, {"payments"})
    assert isinstance(found.cluster, Unknown)


def test_of_the_cluster_that_answers_not_of_the_one_that_is_waited_for() -> None:
    kept = state()
    targets = {OTHER: TargetState(OTHER, 9.0, "kafka:b1:9092"), PROD: TargetState(PROD, 0.0, "kafka:b1:9092")}
    found = remembered(replace(kept, targets=targets), "kafka:b1:9092")
    assert isinstance(found, KafkaSnapshot)
    assert (found.target, set(found.topics.items)) == ("other", {"clicks"})


def test_of_queues() -> None:
    found = remembered(state(), "sqs:queues")
    assert isinstance(found, SqsSnapshot)
    assert set(found.queues.items) == {"dead", "invoices"}


@pytest.mark.parametrize("place", ["kafka:new", ""])
def test_of_a_target_that_was_never_met(place: str) -> None:
    assert remembered(state(), place) is None


def looked(at: float = AT, **changed: object) -> KafkaSnapshot:
    """The same cluster, read anew."""
    topics = [topic("orders", 2), topic("payments")]
    owner = member("m1", {"orders": (0, 1)})
    made = kafka(topics, [group("app", [owner])], committed={"app": {("orders", 0): 7, ("orders", 1): 9}}, at=at)
    return replace(made, **changed)  # type: ignore[arg-type]


def test_what_did_not_change_is_the_very_same_object() -> None:
    before = looked()
    after = same(looked(AT + 30), before)
    assert isinstance(after, KafkaSnapshot)
    assert after.at == AT + 30
    assert after.cluster is before.cluster
    assert after.topics.items is before.topics.items
    assert after.topic_configs is before.topic_configs
    assert after.groups.items is before.groups.items
    assert after.committed["app"] is before.committed["app"]
    assert isinstance(after.ends, LogEnds)
    assert isinstance(before.ends, LogEnds)
    assert after.ends.at == AT + 30, "they were read again, and say when"
    assert after.ends.end is before.ends.end
    assert after.ends.rows == before.ends.rows


def test_what_changed_is_what_was_seen() -> None:
    before, seen = looked(), looked(AT + 30)
    assert isinstance(seen.ends, LogEnds)
    assert isinstance(seen.committed["app"], Committed)
    seen = replace(
        seen,
        topics=replace(seen.topics, items={**seen.topics.items, "orders": topic("orders", 2, leaderless=[1])[0]}),
        committed={"app": replace(seen.committed["app"], offset=seen.committed["app"].offset + 1)},
        ends=replace(seen.ends, end=seen.ends.end + 5),
    )
    after = same(seen, before)
    assert isinstance(after, KafkaSnapshot)
    assert after.topics.items["orders"] is seen.topics.items["orders"]
    assert after.topics.items["payments"] is before.topics.items["payments"]
    moved, old = after.committed["app"], before.committed["app"]
    assert isinstance(moved, Committed)
    assert isinstance(old, Committed)
    assert (moved.offset.tolist(), moved.at) == ((old.offset + 1).tolist(), AT + 30)
    assert moved.partition is old.partition
    assert isinstance(after.ends, LogEnds)
    assert isinstance(before.ends, LogEnds)
    assert after.ends.end.tolist() == (before.ends.end + 5).tolist()
    assert after.ends.start is before.ends.start


@pytest.mark.parametrize("name", ["topics", "groups"])
def test_a_list_that_lost_a_name_has_lost_it(name: str) -> None:
    before, seen = looked(), looked(AT + 30)
    fewer = replace(getattr(seen, name), items=dict(list(getattr(seen, name).items.items())[1:]))
    after = same(replace(seen, **{name: fewer}), before)
    assert getattr(after, name).items == fewer.items


def test_the_first_look_and_one_after_another_kind_are_as_they_are() -> None:
    seen = looked()
    assert same(seen, None) is seen
    queues = sqs()
    assert same(queues, seen) is queues
    blind = Unknown(Why.UNREACHABLE, "no broker answers")
    assert same(looked(ends=blind), seen).ends is blind  # type: ignore[union-attr]
    assert same(seen, looked(ends=blind)).ends is seen.ends  # type: ignore[union-attr]


def test_names_that_are_known_to_be_gone_are_forgotten_unless_somebody_speaks_of_them() -> None:
    gone = {"new": Absence(AT, 1), "sure": Absence(AT, 2), "old": Absence(AT, 3), "told": Absence(AT, 900)}
    seen = looked()
    seen = replace(seen, topics=replace(seen.topics, absent=gone), groups=replace(seen.groups, absent=gone))
    left = pruned(seen, frozenset({PROD.under("topics", "told")}))
    assert isinstance(left, KafkaSnapshot)
    assert set(left.topics.absent) == {"new", "sure", "told"}
    assert set(left.groups.absent) == {"new", "sure"}
    assert left.topics.items is seen.topics.items
    queues = sqs()
    queues = replace(queues, queues=replace(queues.queues, absent=gone))
    kept = pruned(queues, frozenset({queues.address.under("queues", "told")}))
    assert isinstance(kept, SqsSnapshot)
    assert set(kept.queues.absent) == {"new", "sure", "told"}
