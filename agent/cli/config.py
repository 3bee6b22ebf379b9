"""mqcanary config."""

import json
from pathlib import Path

import click

from agent.errors import ConfigError


@click.group("config")
def command() -> None:
    """Begin, check or describe a configuration file."""


@command.command("init")
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


@command.command("check")
@click.argument("path", type=click.Path(path_type=Path), default=Path("mqcanary.yaml"), envvar="MQCANARY_CONFIG")
def check(path: Path) -> None:
    """Say everything that is wrong with a file at once, a line each. It connects to nothing.

    Exit codes: 0 it can be used; 2 it can't.
    """
    from agent.config import load
    from checks.wording import count

    config = load(path)
    for target in config.kafka:
        for key in target.ignored:
            click.echo(f"mqcanary: {path}: {key} in client.properties means nothing here", err=True)
    parts = (count(len(config.kafka), "cluster"), count(len(config.sqs), "SQS target"))
    click.echo(f"{path}: {parts[0]}, {parts[1]}, {count(len(config.overrides), 'override')} of limits")


@command.command("schema")
def schema() -> None:
    """Print the JSON schema, for editors.

    \b
    mqcanary config schema > mqcanary.schema.json
    # yaml-language-server: $schema=mqcanary.schema.json     (first line of mqcanary.yaml)
    """  # noqa: D301 - \b is click's own mark
    from agent.config.schema import schema as make

    click.echo(json.dumps(make(), indent=1))
