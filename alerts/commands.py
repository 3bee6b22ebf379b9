"""What people ask of the agent: the same from the command line, HTTP and the configuration."""

from dataclasses import dataclass, replace

from alerts.model import (
    Acknowledged,
    Alert,
    Delivery,
    Kind,
    Op,
    Phase,
    Progress,
    Silence,
    State,
    Subject,
    Thread,
    Transition,
)
from alerts.outbox import hurry
from checks.pattern import Pattern


@dataclass(frozen=True, slots=True)
class AddSilence:
    id: str
    resources: Pattern
    checks: str
    until: float
    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ExpireSilence:
    id: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    alert: str
    """Its id."""
    by: str
    until: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Takes an acknowledgement back."""

    alert: str
    by: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Sends a delivery now, or all that are parked or held up by a failure."""

    delivery: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Gives a parked delivery up."""

    delivery: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Notify:
    """A test message through the real way: route, render, send."""

    id: str
    destinations: tuple[str, ...]
    by: str = ""


Command = AddSilence | ExpireSilence | Acknowledge | Release | Retry | Drop | Notify


def obey(state: State, command: Command, now: float) -> tuple[State, tuple[Transition, ...]]:
    """What a command changes. One that means nothing any more (an alert that has ended) changes nothing."""
    if isinstance(command, AddSilence):
        silence = Silence(
            command.id, command.resources, command.checks, command.until, command.by, command.comment, now
        )
        return replace(state, silences={**state.silences, command.id: silence}), ()
    if isinstance(command, ExpireSilence):
        left = {id_: s for id_, s in state.silences.items() if id_ != command.id}
        return replace(state, silences=left), ()
    if isinstance(command, Acknowledge | Release):
        return _acknowledge(state, command, now)
    if isinstance(command, Retry):
        return hurry(state, command.delivery, now), ()
    if isinstance(command, Drop):
        left_over = {
            id_: d for id_, d in state.deliveries.items() if id_ != command.delivery or d.progress is Progress.SENDING
        }
        return replace(state, deliveries=left_over), ()
    return _test(state, command, now)


def _acknowledge(state: State, command: Acknowledge | Release, now: float) -> tuple[State, tuple[Transition, ...]]:
    alert = state.alerts.get(command.alert)
    if alert is None or alert.phase is not Phase.FIRING:
        return state, ()
    if isinstance(command, Acknowledge):
        taken = Acknowledged(command.by, now, command.until, command.note)
        kind, detail = Kind.ACKNOWLEDGED, command.by
    else:
        if alert.acknowledged is None:
            return state, ()
        taken, kind, detail = None, Kind.RELEASED, command.by
    changed: Alert = replace(alert, acknowledged=taken, repeated=now)
    return (
        replace(state, alerts={**state.alerts, alert.id: changed}),
        (Transition(kind, now, alert.id, alert.target, detail),),
    )


def _test(state: State, command: Notify, now: float) -> tuple[State, tuple[Transition, ...]]:
    threads, deliveries, seq = dict(state.threads), dict(state.deliveries), state.seq
    for destination in command.destinations:
        seq += 1
        id_ = f"{command.id}-{seq}"
        threads[id_] = Thread(id_, Subject.TEST, destination, now, note=command.by)
        deliveries[id_] = Delivery(id_, seq, id_, destination, Op.POST, (Kind.TEST,), (), now)
    return replace(state, threads=threads, deliveries=deliveries, seq=seq), ()
