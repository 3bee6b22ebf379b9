"""mqcanary route."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option
from agent.errors import ConfigError

if TYPE_CHECKING:
    from alerts.policy import Policy, Route
    from checks.check import Check, Severity
    from checks.facts import Address


@click.group("route")
def command() -> None:
    """Say who is told of what."""


@command.command("explain")
@click.argument("resource")
@click.argument("check_id", metavar="CHECK")
@click.option(
    "--severity", type=click.Choice(["info", "warning", "critical"]), help="[default: that of the check there]"
)
@click.option("--owner", metavar="NAME", help="As if a queue's tag said so. [default: owners: of the configuration]")
@config_option
def explain(*, resource: str, check_id: str, severity: str | None, owner: str | None, config: Path | None) -> None:
    """Say who would be told of an alert, how often, and which lines of the configuration say so.

    \b
    mqcanary route explain kafka://prod/groups/payments kafka/group-stalled --config mqcanary.yaml
    mqcanary route explain sqs://prod/queues/orders-dlq sqs/dlq-not-empty --owner orders --config mqcanary.yaml
    """  # noqa: D301 - \b is click's own mark
    from agent.config.loading import load
    from checks.check import Severity
    from checks.facts import Address

    if config is None:
        raise ConfigError("the routes stand in a configuration: give --config FILE")
    loaded = load(config)
    try:
        address = Address.parse(resource)
    except ValueError as error:
        raise ConfigError(f"RESOURCE: {error}") from None
    check = _check(check_id)
    ruled, off = Severity.CRITICAL, ""
    if check is not None:
        ruling = loaded.limits.of(check, address)
        ruled = ruling.severity or check.severity
        off = ruling.origins.get("off", "") if ruling.off else ""
    level = Severity[severity.upper()] if severity else ruled
    policy = loaded.running.policy
    if not loaded.running.routed:
        policy = replace(policy, route=replace(policy.route, origin=""))
    for line in _lines(policy, check_id, address, level, owner or "", check):
        click.echo(line)
    if off:
        click.echo(f"but the check is off there ({off}): it never fires")


def _check(check_id: str) -> "Check | None":
    """None: the machine's own alert, that nothing of a target can be seen.

    Raises:
        ConfigError: there is none of that id.
    """
    from agent.config.overrides import unknown_check
    from agent.config.reading import quoted
    from alerts.model import TARGET_BLIND
    from checks import all_checks

    if check_id == TARGET_BLIND:
        return None
    found = next((check for check in all_checks() if check.id == check_id), None)
    if found is None:
        wrong = unknown_check(check_id) or f"{quoted(check_id)} is a glob; name one check; see: mqcanary checks list"
        raise ConfigError(f"CHECK: {wrong}")
    return found


def _lines(
    policy: "Policy", check_id: str, address: "Address", severity: "Severity", tagged: str, check: "Check | None"
) -> Iterator[str]:
    from alerts.route import owner_of, route
    from checks.check import Kind
    from checks.wording import shown

    owner = owner_of(policy, address, tagged)
    chosen = route(policy, check_id, address, severity, owner)
    yield f"{check_id} on {address}, {severity}"
    owned = next((o for o in reversed(policy.owners) if o.resources.matches(address)), None)
    if owned is not None:
        yield f"  owner    {shown(owned.owner)}: owners say so of {shown(str(owned.resources))} ({owned.origin})"
    elif owner:
        yield f"  owner    {shown(owner)}: its tag says so"
    else:
        yield "  owner    nobody: no entry of owners matches, and no tag is known here"
    above: Route | None = None
    for step in chosen.path:
        for other in above.routes if above else ():
            if other is step:
                break
            yield f"  passed   {other.origin}: {_unmet(other, check_id, address, severity, owner)}"
        begins = f"begins   {step.origin or 'the default'}: everything"
        yield f"  taken    {step.origin}: {_conditions(step)}" if above else f"  {begins}"
        above = step
    for other in chosen.path[-1].routes:
        yield f"  passed   {other.origin}: {_unmet(other, check_id, address, severity, owner)}"
    said = next((r for r in reversed(chosen.path) if r.destinations), None)
    to = ", ".join(shown(one) for one in chosen.destinations)
    yield (
        f"  tells    {to} ({said.origin or 'the default'})" if said else "  tells    nobody: no route has a destination"
    )
    if check is not None and check.kind is Kind.CONFIGURATION:
        yield f"  when     in the digest at {policy.digest_at:%H:%M} {policy.digest_zone}; it is never repeated and never pages"
    else:
        said = next((r for r in reversed(chosen.path) if r.repeat is not None), None)
        origin = said.origin if said else "the default"
        yield f"  repeats  {_repeats(chosen.repeat, severity)} ({origin})"
    if policy.fallback:
        yield f"  else     {shown(policy.fallback)}, where it is refused"
    if policy.observe:
        yield "  but      mode: observe: nothing is sent, the log says what would be"


def _conditions(route: "Route") -> str:
    """What has to be true for a route."""
    from checks.pattern import Pattern
    from checks.wording import shown

    found = [
        f"severity {route.severity} or worse" if route.severity is not None else "",
        f"resources {shown(str(route.resources))}" if route.resources != Pattern() else "",
        f"checks {shown(route.checks)}" if route.checks != "*" else "",
        f"owner {shown(route.owner)}" if route.owner != "*" else "",
    ]
    return ", ".join(filter(None, found)) or "everything"


def _unmet(route: "Route", check_id: str, address: "Address", severity: "Severity", owner: str) -> str:
    """Why a route is not taken."""
    from fnmatch import fnmatchcase

    from checks.wording import shown

    if route.matches(check_id, address, severity, owner):
        return f"{_conditions(route)}; an earlier one matches"
    if route.severity is not None and severity < route.severity:
        return f"severity {route.severity} or worse, and this is {severity}"
    if not route.resources.matches(address):
        return f"resources {shown(str(route.resources))}"
    if not fnmatchcase(check_id, route.checks):
        return f"checks {shown(route.checks)}"
    return f"owner {shown(route.owner)}, and this is {shown(owner) if owner else 'nobody'}'s"


def _repeats(repeat: Mapping["Severity", float], severity: "Severity") -> str:
    from checks.wording import span

    after = repeat.get(severity)
    return "never" if after is None else f"after {span(after)} while it fires and nobody has acknowledged it"
