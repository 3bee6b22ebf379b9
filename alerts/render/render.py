"""Deliveries to messages, made when they are sent: what is told is how things are then."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from alerts.dispatch import WARN, edits
from alerts.model import TARGET_BLIND, Alert, Delivery, Digest, Kind, Op, Phase, State, Subject, Thread
from alerts.policy import Policy
from alerts.render.message import Mark, Message, Table
from checks import all_checks
from checks.check import Evidence, Severity
from checks.evaluate import Finding
from checks.facts import Address
from checks.ignores import ending
from checks.wording import count, listed, shell, shown, span

ROWS = 20
"""Rows of a table in a message; the rest is a number, and `mqcanary alerts` has them all."""
FACTS = 6
_ACK = "mqcanary alerts ack ID: the id stands in the list"

_MARKS = {Severity.CRITICAL: Mark.CRITICAL, Severity.WARNING: Mark.WARNING, Severity.INFO: Mark.INFO}
_ENDS = {Phase.RESOLVED: "Resolved", Phase.GONE: "Deleted", Phase.OFF: "Switched off or ignored"}
_ENDED = {
    Phase.RESOLVED: "resolved",
    Phase.GONE: "its resource was deleted",
    Phase.OFF: "its check was switched off or ignored",
}


def render(delivery: Delivery, state: State, now: float, policy: Policy) -> Message:
    """What a delivery says at `now`, in seconds since the epoch."""
    thread = state.threads[delivery.thread]
    told = [state.alerts[id_] for id_ in thread.alerts if id_ in state.alerts]
    words = _Words(now, policy, thread)
    if thread.subject is Subject.ALERT and told:
        if delivery.op is Op.REPLY:
            return words.follow_up(told[0], delivery.kinds)
        return words.alert(told[0])
    if thread.subject is Subject.CONTACT:
        return words.more(told, delivery, state) if delivery.op is Op.REPLY else words.contact(told)
    if thread.subject is Subject.ENDED:
        return words.ended(told)
    if thread.subject is Subject.DIGEST:
        return words.digest(thread.digest or Digest())
    if thread.subject is Subject.TEST:
        return words.test()
    if len(told) == 1 and not thread.closed:  # the first of a group, or of more than anybody reads one by one
        return words.follow_up(told[0], delivery.kinds) if delivery.op is Op.REPLY else words.alert(told[0])
    return words.more(told, delivery, state) if delivery.op is Op.REPLY else words.many(told)


class _Words:
    """The words of one message; `now` and the time zone are in all of them."""

    def __init__(self, now: float, policy: Policy, thread: Thread) -> None:
        self.now, self.policy, self.thread = now, policy, thread

    # ── one alert ──

    def alert(self, alert: Alert) -> Message:
        finding = alert.finding
        ended = alert.phase.closed
        unseen = "Cannot be observed: " if alert.frozen is not None else ""
        return Message(
            title=_ended(alert) if ended else unseen + finding.summary,
            mark=_mark(alert),
            lead=self.status(alert),
            facts=self.facts(alert),
            why="" if ended else _why(finding),
            step="" if ended else _sentence(finding.fix.text),
            command="" if ended else finding.fix.command,
            notes=() if ended else self.notes(alert),
        )

    def status(self, alert: Alert) -> str:
        """What has become of it."""
        if alert.phase.closed and alert.ended is not None:
            lasted = span(alert.ended - alert.since)
            return f"After {lasted}, at {self.clock(alert.ended)}: {alert.left or _ENDED[alert.phase]}."
        parts = []
        if alert.frozen is not None:
            why = f": {alert.frozen_why}" if alert.frozen_why else ""
            parts.append(
                f"Last seen {self.clock(alert.seen)}, cannot be observed since {self.clock(alert.frozen)}{why}."
            )
        if alert.unstable:
            window = span(self.policy.unstable_within)
            quiet = span(self.policy.unstable_hold)
            parts.append(
                f"Unstable: it keeps coming back (at least {self.policy.unstable_fires} times in {window}). "
                f"It counts as over after {quiet} of quiet."
            )
        taken = alert.acknowledged
        if taken is not None:
            until = f" until {self.clock(taken.until)}" if taken.until is not None else ""
            note = f": {shown(taken.note)}" if taken.note else ""
            parts.append(f"Acknowledged by {shown(taken.by)} at {self.clock(taken.at)}{until}{note}.")
        return " ".join(parts)

    def facts(self, alert: Alert) -> tuple[tuple[str, str], ...]:
        address = alert.fingerprint.address
        lasted = f" ({span(self.last(alert))})" if self.last(alert) >= 1 else ""
        found = [("Where", _place(address)), ("Since", self.clock(alert.since) + lasted)]
        if alert.owner:
            found.append(("Owner", shown(alert.owner)))
        # That nothing is seen has been said, and what was seen last would pass for what is seen now.
        if alert.fingerprint.check != TARGET_BLIND and not alert.phase.closed:
            found += [_fact(evidence, address) for evidence in alert.finding.evidence[: FACTS - len(found)]]
        return tuple(found)

    def last(self, alert: Alert) -> float:
        return (alert.ended or self.now) - alert.since

    def notes(self, alert: Alert) -> tuple[str, ...]:
        known = f"alert {alert.id}, {alert.fingerprint.check}, severity {alert.severity}"
        lines = [] if alert.acknowledged else [f"mqcanary alerts ack {alert.id}"]
        return (known, *lines, _silence(alert.fingerprint.address), *self.limits_of_sink())

    def limits_of_sink(self) -> tuple[str, ...]:
        """A webhook can only post: said where a reader would wait for an edit."""
        if self.thread.destination.startswith("webhook:"):
            return ("sent by webhook: this message can't be edited, its end is told in a message of its own",)
        return ()

    def follow_up(self, alert: Alert, kinds: Sequence[Kind]) -> Message:
        """What happened since, in the thread of the alert or, where there are no threads, as a message of its own."""
        if alert.phase.closed:
            return Message(_ended(alert), _mark(alert), self.status(alert))
        if Kind.WORSE in kinds:
            return self.again(alert, f"Now {alert.severity}")
        return self.again(alert, "More" if Kind.GREW in kinds else "Still")

    def again(self, alert: Alert, head: str) -> Message:
        """One alert of which more is to be said, in the thread that told of it or of many."""
        fix = alert.finding.fix
        address = alert.fingerprint.address
        where = f"in {alert.target}" if _says_where(alert) else f"on {_place(address)}" if address.kind else ""
        known = ", ".join(filter(None, (f"For {span(self.last(alert))}", f"since {self.clock(alert.since)}", where)))
        lead = f"{known}. {self.status(alert)}".strip()
        title = f"{head}: {alert.finding.summary}"
        return Message(
            title, _mark(alert), lead, step=_sentence(fix.text), command=fix.command, notes=self.notes(alert)[:2]
        )

    # ── many ──

    def many(self, alerts: Sequence[Alert]) -> Message:
        firing = [a for a in alerts if not a.phase.closed]
        total = len(alerts) + self.thread.closed
        if not firing:
            return Message(
                f"{_over(alerts)}: {(not self.thread.closed and _shared(alerts)) or count(total, 'alert')}",
                _mark_over(alerts),
                " ".join((f"Began at {self.clock(self.thread.created)}.", *_left(alerts))),
                table=self.table(alerts),
            )
        worst = max(firing, key=lambda a: a.severity)
        over = f"{total - len(firing):,} of {total:,} are over." if len(firing) < total else ""
        at_once = _shared(firing) or f"{count(len(firing), 'alert')} at once: {self.split(firing)}"
        frozen = [a.frozen for a in firing if a.frozen is not None]
        unseen = len(frozen) == len(firing)
        since = f"Cannot be observed since {self.clock(min(frozen))}." if unseen else ""
        # Those who can't be seen were told what to do when they could be; what keeps them from being seen is another matter.
        step, command = ("", "") if unseen else _one_fix(firing)
        return Message(
            title=f"Cannot be observed: {at_once}" if unseen else at_once,
            mark=Mark.UNKNOWN if unseen else _MARKS[worst.severity],
            lead=" ".join(filter(None, (over, f"Began at {self.clock(self.thread.created)}.", since))),
            facts=self.spread(firing),
            step=step or "Look for what they share first: a broker, a deploy, a network, an account.",
            command=command or "mqcanary alerts",
            table=self.table(firing),
            notes=(_ACK, *self.limits_of_sink()),
        )

    def more(self, alerts: Sequence[Alert], delivery: Delivery, state: State) -> Message:
        """In the thread of many."""
        about = [state.alerts[id_] for id_ in delivery.alerts if id_ in state.alerts]
        firing = [a for a in about if not a.phase.closed]
        if not firing:
            title = f"{_over(alerts)}: all {len(alerts) + self.thread.closed:,} of these alerts have ended"
            return Message(title, _mark_over(alerts), " ".join(_left(alerts)))
        kinds = set(delivery.kinds)
        joined = set(delivery.alerts)
        before = {a.fingerprint.check for a in alerts if a.id not in joined}
        more = "More of the same" if {a.fingerprint.check for a in firing} <= before else "Also"
        head = more if Kind.FIRED in kinds else "Growing" if Kind.GREW in kinds else "Still firing"
        if len(firing) == 1:
            return self.again(firing[0], head)
        mark = _mark(max(firing, key=lambda a: a.severity))
        title = f"{head}: {count(len(firing), 'alert')}, {self.split(firing)}"
        return Message(title, mark, table=self.table(firing), command="mqcanary alerts", notes=(_ACK,))

    def ended(self, alerts: Sequence[Alert]) -> Message:
        ways = {phase: sum(a.phase is phase and not a.left for a in alerts) for phase in _ENDED}
        left = sum(bool(a.left) for a in alerts)
        parts = [f"{n:,} {_ENDED[phase].replace('its resource was ', '')}" for phase, n in ways.items() if n]
        parts += [f"{left:,} no longer watched"] if left else []
        title = f"{count(len(alerts) + self.thread.closed, 'alert')} ended: {', '.join(parts)}"
        return Message(title, _mark_over(alerts), " ".join(_left(alerts)), table=self.table(alerts))

    def split(self, alerts: Sequence[Alert]) -> str:
        counts = ((s, sum(a.severity is s for a in alerts)) for s in reversed(Severity))
        return ", ".join(f"{n:,} {severity}" for severity, n in counts if n)

    def spread(self, alerts: Sequence[Alert]) -> tuple[tuple[str, str], ...]:
        by_check: dict[str, int] = {}
        for alert in alerts:
            by_check[alert.fingerprint.check] = by_check.get(alert.fingerprint.check, 0) + 1
        targets = sorted({str(a.target) for a in alerts})
        top = sorted(by_check.items(), key=lambda item: -item[1])[: FACTS - 1]
        return (("Where", listed(targets)), *((check, count(n, "alert")) for check, n in top))

    def table(self, alerts: Sequence[Alert]) -> Table:
        ordered = sorted(alerts, key=lambda a: (a.phase.closed, -a.severity, a.since, str(a.fingerprint)))
        one = len({a.target for a in alerts}) == 1
        rows = tuple(
            (
                self.word(a),
                "" if a.phase.closed else a.id,
                "" if one and _says_where(a) else _place(a.fingerprint.address),
                a.finding.summary,
            )
            for a in ordered[:ROWS]
        )
        return Table(rows, max(0, len(ordered) - ROWS))

    def word(self, alert: Alert) -> str:
        if alert.phase.closed:
            return "unwatched" if alert.left else alert.phase.value
        return "unseen" if alert.frozen is not None else str(alert.severity)

    # ── the rest ──

    def contact(self, alerts: Sequence[Alert]) -> Message:
        digest = self.thread.digest or Digest()
        names = listed([str(target) for target in self.thread.targets])
        total = len(alerts) + self.thread.closed + digest.news
        conditions = self.table([a for a in alerts if not a.phase.closed])
        room = max(0, ROWS - len(conditions.rows))
        settings = tuple(_setting_row(finding) for finding in digest.new[:room])
        more = conditions.more + digest.news - len(settings)
        marks = [a.severity for a in alerts if not a.phase.closed] + [f.severity for f in digest.new]
        return Message(
            title=f"Already wrong when I arrived at {names}: {total:,}",
            mark=_MARKS[max(marks)] if marks else Mark.NEUTRAL,
            lead="First contact: nobody is called for these one by one. From here on I tell what changes; "
            "what is being lost now I have told by itself.",
            table=Table(conditions.rows + settings, more),
            command="mqcanary alerts",
            notes=(*([_ACK] if conditions.rows else ()), *_gaps(digest)),
        )

    def digest(self, digest: Digest) -> Message:
        rows = tuple(("new " + str(f.severity), *_setting_row(f)[1:]) for f in digest.new[:ROWS])
        fixed = tuple(("fixed", *_setting_row(f)[1:]) for f in digest.fixed[: max(5, ROWS - len(rows))])
        return Message(
            title=f"Review of the configuration: {digest.news:,} new, {digest.fixes:,} fixed, {digest.open:,} still open",
            mark=Mark.RESOLVED if digest.fixes and not digest.news else Mark.NEUTRAL,
            table=Table(rows + fixed, digest.news + digest.fixes - len(rows) - len(fixed)),
            step="What to do about each stands in the audit.",
            command=f"mqcanary audit --config {shell(self.policy.file)}",
            notes=(*self.ending(), *_gaps(digest)),
        )

    def ending(self) -> tuple[str, ...]:
        """Ignores about to end: for those who are told of everything."""
        if self.thread.destination not in self.policy.route.destinations:
            return ()
        at = self.thread.created
        return tuple(
            f"the ignore of {' '.join(by.checks)} ends after {by.until} ({by.origin}): what it covers comes back"
            for by in ending(self.policy.ignores, at, range(1, max(WARN) + 1))[:5]
        )

    def test(self) -> Message:
        by = f", asked for by {shown(self.thread.note)}" if self.thread.note else ""
        return Message(
            title=f"A test from mqcanary{by}: messages of this route arrive here",
            mark=Mark.NEUTRAL,
            lead=f"Sent at {self.clock(self.thread.created)} through the same way as every alert.",
            notes=self.limits_of_sink() if not edits(self.thread.destination) else (),
        )

    def clock(self, at: float) -> str:
        """`14:05 UTC`, with the date where it is not today's."""
        local = datetime.fromtimestamp(at, self.policy.digest_zone)
        today = datetime.fromtimestamp(self.now, self.policy.digest_zone).date()
        return local.strftime("%H:%M %Z" if local.date() == today else "%Y-%m-%d %H:%M %Z")


