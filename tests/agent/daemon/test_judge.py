"""The one thread that judges: a bug blinds one target, what was confirmed counts at the end, time never runs backwards."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cycle import Change, Event, House, Look, Order, Sent
from agent.daemon import judge as judge_module
from agent.daemon.judge import Clock, Judge
from agent.daemon.sending import Senders
from agent.store.database import Store
from agent.store.folder import Folder
from agent.store.frames import Frames
from agent.store.inbox import REFUSED, put
from alerts.commands import Notify
from alerts.model import TARGET_BLIND, Delivery, Progress
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered, Later, Outcome, Sending
from checks import all_checks
from checks.check import Check
from checks.evaluate import Fingerprint
from checks.facts import Address, Snapshot
from tests.checks.examples import AT, kafka, topic

POLICY = Policy(route=Route(("console",)), blind_after=0.0, contact_polls=1, gather=0.0)
Make = Callable[..., Judge]


class Sink:
    """Answers what it is told to; `sent` is what it was handed."""

    edits = False
    pace = 0.0

    def __init__(self, *answers: Outcome) -> None:
        self.sent: list[Sending] = []
        self._answers = list(answers)

    def send(self, sending: Sending, deadline: float) -> Outcome:
        self.sent.append(sending)
        return self._answers.pop(0) if self._answers else Delivered()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    open_: list[tuple[Folder, Store, Frames]] = []

    def build(sink: Sink | None = None, checks: tuple[Check, ...] = (), now: Callable[[], float] = lambda: AT) -> Judge:
        folder = Folder(tmp_path / f"state-{len(open_)}")
        store, frames = Store(folder.path / "state.db"), Frames(folder.path / "history.db")
        open_.append((folder, store, frames))
        house = House(checks=checks or tuple(all_checks()), policy=POLICY)
        judge = Judge(house, folder, store, frames, Clock(now), lambda _house, _now: None)
        judge.senders = Senders({"console": sink or Sink()}, judge.answered)
        return judge

    yield build
    for folder, store, frames in open_:
        store.close()
        frames.close()
        folder.close()


def seen(target: str, place: str | None = None) -> Look:
    snapshot: Snapshot = replace(kafka([topic("orders")]), target=target)
    return Look(snapshot, place or f"kafka:{target}")


def asked(name: str = "n") -> Order:
    """Somebody wants a test message."""
    return Order(Notify(name, ("console",), "ana"))


def broken(check: Check, target: str) -> Check:
    """A check with a bug that one target alone brings out."""

    def function(subject: object, *facts: object, **limits: object) -> object:
        raise ZeroDivisionError(target)

    return replace(check, function=function)


def test_a_check_with_a_bug_blinds_the_target_that_brings_it_out(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    (offline,) = [check for check in all_checks() if check.id == "kafka/offline-partition"]
    judge = make(checks=(offline,))
    judge.obey(seen("fine"))
    judge.house = replace(judge.house, checks=(broken(offline, "bad"),))
    for _ in range(3):
        judge.obey(seen("bad"))
    judge.house = replace(judge.house, checks=(offline,))
    firing = {alert.fingerprint: alert for alert in judge.house.state.firing()}
    blind = firing[Fingerprint(TARGET_BLIND, Address("kafka", "bad"))]
    assert "mqcanary failed: ZeroDivisionError (please report this)" in blind.finding.summary
    assert set(judge.house.watches) == {Address("kafka", "fine"), Address("kafka", "bad")}
    assert capsys.readouterr().out.count("a target can't be judged") == 1, "once, not at each look"


def test_what_was_confirmed_counts_though_the_end_came_first(make: Make) -> None:
    judge = make()
    judge.obey(asked())
    (delivery,) = judge.house.state.deliveries.values()
    judge.senders = None  # nobody sends in this test
    judge.turn(0)
    assert judge.house.state.deliveries[delivery.id].progress is Progress.SENDING
    judge.stop()
    judge.put(seen("late"))
    judge.put(Sent(delivery.id, Delivered()))
    assert not judge.turn(0)
    assert judge.house.state.deliveries == {}
    assert not judge.house.watches, "what is not judged is seen again after a start"


def test_what_is_due_is_sent_before_the_end_and_what_is_not_is_kept(make: Make) -> None:
    sink = Sink(Later("busy", 0.0), Delivered(), Later("closed", 3600.0))
    judge = make(sink, now=time.time)
    for n in range(2):
        judge.obey(asked(f"n{n}"))
    judge.drain(30)
    assert len(sink.sent) == 3
    (left,) = judge.house.state.deliveries.values()
    assert (left.progress, left.error) == (Progress.QUEUED, "closed")


def test_a_message_that_can_not_be_made_is_parked_and_stops_nobody(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sink()
    judge = make(sink, now=time.time)
    word = judge_module.sending

    def broken(delivery: Delivery, *rest: object) -> Sending:
        if delivery.id.startswith("bad"):
            raise ZeroDivisionError
        return word(delivery, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(judge_module, "sending", broken)
    for name in ("bad", "good"):
        judge.obey(asked(name))
    judge.drain(10)
    (parked,) = judge.house.state.deliveries.values()
    assert (parked.progress, parked.error) == (Progress.PARKED, "mqcanary failed: ZeroDivisionError")
    assert len(sink.sent) == 1
    assert "a message can't be made" in capsys.readouterr().out


def test_a_command_that_can_not_be_obeyed_is_set_aside(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = make()
    inbox = judge._folder.inbox
    turn = judge_module.cycle

    def broken(house: House, event: Event, now: float) -> Change:
        if isinstance(event, Order) and getattr(event.command, "id", "") == "bad":
            raise ZeroDivisionError
        return turn(house, event, now)

    monkeypatch.setattr(judge_module, "cycle", broken)
    put(inbox, Notify("bad", ("console",), "ana"))
    put(inbox, Notify("good", ("console",), "ana"))
    judge.read_inbox()
    assert [delivery.id for delivery in judge.house.state.deliveries.values()] == ["good-1"]
    assert [path.suffix for path in inbox.iterdir()] == [REFUSED]


def test_what_can_not_be_deleted_is_obeyed_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = make()
    inbox = judge._folder.inbox
    file = put(inbox, Notify("n", ("console",), "ana"))
    bad = inbox / "0-bad.json"
    bad.write_text("{")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        patched.setattr(Path, "rename", refuse)
        for _ in range(3):
            judge.read_inbox()
        assert len(judge.house.state.deliveries) == 1
        assert file.exists()
    judge.read_inbox()
    assert not file.exists()


def test_the_clock_never_runs_backwards(make: Make) -> None:
    told = iter([10.0, 12.0, 11.0, 5.0, 12.5])
    clock = Clock(lambda: next(told))
    assert [clock() for _ in range(5)] == [10.0, 12.0, 12.0, 12.0, 12.5]
