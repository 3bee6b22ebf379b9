"""mqcanary checks."""

from datetime import timedelta
from difflib import get_close_matches

import click

from agent.errors import ConfigError
from checks import all_checks
from checks.facts import Address
from checks.limits import Limits
from checks.platform import GROUPS, TOPICS
from checks.wording import span


@click.group("checks")
def command() -> None:
    """List the checks, or explain one."""


@command.command("list")
def list_checks() -> None:
    """Every check: severity, what is wrong; and what is left out by default."""
    checks = all_checks()
    width = max(len(check.id) for check in checks)
    for check in checks:
        click.echo(f"{check.id:<{width}}  {check.severity!s:<8}  {check.kind!s:<13}  {check.doc.title}")
    click.echo("\nLeft out by default, since the platforms and tools make them (name one with --include to see it):")
    click.echo(f"topics  {' '.join(TOPICS)}")
    click.echo(f"groups  {' '.join(GROUPS)}")


@command.command("explain")
@click.argument("check_id", metavar="ID")
@click.argument("resource", required=False)
def explain(check_id: str, resource: str | None) -> None:
    """Say what a check looks at, and which limits are in force for a resource.

    \b
    mqcanary checks explain kafka/group-lagging
    mqcanary checks explain kafka/group-lagging kafka://prod/groups/order-processor
    """  # noqa: D301 - \b is click's own mark
    by_id = {check.id: check for check in all_checks()}
    if check_id not in by_id:
        near = get_close_matches(check_id, by_id, 1)
        hint = f"did you mean {near[0]}?" if near else "see: mqcanary checks list"
        raise ConfigError(f"no check {check_id!r}; {hint}")
    check = by_id[check_id]
    click.echo(
        f"{check.id}  {check.kind}, {check.severity}" + (f", told after {span(check.after)}" if check.after else "")
    )
    click.echo(f"{check.doc.title}\n")
    for name, text in check.doc.sections.items():
        click.echo(click.wrap_text(f"{name}: {text}", 80, subsequent_indent="  ") + "\n")
    try:
        address = Address.parse(resource) if resource else Address(check.id.partition("/")[0], "*", "*", "*")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    ruling = Limits().of(check, address)
    for name, value in ruling.values.items():
        origin = ruling.origins.get(name, "default")
        click.echo(f"{name} = {span(value) if isinstance(value, timedelta) else value}  ({origin})")