def _mark(alert: Alert) -> Mark:
    if alert.phase.closed:
        return _mark_over((alert,))
    return Mark.UNKNOWN if alert.frozen is not None else _MARKS[alert.severity]


def _mark_over(alerts: Sequence[Alert]) -> Mark:
    """Of what is over nothing is green that may be wrong still, where nobody looks."""
    return Mark.NEUTRAL if any(alert.left for alert in alerts) else Mark.RESOLVED


def _over(alerts: Sequence[Alert]) -> str:
    return "No longer watched" if alerts and all(alert.left for alert in alerts) else "Over"


def _left(alerts: Sequence[Alert]) -> list[str]:
    """Why nobody looks any more, each reason once."""
    counted = Counter(alert.left for alert in alerts if alert.left)
    return [f"{n:,} no longer watched: {why}." for why, n in counted.most_common(3)]


def _ended(alert: Alert) -> str:
    """What ended, without the clauses after the first: they told how it was then."""
    summary, name = alert.finding.summary, shown(alert.fingerprint.address.name)
    end = re.compile("[:;] ").search(summary, max(0, summary.find(name)) + len(name))
    head = "No longer watched" if alert.left else _ENDS[alert.phase]
    return f"{head}: {summary[: end.start()] if end else summary}"


def _place(address: Address) -> str:
    """`group billing in prod`, as people say it."""
    target = f"{address.scheme}://{shown(address.target)}"
    return f"{address.kind.removesuffix('s')} {shown(address.name)} in {target}" if address.kind else target


