"""The options that several commands share. Light: `--help` loads nothing else."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Seconds(click.ParamType[float]):
    """A length of time: 90s, 5m, 2h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a length of time; write 30s, 5m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


def check_ids(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """For the completion of shells."""
    from checks import all_checks

    return [check.id for check in all_checks() if check.id.startswith(begun)]


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, readable=False),
    envvar="MQCANARY_CONFIG",
    help="A configuration file: targets, limits. See: mqcanary config init",
)


state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, readable=False),
    envvar="MQCANARY_STATE",
    help="The agent's state directory. [default: state: of the configuration, else ~/.local/state/mqcanary]",
)


format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)


def door_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which agent is meant: that of a state directory here, or one elsewhere."""
    for option in (
        click.option(
            "--token-file",
            type=click.Path(path_type=Path, readable=False),
            envvar="MQCANARY_TOKEN_FILE",
            help="The token for --url: read_token or operate_token of the agent's configuration.",
        ),
        click.option(
            "--url",
            envvar="MQCANARY_URL",
            help="An agent elsewhere, by the address of its API, as https://mqcanary.example:9189.",
        ),
        state_option,
        config_option,
    ):
        command = option(command)
    return command


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say of which topics records are read, and how much."""
    budget = click.option(
        "--sample-budget",
        metavar="SIZE",
        help="How much of each sampled topic may be read, 100kB to 64MB; instead of the file's. [default: 1MB]",
    )
    sample = click.option(
        "--sample",
        multiple=True,
        metavar="GLOB",
        help="Also read the newest records of these topics, 1 MB of each; instead of the file's sample: of each cluster. "
        "Keys are kept as salted hashes, bodies never.",
    )
    return sample(budget(command))


def colour() -> bool | None:
    """NO_COLOR wins; else click decides by whether it writes to a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name targets."""
    sqs = click.option(
        "--sqs",
        multiple=True,
        metavar="REGION",
        help="The queues of an AWS region. Repeatable; instead of the file's targets.",
    )
    return kafka_options(sqs(command))


def kafka_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name clusters."""
    for option in reversed(
        (
            config_option,
            click.option(
                "--kafka",
                multiple=True,
                metavar="HOST:PORT[,HOST:PORT]",
                help="A Kafka cluster, by its bootstrap brokers. Repeatable; instead of the file's targets.",
            ),
            click.option(
                "--kafka-properties",
                type=click.Path(path_type=Path, readable=False),
                help="An ordinary Kafka client.properties: security.protocol, sasl.*, ssl.* (PEM).",
            ),
            click.option(
                "--include",
                multiple=True,
                metavar="GLOB",
                help="Look only at topics, groups and queues of these names.",
            ),
            click.option(
                "--exclude", multiple=True, metavar="GLOB", help="Leave out topics, groups and queues of these names."
            ),
            click.option(
                "--deadline",
                type=Seconds(),
                default="30s",
                show_default=True,
                help="How long one look at a target may take.",
            ),
        )
    ):
        command = option(command)
    return command


def width() -> int:
    """Of the terminal, within reason; 80 in a pipe."""
    return max(60, min(120, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else 80
