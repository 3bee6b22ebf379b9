"""Days in a minute: the judge, the store and a Slack that misbehaves on a clock of the test. Nothing grows, and a replay of
what happened gives the same (law 3); nothing in memory is ahead of the disk (law 5).
"""

import gc
import os
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.cycle import Change, Event, House, Look, Order, Sent, cycle
from agent.daemon.judge import Clock, Judge
from agent.store.database import Store
from agent.store.folder import Folder
from agent.store.frames import Frames
from alerts.commands import Acknowledge, AddSilence
from alerts.machine import Tick
from alerts.model import Phase, Ref, State
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending, Unclear
from checks.pattern import Pattern
from tests.agent.world import Kafka, Sqs, checks, names

BEGIN = 1_800_000_000.0
EVERY = 30.0
POLICY = Policy(route=Route(("slack:#ops",)))


@dataclass
class Moody:
    """Answers at the judge's next turn, and most of the time well."""

    chance: random.Random
    judge: Judge
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    sent: int = 0

    def send(self, delivery: str, _destination: str, sending: Sending) -> None:
        self.sent += 1
        ref = sending.ref or Ref("C1", f"{self.sent}.0")
        moods: list[Outcome] = [Later("HTTP 500"), Later("wait", 30.0), Unclear("no answer")]
        moods += [Refused(Fault.CONTENT, "invalid_blocks"), Refused(Fault.EDIT, "message_not_found")]
        self.judge.answered(delivery, self.chance.choice(moods) if self.chance.random() < 0.2 else Delivered(ref))


@dataclass
class Life:
    """A world, and the agent that watches it."""

    folder: Path
    seed: int
    now: float = BEGIN
    events: list[tuple[float, Event]] = field(default_factory=list)
    record: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the same life for the same seed
        self.kafka = Kafka(names("group", 12), names("topic", 8), at=self.now)
        self.sqs = Sqs(names("queue", 8), at=self.now)
        self.held = Folder(self.folder)
        self.store, self.frames = Store(self.folder / "state.db"), Frames(self.folder / "history.db")
        house = House(checks=checks(), policy=POLICY)
        self.judge = Judge(house, self.held, self.store, self.frames, Clock(lambda: self.now), lambda *_: None)
        self.slack = Moody(self.chance, self.judge)
        self.judge.senders = self.slack  # type: ignore[assignment]
        if self.record:
            obey = self.judge.obey

            def noted(event: Event) -> None:
                self.events.append((self.judge.clock(), event))
                obey(event)

            self.judge.obey = noted  # type: ignore[method-assign]

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / EVERY)):
            self.now += EVERY
            self.happen()
            self.kafka.pass_time(self.now)
            self.sqs.pass_time(self.now)
            self.judge.put(Look(self.kafka.snapshot(), "kafka:prod"))
            self.judge.put(Look(self.sqs.snapshot(), "sqs:prod"))
            for _ in range(3):  # what is sent is answered, and what follows from that is sent
                self.judge.turn(0)
                self.now += 1.5

    def happen(self) -> None:
        """Something, once in a few minutes, and its end some time later."""
        kafka, sqs, chance = self.kafka, self.sqs, self.chance
        name, dead = chance.choice(kafka.read), f"{chance.choice(sqs.sources)}-dlq"
        if chance.random() < 0.1:
            chance.choice((lambda: kafka.stop(name), lambda: kafka.stop(name, 1), lambda: sqs.fill(dead, 3)))()
        if chance.random() < 0.1:
            kafka.go_on(name)
            sqs.empty(dead)
        if chance.random() < 0.03:
            kafka.states[name] = chance.choice(("Empty", "PreparingRebalance"))
        if chance.random() < 0.1:
            kafka.states.clear()
        if chance.random() < 0.01:
            kafka.answers = not kafka.answers
        if chance.random() < 0.02:
            kafka.up = chance.choice((frozenset({1, 2}), frozenset({1, 2, 3})))
        if chance.random() < 0.02:
            sqs.gone = {dead} if not sqs.gone else set()
        if chance.random() < 0.02:
            until = self.now + 600
            silence = AddSilence(f"s{self.now:.0f}", Pattern.parse(f"kafka://*/groups/{name}"), "*", until, "ana")
            self.judge.put(Order(silence))
        firing = self.judge.house.state.firing()
        if firing and chance.random() < 0.05:
            self.judge.put(Order(Acknowledge(chance.choice(firing).id, "bo", self.now + 900)))

    def size(self) -> dict[str, int]:
        """Whatever could grow."""
        gc.collect()
        tables = ("alerts", "targets", "settings", "recent", "silences", "threads", "deliveries")
        rows = {name: _rows(self.store, name) for name in tables}
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return rows | {
            "frames": _rows(self.frames, "frames"),
            "threads of the process": threading.active_count(),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "MB": pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        }

    def close(self) -> None:
        self.store.close()
        self.frames.close()
        self.held.close()


