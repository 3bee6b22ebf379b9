"""What can't be seen is served as it last was, for a while, and says how old it is; what is gone is not."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.daemon.memory import same
from agent.demo.cluster import Member, SimulatedCluster, brokers
from agent.metrics import Exposition, Options, exposition
from agent.metrics.groups import GroupText
from agent.metrics.kafka import KafkaKept
from agent.view import Good, TargetView
from checks.facts import (
    NEVER,
    Absence,
    Committed,
    Facts,
    History,
    KafkaSnapshot,
    LogEnds,
    Snapshot,
    Topic,
    Unknown,
    Why,
    facts_of,
)
from checks.limits import Limits
from checks.questions import Questions
from tests.agent.metrics.views import Series, of, report_of, scraped, view
from tests.checks.examples import AT, disk, group, kafka, member, topic

ALL = Options(partitions="all")
AWAY = Unknown(Why.UNREACHABLE, "broker 1 does not answer")
NOT_AVAILABLE = 5


class Served:
    """An agent's metrics, look after look."""

    def __init__(self, options: Options = ALL) -> None:
        self.options, self.history = options, History()
        self.made: Exposition | None = None
        self.snapshot: Snapshot | None = None
        self.facts: Facts | None = None

    def look(self, seen: KafkaSnapshot) -> Series:
        self.snapshot = snapshot = same(seen, self.snapshot)
        self.history = self.history.plus(snapshot)
        self.facts = facts_of(snapshot, self.history, self.facts)
        self.made = exposition(view(seen_last(self)), snapshot.at, self.options, self.made)
        return scraped(self.made)


def orders(seconds: float, committed: tuple[int, int] = (90, 80), ids: str = "t1") -> KafkaSnapshot:
    """Two partitions of 100 records, which `app` has read so far."""
    return kafka(
        [topic("orders", 2, topic_id=ids), topic("mails", topic_id="t2")],
        [group("app", [member("m", {"orders": (0, 1)})]), group("idle")],
        committed={"app": {("orders", p): read for p, read in enumerate(committed)}, "idle": {("mails", 0): 100}},
        storage={"1": disk(sizes={("orders", 0): 5, ("mails", 0): 7}), "2": disk(sizes={("orders", 1): 6})},
        at=AT + seconds,
    )


def without_group(snapshot: KafkaSnapshot, *names: str) -> KafkaSnapshot:
    items = {**snapshot.groups.items, **dict.fromkeys(names, AWAY)}
    committed = {name: one for name, one in snapshot.committed.items() if name not in names}
    return replace(snapshot, groups=replace(snapshot.groups, items=items), committed=committed)


def without_log(snapshot: KafkaSnapshot, *rows: int) -> KafkaSnapshot:
    """Rows of mails/0, orders/0, orders/1: their leaders are away."""
    ends = snapshot.ends
    assert isinstance(ends, LogEnds)
    start, end, error = ends.start.copy(), ends.end.copy(), ends.error.copy()
    start[list(rows)], end[list(rows)], error[list(rows)] = NEVER, NEVER, NOT_AVAILABLE
    return replace(snapshot, ends=replace(ends, start=start, end=end, stable=end, error=error))


def seen_last(served: Served) -> TargetView:
    snapshot, facts = served.snapshot, served.facts
    assert snapshot is not None
    assert facts is not None
    report = report_of(snapshot)
    return TargetView(facts.address, "p", snapshot, facts, report, Good(snapshot, facts, report), 30.0, 0.1)


def text_of(served: Served, name: str) -> GroupText:
    assert served.made is not None
    (rendered,) = served.made.rendered.values()
    assert isinstance(rendered.kept, KafkaKept)
    return rendered.kept.groups[name]


def values(found: Series, **labels: str) -> dict[tuple[str, ...], float]:
    """All series with these labels, by name and the other labels."""
    wanted = set(labels.items())
    return {
        (name, *sorted(value for key, value in pairs - wanted if key != "target")): value
        for (name, pairs), value in found.items()
        if wanted <= pairs and "_last_success_" not in name and "_unknown_" not in name
    }


def test_a_group_that_cannot_be_seen_keeps_its_series_for_a_while() -> None:
    served = Served()
    app, idle = (values(served.look(orders(0)), group=name) for name in ("app", "idle"))
    assert len(app) == 8
    for seconds, there in ((30, True), (60, True), (900, True), (901, False), (930, False)):
        found = served.look(without_group(orders(seconds), "app", "idle"))
        assert values(found, group="app") == (app if there else {})
        assert values(found, group="idle") == (idle if there else {})
        assert of(found, "group_last_success_timestamp_seconds", "group") == ({"app": AT, "idle": AT} if there else {})
        assert of(found, "group_unknown_partitions", "group") == ({"app": 2, "idle": 1} if there else {})
    found = served.look(orders(960))
    assert values(found, group="app").items() >= app.items()
    assert not of(found, "group_last_success_timestamp_seconds")


