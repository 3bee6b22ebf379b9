"""Who is told: the tree of routes, and whose a resource is."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.policy import REPEAT, Policy, Route
from checks.check import Severity
from checks.facts import Address


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the tree says for one alert."""

    destinations: tuple[str, ...]
    repeat: Mapping[Severity, float]
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
    return Chosen(destinations, repeat, tuple(path))


def owner_of(policy: Policy, address: Address, tagged: str = "") -> str:
    """The configuration's owner, later entries win; else the queue's own tag."""
    found = next((o.owner for o in reversed(policy.owners) if o.resources.matches(address)), "")
    return found or tagged
