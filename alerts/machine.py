"""Reports in, transitions out: when a problem becomes an alert, and what ends one.

An alert ends only on a verdict: clear for some polls, gone, or off. What can't be observed freezes it. Pure: no clock,
no I/O; every time is given.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Any

from alerts.commands import Command, obey
from alerts.inhibit import HOLD, REBALANCE
from alerts.model import (
    TARGET_BLIND,
    Alert,
    Growth,
    Held,
    Kind,
    Phase,
    Recent,
    Setting,
    StandingGap,
    State,
    TargetState,
    Transition,
)
from alerts.policy import Policy
from alerts.route import owner_of, route
from alerts.silence import silenced_by
from alerts.succession import Left, leave, succeed, successor
from checks.check import Evidence, Fix, Severity
from checks.check import Kind as CheckKind
from checks.evaluate import Finding, Fingerprint, Report, Verdict
from checks.facts import Address, Unknown, Why


@dataclass(frozen=True, slots=True)
class Observed:
    """A target was looked at."""

    report: Report
    owners: Mapping[Address, str] = field(default_factory=dict)
    """What tags say of whose a resource is; only of those with findings."""
    rebalancing: AbstractSet[Address] = frozenset()
    """Groups that are dealing out their partitions; only of those with findings."""
    place: str = ""
    identity: str = ""
    """As of TargetState; empty where it was not told."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What is looked at from here on, by how it is reached; what was before and is not any more is switched off."""

    places: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Observed | Watching | Command | Tick

_VERDICT_KIND = {Verdict.CLEAR: Kind.RESOLVED, Verdict.GONE: Kind.GONE, Verdict.OFF: Kind.OFF}
_PHASE = {Kind.RESOLVED: Phase.RESOLVED, Kind.GONE: Phase.GONE, Kind.OFF: Phase.OFF}
_NOTHING = Report(Address("", ""), 0.0, {}, {}, frozenset(), frozenset(), {}, frozenset())


def step(state: State, event: Event, now: float, policy: Policy) -> tuple[State, tuple[Transition, ...]]:
    """The state after an event, and what happened."""
    if isinstance(event, Tick):
        return _tick(state, now, policy)
    if isinstance(event, Watching):
        left = {address for address, target in state.targets.items() if target.place not in event.places}
        return leave(state, left, now, "its target is no longer watched")
    if isinstance(event, Observed):
        report = event.report
        if report.unseen is not None:
            return _Look(state, event, now, policy).result()
        state, told = succeed(state, report.target, event.identity, event.place, now)
        state, transitions = _Look(state, event, now, policy).result()
        told += transitions
        for former in [a for a, t in state.targets.items() if t.place == event.place and a != report.target]:
            state, transitions = _wait(state, event, former, now, policy)
            told += transitions
        return state, told
    return obey(state, event, now)


def _wait(state: State, event: Observed, former: Address, now: float, policy: Policy) -> Left:
    """Nothing can be seen of a target while another one answers in its place; told again where it was thought to be down."""
    why = successor(event.report.target, event.identity, event.place)
    close = "If it took its place for good, nothing needs to be done: in 12 h from the last sight nobody waits for this one."
    report = replace(_NOTHING, target=former, at=event.report.at, unseen=Unknown(Why.UNREACHABLE, why, close))
    blind = state.open.get(Fingerprint(TARGET_BLIND, former), "")
    before = state.alerts[blind] if blind else None
    state, transitions = _Look(state, Observed(report, place=event.place), now, policy).result()
    if before is None or before.phase is not Phase.FIRING or before.acknowledged is not None:
        return state, transitions
    alert = state.alerts[blind]
    if alert.finding.summary == before.finding.summary or silenced_by(state.silences, alert, now) is not None:
        return state, transitions
    state = replace(state, alerts={**state.alerts, blind: replace(alert, repeated=now)})
    return state, (*transitions, Transition(Kind.REPEATED, now, blind, former))


