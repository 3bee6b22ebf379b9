"""What the status page says of a View, as plain values: made safe to show, worst first, never endless."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.door.door import Row
from agent.door.rows import outbox
from agent.report.text import line
from agent.store.published import picture
from agent.view import TargetView, View
from alerts.model import Alert, Phase, Progress, State
from alerts.silence import silenced_by
from checks.check import Severity
from checks.facts import Address, Unknown, Why
from checks.wording import count, listed, shown, span

MOST = 200
"""Rows of a list; beyond that it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people read it, and exactly."""

    ago: str
    exact: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    name: str
    place: str
    up: bool
    seen: Moment | None
    """None: it was never seen."""
    why: str
    """Why it can't be seen; empty while it can."""
    resources: str
    took: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    id: str
    severity: str
    kind: str
    """group, topic, queue; empty for a whole target."""
    name: str
    target: str
    check: str
    summary: str
    since: Moment
    notes: tuple[tuple[str, str], ...]
    """Class and text: frozen, acknowledged, silenced, unstable."""
    fix: str
    command: str


@dataclass(frozen=True, slots=True)
class GapRow:
    target: str
    why: str
    detail: str
    alike: str
    about: str
    close: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    destination: str
    about: str
    created: Moment
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class Rows:
    """One list, cut to MOST, and how many there are in all."""

    rows: Sequence[object]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class Status:
    at: Moment
    headline: str
    mood: str
    """critical, warning, blind or calm: the colour of the page's head."""
    observe: bool
    config_ok: bool
    saved: bool
    targets: Rows
    firing: Rows
    pending: int
    gaps: Rows
    passing: bool
    """Whether some of the gaps close by themselves."""
    parked: Rows
    waiting: Rows


def status(view: View, now: float) -> Status:
    """The page of `view` at `now`, in seconds since the epoch."""
    targets = sorted(view.targets.values(), key=lambda target: (target.up, str(target.address)))
    firing = sorted(view.state.firing(), key=lambda alert: (-alert.severity, alert.since, str(alert.fingerprint)))
    deliveries = outbox(picture(view.state, now), now)
    parked = [delivery for delivery in deliveries if delivery["progress"] == Progress.PARKED.value]
    waiting = [delivery for delivery in deliveries if delivery["progress"] != Progress.PARKED.value]
    gaps = [row for target in targets for row in _gaps(target)]
    headline, mood = _headline(view, firing)
    return Status(
        at=_moment(view.judged or view.at, now),
        headline=headline,
        mood=mood,
        observe=view.observe,
        config_ok=view.config_ok,
        saved=view.saved,
        targets=Rows([_target(target, now) for target in targets[:MOST]], len(targets)),
        firing=Rows([_alert(alert, view.state, now) for alert in firing[:MOST]], len(firing)),
        pending=sum(alert.phase is Phase.PENDING for alert in view.state.alerts.values()),
        gaps=Rows(gaps[:MOST], len(gaps)),
        passing=any(_passes(gap.unknown) for target in targets for gap in target.report.gaps.values()),
        parked=Rows([_delivery(one, now) for one in parked[:MOST]], len(parked)),
        waiting=Rows([_delivery(one, now) for one in waiting[:MOST]], len(waiting)),
    )


def _headline(view: View, firing: Sequence[Alert]) -> tuple[str, str]:
    worst = max((alert.severity for alert in firing), default=Severity.INFO)
    by = Counter(alert.severity for alert in firing)
    told = [f"{by[severity]} {severity}" for severity in reversed(Severity) if by[severity]]
    blind = sum(not target.up for target in view.targets.values())
    if blind:
        told.append(f"{blind} of {count(len(view.targets), 'target')} cannot be seen")
    if not view.targets:
        return "Nothing has been looked at yet", "blind"
    mood = str(worst) if worst > Severity.INFO else "blind" if blind else "calm"
    return ", ".join(told) or "Nothing fires", mood


