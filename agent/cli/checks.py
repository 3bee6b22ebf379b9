"""mqcanary checks."""

import time
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import check_ids, config_option
from agent.errors import ConfigError

if TYPE_CHECKING:
    from checks.check import Check
    from checks.facts import Address
    from checks.ignores import Ignore


@click.group("checks")
def command() -> None:
    """List the checks, or explain one."""


@command.command("list", short_help="Every check, and what is left out by default.")
def list_checks() -> None:
    """Every check: severity, what is wrong; and what is left out by default."""
    from checks import all_checks
    from checks.platform import GROUPS, TOPICS
    from checks.wording import listed

    checks = all_checks()
    width = max(len(check.id) for check in checks)
    for check in checks:
        click.echo(f"{check.id:<{width}}  {check.severity!s:<8}  {check.kind!s:<13}  {check.doc.title}")
    click.echo("\nLeft out by default, since the platforms and tools make them (name one with --include to see it):")
    click.echo(f"topics  {' '.join(TOPICS)}")
    click.echo(f"groups  {' '.join(GROUPS)}")
    own = listed([check.id for check in checks if check.internal], 9)
    click.echo(f"\nKafka's own topics, on which groups and transactions rest, are judged by {own} all the same.")


@command.command("explain", short_help="What a check looks at, and the limits and ignores in force.")
@click.argument("check_id", metavar="ID", shell_complete=check_ids)
@click.argument("resource", required=False)
@config_option
def explain(check_id: str, resource: str | None, config: Path | None) -> None:
    """Say what a check looks at, and which limits and ignores are in force for a resource.

    \b
    mqcanary checks explain kafka/group-lagging
    mqcanary checks explain kafka/group-lagging kafka://prod/groups/order-processor --config mqcanary.yaml
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.targets import ruled
    from checks import all_checks
    from checks.facts import Address
    from checks.wording import meant, span

    by_id = {check.id: check for check in all_checks()}
    if check_id not in by_id:
        raise ConfigError(f"no check {check_id!r}; {meant(check_id, by_id) or 'see: mqcanary checks list'}")
    check = by_id[check_id]
    try:
        address = Address.parse(resource) if resource else Address(check.id.partition("/")[0], "*", "*", "*")
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if resource:
        _fits(check, address)
    click.echo(
        f"{check.id}  {check.kind}, {check.severity}" + (f", told after {span(check.after)}" if check.after else "")
    )
    click.echo(f"{check.doc.title}\n")
    for name, text in check.doc.sections.items():
        click.echo(click.wrap_text(f"{name}: {text}", 80, subsequent_indent="  ") + "\n")
    click.echo(f"Page: docs/checks/{check.id}.md\n")
    limits = ruled(config).limits
    ruling = limits.of(check, address)
    rows = [(name, value, ruling.origins.get(name, "default")) for name, value in ruling.values.items()]
    settled = {"off": ruling.off, "severity": ruling.severity, "after": ruling.after}
    rows += [(name, value, ruling.origins[name]) for name, value in settled.items() if name in ruling.origins]
    for name, found, origin in rows:
        value = found
        if isinstance(found, tuple):
            value = " ".join(map(str, found))
        click.echo(f"{name} = {span(value) if isinstance(value, timedelta) else value}  ({origin})")
    for by in limits.ignores:
        if by.covers(check.id, address) if resource else any(fnmatchcase(check.id, glob) for glob in by.checks):
            click.echo(_ignored(by))


def _ignored(by: "Ignore") -> str:
    """One ignore: which resources, until when, why, and where it stands."""
    from checks.pattern import Pattern
    from checks.wording import shown

    left = by.days_left(time.time())
    end = "" if left is None else f" until {by.until}" if left else f" until {by.until}, which is over"
    which = "all resources" if by.resources == Pattern() else shown(str(by.resources))
    return f"ignored: {which}{end}: {by.reason}  ({by.origin})"


def _fits(check: "Check", address: "Address") -> None:
    """Another kind of resource has no limits of this check: they would pass for those of the one that was meant.

    Raises:
        ConfigError: the check does not judge such a resource.
    """
    from checks.facts.of_kafka import KafkaFacts
    from checks.facts.of_sqs import SqsFacts

    kafka = check.subject.kind in KafkaFacts.SUBJECTS
    scheme, kind = ("kafka", KafkaFacts) if kafka else ("sqs", SqsFacts)
    place = kind.SUBJECTS[check.subject.kind]
    if (address.scheme, address.kind) != (scheme, place):
        wanted = f"{scheme}://TARGET/{place}/NAME" if place else f"{scheme}://TARGET"
        raise ConfigError(f"{check.id} does not judge {str(address)!r}; write {wanted}")