class _Look:
    """One report over the alerts of its target. The mappings of the state are copied once."""

    def __init__(self, state: State, event: Observed, now: float, policy: Policy) -> None:
        self.state, self.event, self.now, self.policy = state, event, now, policy
        self.report = event.report
        self.alerts = dict(state.alerts)
        self.open = dict(state.open)
        self.recent = dict(state.recent)
        self.settings = dict(state.settings)
        self.transitions: list[Transition] = []
        known = state.targets.get(self.report.target)
        known = known or TargetState(self.report.target, now)
        self.target = replace(known, place=event.place, identity=event.identity or known.identity)

    def result(self) -> tuple[State, tuple[Transition, ...]]:
        seen = self.report.unseen is None
        if seen:
            self.count()
        findings = dict(self.report.findings)
        blind = Fingerprint(TARGET_BLIND, self.report.target)
        if not seen:
            findings[blind] = self.blindness(blind)
        for fingerprint, finding in findings.items():
            if finding.kind is CheckKind.CONFIGURATION:
                self.set(fingerprint, finding)
            else:
                self.problem(fingerprint, finding)
        for fingerprint, id_ in self.state.open.items():
            if fingerprint.address.root == self.report.target and fingerprint not in findings:
                self.judge(self.alerts[id_], Verdict.CLEAR if fingerprint == blind else self.verdict(fingerprint))
        for fingerprint, setting in self.state.settings.items():
            if fingerprint.address.root == self.report.target and fingerprint not in findings:
                self.unset(fingerprint, setting)
        if seen:
            self.meet()
        return self.after(), tuple(self.transitions)

    def after(self) -> State:
        """The very same state where nothing happened: nobody writes it down again."""
        before = self.state
        targets = {**before.targets, self.report.target: self.target}
        if before.targets.get(self.report.target) == self.target:
            targets = dict(before.targets)
        changed: dict[str, Any] = {
            "alerts": self.alerts,
            "open": self.open,
            "recent": self.recent,
            "settings": self.settings,
            "targets": targets,
        }
        changed = {name: new for name, new in changed.items() if not _same(new, getattr(before, name))}
        return replace(before, **changed) if changed else before

    # ── the target as a whole ──

    def blindness(self, fingerprint: Fingerprint) -> Finding:
        unknown = Unknown(Why.UNREACHABLE, "") if self.report.unseen is None else self.report.unseen
        return Finding(
            fingerprint=fingerprint,
            kind=CheckKind.CONDITION,
            severity=Severity.CRITICAL,
            after=timedelta(seconds=self.policy.blind_after),
            summary=f"nothing of {fingerprint.address} can be observed: {unknown.detail}",
            evidence=(Evidence(fingerprint.address, "unseen", str(unknown.why), self.report.at),),
            fix=Fix(
                unknown.close or "Find out why it does not answer; its alerts are kept as last seen until it does."
            ),
        )

    def count(self) -> None:
        """Notices when many resources of a kind vanish together, and when they are back."""
        held = dict(self.target.held)
        for kind, now in self.report.counts.items():
            before = self.target.counts.get(kind, now)
            lost = before - now
            if kind in held:
                back = now >= held[kind].before * (1 - self.policy.vanish_share)
                if back or self.now - held[kind].since >= self.policy.vanish_wait:
                    del held[kind]
            elif lost >= self.policy.vanish_least and lost > before * self.policy.vanish_share:
                held[kind] = Held(self.now, before)
                detail = f"{lost} of {before} {kind} vanished at once: their alerts wait"
                self.tell(Kind.HELD, detail=detail)
        self.target = replace(self.target, counts=dict(self.report.counts), held=held, gaps=_standing(self.report))

    def meet(self) -> None:
        """The first looks together are one first contact."""
        if self.target.met:
            return
        polls = self.target.polls + 1
        met = polls >= self.policy.contact_polls
        self.target = replace(self.target, polls=polls, met=met)
        if met:
            self.tell(Kind.CONTACT)

    # ── one alert ──

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        verdict = self.report.verdict(fingerprint)
        # Held ones are gone only when the wait is over: `count` has taken the hold away by then.
        return Verdict.UNKNOWN if verdict is Verdict.GONE and fingerprint.address.kind in self.target.held else verdict

    def problem(self, fingerprint: Fingerprint, finding: Finding) -> None:
        id_ = self.open.get(fingerprint)
        if id_ is None:
            alert = self.begin(fingerprint, finding)
        else:
            before = self.alerts[id_]
            alert = replace(
                before,
                finding=finding,
                seen=self.report.at,
                severity=finding.severity,
                frozen=None,
                frozen_why="",
                clear_since=None,
                clear_polls=0,
                owner=self.owner(fingerprint.address) or before.owner,
            )
            if before.frozen is not None and before.phase is Phase.PENDING:
                alert = replace(alert, unseen=before.unseen + self.now - before.frozen)
            if before.phase is Phase.FIRING:
                if before.frozen is not None:
                    self.tell(Kind.THAWED, alert)
                if finding.severity != before.severity:
                    self.tell(Kind.WORSE if finding.severity > before.severity else Kind.MILDER, alert)
        if alert.phase is Phase.PENDING and self.now - alert.since - alert.unseen >= finding.after.total_seconds():
            alert = self.ready(alert)
        self.alerts[alert.id] = self.sized(alert)

    def ready(self, alert: Alert) -> Alert:
        """Its patience is over; a rebalance may still hold it back for a while, once."""
        fingerprint = alert.fingerprint
        if fingerprint.check in REBALANCE and fingerprint.address in self.event.rebalancing:
            held = self.now if alert.held is None else alert.held
            if self.now - held < HOLD:
                return replace(alert, held=held)
        return self.fire(alert)

    def sized(self, alert: Alert) -> Alert:
        """More of what was told is told again, unless somebody is at it already: soon at first, then ever less often."""
        size, growth = alert.finding.size, alert.growth
        if size is None or alert.phase is not Phase.FIRING:
            return alert
        if growth is None or alert.told is None:
            return replace(alert, growth=Growth(size.least, self.now, self.policy.grow_wait))
        told, again = min(growth.told, size.most), growth.at + growth.wait
        more = None if size.least <= told else self.now if growth.more is None else growth.more
        if more is None or self.now < again or alert.acknowledged or self.silent(alert):
            now = replace(growth, told=told, more=more)
            return alert if now == growth else replace(alert, growth=now)
        wait = min(2 * growth.wait, self.policy.grow_longest) if more < again else self.policy.grow_wait
        grown = replace(alert, growth=Growth(size.least, self.now, wait), repeated=self.now)
        self.tell(Kind.GREW, grown, f"{size.least - told} more")
        return grown

    def silent(self, alert: Alert) -> bool:
        return silenced_by(self.state.silences, alert, self.now) is not None

    def begin(self, fingerprint: Fingerprint, finding: Finding) -> Alert:
        id_ = _short(fingerprint, self.report.at, self.alerts)
        self.open[fingerprint] = id_
        return Alert(
            id=id_,
            fingerprint=fingerprint,
            finding=finding,
            phase=Phase.PENDING,
            since=self.report.at,
            seen=self.report.at,
            severity=finding.severity,
            owner=self.owner(fingerprint.address),
            first=not self.target.met and fingerprint.check != TARGET_BLIND,
        )

    def fire(self, alert: Alert) -> Alert:
        earlier = self.recent.get(alert.fingerprint)
        fires = (
            *(t for t in (earlier.fires if earlier else ()) if self.now - t < self.policy.unstable_within),
            self.now,
        )
        self.recent[alert.fingerprint] = Recent(alert.fingerprint, fires)
        unstable = len(fires) >= self.policy.unstable_fires
        fired = replace(alert, phase=Phase.FIRING, fired=self.now, unstable=unstable)
        self.tell(Kind.FIRED, fired)
        if unstable:
            self.tell(Kind.UNSTABLE, fired, f"{len(fires)} times in {round((self.now - fires[0]) / 60)} min")
        return fired

    def judge(self, alert: Alert, verdict: Verdict) -> None:
        """What becomes of an open alert that is not among the findings."""
        if verdict is Verdict.UNKNOWN:
            if alert.frozen is None:
                frozen = replace(alert, frozen=self.now, frozen_why=self.why(alert), clear_since=None, clear_polls=0)
                self.alerts[alert.id] = frozen
                if alert.phase is Phase.FIRING:
                    self.tell(Kind.FROZEN, frozen)
            return
        if alert.phase is Phase.PENDING and verdict is Verdict.LINGERING:
            unseen = self.now - alert.frozen if alert.frozen is not None else 0.0
            self.alerts[alert.id] = replace(alert, frozen=None, frozen_why="", unseen=alert.unseen + unseen)
            return
        if alert.phase is Phase.PENDING:  # it was never told, so its end is not, either
            del self.open[alert.fingerprint], self.alerts[alert.id]
            return
        thawed = replace(alert, frozen=None, frozen_why="")
        if alert.frozen is not None and verdict in {Verdict.CLEAR, Verdict.LINGERING}:
            self.tell(Kind.THAWED, thawed)
        if verdict is Verdict.LINGERING:
            self.alerts[alert.id] = replace(thawed, seen=self.report.at, clear_since=None, clear_polls=0)
            return
        since = alert.clear_since if alert.clear_since is not None else self.now
        patient = replace(thawed, clear_since=since, clear_polls=alert.clear_polls + 1)
        if verdict is Verdict.CLEAR and not self.enough(patient, self.now - since):
            self.alerts[alert.id] = patient
            return
        self.end(patient, _VERDICT_KIND[verdict])

    def enough(self, alert: Alert, clear: float) -> bool:
        """Whether it has been clear for long enough, in polls and in seconds."""
        hold = self.policy.unstable_hold if alert.unstable else 0.0
        settling = self.policy.settling if alert.fingerprint.check == TARGET_BLIND else 0.0
        return alert.clear_polls >= self.policy.clear_polls and clear >= max(hold, settling)

    def end(self, alert: Alert, kind: Kind) -> None:
        self.alerts[alert.id] = ended = replace(alert, phase=_PHASE[kind], ended=self.now)
        del self.open[alert.fingerprint]
        self.tell(kind, ended)

    def why(self, alert: Alert) -> str:
        if self.report.unseen is not None:
            return self.report.unseen.detail
        check, address = alert.fingerprint.check, alert.fingerprint.address
        gaps = (self.report.gaps.get((check, where)) for where in (address, address.under(address.kind, "")))
        gap = next(filter(None, gaps), None)
        return gap.unknown.detail if gap else "it is no longer listed, which proves nothing"

    def owner(self, address: Address) -> str:
        return owner_of(self.policy, address, self.event.owners.get(address, ""))

    # ── configuration findings ──

    def set(self, fingerprint: Fingerprint, finding: Finding) -> None:
        before, owner = self.settings.get(fingerprint), self.event.owners.get(fingerprint.address, "")
        if before is None:
            self.settings[fingerprint] = Setting(finding, self.report.at, owner=owner)
        elif before.fixed or owner != before.owner or not _alike(before.finding, finding):
            self.settings[fingerprint] = replace(before, finding=finding, fixed=False, owner=owner)

    def unset(self, fingerprint: Fingerprint, setting: Setting) -> None:
        if setting.fixed or self.verdict(fingerprint) in {Verdict.UNKNOWN, Verdict.LINGERING}:
            return
        # What was switched off or ignored was not fixed: nothing is said of it.
        if setting.told and self.verdict(fingerprint) is not Verdict.OFF:
            self.settings[fingerprint] = replace(setting, fixed=True)
        else:
            del self.settings[fingerprint]

    def tell(self, kind: Kind, alert: Alert | None = None, detail: str = "") -> None:
        id_ = alert.id if alert else ""
        self.transitions.append(Transition(kind, self.now, id_, self.report.target, detail))