def test_a_group_that_stood_still_is_as_old_as_the_look_before() -> None:
    """Its series are not written anew while nothing moves, and are of each look all the same."""
    served = Served()
    written = []
    for seconds in range(0, 4000, 500):
        served.look(orders(seconds))
        written.append(text_of(served, "idle"))
    assert all(text is written[0] for text in written)
    found = served.look(without_group(orders(3530), "idle"))
    assert of(found, "group_last_success_timestamp_seconds", "group") == {"idle": AT + 3500}
    assert of(found, "group_lag_records", "group")["idle"] == 0


def test_what_retention_deletes_shows_also_where_nothing_is_written() -> None:
    """Of a topic that nobody reads, at looks between which only log starts, sizes or brokers change."""

    def quiet(seconds: float, start: int = 0, size: int = 7, up: int = 3) -> Series:
        seen = kafka(
            [topic("orders", topic_id="t1"), topic("mails", topic_id="t2")],
            [group("app", [member("m", {"orders": (0,)})])],
            committed={"app": {("orders", 0): 100}},
            starts={("mails", 0): start},
            storage={"1": disk(sizes={("orders", 0): 5, ("mails", 0): size})},
            brokers=up,
            at=AT + seconds,
        )
        return served.look(same(seen, served.snapshot))

    served = Served()
    quiet(0)
    quiet(30)
    assert of(quiet(60, 90), "topic_partition_log_start_offset", "topic") == {"mails": 90, "orders": 0}
    assert of(quiet(90, 90, 3), "topic_log_bytes", "topic") == {"mails": 3, "orders": 5}
    assert of(quiet(120, 90, 4), "broker_log_bytes", "broker_id") == {"1": 9}
    assert of(quiet(150, 90, 4, 2), "brokers") == {(): 2}


def test_a_group_that_is_gone_has_no_series_at_once() -> None:
    served = Served()
    served.look(orders(0))
    served.look(without_group(orders(30), "app"))
    gone = orders(60)
    listing = replace(gone.groups, items={"idle": gone.groups.items["idle"]}, absent={"app": Absence(AT + 60, 1)})
    found = served.look(replace(gone, groups=listing))
    assert not any(("group", "app") in labels for _, labels in found)


def test_offsets_that_cannot_be_read_are_kept_beside_what_can() -> None:
    served = Served()
    served.look(orders(0))
    now = orders(30)
    joined = group("app", [member("m", {"orders": (0, 1)}), member("n", {})])
    now = replace(now, groups=replace(now.groups, items={**now.groups.items, "app": joined}))
    found = served.look(replace(now, committed={**now.committed, "app": AWAY}))
    assert of(found, "group_members", "group")["app"] == 2
    assert of(found, "group_lag_records", "group")["app"] == 30
    assert of(found, "group_last_success_timestamp_seconds", "group") == {"app": AT}


def test_one_partition_that_cannot_be_seen_counts_as_it_was() -> None:
    served = Served()
    served.look(orders(0))
    for seconds, there in ((30, True), (900, True), (901, False)):
        found = served.look(without_log(orders(seconds, committed=(95, 80)), 2))
        assert of(found, "group_partition_lag_records", "partition", "topic") == {
            ("0", "orders"): 5,
            **({("1", "orders"): 20} if there else {}),
            ("0", "mails"): 0,
        }
        assert of(found, "group_lag_records", "topic") == {"mails": 0, **({"orders": 25} if there else {})}
        assert of(found, "group_lag_at_least_records", "topic") == {"mails": 0, "orders": 25 if there else 5}
        assert of(found, "group_unknown_partitions", "topic") == {"orders": 1}
        assert of(found, "topic_log_end_offset", "topic") == {"mails": 100, **({"orders": 200} if there else {})}
        assert of(found, "topic_partition_log_end_offset", "topic", "partition") == {
            ("mails", "0"): 100,
            ("orders", "0"): 100,
            **({("orders", "1"): 100} if there else {}),
        }
        stale = {"orders": AT} if there else {}
        assert of(found, "topic_last_success_timestamp_seconds", "topic") == stale
        assert of(found, "group_last_success_timestamp_seconds", "group") == ({"app": AT} if there else {})


