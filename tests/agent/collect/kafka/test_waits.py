"""How long what is unread has been waiting: against logs whose times are known, and through a simulated cluster."""

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.collect.kafka import waits as module
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.offsets import Answers, Places, unanswered
from agent.collect.kafka.waits import ROUNDS, SLOW, Unread, Waiting
from agent.collect.kafka.wire import Wire
from agent.demo.cluster import Config, SimulatedCluster, brokers
from checks.facts import NEVER, History, Lag, LogEnds, Topic, Unknown, Waits, Why, facts_of
from checks.facts.offsets import Ints
from checks.limits import Limits
from checks.questions import Questions

NOW = 1_800_000_000_000
"""Milliseconds."""
WIRE = cast("Wire", SimpleNamespace(patience=SimpleNamespace(over=False)))


class Logs:
    """Partitions of one topic, each with the timestamps of its records; answers look-ups as a broker does."""

    def __init__(self, *logs: Sequence[int], start: int = 0, refused: int = 0) -> None:
        self.logs = [np.array(log, dtype=np.int64) for log in logs]
        self.start, self.refused = start, refused
        self.asked: list[Ints] = []
        """The partitions of each round."""

    def topics(self, name: str = "id") -> dict[str, Topic]:
        n = len(self.logs)
        return {"t": Topic("t", name, False, (1,) * n, ((1,),) * n, ((1,),) * n, ((),) * n, (0,) * n)}

    def ends(self) -> LogEnds:
        n = len(self.logs)
        end = np.array([log.size for log in self.logs])
        return LogEnds(
            ("t",), np.array([0, n]), np.full(n, self.start), end, end, np.zeros(n, dtype=np.int16), NOW / 1000
        )

    def answer(self, _: Wire, places: Places, rows: Ints, moments: Ints) -> Answers:
        size = places.leader.size
        told = unanswered(size)
        self.asked.append(rows)
        assert np.unique(rows).size == rows.size, "a broker refuses a partition that stands twice in a request"
        for row, moment in zip(rows.tolist(), moments.tolist(), strict=True):
            if self.refused:
                told.error[row] = self.refused
                continue
            found = np.flatnonzero((self.logs[row] >= moment) & (np.arange(self.logs[row].size) >= self.start))
            if found.size:
                told.offset[row], told.timestamp[row] = found[0], self.logs[row][found[0]]
        return told


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(logs: Logs) -> Logs:
        monkeypatch.setattr(module, "ask", logs.answer)
        return logs

    return of


