"""Another cluster or account answers where one did: the one that was met first is waited for, frozen, the other is watched.

That somebody else answers proves nothing about what was wrong with the former one. It may be back in an hour, and then
nothing is told again; after `WAIT` its alerts end, and say why.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from alerts.model import TARGET_BLIND, Alert, Kind, Phase, State, TargetState, Transition
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address

WAIT = 12 * 3600.0
"""Seconds without a sight of a cluster at whose place another one answers, until nobody waits for it any more."""

Left = tuple[State, tuple[Transition, ...]]


def replaced(state: State, target: Address, identity: str) -> bool:
    """Whether another cluster or account than before answers under the same name."""
    known = state.targets.get(target)
    return known is not None and bool(known.identity and identity) and known.identity != identity


def latest(state: State, place: str) -> TargetState | None:
    """The one of the targets at a place that was met last: whoever answers there, if anybody does."""
    return max((t for t in state.targets.values() if t.place == place), key=lambda t: t.first, default=None)


def succeed(state: State, target: Address, identity: str, place: str, now: float) -> Left:
    """`target` answers at `place`, and is `identity`: it has its name, and those that it was met before are gone."""
    transitions: tuple[Transition, ...] = ()
    if replaced(state, target, identity):
        known, back = state.targets[target].identity, target.former(identity)
        if back in state.targets:
            why = f"{identity} {_where(place, target)} again, and this one was {known}"
            state, transitions = leave(state, {target}, now, why)
            state = _renamed(state, back, target)
        else:
            state = _renamed(state, target, target.former(known))
    first = state.targets[target].first if target in state.targets else now
    at_place = [t for a, t in state.targets.items() if t.place == place and a != target]
    # One that was never seen is this one, as is one with the same identity: it has got another name.
    same = {t.address for t in at_place if not t.polls or (identity and t.identity == identity)}
    later = {t.address for t in at_place if t.first > first} - same
    late = {t.address for t in at_place if _given_up(state, t.address, now)} - same - later
    for left, why in (
        (same, f"it is called {target} now"),
        (later, f"{target} {_where(place, target)} again"),
        (late, f"{successor(target, identity, place)} now: what was wrong with the former one is not watched any more"),
    ):
        state, ended = leave(state, left, now, why, answers=left is same)
        transitions += ended
    return state, transitions


def successor(target: Address, identity: str, place: str) -> str:
    """Why nothing is seen of those that answered at `place` before."""
    kind = "cluster" if target.scheme == "kafka" else "account"
    return f"another {kind}, {identity.removeprefix('account ') or target}, {_where(place, target)}"


def leave(state: State, left: AbstractSet[Address], now: float, why: str, *, answers: bool = False) -> Left:
    """Nothing more will be heard of these targets."""
    if not left:
        return state, ()
    alerts, transitions = dict(state.alerts), []
    for id_ in state.open.values():
        alert = alerts[id_]
        if alert.target not in left:
            continue
        if alert.phase is Phase.PENDING:
            del alerts[id_]
            continue
        seen = answers and alert.fingerprint.check == TARGET_BLIND
        kind, phase = (Kind.RESOLVED, Phase.RESOLVED) if seen else (Kind.OFF, Phase.OFF)
        alerts[id_] = replace(alert, phase=phase, ended=now, frozen=None, frozen_why="", left="" if seen else why)
        transitions.append(Transition(kind, now, id_, alert.target, why))
    return (
        replace(
            state,
            alerts=alerts,
            open={f: id_ for f, id_ in state.open.items() if f.address.root not in left},
            settings={f: s for f, s in state.settings.items() if f.address.root not in left},
            targets={a: t for a, t in state.targets.items() if a not in left},
        ),
        tuple(transitions),
    )


def _where(place: str, target: Address) -> str:
    address = place.partition(":")[2]
    return f"answers as {target}" if address == target.target else f"answers at {address}"


def _given_up(state: State, target: Address, now: float) -> bool:
    blind = state.open.get(Fingerprint(TARGET_BLIND, target))
    return blind is not None and now - state.alerts[blind].since >= WAIT


def _renamed(state: State, old: Address, new: Address) -> State:
    """All that is known of one target under another name."""

    def named(fingerprint: Fingerprint) -> Fingerprint:
        address = fingerprint.address
        return fingerprint._replace(address=address._replace(target=new.target)) if address.root == old else fingerprint

    def found(finding: Finding) -> Finding:
        return replace(finding, fingerprint=named(finding.fingerprint))

    def alert(one: Alert) -> Alert:
        return replace(one, fingerprint=named(one.fingerprint), finding=found(one.finding))

    return replace(
        state,
        alerts={i: alert(a) if a.target == old and not a.phase.closed else a for i, a in state.alerts.items()},
        open={named(f): i for f, i in state.open.items()},
        settings={
            named(f): replace(s, finding=found(s.finding)) if f.address.root == old else s
            for f, s in state.settings.items()
        },
        recent={
            named(f): replace(r, fingerprint=named(f)) if f.address.root == old else r for f, r in state.recent.items()
        },
        targets={
            new if a == old else a: replace(t, address=new, gaps=()) if a == old else t
            for a, t in state.targets.items()
        },
    )