def _says_where(alert: Alert) -> bool:
    """Whether its summary names the resource as `_place` would."""
    address = alert.fingerprint.address
    return f"{address.kind.removesuffix('s')} {shown(address.name)}" in alert.finding.summary


_LABELS = {
    "committed": "Committed offset of {}",
    "end": "Log end of {}",
    "stable": "Last stable offset of {}",
    "in_flight": "In flight",
    "isr": "In-sync replicas of {}",
    "leader": "Leader of {}",
    "lookups": "First record of {} younger than {} s",
    "newest": "Newest record of {}",
    "visible": "Visible",
    "waits": "First unread record of {}",
}
"""Fields of evidence in words; a partition's in brackets, as in `end[3]`, `committed[orders/3]`, `lookups[3@180]`,
`waits[3@1200]`."""
_FIELD = re.compile(r"(\w+)(?:\[((?:.+/)?)(\d+)(?:@([\d.]+))?\])?", re.DOTALL)


def _label(evidence: Evidence, about: Address) -> str:
    name = "" if evidence.address == about else evidence.address.name
    found = _FIELD.fullmatch(evidence.field)
    if found is None or found[1] not in _LABELS:
        return f"{shown(name)} {shown(evidence.field)}" if name else shown(evidence.field)
    topic = (found[2] or "").removesuffix("/") or name
    return _LABELS[found[1]].format(f"{shown(topic)}/{found[3]}" if topic else f"partition {found[3]}", found[4])


