"""mqcanary alerts."""

import json
import shutil
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import colour, door_options, format_option, width

if TYPE_CHECKING:
    from agent.door.door import Door, Shown

_NAMES = {"alert": "ALERT", "for": "--for", "note": "--note"}
_EVERY = 2.0
"""Seconds between two looks of --watch."""


@click.group("alerts", invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Go on: repaint on a terminal, print what changes in a pipe.")
@click.option("--all", "ended", is_flag=True, help="Also what has ended lately.")
@format_option
@door_options
@click.pass_context
def command(context: click.Context, /, *, watch: bool, ended: bool, form: str, **door: Any) -> None:
    """Show the alerts that fire or are about to, the worst first.

    \b
    mqcanary alerts --watch
    mqcanary alerts --format json | jq -r '.[] | select(.severity == "critical") | .resource'
    mqcanary alerts ack 3fa2c1 --for 4h --note "looking into it"
    """  # noqa: D301 - \b is click's own mark
    if context.invoked_subcommand is not None:
        for name in context.params:
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(f"options of {context.invoked_subcommand} stand behind it")
        return
    from agent.cli.door import opened

    reached = opened(**door)
    if watch:
        _watch(reached, ended=ended, form=form)
    else:
        _list(reached, ended=ended, form=form)


@command.command("ack")
@click.argument("alert")
@click.option("--for", "length", metavar="TIME", help="How long: 30m, 4h. [default: until it ends]")
@click.option("--note", metavar="TEXT", help="What you are doing about it; the message shows it.")
@format_option
@door_options
def ack(*, alert: str, length: str | None, note: str | None, form: str, **door: Any) -> None:
    """Say that somebody looks after an alert: it is not repeated. It ends with the alert, or after --for."""
    from agent.cli.door import asked, opened

    wish = {"command": "acknowledge", "alert": alert, "for": length, "note": note}
    asked(opened(**door), wish, _NAMES, form)


@command.command("unack")
@click.argument("alert")
@format_option
@door_options
def unack(*, alert: str, form: str, **door: Any) -> None:
    """Take an acknowledgement back."""
    from agent.cli.door import asked, opened

    asked(opened(**door), {"command": "release", "alert": alert}, _NAMES, form)


def _look(door: "Door", *, ended: bool) -> "Shown":
    from dataclasses import replace

    from agent.report.alerts import CLOSED

    found = door.show("alerts")
    return found if ended else replace(found, rows=[row for row in found.rows if row["phase"] not in CLOSED])


def _list(door: "Door", *, ended: bool, form: str) -> None:
    from agent.cli.door import printed

    printed("alerts", _look(door, ended=ended), form)


def _watch(door: "Door", *, ended: bool, form: str) -> None:
    """Until Ctrl-C, or until nobody reads any more. An agent that is away is said once, and waited for."""
    follow = _Screen(ended=ended) if form == "text" and sys.stdout.isatty() else _Changes(form)
    pause = threading.Event()
    with suppress(KeyboardInterrupt):
        while True:
            follow.look(door)
            pause.wait(_EVERY)


class _Screen:
    """Paints over what it painted before, so that nothing flickers."""

    def __init__(self, *, ended: bool) -> None:
        self._ended = ended
        click.echo("\033[2J", nl=False, color=True)

    def look(self, door: "Door") -> None:
        from agent.errors import MqcanaryError
        from agent.report.alerts import render

        try:
            found = _look(door, ended=self._ended)
            text, note = render("alerts", found, width(), time.time()), found.note
        except MqcanaryError as error:
            text, note = "", str(error)
        *lines, sum_ = text.rstrip("\n").split("\n")
        room = max(1, shutil.get_terminal_size().lines - 3)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"... {len(lines) - room + 1} more lines: mqcanary alerts"]
        whole = [*lines, sum_, note]
        if colour() is False:
            whole = [click.unstyle(one) for one in whole]
        click.echo("\033[H" + "".join(f"{one}\033[K\n" for one in whole) + "\033[J", nl=False, color=True)


class _Changes:
    """A line for each thing that happened, at once, for whoever reads the pipe."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._before: dict[str, Any] | None = None
        self._trouble = ""

    def look(self, door: "Door") -> None:
        from agent.errors import MqcanaryError
        from agent.report.alerts import change, changes

        try:
            found = door.show("alerts")
            trouble = found.note
        except MqcanaryError as error:
            self._told(str(error))
            return
        self._told(trouble)
        after = {row["id"]: row for row in found.rows}
        for word, row in changes(self._before, after):
            if self._form == "json":
                click.echo(json.dumps({"at": found.at, "change": word, **row}))
            else:
                click.echo(change(word, row, found.at), color=colour())
        self._before = after

    def _told(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            click.echo(f"mqcanary: {trouble}", err=True)
        self._trouble = trouble
