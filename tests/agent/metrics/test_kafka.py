"""What is told of Kafka: values, what is left out, and what comes back."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.metrics import Options, exposition
from agent.metrics.groups import Partitions
from checks.facts import NEVER, KafkaSnapshot, Listing, Unknown, Waits, Why
from tests.agent.metrics.views import Series, of, scraped, target, view
from tests.checks.examples import AT, group, kafka, member, topic

ALL = Options(partitions="all")
DENIED = Unknown(Why.DENIED, "not allowed")


def seen(*snapshots: KafkaSnapshot, options: Options = ALL) -> Series:
    return scraped(exposition(view(target(*snapshots)), snapshots[-1].at, options))


def orders(at: float, end: int, committed: int, **more: object) -> KafkaSnapshot:
    """One topic of two partitions, the first of which is read up to `committed`, the second wholly."""
    return kafka(
        [topic("orders", 2, topic_id="t1")],
        [group("app", [member("m", {"orders": (0, 1)})])],
        committed={"app": {("orders", 0): committed, ("orders", 1): 100}},
        ends={("orders", 0): end},
        at=at,
        **more,  # type: ignore[arg-type]
    )


def test_lag_in_records_and_seconds() -> None:
    # Record 150 arrived half-way between two polls, 45 s before the last.
    found = seen(orders(AT, 100, 100), orders(AT + 30, 200, 100), orders(AT + 60, 200, 150))
    assert of(found, "group_lag_records", "target", "group", "topic") == {("kafka://prod", "app", "orders"): 50}
    assert of(found, "group_lag_seconds", "topic") == {"orders": pytest.approx(45)}
    assert of(found, "group_lag_at_least_seconds", "topic") == {"orders": pytest.approx(45)}
    assert of(found, "group_partition_lag_records", "partition") == {"0": 50, "1": 0}
    assert of(found, "group_partition_committed_offset", "partition") == {"0": 150, "1": 100}
    assert of(found, "topic_partition_log_end_offset", "partition") == {"0": 200, "1": 100}
    assert of(found, "topic_log_end_offset", "topic") == {"orders": 300}


def test_all_read_is_zero_seconds_without_history() -> None:
    found = seen(orders(AT, 100, 100))
    assert of(found, "group_lag_seconds", "topic") == of(found, "group_lag_at_least_seconds", "topic") == {"orders": 0}


def test_one_poll_knows_no_time_lag() -> None:
    found = seen(orders(AT, 200, 150))
    assert of(found, "group_lag_records", "topic") == {"orders": 50}
    assert not of(found, "group_lag_seconds")
    assert not of(found, "group_lag_at_least_seconds")


def test_a_lookup_by_time_proves_the_least() -> None:
    found = seen(orders(AT, 200, 150, lookups={("orders", 0, 180.0): 160, ("orders", 0, 600.0): 120}))
    assert not of(found, "group_lag_seconds")
    assert of(found, "group_lag_at_least_seconds", "topic") == {"orders": 180}


def waiting(look: KafkaSnapshot, since: float, until: float) -> KafkaSnapshot:
    """The first unread record of orders/0 was written between these times, seconds since the epoch."""
    one, offset = np.zeros(1, dtype=np.int64), look.committed["app"].offset[:1]  # type: ignore[union-attr]
    begins, ends = (np.array([int(at * 1000)]) for at in (since, until))
    return replace(look, waits=Waits(("orders",), one, one, offset, begins, ends, one.astype(np.int16), look.at))


def test_what_is_deleted_waits_no_more() -> None:
    """Everything that was unread: it is counted as Kafka's own command counts it."""
    gone = kafka(
        [topic("orders")],
        [group("app")],
        committed={"app": {("orders", 0): 5}},
        starts={("orders", 0): 100},
        lookups={("orders", 0, 180.0): NEVER},
    )
    found = seen(gone)
    assert of(found, "group_lag_records") == {(): 95}
    assert of(found, "group_lag_seconds") == of(found, "group_lag_at_least_seconds") == {(): 0}


def test_one_poll_knows_it_where_brokers_were_asked() -> None:
    found = seen(waiting(orders(AT, 200, 150), AT - 400.5, AT - 399.5))
    assert of(found, "group_lag_seconds", "topic") == of(found, "group_lag_at_least_seconds", "topic")
    assert of(found, "group_lag_seconds", "topic") == {"orders": pytest.approx(400)}
    assert of(found, "untimed_offsets", "target") == {"kafka://prod": 0}


def test_two_ends_far_apart_prove_the_nearer_one() -> None:
    found = seen(waiting(orders(AT, 200, 150), AT - 400, AT - 100))
    assert not of(found, "group_lag_seconds")
    assert of(found, "group_lag_at_least_seconds", "topic") == {"orders": 100}
    assert of(found, "untimed_offsets", "target") == {"kafka://prod": 1}


def test_the_time_of_an_event_is_not_that_of_its_record() -> None:
    """A record that was seen to arrive 45 s ago says that it is a day old: copied, or made from something old."""
    looks = [orders(AT, 100, 100), orders(AT + 30, 200, 100), orders(AT + 60, 200, 150)]
    found = seen(*looks[:2], waiting(looks[2], AT - 86_400, AT - 86_400))
    assert of(found, "group_lag_seconds", "topic") == {"orders": pytest.approx(45)}
    assert of(found, "group_lag_at_least_seconds", "topic") == {"orders": pytest.approx(45)}


def test_older_than_history_is_at_least_its_span() -> None:
    found = seen(*(orders(AT + 30 * k, 200 + k, 150) for k in range(5)))
    assert not of(found, "group_lag_seconds")
    assert of(found, "group_lag_at_least_seconds", "topic") == {"orders": 120}


