"""What the tests of alerts are made of: findings, reports, and a way through the machine."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import SimpleNamespace

from alerts.machine import Event, Observed, step
from alerts.model import State
from alerts.policy import Policy
from checks.check import Fix, Severity, Size
from checks.check import Kind as CheckKind
from checks.evaluate import Finding, Fingerprint, Gap, Report
from checks.facts import Address, Unknown, Why

PROD = Address("kafka", "prod")
GROUP = PROD.under("groups", "payments")
POLICY = Policy(contact_polls=1)


def finding(
    address: Address = GROUP,
    check: str = "kafka/group-lagging",
    *,
    after: float = 0,
    severity: Severity = Severity.WARNING,
    kind: CheckKind = CheckKind.CONDITION,
    size: tuple[int, int] | None = None,
) -> Finding:
    where = Fingerprint(check, address)
    return Finding(
        where, kind, severity, timedelta(seconds=after), "late", (), Fix("Look."), Size(*size) if size else None
    )


def report(
    at: float,
    *findings: Finding,
    clear: Iterable[Finding] = (),
    gaps: Iterable[Finding] = (),
    gone: Iterable[Finding] = (),
    off: Iterable[Finding] = (),
    lingering: Iterable[Finding] = (),
    unseen: Unknown | None = None,
    counts: Mapping[str, int] | None = None,
    rebalancing: Iterable[Finding] = (),
) -> Observed:
    def place(one: Finding) -> tuple[str, Address]:
        return one.fingerprint.check, one.fingerprint.address

    denied = Unknown(Why.DENIED, "not allowed", "grant DESCRIBE")
    judged: dict[str, dict[Address, None]] = {}
    for found in (*findings, *clear, *lingering):
        judged.setdefault(found.fingerprint.check, {})[found.fingerprint.address] = None
    made = Report(
        target=PROD,
        at=at,
        findings={f.fingerprint: f for f in findings},
        gaps={place(f): Gap(*place(f), denied) for f in gaps},
        lingering=frozenset(f.fingerprint for f in lingering),
        gone=frozenset(f.fingerprint.address for f in gone),
        judged={check: SimpleNamespace(all=places) for check, places in judged.items()},  # type: ignore[misc]
        off=frozenset(place(f) for f in off),
        unseen=unseen,
        counts=counts or {"groups": 10},
    )
    return Observed(made, rebalancing=frozenset(f.fingerprint.address for f in rebalancing))


def play(*events: tuple[float, Event], state: State | None = None, policy: Policy = POLICY) -> tuple[State, list[str]]:
    """The state at the end, and what happened, as words."""
    state = state or State()
    told: list[str] = []
    for now, event in events:
        state, transitions = step(state, event, now, policy)
        told += [str(t.kind) for t in transitions]
    return state, told


def looks(*reports: Observed) -> list[tuple[float, Event]]:
    return [(one.report.at, one) for one in reports]