def _fact(evidence: Evidence, about: Address) -> tuple[str, str]:
    value = evidence.value
    if isinstance(value, tuple):
        text = ", ".join(str(v) for v in value) or "none"
    elif isinstance(value, bool) or not isinstance(value, int | float):
        text = "none" if value is None else str(value)
    elif evidence.unit.startswith("seconds since"):
        text = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    else:
        text = f"{value:,.1f}".removesuffix(".0")
    plain = evidence.unit and not evidence.unit.startswith(("offset", "seconds since"))
    unit = evidence.unit.removesuffix("s") if (text, evidence.unit) == ("1", "messages") else evidence.unit
    return _label(evidence, about), f"{text} {unit}" if plain else text


def _setting_row(finding: Finding) -> tuple[str, str, str, str]:
    """There is nothing to acknowledge."""
    return str(finding.severity), "", _place(finding.fingerprint.address), finding.summary


def _gaps(digest: Digest) -> tuple[str, ...]:
    lines = []
    for gap in digest.gaps[:5]:
        close = f"; {gap.close}" if gap.close else ""
        lines.append(f"not judged at {gap.target}: {count(gap.count, 'time')} {gap.why}{close}")
    return tuple(lines)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shared(alerts: Sequence[Alert]) -> str:
    """What is wrong, where all of them are alerts of one check; else empty."""
    ids = {alert.fingerprint.check for alert in alerts}
    kinds = {alert.fingerprint.address.kind for alert in alerts}
    title = _titles().get(next(iter(ids))) if len(ids) == len(kinds) == 1 else None
    if not title or len(alerts) < 2:
        return ""
    names = count(len({a.fingerprint.address for a in alerts}), next(iter(kinds)).removesuffix("s"))
    return f"{names}: {title[:1].lower()}{title[1:].removesuffix('.')}"


def _one_fix(alerts: Sequence[Alert]) -> tuple[str, str]:
    """What to do about all of them and its command, each empty where it is not the same for all."""
    steps, commands = ({getattr(a.finding.fix, name) for a in alerts} for name in ("text", "command"))
    if len(steps) > 1:
        return "", ""
    return _sentence(steps.pop()), commands.pop() if len(commands) == 1 else ""


@cache
def _titles() -> dict[str, str]:
    return {check.id: check.doc.title for check in all_checks()}


def _silence(address: Address) -> str:
    return f"mqcanary silence add {shell(str(address))} --for 2h"


@cache
def _whys() -> dict[str, str]:
    return {check.id: check.doc.sections.get("Why", "") for check in all_checks()}


def _why(finding: Finding) -> str:
    if finding.fingerprint.check == TARGET_BLIND:
        return "What cannot be seen is not healthy: alerts of this target are kept as last seen until it answers."
    return _sentence(_whys().get(finding.fingerprint.check, ""))
