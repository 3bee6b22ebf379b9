"""mqcanary config."""

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.secret import Secret


@click.group("config")
def command() -> None:
    """Begin, check or describe a configuration file."""


@command.command("init", short_help="Write a configuration to begin with.")
@click.argument("path", type=click.Path(path_type=Path), default=Path("mqcanary.yaml"))
def init(path: Path) -> None:
    """Write a configuration to begin with. What is there is never overwritten.

    \b
    mqcanary config init
    mqcanary config init -            # to standard output
    """  # noqa: D301 - \b is click's own mark
    from agent.config.sample import SAMPLE

    if str(path) == "-":
        click.echo(SAMPLE, nl=False)
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(SAMPLE)
    except FileExistsError:
        raise ConfigError(f"{path} is there already: name another file") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be written ({error.strerror}): name another file") from None
    click.echo(f"{path} is written; next: mqcanary config check {path}")


@command.command("check", short_help="Say everything that is wrong with a file at once.")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@config_option
def check(path: Path | None, config: Path | None) -> None:
    """Say everything that is wrong with a file at once, a line each. It connects to nothing.

    PATH is that file, as is --config; mqcanary.yaml where neither is given. Secrets that can't be read from here are said
    as well: where the file is used, they may be there.

    Exit codes: 0 it can be used; 2 it can't.
    """
    from agent.config.checking import doubts, missing
    from agent.config.loading import examined
    from agent.errors import ConfigFileError
    from checks.wording import count

    path = path or config or Path("mqcanary.yaml")
    found = examined(path)
    loaded = found.config
    if loaded is None:
        raise ConfigFileError(found.told(found.problems))
    wrong = [*found.problems, *missing(loaded, found.document)]
    for doubt in doubts(loaded, time.time()) if not wrong else ():  # one may be about what a mistake hides
        click.echo(f"mqcanary: {doubt}", err=True)
    for target in loaded.kafka:
        for key in target.ignored:
            click.echo(f"mqcanary: {path}: {key} in client.properties means nothing here", err=True)
    for secret in _secrets((loaded.kafka, loaded.sqs, loaded.running)):
        try:
            secret.reveal()
        except ConfigError as error:
            click.echo(f"mqcanary: {path}: {error}", err=True)
    if wrong:
        raise ConfigFileError(found.told(wrong))
    parts = (count(len(loaded.kafka), "cluster"), count(len(loaded.sqs), "SQS target"))
    click.echo(f"{path}: {parts[0]}, {parts[1]}, {count(len(loaded.overrides), 'override')} of limits")


def _secrets(value: object) -> "Iterator[Secret]":
    """Every secret in a part of a configuration."""
    from pydantic import BaseModel

    from agent.secret import Secret

    parts: Iterable[object] = ()
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, tuple):
        parts = value
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, BaseModel):
        parts = (part for _, part in value)
    elif dataclasses.is_dataclass(value):
        parts = (getattr(value, field.name) for field in dataclasses.fields(value))
    for part in parts:
        yield from _secrets(part)


@command.command("schema")
def schema() -> None:
    """Print the JSON schema, for editors.

    \b
    mqcanary config schema > mqcanary.schema.json
    # yaml-language-server: $schema=mqcanary.schema.json     (first line of mqcanary.yaml)
    """  # noqa: D301 - \b is click's own mark
    from agent.config.schema import schema as make

    click.echo(json.dumps(make(), indent=1))