def _target(target: TargetView, now: float) -> TargetRow:
    unseen = target.report.unseen
    good = target.good
    counts = good.report.counts if good else {}
    return TargetRow(
        name=_name(target.address),
        place=line(target.place),
        up=target.up,
        seen=_moment(good.snapshot.at, now) if good else None,
        why="" if target.up else line(unseen.detail) if unseen is not None else "the last look saw nothing of it",
        resources=", ".join(count(number, kind.removesuffix("s")) for kind, number in counts.items()),
        took=f"{target.took:.1f} s",
    )


def _alert(alert: Alert, state: State, now: float) -> AlertRow:
    address, finding = alert.fingerprint.address, alert.finding
    fix = line(finding.fix.text)
    return AlertRow(
        id=shown(alert.id),
        severity=str(alert.severity),
        kind=address.kind.removesuffix("s"),
        name=shown(address.name) if address.kind else _name(address),
        target=_name(address.root),
        check=shown(alert.fingerprint.check),
        summary=line(finding.summary),
        since=_moment(alert.since, now),
        notes=tuple(_notes(alert, state, now)),
        fix=fix[:1].upper() + fix[1:],
        command=finding.fix.command if finding.fix.command.isprintable() else "",
    )


def _notes(alert: Alert, state: State, now: float) -> Iterator[tuple[str, str]]:
    if alert.frozen is not None:
        why = f" ({line(alert.frozen_why)})" if alert.frozen_why else ""
        yield "frozen", f"cannot be observed since {_clock(alert.frozen)}{why}"
    if alert.unstable:
        yield "unstable", "comes and goes"
    if (ack := alert.acknowledged) is not None:
        until = f" until {_clock(ack.until)}" if ack.until is not None else ""
        note = f": {line(ack.note)}" if ack.note else ""
        yield "acknowledged", f"acknowledged by {shown(ack.by)}{until}{note}"
    if (silence := silenced_by(state.silences, alert, now)) is not None:
        comment = f": {line(silence.comment)}" if silence.comment else ""
        yield "silenced", f"silenced by {shown(silence.by)} until {_clock(silence.until)}{comment}"


def _gaps(target: TargetView) -> Iterator[GapRow]:
    """Grouped by cause: a missing right makes many gaps, and one line closes them all."""
    causes: dict[tuple[str, str, str], list[tuple[str, Address, str]]] = {}
    for gap in target.report.gaps.values():
        unknown = gap.unknown
        close = "" if _passes(unknown) else unknown.close
        key = (str(unknown.why), "" if unknown.close else unknown.detail, close)
        causes.setdefault(key, []).append((gap.check, gap.address, unknown.detail))
    for (why, _, close), found in sorted(causes.items(), key=lambda cause: (-len(cause[1]), cause[0])):
        checks = sorted({shown(check) for check, _, _ in found if check})
        names = sorted({address.name for _, address, _ in found if address.name})
        details = list(dict.fromkeys(detail for _, _, detail in found))
        alike = f"and {len(found) - 1:,} alike" if len(found) > 1 else ""
        yield GapRow(
            target=_name(target.address),
            why=why,
            detail=line(details[0] if close else listed(details)),
            alike=f"{len(found):,} in all" if not close and len(details) > 1 else alike,
            about=": ".join(part for part in (", ".join(checks), listed(names)) if part),
            close=line(close),
        )


def _passes(unknown: Unknown) -> bool:
    """Whether the next looks close it, which come anyway: what an audit would have to be told to wait for."""
    return unknown.why is Why.YOUNG and "--samples" in unknown.close


def _delivery(row: Row, now: float) -> DeliveryRow:
    return DeliveryRow(
        destination=line(row["destination"]),
        about=line(row["about"]) or ", ".join(row["kinds"]) or "message",
        created=_moment(row["created"], now),
        attempts=row["attempts"],
        why=line(row["why"]),
    )


def _name(address: Address) -> str:
    return f"{address.scheme}://{shown(address.target)}"


def _moment(at: float, now: float) -> Moment:
    return Moment(f"{span(max(0.0, now - at))} ago", _clock(at))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
