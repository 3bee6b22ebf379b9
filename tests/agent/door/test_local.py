"""The door on this machine: what is asked is done by a running agent and kept for one that starts."""

import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.daemon.sending import Senders
from agent.door import local
from agent.door.door import Answer
from agent.door.effects import outcome
from agent.door.local import LocalDoor
from agent.errors import AskError, ConfigError
from agent.store.folder import Folder
from agent.store.inbox import refuse, waiting
from agent.store.published import picture
from alerts.commands import AddSilence, Retry
from alerts.model import Delivery, Op, Phase, Progress, State, Subject, TargetState, Thread
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending
from tests.agent.door.agent import POLICY, PROD, Sink, agent, alert, state_of
from tests.live.process import until

PAYMENTS = "kafka/group-lagging on kafka://prod/groups/payments"


@pytest.fixture
def now() -> float:
    return time.time()


def door(folder: Path, policy: Policy = POLICY) -> LocalDoor:
    return LocalDoor(folder, lambda: policy)


def ask(folder: Path, command: str, policy: Policy = POLICY, **fields: str) -> Answer:
    asked = {name.removesuffix("_"): value for name, value in fields.items()}
    return door(folder, policy).ask({"command": command, "by": "ana@ops", **asked})


# ── with an agent ──


def test_a_silence_is_in_force_when_it_says_so(tmp_path: Path, now: float) -> None:
    state = state_of(alert("a1b2c3", now=now), targets={PROD: TargetState(PROD, now)})
    with agent(tmp_path, state) as running:
        answer = ask(tmp_path, "silence", resources="kafka://prod/groups/pay*", for_="2h", comment="deploy 42")
        assert (answer.done, answer.well) == (True, True)
        made = running.state.silences[answer.id]
        assert (str(made.resources), made.by, made.comment) == ("kafka://prod/groups/pay*", "ana@ops", "deploy 42")
        assert made.until == pytest.approx(now + 7200, abs=60)
        at = time.strftime("%H:%M UTC", time.gmtime(made.until))
        assert answer.told.endswith(f"{at}: kafka://prod/groups/pay* (silence {answer.id}; 1 alert that fires now)")
        assert list(waiting(tmp_path / "inbox")) == []
        (row,) = door(tmp_path).show("silences").rows
        assert (row["id"], row["mutes"], row["by"]) == (answer.id, 1, "ana@ops")

        ended = ask(tmp_path, "expire", silence=answer.id)
        assert ended == Answer(f"silence {answer.id} has ended: kafka://prod/groups/pay*", done=True)
        assert running.state.silences == {}


def test_a_silence_that_covers_nothing_says_so(tmp_path: Path, now: float) -> None:
    state = state_of(alert("a1b2c3", now=now), targets={PROD: TargetState(PROD, now)})
    with agent(tmp_path, state):
        quiet = ask(tmp_path, "silence", resources="kafka://prod/groups/orders", for_="2h", checks="kafka/*")
        assert quiet.told.endswith(f"orders, kafka/* alone (silence {quiet.id}; nothing there fires now)")
        slip = ask(tmp_path, "silence", resources="kafka://prdo/groups/*", for_="2h")
        assert slip.told.endswith("; nothing watched is kafka://prdo: there is kafka://prod)")


def test_an_alert_is_acknowledged_and_released(tmp_path: Path, now: float) -> None:
    with agent(tmp_path, state_of(alert("a1b2c3", now=now))) as running:
        answer = ask(tmp_path, "acknowledge", alert="a1b2c3", note="looking")
        assert answer == Answer(f"acknowledged until it ends: {PAYMENTS}", done=True)
        taken = running.state.alerts["a1b2c3"].acknowledged
        assert taken is not None
        assert (taken.by, taken.note, taken.until) == ("ana@ops", "looking", None)
        longer = ask(tmp_path, "acknowledge", alert="a1b2c3", for_="4h")
        assert longer.told.startswith("acknowledged until ")
        assert longer.told.endswith(f" UTC: {PAYMENTS}")
        assert ask(tmp_path, "release", alert="a1b2c3").told == f"no longer acknowledged: {PAYMENTS}"
        assert running.state.alerts["a1b2c3"].acknowledged is None
        with pytest.raises(AskError, match='there is no alert "a1b2c4"; did you mean "a1b2c3"'):
            ask(tmp_path, "acknowledge", alert="a1b2c4")