def _same(new: Mapping[Any, object], old: Mapping[Any, object]) -> bool:
    """Whether both hold the very same values."""
    return len(new) == len(old) and all(old.get(key) is value for key, value in new.items())


def _alike(a: Finding, b: Finding) -> bool:
    """Whether both say the same, whenever it was seen."""
    if (a.severity, a.after, a.summary, a.fix, a.size) != (b.severity, b.after, b.summary, b.fix, b.size):
        return False
    seen = ([(one.address, one.field, one.value, one.unit) for one in finding.evidence] for finding in (a, b))
    return next(seen) == next(seen)


def _standing(report: Report) -> tuple[StandingGap, ...]:
    """The gaps that somebody could close, by what closes them; their numbers, not their names."""
    counted: dict[tuple[str, str], int] = {}
    for gap in report.gaps.values():
        if gap.unknown.why is Why.DENIED:
            key = (gap.unknown.detail if not gap.check else f"{gap.unknown.why}", gap.unknown.close)
            counted[key] = counted.get(key, 0) + 1
    return tuple(StandingGap(report.target, why, n, close) for (why, close), n in sorted(counted.items())[:20])


def _short(fingerprint: Fingerprint, at: float, taken: Mapping[str, Alert]) -> str:
    """Six letters and digits, the same for the same episode: a replay gives the same ids."""
    digest = blake2s(f"{fingerprint} {at!r}".encode("utf-8", "surrogatepass")).hexdigest()
    return next(digest[i : i + 6] for i in range(len(digest)) if digest[i : i + 6] not in taken)