@pytest.mark.parametrize(
    ("partitions", "lags", "ends"), [("off", set(), set()), ("lagging", {"0"}, {"0"}), ("all", {"0", "1"}, {"0", "1"})]
)
def test_partitions_by_choice(partitions: Partitions, lags: set[str], ends: set[str]) -> None:
    found = seen(orders(AT, 200, 150), options=Options(partitions=partitions))
    assert set(of(found, "group_partition_lag_records", "partition")) == lags
    assert set(of(found, "group_partition_committed_offset", "partition")) == lags
    assert set(of(found, "topic_partition_log_end_offset", "partition")) == ends


def test_state_and_members_also_of_empty_groups() -> None:
    groups = [
        group("busy", [member("a", {}), member("b", {})]),
        group("empty"),
        replace(group("secret"), members=DENIED),
    ]
    found = seen(kafka([topic("t")], groups, committed={"empty": {("t", 0): 40}}))
    assert of(found, "group_state", "group", "state") == {
        ("busy", "Stable"): 1,
        ("empty", "Empty"): 1,
        ("secret", "Empty"): 1,
    }
    assert of(found, "group_members", "group") == {"busy": 2, "empty": 0}
    assert of(found, "group_lag_records", "group") == {"empty": 60}


def test_skew_is_the_busiest_over_the_median() -> None:
    def polls(at: float, *ends: int) -> KafkaSnapshot:
        return kafka([topic("t", 3, topic_id="t1")], ends={("t", p): end for p, end in enumerate(ends)}, at=at)

    found = seen(polls(AT, 0, 0, 0), polls(AT + 30, 90, 10, 30))
    assert of(found, "topic_partition_skew_ratio", "topic") == {"t": 3.0}
    found = seen(polls(AT, 0, 0, 0), polls(AT + 30, 90, 0, 0))
    assert of(found, "topic_partition_skew_ratio", "topic") == {"t": math.inf}
    # what came before the last ten minutes does not count; nothing written is no skew
    found = seen(
        polls(AT, 0, 0, 0), polls(AT + 30, 90, 10, 30), polls(AT + 640, 90, 10, 30), polls(AT + 670, 91, 11, 31)
    )
    assert of(found, "topic_partition_skew_ratio", "topic") == {"t": 1.0}
    assert not of(seen(polls(AT, 0, 0, 0)), "topic_partition_skew_ratio")
    assert not of(seen(polls(AT, 1, 2, 3), polls(AT + 30, 1, 2, 3)), "topic_partition_skew_ratio")


def unknown_end(snapshot: KafkaSnapshot) -> KafkaSnapshot:
    assert not isinstance(snapshot.ends, Unknown)
    end, error = snapshot.ends.end.copy(), snapshot.ends.error.copy()
    end[0], error[0] = NEVER, 6
    return replace(snapshot, ends=replace(snapshot.ends, end=end, stable=end, error=error))


def unknown_offset(snapshot: KafkaSnapshot) -> KafkaSnapshot:
    before = snapshot.committed["app"]
    assert not isinstance(before, Unknown)
    error = np.array([14, 0], dtype=np.int16)
    return replace(snapshot, committed={"app": replace(before, offset=np.array([NEVER, 100]), error=error)})


def test_a_sum_over_something_unknown_has_no_series() -> None:
    found = seen(unknown_end(orders(AT, 200, 150)))
    assert not of(found, "group_lag_records")
    assert not of(found, "group_lag_seconds")
    assert not of(found, "group_lag_at_least_seconds")
    assert not of(found, "topic_log_end_offset")
    assert of(found, "group_partition_lag_records", "partition") == {"1": 0}
    assert of(found, "topic_partition_log_end_offset", "partition") == {"1": 100}
    found = seen(unknown_offset(orders(AT, 200, 150)))
    assert not of(found, "group_lag_records")
    assert of(found, "group_partition_committed_offset", "partition") == {"1": 100}
    assert of(found, "topic_log_end_offset", "topic") == {"orders": 300}


def test_an_offset_beyond_the_end_is_not_a_negative_lag() -> None:
    found = seen(orders(AT, 200, 250))
    assert not of(found, "group_lag_records")
    assert of(found, "group_partition_lag_records", "partition") == {"1": 0}
    assert of(found, "group_partition_committed_offset", "partition") == {"0": 250, "1": 100}


def test_never_committed_has_no_lag() -> None:
    found = seen(kafka([topic("t", 2)], [group("g", [member("m", {"t": (0, 1)})])], committed={"g": {("t", 0): 90}}))
    assert of(found, "group_lag_records", "topic") == {"t": 10}
    assert of(found, "group_partition_lag_records", "partition") == {"0": 10}
    assert of(found, "group_partition_committed_offset", "partition") == {"0": 90}
    found = seen(kafka([topic("t", 2)], [group("g", [member("m", {"t": (0, 1)})])]))
    assert not of(found, "group_lag_records")


@pytest.mark.parametrize("hole", ["group", "committed", "ends"])
def test_nothing_for_what_is_unknown(hole: str) -> None:
    snapshot = orders(AT, 200, 150)
    if hole == "group":
        snapshot = replace(snapshot, groups=Listing({"app": DENIED}))
    elif hole == "committed":
        snapshot = replace(snapshot, committed={"app": DENIED})
    else:
        snapshot = replace(snapshot, ends=DENIED)
    found = seen(snapshot)
    told = {name.removeprefix("mqcanary_") for name, labels in found if ("group", "app") in labels}
    assert told == (set() if hole == "group" else {"group_state", "group_members"})
    assert bool(of(found, "topic_log_end_offset")) == (hole != "ends")