def test_an_alert_that_ends_in_the_meantime_is_said_to_have(tmp_path: Path, now: float) -> None:
    """It fired when somebody asked."""
    fires, ended = (state_of(alert("a1b2c3", now=now, phase=phase)) for phase in (Phase.FIRING, Phase.RESOLVED))
    states = iter([fires])
    with agent(tmp_path, ended):
        late = LocalDoor(tmp_path, lambda: POLICY, lambda: picture(next(states, ended), now))
        answer = late.ask({"command": "acknowledge", "alert": "a1b2c3"})
        assert answer == Answer("alert a1b2c3 has ended in the meantime", done=True)


PARKED = {
    id_: Delivery(id_, int(id_), id_, "slack:#ops", Op.POST, (), (), 1.0, Progress.PARKED, error="invalid_blocks")
    for id_ in ("12", "13")
}
THREADS = {id_: Thread(id_, Subject.TEST, "slack:#ops", 1.0) for id_ in PARKED}


def test_what_is_parked_is_sent_again_or_given_up(tmp_path: Path) -> None:
    with agent(tmp_path, State(deliveries=PARKED, threads=THREADS)) as running:
        rows = door(tmp_path).show("outbox").rows
        assert [(row["id"], row["progress"], row["error"]) for row in rows] == [
            ("12", "parked", "invalid_blocks"),
            ("13", "parked", "invalid_blocks"),
        ]
        assert ask(tmp_path, "drop", delivery="12") == Answer("message 12 is given up", done=True)
        assert ask(tmp_path, "retry", delivery="13") == Answer("sent: 1 message", done=True)
        assert ask(tmp_path, "retry") == Answer("nothing is parked or held up", done=True)
        assert len(running.sink.sent) == 1
        assert running.state.deliveries == {}


def test_what_is_refused_again_is_no_success(now: float) -> None:
    view = picture(State(deliveries=PARKED), now)
    assert outcome(Retry("12"), view, view, now, last=False) is None
    assert outcome(Retry("12"), view, view, now, last=True) == Answer(
        "refused again: invalid_blocks", done=True, well=False
    )


ROUTES = Policy(route=Route(("console", "slack:#ops"), origin="mqcanary.yaml:3"))


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([], "told console; told slack:#ops"),
        ([Later("ratelimited", 60)], "told console; not told slack:#ops: ratelimited (it is tried again)"),
        (2 * [Refused(Fault.CONTENT, "no_text")], "told console; not told slack:#ops: no_text"),
    ],
)
def test_a_test_message_says_where_it_arrived(tmp_path: Path, outcomes: list[Outcome], told: str) -> None:
    with agent(tmp_path, policy=ROUTES) as running:
        running.judge.senders = Senders({"console": Sink(), "slack": Sink([*outcomes])}, running.judge.answered)
        assert ask(tmp_path, "notify", ROUTES) == Answer(told, done=True, well=not outcomes)


def test_a_test_message_that_another_destination_took_is_told_so(tmp_path: Path) -> None:
    policy = replace(ROUTES, fallback="console")
    with agent(tmp_path, policy=policy) as running:
        refusing = Sink([Refused(Fault.ROUTE, "channel_not_found")])
        running.judge.senders = Senders({"console": Sink(), "slack": refusing}, running.judge.answered)
        answer = ask(tmp_path, "notify", policy, route="slack:#ops")
        assert answer == Answer("told console instead of slack:#ops", done=True, well=False)


def test_one_that_nobody_answers_is_still_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TOLD", 0.3)
    asked, answered = threading.Event(), threading.Event()

    class Slow(Sink):
        def send(self, message: Sending, deadline: float) -> Outcome:
            asked.set()
            answered.wait(20)
            return Delivered()

    with agent(tmp_path) as running:
        running.judge.senders = Senders({"console": Slow()}, running.judge.answered)
        answer = ask(tmp_path, "notify")
        assert answer == Answer("not told console: no answer yet; see: mqcanary outbox list", done=True, well=False)
        assert asked.is_set()
        answered.set()


