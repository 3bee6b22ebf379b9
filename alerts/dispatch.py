"""Transitions in, deliveries out: who is told what, in which thread, and what is told together.

Level, not edge: whatever fires and was not told yet is looked at each time, so that what was silenced, folded under a
cause or without a route is told once that is over. Nothing is worded here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from alerts.inhibit import causes, inhibited_by
from alerts.model import (
    Alert,
    Delivery,
    Digest,
    Kind,
    Op,
    Phase,
    Progress,
    Setting,
    StandingGap,
    State,
    Subject,
    Thread,
    Transition,
)
from alerts.policy import Policy
from alerts.route import Chosen, group_of, owner_of, route
from alerts.silence import silenced_by
from checks.check import Severity
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address
from checks.ignores import ending

NAMED = 40
"""Findings that a digest names, at most."""
WARN = (7, 1)
"""Days before an ignore ends on which a digest says so, though it has nothing else to say."""
STALE = 300.0
"""Seconds: messages that could not be sent for so long become one about how things are now."""

_ENDS = {Kind.RESOLVED, Kind.GONE, Kind.OFF}
_SHOWN = {Kind.FROZEN, Kind.THAWED, Kind.MILDER, Kind.ACKNOWLEDGED, Kind.RELEASED}
"""The root message shows it; nobody is called."""
_LOUD = {Kind.WORSE, Kind.GREW, Kind.REPEATED}
SHARED = {Subject.MANY, Subject.CONTACT}
"""Threads about many alerts."""


def edits(destination: str) -> bool:
    """Whether messages there can be edited and replied to; else whatever is told is a message of its own."""
    return destination.startswith("slack:")


def dispatch(state: State, transitions: Sequence[Transition], now: float, policy: Policy) -> State:
    """The state with everything that is to be told on its way."""
    untold = [a for a in map(state.alerts.__getitem__, state.open.values()) if _untold(a)]
    if not (transitions or untold or state.deliveries):
        return state
    desk = _Desk(state, now, policy)
    desk.follow(transitions)
    for transition in transitions:
        if transition.kind is Kind.CONTACT and transition.target is not None:
            desk.meet(transition.target)
        elif transition.kind is Kind.DIGEST:
            desk.review()
    desk.tell([a for a in (desk.alerts[alert.id] for alert in untold) if a.told is None])
    desk.collapse()
    return desk.state()


def _untold(alert: Alert) -> bool:
    return alert.phase is Phase.FIRING and alert.told is None


class _Desk:
    """Where one change is written down. The mappings of the state are copied once."""

    def __init__(self, state: State, now: float, policy: Policy) -> None:
        self.before, self.now, self.policy = state, now, policy
        self.alerts = dict(state.alerts)
        self.threads = dict(state.threads)
        self.deliveries = dict(state.deliveries)
        self.settings = dict(state.settings)
        self.seq = state.seq

    def state(self) -> State:
        before = self.before
        changed = replace(
            before,
            # What did not change stays the same object: whoever writes states down looks at that.
            alerts=before.alerts if self.alerts == before.alerts else self.alerts,
            threads=before.threads if self.threads == before.threads else self.threads,
            deliveries=before.deliveries if self.deliveries == before.deliveries else self.deliveries,
            settings=before.settings if self.settings == before.settings else self.settings,
            seq=self.seq,
        )
        names = ("alerts", "threads", "deliveries", "settings", "seq")
        return before if all(getattr(changed, name) is getattr(before, name) for name in names) else changed

    # ── what became of alerts that were told ──

    def follow(self, transitions: Sequence[Transition]) -> None:
        happened: dict[str, list[Kind]] = {}
        for transition in transitions:
            if transition.alert and self.alerts[transition.alert].told is not None:
                happened.setdefault(transition.alert, []).append(transition.kind)
        if not happened:
            return
        ended: dict[str, list[str]] = {}
        for thread in [t for t in self.threads.values() if not happened.keys().isdisjoint(t.alerts)]:
            if thread.subject is Subject.ALERT:
                kinds = happened[thread.alerts[0]]
                if _ENDS.intersection(kinds) and self.unsent(thread.id) is None:
                    ended.setdefault(thread.destination, []).append(thread.id)
                else:
                    self.update(thread, kinds)
            elif thread.subject in SHARED:
                self.update_shared(thread, happened)
        for destination, threads in ended.items():
            self.end(destination, threads)

    def update(self, thread: Thread, kinds: Iterable[Kind]) -> None:
        """One alert's own thread, while the alert goes on."""
        if self.unsent(thread.id):
            return  # it will say how things are when it is sent
        loud = tuple(kind for kind in kinds if kind in _LOUD)
        if loud or _SHOWN.intersection(kinds):
            self.edit(thread)
        if loud:
            self.reply(thread, loud, thread.alerts)

    def update_shared(self, thread: Thread, happened: Mapping[str, list[Kind]]) -> None:
        if self.unsent(thread.id):
            return
        self.edit(thread)
        loud: dict[Kind, list[str]] = {}
        for id_ in thread.alerts:
            for kind in happened.get(id_, ()):
                if kind in {Kind.WORSE, Kind.FIRED} and self.alerts[id_].severity is Severity.CRITICAL:
                    self.alone(self.alerts[id_], thread.destination)  # a page stands by itself
                elif kind in _LOUD and not self.has_own(id_, thread.destination):
                    loud.setdefault(kind, []).append(id_)
        for kind, ids in loud.items():
            self.reply(thread, (kind,), ids, self.gathered(thread) if kind is Kind.GREW else 0.0)
        if self.over(thread) and any(_ENDS.intersection(happened.get(id_, ())) for id_ in thread.alerts):
            self.reply(thread, (Kind.RESOLVED,), thread.alerts)

    def gathered(self, thread: Thread) -> float:
        """When something may be said about what grows among many: not each time that one of them does."""
        at = max(self.now, thread.again)
        if self.waiting(thread.id, Op.REPLY) is None:
            self.threads[thread.id] = replace(thread, again=at + self.policy.grow_wait)
        return at

    def end(self, destination: str, threads: Sequence[str]) -> None:
        """Alerts that ended: each in its thread, or, where there are many, in one message for all."""
        many = len(threads) > self.policy.many
        for id_ in threads:
            thread = self.threads[id_]
            self.edit(thread)
            if not many:
                alert = self.alerts[thread.alerts[0]]
                self.reply(thread, (Kind(alert.phase.value),), thread.alerts)
        if not many:
            return
        about = tuple(self.threads[id_].alerts[0] for id_ in threads)
        for thread in self.threads.values():
            if thread.destination == destination and thread.subject is Subject.ENDED and self.unsent(thread.id):
                self.threads[thread.id] = replace(thread, alerts=thread.alerts + about)
                return
        thread = Thread(self.next(), Subject.ENDED, destination, self.now, about)
        self.post(thread, (Kind.RESOLVED,), self.now + self.policy.gather)

    def over(self, thread: Thread) -> bool:
        return all(self.alerts[id_].phase.closed for id_ in thread.alerts if id_ in self.alerts)

    def has_own(self, alert: str, destination: str) -> bool:
        return (alert, destination) in self.own

    @cached_property
    def own(self) -> set[tuple[str, str]]:
        """Alerts with a thread of their own, and where."""
        return {(t.alerts[0], t.destination) for t in self.threads.values() if t.subject is Subject.ALERT}

    # ── what nobody was told of yet ──

    def tell(self, untold: Sequence[Alert]) -> None:
        if not untold:
            return
        why = causes(self.before, self.now)
        fresh: dict[str, dict[str, list[Alert]]] = {}
        for alert in untold:
            if self.waits(alert):
                continue
            chosen = self.chosen(alert)
            cause = inhibited_by(why, alert)
            if cause is not None and set(chosen.destinations) <= set(self.route(cause)):
                continue  # whoever would hear of it hears of its cause
            for destination in chosen.destinations:
                fresh.setdefault(destination, {}).setdefault(group_of(chosen, alert), []).append(alert)
            if chosen.destinations:
                self.told(alert)
        for destination, groups in fresh.items():
            if len(groups) > self.policy.many:  # more groups than anybody reads are one
                groups = {"": [alert for alerts in groups.values() for alert in alerts]}  # noqa: PLW2901 - the same, folded
            for group, alerts in groups.items():
                self.spread(destination, group, sorted(alerts, key=lambda a: (-a.severity, a.fired or 0.0)))

    def waits(self, alert: Alert) -> bool:
        """What was wrong on arrival is told together; only what is critical calls by itself."""
        if alert.acknowledged or silenced_by(self.before.silences, alert, self.now):
            return True
        if alert.clear_since is not None:
            return True  # it is about to end, or will be told when it is back
        if not alert.first or alert.severity is Severity.CRITICAL:
            return False
        target = self.before.targets.get(alert.target)
        return target is not None and not target.met

    def spread(self, destination: str, group: str, alerts: Sequence[Alert]) -> None:
        """A message each, or one for all of them where they are many in a short time, or of one group."""
        since = self.now - self.policy.gather
        lately = [t for t in self.threads.values() if t.destination == destination and t.created > since]
        alone = sum(t.subject is Subject.ALERT for t in lately)
        shared = [t for t in lately if t.subject is Subject.MANY and t.group == group]
        together = next(iter(shared), None)
        pages = [alert for alert in alerts if alert.severity is Severity.CRITICAL]
        if pages and together is not None and not self.unsent(together.id):
            self.page(destination, group, pages, shared, alone)
            alerts = [alert for alert in alerts if alert.severity is not Severity.CRITICAL]
        if not alerts:
            return
        many = len(alerts) + alone + (len(together.alerts) if together else 0) > self.policy.many
        begun = group and any(t.group == group for t in lately)
        if not many and not begun and (not group or len(alerts) == 1):
            for alert in alerts:
                self.alone(alert, destination, group)
        elif together is not None:
            self.join(together, [alert.id for alert in alerts])
        else:
            ids = tuple(alert.id for alert in alerts)
            self.post(Thread(self.next(), Subject.MANY, destination, self.now, ids, group=group), (Kind.FIRED,))

    def page(self, destination: str, group: str, alerts: Sequence[Alert], shared: Sequence[Thread], alone: int) -> None:
        """Critical alerts while many are told together: a reply calls nobody, unless its message called already."""
        ids = [alert.id for alert in alerts]
        loud = next((t for t in shared if self.calls(t)), None)
        if loud is not None:
            self.join(loud, ids)
        elif len(alerts) + alone > self.policy.many:
            self.post(Thread(self.next(), Subject.MANY, destination, self.now, tuple(ids), group=group), (Kind.FIRED,))
        else:
            for alert in alerts:
                self.alone(alert, destination, group)

    def calls(self, thread: Thread) -> bool:
        """Whether something critical fires among those it is about."""
        about = (self.alerts[id_] for id_ in thread.alerts if id_ in self.alerts)
        return any(alert.severity is Severity.CRITICAL and not alert.phase.closed for alert in about)

    def join(self, thread: Thread, alerts: Sequence[str]) -> None:
        self.threads[thread.id] = grown = replace(thread, alerts=(*thread.alerts, *alerts))
        if not self.unsent(thread.id):
            self.edit(grown)
            self.reply(grown, (Kind.FIRED,), alerts, thread.created + self.policy.gather)

    def alone(self, alert: Alert, destination: str, group: str = "") -> None:
        if self.has_own(alert.id, destination):
            return
        kinds = (Kind.FIRED, Kind.UNSTABLE) if alert.unstable else (Kind.FIRED,)
        self.own.add((alert.id, destination))
        self.post(Thread(self.next(), Subject.ALERT, destination, self.now, (alert.id,), group=group), kinds)

    def chosen(self, alert: Alert) -> Chosen:
        fingerprint = alert.fingerprint
        return route(self.policy, fingerprint.check, fingerprint.address, alert.severity, alert.owner)

    def route(self, alert: Alert) -> tuple[str, ...]:
        return self.chosen(alert).destinations

    def told(self, alert: Alert) -> None:
        self.alerts[alert.id] = replace(self.alerts[alert.id], told=self.now)

    # ── first contact and the daily review ──

    def meet(self, target: Address) -> None:
        """What was wrong on arrival, in one message for each destination, targets met together in the same one."""
        ids: dict[str, list[str]] = {}
        for id_ in self.before.open.values():
            alert = self.alerts[id_]
            if alert.target == target and alert.first and alert.told is None and self.may_meet(alert):
                destinations = self.route(alert)
                for destination in destinations:
                    ids.setdefault(destination, []).append(id_)
                if destinations:
                    self.told(alert)
        found = [s for f, s in self.settings.items() if f.address.root == target and not s.told and self.due(s)]
        reviews = self.reviewed(found)
        gaps = self.before.targets[target].gaps
        for destination in dict.fromkeys((*ids, *reviews)):
            digest = _digest(reviews.get(destination, []), [], 0, gaps)
            self.greet(destination, target, tuple(ids.get(destination, ())), digest)

    def may_meet(self, alert: Alert) -> bool:
        return alert.severity is not Severity.CRITICAL and not silenced_by(self.before.silences, alert, self.now)

    def greet(self, destination: str, target: Address, alerts: tuple[str, ...], digest: Digest) -> None:
        for thread in self.threads.values():
            if thread.destination == destination and thread.subject is Subject.CONTACT and self.unsent(thread.id):
                self.threads[thread.id] = replace(
                    thread,
                    alerts=thread.alerts + alerts,
                    targets=tuple(dict.fromkeys((*thread.targets, target))),
                    digest=_together(thread.digest or Digest(), digest),
                )
                return
        thread = Thread(self.next(), Subject.CONTACT, destination, self.now, alerts, (target,), digest)
        self.post(thread, (Kind.CONTACT,), self.now + self.policy.gather)

    def review(self) -> None:
        """The digest: what is new and what was fixed since the last one, and ignores about to end; no message where there is
        nothing of it.
        """
        fixed: dict[str, list[Setting]] = {}
        still: dict[str, int] = {}
        new: list[Setting] = []
        for setting in self.before.settings.values():
            if setting.fixed:
                del self.settings[_of(setting)]
                for destination in self.owners(setting):
                    fixed.setdefault(destination, []).append(setting)
            elif setting.told:
                for destination in self.owners(setting):
                    still[destination] = still.get(destination, 0) + 1
            elif self.due(setting):
                new.append(setting)
        reviews = self.reviewed(new)
        gaps = tuple(gap for target in self.before.targets.values() for gap in target.gaps)
        warned = self.policy.route.destinations if ending(self.policy.ignores, self.now, WARN) else ()
        for destination in dict.fromkeys((*reviews, *fixed, *warned)):
            added, mended = reviews.get(destination, []), fixed.get(destination, [])
            digest = _digest(added, mended, still.get(destination, 0), gaps)
            thread = Thread(self.next(), Subject.DIGEST, destination, self.now, digest=digest)
            self.post(thread, (Kind.DIGEST,))

    def due(self, setting: Setting) -> bool:
        """Whether it has stood for as long as its check is patient."""
        return self.now - setting.since >= setting.finding.after.total_seconds()

    def reviewed(self, settings: Iterable[Setting]) -> dict[str, list[Setting]]:
        """Untold settings by destination; they are told from here on."""
        found: dict[str, list[Setting]] = {}
        for setting in settings:
            destinations = self.owners(setting)
            for destination in destinations:
                found.setdefault(destination, []).append(setting)
            if destinations:
                self.settings[_of(setting)] = replace(setting, told=True)
        return found

    def owners(self, setting: Setting) -> tuple[str, ...]:
        finding = setting.finding
        check, address = finding.fingerprint.check, finding.fingerprint.address
        owner = owner_of(self.policy, address, setting.owner)
        return route(self.policy, check, address, finding.severity, owner).destinations

    # ── threads and deliveries ──

    def next(self) -> str:
        self.seq += 1
        return str(self.seq)

    def post(self, thread: Thread, kinds: tuple[Kind, ...], not_before: float = 0.0) -> None:
        self.threads[thread.id] = thread
        self.deliver(thread, Op.POST, kinds, thread.alerts, not_before)

    def edit(self, thread: Thread) -> None:
        """The root message as things are now; one that waits already will say so."""
        if edits(thread.destination) and self.waiting(thread.id, Op.EDIT) is None:
            self.deliver(thread, Op.EDIT, (), ())

    def reply(self, thread: Thread, kinds: tuple[Kind, ...], alerts: Sequence[str], not_before: float = 0.0) -> None:
        earlier = self.waiting(thread.id, Op.REPLY)
        if earlier is None:
            self.deliver(thread, Op.REPLY, kinds, tuple(alerts), not_before)
        else:
            self.deliveries[earlier.id] = replace(
                earlier,
                kinds=tuple(dict.fromkeys((*earlier.kinds, *kinds))),
                alerts=tuple(dict.fromkeys((*earlier.alerts, *alerts))),
                not_before=min(earlier.not_before, not_before),
            )

    def deliver(
        self, thread: Thread, op: Op, kinds: tuple[Kind, ...], alerts: tuple[str, ...], not_before: float = 0.0
    ) -> None:
        id_ = self.next()
        self.by_thread.setdefault(thread.id, []).append(id_)
        self.deliveries[id_] = Delivery(
            id_, self.seq, thread.id, thread.destination, op, kinds, alerts, self.now, not_before=not_before
        )

    def waiting(self, thread: str, op: Op) -> Delivery | None:
        """A delivery of this thread that nobody can have seen yet."""
        return next((d for d in self.of(thread) if d.op is op and _unseen(d)), None)

    def unsent(self, thread: str) -> Delivery | None:
        return self.waiting(thread, Op.POST)

    def of(self, thread: str) -> Iterator[Delivery]:
        return (self.deliveries[id_] for id_ in self.by_thread.get(thread, ()) if id_ in self.deliveries)

    @cached_property
    def by_thread(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for delivery in self.deliveries.values():
            found.setdefault(delivery.thread, []).append(delivery.id)
        return found

    # ── after a long outage ──

    def collapse(self) -> None:
        """Messages that could not be sent for long become one, about how things are by then."""
        old: dict[str, list[Delivery]] = {}
        for delivery in self.deliveries.values():
            if delivery.op is Op.POST and delivery.progress is Progress.QUEUED and not delivery.unclear:
                thread = self.threads[delivery.thread]
                if thread.subject in {Subject.ALERT, Subject.MANY, Subject.ENDED}:
                    old.setdefault(delivery.destination, []).append(delivery)
        for destination, deliveries in old.items():
            if self.now - min(d.created for d in deliveries) < STALE:
                continue
            begun = any(self.threads[d.thread].subject is Subject.MANY for d in deliveries)
            if len(deliveries) > (1 if begun else self.policy.many):
                self.replace_by_one(destination, deliveries)

    def replace_by_one(self, destination: str, deliveries: Sequence[Delivery]) -> None:
        gone = {d.thread for d in deliveries}
        alerts = tuple(dict.fromkeys(id_ for d in deliveries for id_ in self.threads[d.thread].alerts))
        closed = sum(self.threads[d.thread].closed for d in deliveries)
        for id_, delivery in list(self.deliveries.items()):
            if delivery.thread in gone:
                del self.deliveries[id_]
        for id_ in gone:
            del self.threads[id_]
        created = min(d.created for d in deliveries)
        thread = Thread(self.next(), Subject.MANY, destination, created, alerts, closed=closed)
        self.post(thread, (Kind.FIRED,))
        (one,) = self.of(thread.id)
        self.deliveries[one.id] = replace(one, attempts=max(d.attempts for d in deliveries), created=created)


def _unseen(delivery: Delivery) -> bool:
    return delivery.progress is Progress.QUEUED and not delivery.unclear


def _of(setting: Setting) -> Fingerprint:
    return setting.finding.fingerprint


def _digest(new: Sequence[Setting], fixed: Sequence[Setting], still: int, gaps: tuple[StandingGap, ...]) -> Digest:
    return Digest(_worst(s.finding for s in new), _worst(s.finding for s in fixed), len(new), len(fixed), still, gaps)


def _worst(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: (-f.severity, str(f.fingerprint)))[:NAMED])


def _together(a: Digest, b: Digest) -> Digest:
    """Of two targets met together."""
    return Digest(_worst((*a.new, *b.new)), (), a.news + b.news, 0, 0, a.gaps + b.gaps)
