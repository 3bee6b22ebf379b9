"""Who is told: the tree of routes, and whose a resource is."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.model import Alert
from alerts.policy import REPEAT, Policy, Route
from checks.check import Severity
from checks.facts import Address


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the tree says for one alert."""

    destinations: tuple[str, ...]
    repeat: Mapping[Severity, float]
    group_by: str
    path: tuple[Route, ...]
    """The routes that led there, the root first."""


def route(policy: Policy, check: str, address: Address, severity: Severity, owner: str) -> Chosen:
    """The first matching child, and so on down; what a child leaves open its parent says."""
    path = [policy.route]
    while True:
        found = next((r for r in path[-1].routes if r.matches(check, address, severity, owner)), None)
        if found is None:
            break
        path.append(found)
    destinations = next((r.destinations for r in reversed(path) if r.destinations), ())
    repeat = next((r.repeat for r in reversed(path) if r.repeat is not None), REPEAT)
    group_by = next((r.group_by for r in reversed(path) if r.group_by is not None), "")
    return Chosen(destinations, repeat, group_by, tuple(path))


def group_of(chosen: Chosen, alert: Alert) -> str:
    """What an alert has in common with those that it is told together with; empty: nothing."""
    fingerprint = alert.fingerprint
    values = {
        "target": str(alert.target),
        "resource": str(fingerprint.address),
        "check": fingerprint.check,
        "owner": alert.owner,
    }
    return f"{chosen.group_by} {values[chosen.group_by]}" if chosen.group_by in values else ""


def owner_of(policy: Policy, address: Address, tagged: str = "") -> str:
    """The configuration's owner, later entries win; else the queue's own tag."""
    found = next((o.owner for o in reversed(policy.owners) if o.resources.matches(address)), "")
    return found or tagged
