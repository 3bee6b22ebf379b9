"""What is derived from several polls: kept once where nothing changed, and never across a log that began anew."""

import numpy as np
import pytest

from checks.facts import History, KafkaSnapshot, Progress, Unknown, facts_of
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
    assert first.committed["app"] is second.committed["app"]
    assert second.committed["app"] is not third.committed["app"]
    for name in ("topics", "topic", "partition", "error", "epoch"):
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


def test_a_restored_history_is_the_history() -> None:
    lived, restored = History(), History()
    for seconds, read in enumerate((7, 7, 8, 8)):
        lived.append(look(seconds, read, 100))
    for frame in lived.kafka("prod"):
        restored.restore("prod", frame)
    assert [f.committed["app"] for f in restored.kafka("prod")] == [f.committed["app"] for f in lived.kafka("prod")]


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
