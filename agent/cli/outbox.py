"""mqcanary outbox."""

from typing import Any

import click

from agent.cli.options import door_options, format_option

_NAMES = {"delivery": "ID"}


@click.group("outbox")
def command() -> None:
    """Look after messages that are not sent yet, or were refused."""


@command.command("list")
@format_option
@door_options
def list_deliveries(*, form: str, **door: Any) -> None:
    """Show what waits to be sent, since when and why, and what is parked because it was refused for good."""
    from agent.cli.door import opened, shown

    shown(opened(**door), "outbox", form)


@command.command("retry")
@click.argument("delivery", metavar="[ID]", required=False)
@format_option
@door_options
def retry(*, delivery: str | None, form: str, **door: Any) -> None:
    """Send now what is parked or held up by a failure: all of it, or the one message ID.

    A destination that refused everything is tried with one message; the rest follows if it takes that.

    \b
    mqcanary outbox retry
    mqcanary outbox retry 12

    Exit codes: 0 it was sent, or is under way; 1 it was refused again.
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.door import asked, opened

    asked(opened(**door), {"command": "retry", "delivery": delivery}, _NAMES, form)


@command.command("drop")
@click.argument("delivery", metavar="ID")
@format_option
@door_options
def drop(*, delivery: str, form: str, **door: Any) -> None:
    """Give a message up: it is never sent."""
    from agent.cli.door import asked, opened

    asked(opened(**door), {"command": "drop", "delivery": delivery}, _NAMES, form)
