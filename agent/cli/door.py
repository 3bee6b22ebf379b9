"""What the commands share that speak with an agent, here or elsewhere."""

import getpass
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from agent.cli.options import colour, width
from agent.config.loading import load, salvage
from agent.door.door import Door, Shown, What
from agent.errors import AskError, ConfigError, ConfigFileError
from agent.store.place import state_folder
from alerts.policy import Policy


def opened(*, config: Path | None, state: Path | None, url: str | None, token_file: Path | None) -> Door:
    """The door that the options name.

    Raises:
        ConfigError: they don't go together, or one can't be used.
    """
    if url is None:
        from agent.door.local import LocalDoor

        if token_file is not None and not os.environ.get("MQCANARY_TOKEN_FILE"):
            raise ConfigError("--token-file is for --url: name the agent elsewhere, or leave it out")
        folder, known = located(config, state)

        def policy() -> Policy:
            if known is None:
                file = "--config FILE" if config is None else "a file without mistakes"
                raise ConfigError(f"the destinations stand in the agent's configuration: give {file}")
            return known

        return LocalDoor(folder, policy)
    from agent.door.remote import RemoteDoor
    from agent.secret import Secret

    if state is not None:
        raise ConfigError("--url and --state name two agents: leave one out (also MQCANARY_URL, MQCANARY_STATE)")
    if token_file is None:
        raise ConfigError("--url needs --token-file FILE: a token of that agent's configuration (api:)")
    return RemoteDoor(url, Secret.file(token_file))


def located(config: Path | None, state: Path | None) -> tuple[Path, Policy | None]:
    """The agent's state directory, and whom it tells. A file with mistakes locks nobody out: it is said, and read as far as
    it can be, for the agent itself goes on by the file before.

    Raises:
        ConfigError: nothing of the configuration can be read.
    """
    if config is None:
        return state_folder(state, None), None
    try:
        loaded = load(config)
    except ConfigFileError:
        written, policy = salvage(config)
        folder = state_folder(state, None, written)
        told = f"{config} has mistakes (mqcanary config check {shlex.quote(str(config))} shows them)"
        click.echo(f"mqcanary: {told}; the agent is looked for in {folder}", err=True)
        return folder, policy
    return state_folder(state, loaded), loaded.running.policy


def shown(door: Door, what: What, form: str) -> None:
    """Prints a list."""
    printed(what, door.show(what), form)


def printed(what: What, found: Shown, form: str) -> None:
    from agent.report.alerts import render

    if form == "json":
        click.echo(json.dumps(found.rows, indent=1))
    else:
        click.echo(render(what, found, width(), time.time()), nl=False, color=colour())
    if found.note:
        click.echo(f"mqcanary: {found.note}", err=True)


def asked(door: Door, wish: Mapping[str, str | None], names: Mapping[str, str], form: str = "text") -> None:
    """Asks for something and prints what became of it; `names` are those of the command line for what is asked.

    Exit codes: 1 what was wanted did not come of it.
    """
    try:
        answer = door.ask({"by": me(), **{key: value for key, value in wish.items() if value is not None}})
    except AskError as error:
        raise ConfigError(f"{names.get(error.key, error.key)}: {error.text}") from None
    click.echo(json.dumps(answer.row()) if form == "json" else answer.told)
    if not answer.well:
        sys.exit(1)


def me() -> str:
    """Who asks: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in images
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
