"""An agent that only judges: the real judge on a real state directory, with one sink that does as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from structlog.testing import capture_logs

from agent.cycle import House
from agent.daemon.judge import Clock, Judge
from agent.daemon.sending import Senders
from agent.store.database import Store
from agent.store.folder import Folder
from agent.store.frames import Frames
from agent.store.published import publish
from agent.view import View
from alerts.model import Alert, Phase, State
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered, Outcome, Sending
from checks.check import Fix, Severity
from checks.check import Kind as CheckKind
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address

PROD = Address("kafka", "prod")
POLICY = Policy(route=Route(("console",), origin="mqcanary.yaml:3"))


def alert(
    id_: str,
    name: str = "payments",
    *,
    now: float,
    check: str = "kafka/group-lagging",
    severity: Severity = Severity.WARNING,
    summary: str = "14 min behind on orders",
    **more: object,
) -> Alert:
    """One that has fired for ten minutes."""
    where = Fingerprint(check, PROD.under("groups", name))
    fix = Fix("Look at its members.", f"kafka-consumer-groups.sh --describe --group {name}")
    finding = Finding(where, CheckKind.CONDITION, severity, timedelta(), summary, (), fix)
    made = Alert(id_, where, finding, Phase.FIRING, now - 600, now - 5, severity, fired=now - 600, told=now - 600)
    return replace(made, **more)  # type: ignore[arg-type]


def state_of(*alerts: Alert, **more: object) -> State:
    opened = {a.fingerprint: a.id for a in alerts if not a.phase.closed}
    return State(alerts={a.id: a for a in alerts}, open=opened, **more)  # type: ignore[arg-type]


@dataclass
class Sink:
    """Takes everything, unless it is given outcomes to answer with."""

    outcomes: list[Outcome] = field(default_factory=list)
    sent: list[Sending] = field(default_factory=list)

    def send(self, message: Sending, deadline: float) -> Outcome:
        self.sent.append(message)
        return self.outcomes.pop(0) if self.outcomes else Delivered()


@dataclass
class Agent:
    folder: Path
    sink: Sink
    policy: Policy
    judge: Judge
    view: View

    @property
    def state(self) -> State:
        return self.judge.house.state


@contextmanager
def agent(folder: Path, state: State | None = None, policy: Policy = POLICY) -> Iterator[Agent]:
    """Runs while the context lasts; looks into its inbox at each turn, a few times a second."""
    with capture_logs():  # they would stand between what a command prints
        yield from _agent(folder, state, policy)


def _agent(folder: Path, state: State | None, policy: Policy) -> Iterator[Agent]:
    held = Folder(folder)
    store, frames = Store(folder / "state.db"), Frames(folder / "history.db")
    running: list[Agent] = []

    def published(house: House, now: float) -> None:
        if house.state is not shown[0]:
            shown[0] = house.state
            publish(folder, house.state, now, observe=policy.observe)
            running[0].view = View(at=now, state=house.state, judged=now)

    shown: list[State | None] = [None]
    judge = Judge(House(checks=(), policy=policy, state=state or store.state), held, store, frames, Clock(), published)
    sink = Sink()
    judge.senders = Senders({"console": sink, "slack": sink}, judge.answered, observe=policy.observe)
    running.append(Agent(folder, sink, policy, judge, View(at=0.0)))
    judge.turn(0)  # it shows what it has before anybody asks
    thread = threading.Thread(target=_turn, args=(judge,), name="judge", daemon=True)
    thread.start()
    try:
        yield running[0]
    finally:
        judge.stop()
        thread.join(20)
        assert not thread.is_alive()
        store.close()
        frames.close()
        held.close()


def _turn(judge: Judge) -> None:
    while judge.turn(0.02):
        judge._ticked = 0.0  # it need not wait a second for the next look into the inbox
