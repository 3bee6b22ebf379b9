"""mqcanary silence."""

from typing import Any

import click

from agent.cli.options import door_options, format_option

_NAMES = {"resources": "RESOURCES", "checks": "--check", "for": "--for", "comment": "--comment", "silence": "ID"}


@click.group("silence")
def command() -> None:
    """Silence alerts for a while, as before a deploy."""


@command.command("add")
@click.argument("resources")
@click.option("--check", "checks", metavar="GLOB", default="*", show_default=True, help="Only alerts of these checks.")
@click.option("--for", "length", metavar="TIME", default="2h", show_default=True, help="How long: 30m, 2h, 1d.")
@click.option("--comment", metavar="TEXT", help="Why; messages and lists show it.")
@format_option
@door_options
def add(*, resources: str, checks: str, length: str, comment: str | None, form: str, **door: Any) -> None:
    """Tell nobody of some alerts for a while. Whatever still fires when it is over is told then.

    RESOURCES is an address, or a glob of addresses. The id that is printed ends the silence before its time.

    \b
    mqcanary silence add 'kafka://prod/groups/nightly-*' --for 2h --comment "deploy 42"
    mqcanary silence add kafka://prod --check 'kafka/under-*' --for 30m
    id=$(mqcanary silence add 'sqs://*/queues/orders*' --for 1h --format json | jq -r .id)
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.door import asked, opened

    wish = {"command": "silence", "resources": resources, "checks": checks, "for": length, "comment": comment}
    asked(opened(**door), wish, _NAMES, form)


@command.command("list")
@format_option
@door_options
def list_silences(*, form: str, **door: Any) -> None:
    """Show the silences in force, and how many alerts each covers."""
    from agent.cli.door import opened, shown

    shown(opened(**door), "silences", form)


@command.command("expire")
@click.argument("silence", metavar="ID")
@format_option
@door_options
def expire(*, silence: str, form: str, **door: Any) -> None:
    """End a silence before its time; what fires under it is told."""
    from agent.cli.door import asked, opened

    asked(opened(**door), {"command": "expire", "silence": silence}, _NAMES, form)
