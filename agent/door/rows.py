"""What may be read, as lists of plain values: what the command line prints as JSON, and HTTP answers."""

from collections.abc import Callable, Mapping
from typing import Final

from agent.door.door import Row, What
from agent.store.published import Published
from alerts.model import Alert, Delivery, Op, Phase, Progress, Silence, Subject, Thread
from alerts.outbox import gathered
from alerts.silence import silenced_by
from checks.wording import count, listed

_PHASES: Final = (Phase.FIRING, Phase.PENDING, Phase.RESOLVED, Phase.GONE, Phase.OFF)


def alerts(view: Published, now: float) -> list[Row]:
    """The worst first, what has ended last."""
    silences = {silence.id: silence for silence in view.silences}
    order = sorted(view.alerts, key=lambda a: (_PHASES.index(a.phase), -a.severity, a.since, str(a.fingerprint)))
    return [_alert(alert, silences, now) for alert in order]


def silences(view: Published, now: float) -> list[Row]:
    """Those in force, the one that ends first first."""
    found = sorted((s for s in view.silences if now < s.until), key=lambda s: (s.until, s.id))
    return [_silence(silence, view, now) for silence in found]


def outbox(view: Published, now: float) -> list[Row]:
    """What waits to be sent, in its order."""
    alerts = {alert.id: alert for alert in view.alerts}
    threads = {thread.id: thread for thread in view.threads}
    first: dict[str, str] = {}
    rows = []
    for delivery in sorted(view.deliveries, key=lambda d: d.seq):
        before = "" if delivery.progress is Progress.PARKED else first.setdefault(delivery.destination, delivery.id)
        thread = threads.get(delivery.thread)
        about = _about(delivery, thread, alerts)
        why = _why(delivery, before if before != delivery.id else "", now)
        rows.append(_delivery(delivery, thread.subject.value if thread else "", about, why))
    return rows


ROWS: Final[Mapping[What, Callable[[Published, float], list[Row]]]] = {
    "alerts": alerts,
    "silences": silences,
    "outbox": outbox,
}


def _alert(alert: Alert, silences: Mapping[str, Silence], now: float) -> Row:
    finding, ack = alert.finding, alert.acknowledged
    silence = silenced_by(silences, alert, now)
    return {
        "id": alert.id,
        "phase": alert.phase.value,
        "severity": str(alert.severity),
        "check": alert.fingerprint.check,
        "resource": str(alert.fingerprint.address),
        "key": alert.fingerprint.key,
        "summary": finding.summary,
        "owner": alert.owner,
        "since": alert.since,
        "fired": alert.fired,
        "seen": alert.seen,
        "ended": alert.ended,
        "unstable": alert.unstable,
        "frozen": None if alert.frozen is None else {"since": alert.frozen, "why": alert.frozen_why},
        "acknowledged": None if ack is None else {"by": ack.by, "at": ack.at, "until": ack.until, "note": ack.note},
        "silenced": None
        if silence is None
        else {"id": silence.id, "by": silence.by, "until": silence.until, "comment": silence.comment},
        "fix": {"text": finding.fix.text, "command": finding.fix.command},
    }


def _silence(silence: Silence, view: Published, now: float) -> Row:
    return {
        "id": silence.id,
        "resources": str(silence.resources),
        "checks": silence.checks,
        "until": silence.until,
        "created": silence.created,
        "by": silence.by,
        "comment": silence.comment,
        "mutes": mutes(silence, view, now),
    }


def mutes(silence: Silence, view: Published, now: float) -> int:
    """How many alerts that fire it covers."""
    alone = {silence.id: silence}
    return sum(a.phase is Phase.FIRING and silenced_by(alone, a, now) is not None for a in view.alerts)


def _about(delivery: Delivery, thread: Thread | None, alerts: Mapping[str, Alert]) -> str:
    """What it tells of: a resource and its check, or of how many alerts."""
    subject = thread.subject if thread else None
    ids = delivery.alerts or (thread.alerts if thread else ())
    known = [alerts[id_] for id_ in ids if id_ in alerts]
    targets = thread.targets if thread and subject is Subject.CONTACT else {alert.target for alert in known}
    where = f" on {listed(sorted(str(target) for target in targets))}" if targets else ""
    if subject is Subject.TEST:
        return "a test"
    if subject is Subject.DIGEST:
        return "review of the configuration"
    if subject is Subject.CONTACT and delivery.op is not Op.REPLY:
        return f"what was wrong at first contact{where}"
    if len(ids) == len(known) == 1:
        return f"{known[0].fingerprint.address}  {known[0].fingerprint.check}"
    of = f" of {listed(sorted({alert.fingerprint.check for alert in known}))}" if known else ""
    return f"{count(len(ids), 'alert')}{of}{where}" if ids else ""


def _why(delivery: Delivery, before: str, now: float) -> str:
    """Why it is not sent yet."""
    if delivery.error:
        return delivery.error
    if delivery.progress is Progress.SENDING:
        return "being sent; no answer yet"
    if before:
        return f"message {before} goes first"
    return "gathering what else comes" if gathered(delivery, now) else "about to be sent"


def _delivery(delivery: Delivery, subject: str, about: str, why: str) -> Row:
    return {
        "id": delivery.id,
        "progress": delivery.progress.value,
        "destination": delivery.destination,
        "subject": subject,
        "about": about,
        "op": delivery.op.value,
        "kinds": [kind.value for kind in delivery.kinds],
        "alerts": list(delivery.alerts),
        "created": delivery.created,
        "attempts": delivery.attempts,
        "next": delivery.not_before,
        "maybe_double": delivery.unclear,
        "error": delivery.error,
        "why": why,
    }