# ── without one ──


def test_without_an_agent_it_is_kept_and_obeyed_by_the_next(tmp_path: Path, now: float) -> None:
    folder = tmp_path / "state"
    answer = ask(folder, "silence", resources="kafka://prod", for_="2h")
    assert not answer.done
    assert answer.told.startswith(f"kept until the agent starts (none runs on {folder}): silence {answer.id} until ")
    assert answer.told.endswith(" UTC: kafka://prod")
    with agent(folder) as running:
        until(lambda: answer.id in running.state.silences, "the silence is in force")


def test_what_is_about_something_needs_a_view_of_it(tmp_path: Path) -> None:
    for document in (
        {"command": "acknowledge", "alert": "a1b2c3"},
        {"command": "expire", "silence": "s"},
        {"command": "retry"},
        {"command": "drop", "delivery": "1"},
    ):
        with pytest.raises(ConfigError, match="holds no view of an agent"):
            door(tmp_path).ask(document)
    assert list(waiting(tmp_path / "inbox")) == []


def test_the_last_view_of_an_agent_that_has_ended_is_shown_as_such(tmp_path: Path, now: float) -> None:
    with agent(tmp_path, state_of(alert("a1b2c3", now=now))):
        assert door(tmp_path).show("alerts").note == ""
    found = door(tmp_path).show("alerts")
    assert [row["id"] for row in found.rows] == ["a1b2c3"]
    assert found.note == f"no agent runs on {tmp_path}: this is how things were"
    kept = ask(tmp_path, "acknowledge", alert="a1b2c3", for_="4h")
    assert not kept.done
    assert "alert a1b2c3 is acknowledged until" in kept.told
    with pytest.raises(AskError, match="there is no alert"):
        ask(tmp_path, "acknowledge", alert="zzz")


def test_an_agent_that_does_not_come_to_it_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TAKEN", 0.2)
    with closing(Folder(tmp_path)):
        answer = ask(tmp_path, "silence", resources="kafka://prod", for_="2h")
        assert not answer.done
        assert answer.told.startswith(f"kept: the agent has not come to it within 0 s: silence {answer.id}")
        ((_, command),) = waiting(tmp_path / "inbox")
        assert isinstance(command, AddSilence)


def test_an_agent_that_shows_nothing_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(local, "SEEN", 0.2)
    with agent(tmp_path):
        blind = LocalDoor(tmp_path, lambda: POLICY, lambda: picture(State(), now))
        answer = blind.ask({"command": "silence", "resources": "kafka://prod", "for": "2h"})
        assert (answer.done, answer.well) == (True, False)
        assert answer.told.startswith("the agent took it, and does not show it yet: silence ")


def test_an_agent_that_does_not_understand_it_is_said_to(tmp_path: Path) -> None:
    """As one of an older version."""

    class Old:
        def __init__(self) -> None:
            self.thread = threading.Thread(target=self.run)
            self.thread.start()

        def run(self) -> None:
            name, _ = until(lambda: next(waiting(tmp_path / "inbox"), None), "a command comes")
            refuse(tmp_path / "inbox", name)

    with closing(Folder(tmp_path)):
        old = Old()
        with pytest.raises(ConfigError, match=r"the agent does not understand [0-9a-f-]+: run the same version"):
            ask(tmp_path, "silence", resources="kafka://prod", for_="2h")
        old.thread.join()


def test_the_destinations_of_a_test_are_read_only_then(tmp_path: Path, now: float) -> None:
    def none() -> Policy:
        raise ConfigError("give --config FILE")

    bare = LocalDoor(tmp_path, none)
    assert not bare.ask({"command": "silence", "resources": "kafka://prod", "for": "1h"}).done
    with pytest.raises(ConfigError, match="give --config FILE"):
        bare.ask({"command": "notify"})