def test_partitions_that_go_one_after_the_other_age_by_themselves() -> None:
    served = Served()
    served.look(orders(0))
    served.look(without_log(orders(600), 1))
    for seconds, told in ((660, {"0", "1"}), (900, {"0", "1"}), (901, {"1"}), (1500, {"1"}), (1501, set())):
        found = served.look(without_log(orders(seconds), 1, 2))
        lags = of(found, "group_partition_lag_records", "topic", "partition")
        assert {p for t, p in lags if t == "orders"} == told
        assert {
            p for t, p in of(found, "topic_partition_log_end_offset", "topic", "partition") if t == "orders"
        } == told


def test_nothing_is_kept_of_a_topic_that_is_gone_or_another_one() -> None:
    served = Served()
    served.look(orders(0))
    anew = served.look(without_log(orders(30, ids="t9"), 1, 2))
    assert set(of(anew, "topic_log_end_offset", "topic")) == {"mails"}
    assert set(of(anew, "group_lag_records", "topic")) == {"mails"}
    served = Served()
    served.look(orders(0))
    served.look(without_group(without_log(orders(30), 1, 2), "app"))
    gone = kafka([topic("mails", topic_id="t2")], [group("idle")], absent=["orders"], at=AT + 60)
    gone = replace(gone, groups=replace(gone.groups, items={**gone.groups.items, "app": AWAY}))
    for look in (gone, replace(gone, at=AT + 90, ends=AWAY)):
        found = served.look(look)
        assert not any(("topic", "orders") in labels for _, labels in found)
        assert of(found, "group_state", "group") == {"app": 1, "idle": 1}
    served = Served()
    served.look(orders(0))
    found = served.look(replace(gone, ends=AWAY))
    assert not any(("topic", "orders") in labels for _, labels in found)


def test_a_topic_that_cannot_be_described_keeps_its_series() -> None:
    served = Served()
    before = values(served.look(orders(0)), topic="orders")
    now = orders(30)
    ends = kafka([topic("mails", topic_id="t2")], at=AT + 30).ends
    hidden = replace(now, topics=replace(now.topics, items={**now.topics.items, "orders": AWAY}), ends=ends)
    found = served.look(hidden)
    assert values(found, topic="orders") == before
    assert of(found, "topic_last_success_timestamp_seconds", "topic") == {"orders": AT}
    found = served.look(replace(hidden, at=AT + 901))
    assert set(values(found, topic="orders")) == {("mqcanary_group_partition_committed_offset", p, "app") for p in "01"}


def test_nothing_of_another_cluster_is_kept() -> None:
    served = Served()
    served.look(orders(0))
    other = without_group(replace(orders(30), cluster=kafka(cluster_id="c2").cluster), "app")
    assert set(of(served.look(other), "group_state", "group")) == {"idle"}


def test_what_is_held_pins_no_look() -> None:
    """Columns of one group are views into those of all groups: one group that is kept must not keep the others'."""
    served = Served()
    served.look(orders(0))
    served.look(without_log(orders(30), 1))
    served.look(without_group(orders(60), "app"))
    places = text_of(served, "app").places
    assert places is not None
    columns = [column for column in places if isinstance(column, np.ndarray)]
    assert len(columns) == 7
    assert all(column.base is None for column in columns)


def test_a_sum_is_at_least_what_is_known() -> None:
    beyond = kafka([topic("t", 3)], [group("g")], committed={"g": {("t", 0): 40, ("t", 1): 500, ("t", 2): 90}})
    found = Served().look(beyond)
    assert of(found, "group_lag_at_least_records", "topic") == {"t": 70}
    assert of(found, "group_unknown_partitions", "topic") == {"t": 1}
    assert not of(found, "group_lag_records")
    before = beyond.committed["g"]
    assert isinstance(before, Committed)
    error = np.full(3, 29, dtype=np.int16)
    found = Served().look(replace(beyond, committed={"g": replace(before, error=error)}))
    assert not of(found, "group_lag_at_least_records")
    assert of(found, "group_unknown_partitions", "topic") == {"t": 3}


def test_copies_and_bytes() -> None:
    wide = topic("t", 3, missing={0: [2, 3]}, leaderless=[2])
    found = Served().look(
        kafka(
            [wide, topic("whole")],
            brokers=2,
            storage={
                "1": disk(sizes={("t", 0): 5, ("t", 1): 9, ("whole", 0): 2}),
                "2": disk(sizes={("t", 1): 6}),
                "3": AWAY,
            },
        )
    )
    assert of(found, "brokers") == {(): 2}
    assert of(found, "broker_log_bytes", "broker_id") == {"1": 16, "2": 6}
    assert of(found, "topic_partitions", "topic") == {"t": 3, "whole": 1}
    assert of(found, "topic_offline_partitions", "topic") == {"t": 1, "whole": 0}
    assert of(found, "topic_under_replicated_partitions", "topic") == {"t": 1, "whole": 0}
    assert of(found, "topic_fewest_in_sync_replicas", "topic") == {"t": 0, "whole": 3}
    assert of(found, "topic_log_bytes", "topic") == {"whole": 2}