def look(logs: Logs, rows: Sequence[int], offsets: Sequence[int], waiting: Waiting | None = None) -> Waits:
    waiting = waiting or Waiting(lambda: NOW / 1000)
    found = waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array(rows), np.array(offsets)))
    assert isinstance(found, Waits)
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_truth_is_between_the_two_ends_and_they_are_near(data: st.DataObject) -> None:
    """Producers that are constant, bursty and gone idle, from minutes to months, with records of the same millisecond."""
    gaps = st.one_of(st.integers(0, 2), st.integers(0, 5_000), st.integers(0, 40_000_000))
    sizes = st.lists(gaps, min_size=1, max_size=60)
    logs = Logs(*[NOW - np.cumsum(data.draw(sizes))[::-1] for _ in range(data.draw(st.integers(1, 4)))])
    rows = [row for row, log in enumerate(logs.logs) for _ in range(min(3, log.size))]
    offsets = [data.draw(st.integers(0, logs.logs[row].size - 1)) for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ask", logs.answer)
        found = look(logs, rows, offsets)
    for partition, offset, since, until in zip(found.partition, found.offset, found.since, found.until, strict=True):
        log = logs.logs[partition]
        truth = log[offset]
        assert since <= truth <= until
        # Where only the record behind it can be told apart, the place may as well hold none.
        alone = offset > 0 and log[offset - 1] == truth and (offset + 1 == log.size or log[offset + 1] > truth)
        assert alone or until - since <= max(1000, (NOW - truth) / 99)


def test_few_questions_do_for_most(ask: Any) -> None:
    """A thousand partitions, from a minute to three days: measured 4.9 questions for each."""
    random = np.random.default_rng(7)
    spans = (60_000 * 4320 ** random.random(1000)).astype(np.int64)
    logs = ask(Logs(*[np.sort(NOW - random.integers(0, span, random.integers(20, 2000))) for span in spans]))
    offsets = [int(random.integers(0, log.size)) for log in logs.logs]
    waiting = Waiting(lambda: NOW / 1000)
    look(logs, range(1000), offsets, waiting)
    assert sum(rows.size for rows in logs.asked) < 6000
    logs.asked.clear()
    look(logs, range(1000), offsets, waiting)
    assert sum(rows.size for rows in logs.asked) < 30, "what is known is not asked again"
    logs.asked.clear()
    look(logs, range(1000), [min(o + 3, log.size - 1) for o, log in zip(offsets, logs.logs, strict=True)], waiting)
    assert len(logs.asked) <= ROUNDS
    assert sum(rows.size for rows in logs.asked) < 2000


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_one_look_learned_is_true_in_the_next_ones(data: st.DataObject) -> None:
    """A group goes on, and records arrive, some of them minutes behind their timestamps: as from a mirror."""
    times = np.cumsum(data.draw(st.lists(st.integers(0, 90_000), min_size=8, max_size=40))) + NOW - 3_600_000
    now, waiting = [NOW / 1000], Waiting(lambda: now[0])
    offset, size = 0, 4
    with pytest.MonkeyPatch.context() as patch:
        for _ in range(4):
            logs = Logs(times[:size])
            patch.setattr(module, "ask", logs.answer)
            found = look(logs, [0], [offset], waiting)
            assert found.since[0] <= times[offset] <= found.until[0]
            offset = data.draw(st.integers(offset, size - 1))
            size = data.draw(st.integers(size, times.size))
            now[0] += 30


def test_what_was_deleted_unread_waits_no_more(ask: Any) -> None:
    logs = ask(Logs([NOW - 9_000_000, NOW - 8_000_000, NOW - 70_000, NOW - 60_000], start=2))
    found = look(logs, [0, 0], [0, 3])
    assert (found.offset.tolist(), found.since.tolist()) == ([2, 3], [NOW - 70_000, NOW - 60_000])


def test_a_hole_is_not_taken_for_a_record(ask: Any) -> None:
    """Compaction took offset 2 away: the broker answers with the next one, and the truth is that one's time."""
    log = np.array([NOW - 7_200_000, NOW - 7_199_000, NOW - 7_199_001, NOW - 60_000])
    logs = ask(Logs(log))
    found = look(logs, [0], [2])
    assert found.since[0] <= NOW - 60_000 <= found.until[0]
    # Nothing behind it has come yet: it may be that nothing is unread at all.
    logs = ask(Logs(log[:3]))
    assert look(logs, [0], [2]).until[0] >= NOW


def test_times_from_the_future_and_none_at_all(ask: Any) -> None:
    logs = ask(Logs([NOW + 3_600_000, NOW - 500_000, NOW - 400_000], [-1, -1, -1]))
    found = look(logs, [0, 1], [2, 1])
    assert (found.since.tolist(), found.until[1]) == ([NEVER, NEVER], NEVER)
    assert found.until[0] >= NOW - 400_000


def test_a_refusal_is_told_and_not_asked_again(ask: Any) -> None:
    logs = ask(Logs([NOW - 1_000, NOW], refused=29))
    found = look(logs, [0], [1])
    assert (found.error.tolist(), found.since.tolist(), found.until.tolist()) == ([29], [NEVER], [NEVER])
    assert len(logs.asked) == 1


def test_a_topic_that_was_created_anew_is_asked_from_the_start(ask: Any) -> None:
    waiting = Waiting(lambda: NOW / 1000)
    old = ask(Logs([NOW - 900_000, NOW - 800_000, NOW - 700_000]))
    look(old, [0], [1], waiting)
    new = ask(Logs([NOW - 30_000, NOW - 20_000, NOW - 10_000]))
    found = waiting.read(WIRE, new.topics("another"), new.ends(), Unread(np.array([0]), np.array([1])))
    assert isinstance(found, Waits)
    assert found.since.tolist() == [NOW - 20_000]


def test_brokers_that_find_it_hard_are_left_alone(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, clock = ask(Logs([NOW - 900_000, NOW - 800_000, NOW])), iter(range(100))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock) * 2 * SLOW, time=None))
    waiting, at = Waiting(lambda: at), NOW / 1000
    found = waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array([0]), np.array([1])))
    assert isinstance(found, Waits)
    assert len(logs.asked) == 1
    later = waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array([0]), np.array([1])))
    assert isinstance(later, Unknown)
    assert later.why is Why.OFF
    at += module.PAUSE
    again = waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array([0]), np.array([1])))
    assert isinstance(again, Waits)


def test_groups_learn_it_from_a_cluster_and_remote_storage_is_not_asked() -> None:
    now = time.time()
    model = brokers(3)
    for name in ("orders", "tiered"):
        topic = model.add_topic(name, 2, 1)
        for partition in topic.partitions:
            for minute in range(10):
                partition.append(1, now - 600 + 60 * minute)
    model.topics["tiered"].configs["remote.storage.enable"] = Config("true")
    model.add_group("early", {("orders", 0): 2, ("orders", 1): 10, ("tiered", 0): 2})
    model.add_group("late", {("orders", 0): 9})
    with SimulatedCluster(model) as cluster:
        collector = KafkaCollector(KafkaSettings(cluster.endpoints), Questions((), Limits()), lambda: now)
        snapshot = collector.collect(None, 30)
    facts = facts_of(snapshot, History())

    def waits(group: str) -> dict[tuple[str, int], tuple[float, float]]:
        lag = facts.get(Lag, snapshot.address.under("groups", group))
        assert isinstance(lag, Lag)
        least, most = lag.waited()
        return {lag.place(row): (round(least[row], 1), round(most[row], 1)) for row in range(lag.topic.size)}

    early = waits("early")
    assert early["orders", 0] == (480.0, 480.0)
    assert early["orders", 1] == (0.0, 0.0)
    assert np.isnan(early["tiered", 0]).all()
    assert waits("late") == {("orders", 0): (60.0, 60.0)}
