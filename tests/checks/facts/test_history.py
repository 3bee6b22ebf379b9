"""What is derived from several polls: kept once where nothing changed, and never across a log that began anew."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.facts import Committed, History, KafkaSnapshot, Progress, Unknown, facts_of
from tests.checks.examples import AT, group, kafka, member, queue, sqs, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])


def look(seconds: float, read: int, end: int, *, second: bool = True) -> KafkaSnapshot:
    committed = {("orders", 0): read} | ({("orders", 1): 5} if second else {})
    return kafka([topic("orders", 2)], [APP], committed={"app": committed}, ends={("orders", 0): end}, at=AT + seconds)


def test_what_did_not_change_is_the_same_object_in_every_poll() -> None:
    history = History()
    for seconds, read in enumerate((7, 7, 8)):
        history.append(look(seconds, read, 100))
    first, second, third = history.kafka("prod")
    assert [frame.committed["app"].offset.tolist() for frame in (first, second, third)] == [[7, 5], [7, 5], [8, 5]]
    for name in ("topics", "topic", "partition", "error"):
        assert getattr(second.committed["app"], name) is getattr(third.committed["app"], name), name
    assert first.ids is second.ids is third.ids
    assert first.states is second.states is third.states
    assert first.committed is second.committed
    assert first.ends is not None
    assert second.ends is not None
    assert (first.ends.at, second.ends.at) == (AT, AT + 1)
    for name in ("topics", "first", "start", "end", "stable", "error", "epoch", "rows"):
        assert getattr(first.ends, name) is getattr(second.ends, name), name
    for seconds in (0, 30):
        history.append(sqs(queue("q", visible=seconds), at=AT + seconds))
    before, after = history.sqs("prod")
    assert before.rows is after.rows
    assert [int(frame.visible[0]) for frame in (before, after)] == [0, 30]


def test_groups_that_come_and_go_are_forgotten_after_an_hour() -> None:
    history = History()
    for k in range(100):
        name = f"console-consumer-{k}"
        seen = kafka([topic("orders")], [group(name)], committed={name: {("orders", 0): 7}}, at=AT + 600 * k)
        history.append(seen)
    newest = history.kafka("prod")[-1]
    assert set(newest.away) == {f"console-consumer-{k}" for k in range(93, 99)}
    name = "console-consumer-95"
    history.append(kafka([topic("orders")], [group(name)], committed={name: {("orders", 0): 6}}, at=AT + 60_000))
    assert history.kafka("prod")[-1].back == {"console-consumer-95"}


def test_a_restored_history_is_the_history() -> None:
    lived, restored = History(), History()
    for seconds, read in enumerate((7, 7, 8, 8)):
        lived.append(look(seconds, read, 100))
    for frame in lived.kafka("prod"):
        restored.restore("prod", frame)
    assert told(restored) == told(lived) == [{"app": ([7, 5], AT)}] * 2 + [{"app": ([8, 5], AT + 2)}] * 2


def told(history: History) -> list[dict[str, tuple[list[int], float]]]:
    """What each poll shows of each group."""
    return [
        {name: (one.offset.tolist(), one.at) for name, one in frame.committed.items()}
        for frame in history.kafka("prod")
    ]


POLL = st.dictionaries(
    st.sampled_from("abcdefghijkl"), st.lists(st.sampled_from([0, 1, 7, 1 << 33]), min_size=1, max_size=3)
)


@given(st.lists(POLL, max_size=8))
def test_former_polls_show_what_they_showed_when_they_were_new(polls: list[dict[str, list[int]]]) -> None:
    history = History()
    expected: list[dict[str, list[int]]] = []
    for second, offsets in enumerate(polls):
        committed = {name: {("t", p): offset for p, offset in enumerate(some)} for name, some in offsets.items()}
        groups = [group(name) for name in offsets]
        history.append(kafka([topic("t", 3)], groups, committed=committed, at=AT + second))
        expected.append(offsets)
        shown = [{name: offsets for name, (offsets, _) in poll.items()} for poll in told(history)]
        assert shown == expected
        for frame, then in zip(history.kafka("prod"), expected, strict=True):
            assert frame.committed.keys() == then.keys()
            assert len(frame.committed) == len(then)
            assert all((name in frame.committed) == (name in then) for name in "abcdefghijkl")
            assert frame.committed.get("nobody") is None


def test_an_hour_of_moving_offsets_takes_four_bytes_for_each() -> None:
    """Rather than the objects of each group and each of its columns, at each poll: fifty."""
    parts = 50
    rows = np.arange(parts)
    still = np.zeros(parts, dtype=np.int64)
    history = History()

    def poll(second: int) -> KafkaSnapshot:
        groups = {
            f"g{n}": Committed(("t",), still.copy(), rows.copy(), rows + second, still.astype(np.int16), AT)
            for n in range(200)
        }
        return replace(kafka([topic("t", parts)], [group(name) for name in groups], at=AT + second), committed=groups)

    for second in range(5):
        history.append(poll(second))
    tracemalloc.start()
    try:
        for second in range(5, 15):
            history.append(poll(second))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / (10 * 200 * parts) < 10


def ages(*polls: KafkaSnapshot) -> tuple[list[float], list[float]]:
    history = History()
    for poll in polls:
        history.append(poll)
    progress = facts_of(polls[-1], history).get(Progress, polls[-1].address.under("groups", "app"))
    assert not isinstance(progress, Unknown)
    return progress.seconds.tolist(), progress.bound.tolist()


def test_a_record_is_as_old_as_the_polls_around_its_arrival_say() -> None:
    seconds, bound = ages(look(0, 5, 5), look(10, 5, 5), look(20, 5, 25), look(60, 15, 45))
    assert seconds[0] == pytest.approx(60 - 15)
    assert bound[0] == 60 - 10
    assert np.isnan(seconds[1])
    assert bound[1] == np.inf


@pytest.mark.parametrize("again", [12, 18])
def test_a_log_that_began_anew_says_nothing_of_what_was_before(again: int) -> None:
    seconds, bound = ages(look(0, 5, 5), look(10, 5, 25), look(20, 5, again), look(60, 15, again + 20))
    inside = again <= 15
    assert np.isnan(seconds[0]) != inside
    assert bound[0] == (40 if inside else np.inf)


def test_a_partition_that_came_later_has_no_earlier_polls() -> None:
    seconds, _ = ages(look(0, 5, 5, second=False), look(10, 15, 25), look(20, 15, 25))
    assert seconds[0] == pytest.approx(20 - 5)
    assert np.isnan(seconds[1])