@pytest.mark.parametrize(("partitions", "told"), [("off", set()), ("lagging", {"0"}), ("all", {"0", "1"})])
def test_seconds_and_log_starts_of_partitions_by_choice(partitions: str, told: set[str]) -> None:
    look = kafka(
        [topic("t", 2)],
        [group("g")],
        committed={"g": {("t", 0): 40, ("t", 1): 100}},
        starts={("t", 0): 30, ("t", 1): 20},
        waits={("t", 0, 40): (60.0, 60.0)},
    )
    found = Served(Options(partitions=partitions)).look(look)  # type: ignore[arg-type]
    waits = {"0": 60.0}  # all of the other one is read
    assert of(found, "group_partition_lag_seconds", "partition") == {
        p: pytest.approx(waits[p]) for p in told if p in waits
    }
    starts = {"0": 30, "1": 20}
    assert of(found, "topic_partition_log_start_offset", "partition") == {p: starts[p] for p in told}


def test_a_broker_that_dies_takes_no_series_with_it() -> None:
    made = brokers(3)
    for partition in made.add_topic("orders", 3, replication=1).partitions:
        partition.append(1000, time.time() - 3600)
    for name in "abcdef":
        members = [Member("m", assignment={"orders": (0, 1, 2)}, subscription=("orders",))]
        made.add_group(name, {("orders", p): 990 for p in range(3)}, state="Stable", members=members)
    with SimulatedCluster(made) as cluster:
        collector = KafkaCollector(KafkaSettings(cluster.endpoints, name="prod"), Questions([], Limits()))
        served, first = Served(), collector.collect(None, 5.0)
        before = served.look(first)
        dead = made.groups["a"].coordinator
        cluster.stop_broker(dead)
        second = collector.collect(first, 5.0)
        after = served.look(second)
        with cluster.lock:
            del made.groups["a"]
            made.fence(dead)
        collector.close()
    assert isinstance(second.groups.items["a"], Unknown)
    assert isinstance(second.topics.items["orders"], Topic)
    stale = {name for name, one in made.groups.items() if one.coordinator == dead} | {"a"}
    for family in ("group_lag_records", "group_state", "group_partition_lag_records", "topic_log_end_offset"):
        key = "mqcanary_" + family
        assert {k: v for k, v in after.items() if k[0] == key} == {k: v for k, v in before.items() if k[0] == key}
    assert set(of(after, "group_last_success_timestamp_seconds", "group")) >= stale
    assert set(of(after, "topic_last_success_timestamp_seconds", "topic")) == {"orders"}


def test_it_ends_without_another_look() -> None:
    served = Served()
    served.look(orders(0))
    served.look(without_group(orders(30), "app"))
    one = seen_last(served)
    for seconds, there in ((900, True), (901, False)):
        found = scraped(exposition(view(one), AT + seconds, ALL, served.made))
        assert ("app" in of(found, "group_lag_records", "group")) == there
        assert of(found, "group_lag_records", "group")["idle"] == 0


HOLES = st.tuples(
    st.sampled_from([30, 400, 901]),
    st.sets(st.sampled_from(["app", "idle"])),
    st.sets(st.integers(0, 2)),
    st.booleans(),
    st.tuples(st.integers(0, 100), st.integers(0, 120)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(HOLES, max_size=6), st.sampled_from(["off", "lagging", "all"]))
def test_nothing_is_left_of_any_outage(
    outages: list[tuple[int, set[str], set[int], bool, tuple[int, int]]], how: str
) -> None:
    options = Options(partitions=how)  # type: ignore[arg-type]
    served, at = Served(options), 0
    for wait, groups, logs, ends, read in outages:
        at += wait
        look = without_log(without_group(orders(at, committed=read), *groups), *logs)
        served.look(replace(look, ends=AWAY) if ends else look)  # no series twice
    for wait in (30, 901):
        served.look(orders(at + wait))
        assert served.made is not None
        assert served.made.text == alone(served, at + wait)
    served.look(without_group(orders(at + 1900), "app"))
    served.look(without_group(orders(at + 2900), "app"))
    assert served.made is not None
    assert served.made.text == alone(served, at + 2900)


def alone(served: Served, seconds: float) -> bytes:
    """The last look, rendered by who never saw another one."""
    return exposition(view(seen_last(served)), AT + seconds, served.options).text
