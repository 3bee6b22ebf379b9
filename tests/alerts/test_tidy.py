"""What may be forgotten, and what somebody will still speak of."""

from dataclasses import replace

from alerts.commands import AddSilence
from alerts.model import Delivery, Op, Progress, Subject, Thread
from alerts.policy import Policy
from alerts.tidy import tidy
from checks.facts import Address
from checks.pattern import Pattern
from tests.alerts.scene import PROD, finding, report
from tests.alerts.town import POLICY, Town

LATE = finding()
KEEP = Policy().keep_closed


def over() -> Town:
    """One alert, told and over at 90."""
    town = Town()
    town.look(report(0), report(30, LATE), report(60, clear=[LATE]), report(90, clear=[LATE]))
    town.settle_down()
    return town


def test_what_is_over_is_kept_for_those_who_look_and_then_forgotten() -> None:
    state = over().state
    assert tidy(state, 90 + KEEP, POLICY) is state
    left = tidy(state, 91 + KEEP, POLICY)
    assert (left.alerts, left.threads) == ({}, {})
    assert tidy(left, 92 + KEEP, POLICY) is left


def test_what_fires_is_never_forgotten() -> None:
    town = Town()
    town.look(report(0), report(30, LATE))
    assert tidy(town.state, 1e9, POLICY) is town.state


def test_what_is_not_told_yet_is_never_forgotten() -> None:
    state = over().state
    (thread,) = state.threads.values()
    for progress in Progress:
        waiting = Delivery("77", 77, thread.id, thread.destination, Op.EDIT, (), (), 90, progress)
        busy = replace(state, deliveries={"77": waiting})
        assert tidy(busy, 1e9, POLICY) is busy


def test_threads_without_alerts_live_as_long_as_somebody_may_answer_in_them() -> None:
    threads = {
        id_: Thread(id_, subject, "slack:#ops", 100.0)
        for id_, subject in (("1", Subject.DIGEST), ("2", Subject.TEST), ("3", Subject.ENDED), ("4", Subject.CONTACT))
    }
    state = replace(Town().state, threads=threads)
    assert tidy(state, 100 + KEEP, POLICY) is state
    assert not tidy(state, 101 + KEEP, POLICY).threads


def test_a_summary_of_ends_does_not_keep_what_it_summed_up() -> None:
    town = Town(policy=replace(POLICY, many=1))
    each = [finding(PROD.under("groups", f"g{n}")) for n in range(3)]
    town.look(report(0))
    for n in range(3):  # a thread for each
        town.look(report(30 + 120 * n, *each[: n + 1]))
    town.look(report(600, clear=each), report(630, clear=each))
    town.pass_time(120)
    assert Subject.ENDED in {t.subject for t in town.state.threads.values()}
    town.pass_time(2 * KEEP, 600)
    assert (town.state.alerts, town.state.threads) == ({}, {})


def test_expired_silences_and_old_firings_are_forgotten_with_time() -> None:

    town = over()
    town.look(AddSilence("s", Pattern("kafka"), "*", 500, "ann"))
    assert town.state.recent
    town.pass_time(2 * KEEP, 600)
    assert (town.state.silences, town.state.recent) == ({}, {})


def test_a_target_is_kept_while_it_is_watched() -> None:
    town = over()
    town.pass_time(3 * 86400, 7200)
    assert set(town.state.targets) == {Address("kafka", "prod")}
