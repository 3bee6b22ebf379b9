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
from checks.facts import NEVER, History, Lag, LogEnds, Lookups, Topic, Waits, Why, facts_of
from checks.facts.offsets import Ints
from checks.limits import Limits
from checks.questions import Questions

NOW = 1_800_000_000_000
"""Milliseconds."""
WIRE = cast("Wire", SimpleNamespace(patience=SimpleNamespace(scarce=False)))


class Logs:
    """Partitions of one topic, each with the timestamps of its records; answers look-ups as a broker does."""

    def __init__(self, *logs: Sequence[int], start: int = 0, refused: int = 0) -> None:
        self.logs = [np.array(log, dtype=np.int64) for log in logs]
        self.start, self.refused = start, refused
        self.asked: list[Ints] = []
        """The partitions of each round."""
        self.leaders = (1,) * len(logs)
        self.slow: dict[int, float] = {}
        """Seconds that a leader takes for an answer."""
        self.holes: set[int] = set()
        """Offsets that compaction took away, of each partition."""
        self.epoch = 1

    def topics(self, name: str = "id") -> dict[str, Topic]:
        n = len(self.logs)
        return {"t": Topic("t", name, False, self.leaders, ((1,),) * n, ((1,),) * n, ((),) * n, (0,) * n)}

    def ends(self) -> LogEnds:
        n = len(self.logs)
        end = np.array([log.size for log in self.logs])
        error, epoch = np.zeros(n, dtype=np.int16), np.full(n, self.epoch, dtype=np.int32)
        return LogEnds(("t",), np.array([0, n]), np.full(n, self.start), end, end, error, NOW / 1000, epoch)

    def there(self, row: int) -> Any:
        """Which offsets of a partition hold a record."""
        offsets = np.arange(self.logs[row].size)
        return (offsets >= self.start) & ~np.isin(offsets, list(self.holes))

    def answer(
        self, _: Wire, places: Places, rows: Ints, moments: Ints, *, arrived: dict[int, list[float]] | None = None
    ) -> Answers:
        size = places.leader.size
        if arrived is not None:
            now = module.time.monotonic()
            arrived |= {leader: [now + self.slow.get(leader, 0.0)] for leader in places.leader[rows].tolist()}
        told = unanswered(size)
        self.asked.append(rows)
        assert np.unique(rows).size == rows.size, "a broker refuses a partition that stands twice in a request"
        for row, moment in zip(rows.tolist(), moments.tolist(), strict=True):
            if self.refused:
                told.error[row] = self.refused
                continue
            found = np.flatnonzero((self.logs[row] >= moment) & self.there(row))
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
    waiting, sparse = waiting or Waiting(lambda: NOW / 1000), {"t"} if logs.holes else set[str]()
    found = waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array(rows), np.array(offsets)), sparse)
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


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_compaction_took_away_does_not_wait(data: st.DataObject) -> None:
    gaps = st.one_of(st.integers(0, 2), st.integers(0, 5_000), st.integers(0, 40_000_000))
    logs = Logs(NOW - np.cumsum(data.draw(st.lists(gaps, min_size=2, max_size=60)))[::-1])
    (log,) = logs.logs
    logs.holes = data.draw(st.sets(st.integers(0, log.size - 2), min_size=1))
    offset = data.draw(st.integers(0, log.size - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ask", logs.answer)
        found = look(logs, [0], [offset])
    truth = log[np.flatnonzero(logs.there(0) & (np.arange(log.size) >= offset))[0]]
    assert found.since[0] <= truth <= found.until[0]


def test_a_log_that_was_cut_and_grew_again_is_asked_anew(ask: Any) -> None:
    """An unclean election: the topic is the same, and longer than before."""
    waiting, old = Waiting(lambda: NOW / 1000), np.arange(NOW - 7_200_000, NOW - 3_600_000, 36_000)
    logs = ask(Logs(old, old, old))
    assert look(logs, [0, 1, 2], [60, 60, 60], waiting).since.tolist() == [old[60]] * 3
    new = np.concatenate([old[:40], np.arange(NOW - 50_000, NOW, 500)])
    logs = ask(Logs(new, old, new[:90]))
    logs.epoch = 2
    found = look(logs, [0, 1, 2], [60, 60, 60], waiting)
    assert (found.since <= [new[60], old[60], new[60]]).all()
    assert ([new[60], old[60], new[60]] <= found.until).all()
    assert (found.until - found.since <= 1000).all()
    assert logs.asked[0].tolist() == [0, 1], "of the third it shows in its end"
    logs.asked.clear()
    look(logs, [0, 1, 2], [60, 60, 60], waiting)
    assert logs.asked == []


def test_what_the_checks_asked_is_not_asked_again(ask: Any) -> None:
    log = np.arange(NOW - 4_000_000, NOW, 1000)
    logs, unread = ask(Logs(log)), Unread(np.array([0]), np.array([2000]))
    at = NOW / 1000
    rows, errors = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int16)
    exact = Lookups(
        ("t",), rows, rows, np.array([2000.0, 1999.0]), np.array([2000, 2001]), log[[2000, 2001]], errors, at
    )
    found = Waiting(lambda: at).read(WIRE, logs.topics(), logs.ends(), unread, lookups=exact)
    assert (found.since[0], found.until[0], logs.asked) == (log[2000], log[2000], [])


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


def test_many_groups_on_one_partition_are_told_on_the_first_look(ask: Any) -> None:
    random = np.random.default_rng(3)
    log = np.sort(NOW - random.integers(0, 86_400_000, 5000))
    logs = ask(Logs(log, log[::50]))
    offsets = np.sort(random.choice(log.size, 60, replace=False)).tolist()
    waiting = Waiting(lambda: NOW / 1000)
    found = look(logs, [0] * 60 + [1], [*offsets, 40], waiting)
    assert (found.until - found.since <= np.maximum(1000, (NOW - found.until) / 99)).all()
    assert (found.since[:60] <= log[offsets]).all()
    assert (log[offsets] <= found.until[:60]).all()
    assert sum(rows.size for rows in logs.asked) < 5 * 61, "they learn from each other's answers"
    later = sorted({offset + 1 for offset in offsets} & set(range(log.size)))
    logs.asked.clear()
    found = look(logs, [0] * len(later), later, waiting)
    assert (found.until - found.since <= np.maximum(1000, (NOW - found.until) / 99)).all()
    assert found.hole is None


def test_a_broker_that_finds_it_hard_is_left_alone_and_what_was_known_stays(ask: Any) -> None:
    log = np.arange(NOW - 4_000_000, NOW, 1000)
    logs = ask(Logs(log, log))
    logs.leaders = (1, 2)
    waiting, at = Waiting(lambda: at), NOW / 1000

    def seen(offset: int) -> Waits:
        return waiting.read(WIRE, logs.topics(), logs.ends(), Unread(np.array([0, 1]), np.array([offset, offset])))

    assert seen(1000).since.tolist() == [log[1000], log[1000]]
    logs.slow = {2: 3 * SLOW}
    logs.asked.clear()
    hard = seen(2000)
    assert [rows.tolist() for rows in logs.asked][:2] == [[0, 1], [0]], "the other one goes on"
    assert hard.hole is not None
    assert "brokers 2 are" in hard.hole.detail
    logs.asked.clear()
    later = seen(2000)
    assert logs.asked == []
    assert later.since[0] == later.until[0] == log[2000]
    assert log[1000] <= later.since[1] <= log[2000] <= later.until[1]
    at += module.PAUSE
    logs.slow = {}
    assert seen(2000).since.tolist() == [log[2000], log[2000]]


def test_a_look_that_has_no_time_left_says_so_and_the_next_goes_on(ask: Any) -> None:
    random = np.random.default_rng(6)
    log = np.sort(NOW - random.integers(0, 80_000_000, 4000))
    logs, waiting = ask(Logs(log)), Waiting(lambda: NOW / 1000)

    class Patience:
        @property
        def scarce(self) -> bool:
            return len(logs.asked) == 2

    late = cast("Wire", SimpleNamespace(patience=Patience()))
    found = waiting.read(late, logs.topics(), logs.ends(), Unread(np.array([0]), np.array([1234])))
    assert len(logs.asked) == 2
    assert found.hole is not None
    assert found.hole.why is Why.DEADLINE
    found = look(logs, [0], [1234], waiting)
    assert found.hole is None
    assert found.since[0] <= log[1234] <= found.until[0]


def test_a_later_look_asks_the_widest_first_and_no_more_than_it_may(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    random = np.random.default_rng(5)
    logs = ask(Logs(*[np.sort(NOW - random.integers(0, 80_000_000, 500)) for _ in range(6)]))
    waiting = Waiting(lambda: NOW / 1000)
    look(logs, range(6), [100] * 6, waiting)
    logs.asked.clear()
    found = look(logs, range(6), [400] * 6, waiting)
    assert sum(rows.size for rows in logs.asked) == 3
    assert found.hole is not None
    for _ in range(20):
        found = look(logs, range(6), [400] * 6, waiting)
    assert found.hole is None


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