# ── time ──


def _tick(state: State, now: float, policy: Policy) -> tuple[State, tuple[Transition, ...]]:
    transitions: list[Transition] = []
    alerts = dict(state.alerts)
    for id_ in state.open.values():
        alert = alerts[id_]
        if alert.phase is not Phase.FIRING or alert.told is None:
            continue
        taken = alert.acknowledged
        if taken is not None and taken.until is not None and now >= taken.until:
            alerts[id_] = alert = replace(alert, acknowledged=None)
            transitions.append(Transition(Kind.RELEASED, now, id_, alert.target, "its time is over"))
        if _due_again(state, alert, now, policy):
            alerts[id_] = replace(alert, repeated=now)
            transitions.append(Transition(Kind.REPEATED, now, id_, alert.target))
    digested = state.digested
    due = digest_due(now, policy)
    if digested is None:
        digested = due  # the first digest is tomorrow's: first contact has told the rest
    elif due > digested:
        digested = due
        transitions.append(Transition(Kind.DIGEST, now))
    silences = {id_: s for id_, s in state.silences.items() if now < s.until + policy.keep_closed}
    recent = {f: r for f, r in state.recent.items() if now - r.fires[-1] < policy.unstable_within}
    forgotten = len(silences) < len(state.silences) or len(recent) < len(state.recent)
    if not transitions and not forgotten and digested == state.digested:
        return state, ()  # the same object: nothing to be written
    return replace(state, alerts=alerts, silences=silences, recent=recent, digested=digested), tuple(transitions)


def _due_again(state: State, alert: Alert, now: float, policy: Policy) -> bool:
    if alert.acknowledged is not None or alert.frozen is not None or alert.told is None:
        return False
    if silenced_by(state.silences, alert, now):
        return False
    chosen = route(policy, alert.fingerprint.check, alert.fingerprint.address, alert.severity, alert.owner)
    after = chosen.repeat.get(alert.severity)
    return after is not None and now - max(alert.told, alert.repeated or 0.0) >= after


def digest_due(now: float, policy: Policy) -> float:
    """The last time at or before `now` at which the digest was due."""
    local = datetime.fromtimestamp(now, policy.digest_zone)
    today = datetime.combine(local.date(), policy.digest_at, policy.digest_zone)
    if today > local:
        today = datetime.combine(local.date() - timedelta(days=1), policy.digest_at, policy.digest_zone)
    return today.timestamp()
