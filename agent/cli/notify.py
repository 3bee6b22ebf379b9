"""mqcanary notify."""

from typing import Any

import click

from agent.cli.options import door_options, format_option


@click.group("notify")
def command() -> None:
    """Try whether messages arrive."""


@command.command("test")
@click.option(
    "--route",
    metavar="ROUTE",
    help="Only there: a destination, or a route by its line, as `mqcanary route explain` prints it. [default: all]",
)
@format_option
@door_options
def test(*, route: str | None, form: str, **door: Any) -> None:
    """Send a test message the way that alerts go: routed, worded and sent by the agent.

    Without --url it needs --config, which says where to.

    \b
    mqcanary notify test --config mqcanary.yaml
    mqcanary notify test --route 'slack:#payments' --config mqcanary.yaml
    mqcanary notify test --route mqcanary.yaml:14 --config mqcanary.yaml

    Exit codes: 0 it was told everywhere; 1 it was not: refused, no answer yet, no agent runs (then it is kept until one
    does), or the agent only observes (mode: observe).
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.door import asked, opened

    asked(opened(**door), {"command": "notify", "route": route}, {"route": "--route"}, form)