def _rows(database: Any, table: str) -> int:
    return int(database._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of our own


@pytest.fixture
def life(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Life]:
    with structlog.testing.capture_logs() as lines:
        made = Life(tmp_path / "state", seed=7, record=getattr(request, "param", False))
        made.lines = lines  # type: ignore[attr-defined]
        yield made
        made.close()


def bounded(life: Life, hours: float) -> None:
    life.pass_time(3600)  # history is whole by now
    before = life.size()
    for _ in range(round(hours) - 1):
        life.pass_time(3600)
        life.lines.clear()  # type: ignore[attr-defined]
    after = life.size()
    assert life.slack.sent > 10 * hours, "it was no quiet life"
    # An hour of what is closed is kept (`keep_closed`); what is open is bounded by what there is to watch.
    most = {"alerts": 150, "threads": 200, "deliveries": 60, "silences": 20, "recent": 80, "settings": 80, "targets": 2}
    assert {name: after[name] for name in most if after[name] > most[name]} == {}, (before, after)
    assert after["frames"] <= 2 * (3600 / EVERY + 1)
    assert after["threads of the process"] <= before["threads of the process"]
    assert after["descriptors"] <= before["descriptors"]
    assert after["MB"] <= before["MB"] + 25, (before, after)
    print(f"\nafter 1 h: {before}\nafter {hours:g} h: {after}\nmessages sent: {life.slack.sent}")  # noqa: T201 - a figure


def test_two_hours_leave_nothing_behind(life: Life) -> None:
    bounded(life, 2)


@pytest.mark.soak
def test_a_day_leaves_nothing_behind(life: Life) -> None:
    bounded(life, 24)


@pytest.mark.parametrize("life", [True], indirect=True)
def test_law_3_a_replay_gives_the_same(life: Life) -> None:
    life.pass_time(3000)
    lived = life.judge.house.state
    house, told, ended = House(checks=checks(), policy=POLICY), 0, 0
    for now, event in life.events:
        change = cycle(house, event, now)
        house, told = change.house, told + len(change.transitions)
        ended += sum(alert.phase is Phase.RESOLVED for alert in house.state.alerts.values())
    assert told > 20
    assert ended
    assert house.state == lived
    assert life.store.state == replace(lived, pace=life.store.state.pace)


class Watched:
    """A store that looks at the judge while it commits, and fails when it is told to."""

    def __init__(self, life: Life) -> None:
        self.life, self.inner, self.fail, self.commits = life, life.store, False, 0
        self.before: State = life.judge.house.state

    def commit(self, state: State, *more: Any) -> object:
        assert self.life.judge.house.state is self.before, "memory is ahead of the disk"
        sent = self.life.slack.sent
        if self.fail:
            raise KeyboardInterrupt
        answer = self.inner.commit(state, *more)
        assert self.life.slack.sent == sent, "something was sent before it was written"
        self.before, self.commits = state, self.commits + 1
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_law_5_nothing_in_memory_is_ahead_of_the_disk(life: Life) -> None:
    watched = Watched(life)
    life.judge._store = watched  # type: ignore[assignment]
    life.pass_time(1200)
    assert watched.commits > 50
    house, sent = life.judge.house, life.slack.sent
    watched.fail = True
    for event in (Tick(), Look(life.kafka.snapshot(), "kafka:prod"), Sent("1", Delivered())):
        life.now += 60
        with pytest.raises(KeyboardInterrupt):
            life.judge.obey(event)
        assert life.judge.house is house
    assert life.slack.sent == sent
    assert isinstance(cycle(house, Tick(), life.now), Change)
