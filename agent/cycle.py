"""One line from what was seen to what is told; this is the whole of it.

    collect ─▶ Snapshot ─▶ Facts ─▶ checks ─▶ Report ─▶ step ─▶ Transitions ─▶ dispatch ─▶ deliveries ─▶ sinks

Everything between the snapshot and the sinks is `cycle`: pure, so that a replay gives the same. The daemon brings the
events, commits each Change, and only then takes the house it holds as its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.commands import Command
from alerts.dispatch import dispatch
from alerts.machine import Observed, Tick, Watching, step
from alerts.model import Delivery, State, Transition
from alerts.outbox import begin, due, settle
from alerts.policy import Policy
from alerts.sinks.sink import Outcome
from alerts.succession import latest, replaced, succeed
from alerts.tidy import tidy
from checks.check import Check
from checks.evaluate import Report, evaluate
from checks.facts import Address, Facts, Group, History, KafkaSnapshot, Queue, Snapshot, Unknown, facts_of
from checks.facts.commits import REBALANCING
from checks.limits import Limits


@dataclass(frozen=True, slots=True)
class Watch:
    """What was last seen of one target."""

    place: str
    snapshot: Snapshot
    facts: Facts
    report: Report


@dataclass(frozen=True, slots=True)
class House:
    """Everything that the judge knows; never altered, only followed by another."""

    checks: Sequence[Check]
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    state: State = field(default_factory=State)
    history: History = field(default_factory=History)
    watches: Mapping[Address, Watch] = field(default_factory=dict)
    good: Mapping[Address, Watch] = field(default_factory=dict)
    """The last look at each target that saw something."""


@dataclass(frozen=True, slots=True)
class Look:
    """A target was looked at."""

    snapshot: Snapshot
    place: str
    """How it is reached: known also while the target can't tell its name."""


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody asked for something."""

    command: Command
    file: str = ""
    """The file of the inbox that it came in."""


@dataclass(frozen=True, slots=True)
class Send:
    """Whatever is due may be sent now."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A sink answered."""

    delivery: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration was read."""

    limits: Limits
    policy: Policy
    places: frozenset[str]


Event = Look | Order | Tick | Send | Sent | Settings


@dataclass(frozen=True, slots=True)
class Change:
    """What an event makes of the house. Nothing of it counts before it is committed."""

    house: House
    transitions: tuple[Transition, ...] = ()
    sending: tuple[Delivery, ...] = ()
    """To be handed to their sinks after the commit."""
    seen: Snapshot | None = None
    """New in history."""
    consumed: str = ""
    """A file of the inbox that must not be obeyed twice."""
    replaced: bool = False
    """What history knew before of the target of `seen` was another cluster's."""


def cycle(house: House, event: Event, now: float) -> Change:
    """The change that `event` makes at `now`, in seconds since the epoch."""
    if isinstance(event, Look):
        return _look(house, event, now)
    if isinstance(event, Send):
        sending = due(house.state, now)
        if not sending:
            return Change(house)
        state = begin(house.state, sending, now)
        return Change(replace(house, state=state), sending=tuple(state.deliveries[d.id] for d in sending))
    if isinstance(event, Sent):
        state = settle(house.state, event.delivery, event.outcome, now, house.policy)
        return Change(replace(house, state=state))
    if isinstance(event, Settings):
        return _told(_settled(house, event), Watching(event.places), now)
    if isinstance(event, Order):
        return replace(_told(house, event.command, now), consumed=event.file)
    change = _told(house, event, now)
    state = tidy(change.house.state, now, house.policy)
    # Nothing happened: the same house, so that nobody writes or renders it again.
    return Change(house) if state is house.state else replace(change, house=replace(change.house, state=state))


def _settled(house: House, event: Settings) -> House:
    """What is not looked at any more is not shown any more, either."""
    watches = {address: watch for address, watch in house.watches.items() if watch.place in event.places}
    left = house.watches.keys() - watches.keys()
    return replace(
        house,
        limits=event.limits,
        policy=event.policy,
        history=house.history.without(left),
        watches=watches,
        good={address: watch for address, watch in house.good.items() if address not in left},
    )


def _look(house: House, event: Look, now: float) -> Change:
    snapshot = _named(house.state, event)
    identity = _identity(snapshot)
    another = replaced(house.state, snapshot.address, identity)
    history = (house.history.without({snapshot.address}) if another else house.history).plus(snapshot)
    before = None if another else house.watches.get(snapshot.address)
    state = succeed(house.state, snapshot.address, identity, event.place, now)[0] if another else house.state
    facts = facts_of(snapshot, history, before.facts if before else None)
    report = evaluate(
        facts,
        house.checks,
        house.limits,
        firing={f for f in state.open if f.address.root == facts.address},
        previous=before.report if before else None,
    )
    watch = Watch(event.place, snapshot, facts, report)
    # A target that could not tell its name yet had that of its place.
    watches = {a: w for a, w in house.watches.items() if w.place != event.place}
    good = house.good if report.unseen is not None else {**house.good, facts.address: watch}
    house = replace(house, history=history, watches={**watches, facts.address: watch}, good=good)
    observed = Observed(report, _owners(facts, report), _rebalancing(facts, report), event.place, identity)
    change = _told(house, observed, now)
    return replace(change, seen=snapshot, replaced=another)


def _identity(snapshot: Snapshot) -> str:
    """Which cluster or account answered, whatever it is called here; empty where that was not told."""
    if isinstance(snapshot, KafkaSnapshot):
        return "" if isinstance(snapshot.cluster, Unknown) else snapshot.cluster.id
    return "" if isinstance(snapshot.account, Unknown) else f"account {snapshot.account.id}"


def _named(state: State, event: Look) -> Snapshot:
    """A target without a configured name, while it is away, keeps the one that it told before."""
    snapshot = event.snapshot
    if facts_of(snapshot, History()).unseen is None:
        return snapshot
    known = latest(state, event.place)
    return replace(snapshot, target=known.address.target) if known is not None and known.polls else snapshot


def _owners(facts: Facts, report: Report) -> Mapping[Address, str]:
    """What the tags of queues with findings say of their owners."""
    owners = {}
    for address in {fingerprint.address for fingerprint in report.findings if fingerprint.address.kind == "queues"}:
        queue = facts.get(Queue, address)
        if not isinstance(queue, Unknown) and not isinstance(queue.tags, Unknown) and "owner" in queue.tags:
            owners[address] = queue.tags["owner"]
    return owners


def _rebalancing(facts: Facts, report: Report) -> frozenset[Address]:
    """Groups with findings that are dealing out their partitions."""
    groups = {fingerprint.address for fingerprint in report.findings if fingerprint.address.kind == "groups"}
    states = ((address, facts.get(Group, address)) for address in groups)
    return frozenset(a for a, group in states if not isinstance(group, Unknown) and group.state in REBALANCING)


def _told(house: House, event: Observed | Watching | Command | Tick, now: float) -> Change:
    state, transitions = step(house.state, event, now, house.policy)
    state = dispatch(state, transitions, now, house.policy)
    return Change(house if state is house.state else replace(house, state=state), transitions)
