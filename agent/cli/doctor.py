"""mqcanary doctor."""

import sys
from pathlib import Path
from typing import Any

import click

from agent.cli.options import colour, format_option, state_option, target_options, width


@click.command("doctor")
@target_options
@click.option(
    "--sample",
    multiple=True,
    metavar="GLOB",
    help="Of these topics, what it costs to sample them and whether they may be read; nothing is read.",
)
@state_option
@format_option
def command(*, state: Path | None, form: str, **targets: Any) -> None:
    """Say whether everything is in place, before the first look.

    Of each target: whether it is reachable and what it is, as whom we come in, which rights are missing, which checks
    that blinds, and the commands or IAM statements that grant them, no more than is needed; whether clocks agree, and
    what the looks cost. With --config also Slack (nothing is posted), webhooks and the state directory.

    It only reads, and asks for resources that nobody has, to hear whether it might see them. What can't be told from
    here is "not checked", with the reason; what works but had better be otherwise is a "warning".

    \b
    mqcanary doctor --kafka kafka-1:9093 --kafka-properties client.properties
    mqcanary doctor --sqs us-east-1
    mqcanary doctor --config mqcanary.yaml
    mqcanary doctor --config mqcanary.yaml --format json | jq -r '.subjects[].items[].commands[]'

    Exit codes: 0 all is well, or warnings alone; 1 something is missing; 2 wrong usage or configuration; 3 a target can't be reached.
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.targets import aim
    from agent.config.loading import load
    from agent.config.running import Running
    from agent.doctor.examine import examine
    from agent.doctor.model import exit_code
    from agent.doctor.report import document, text
    from agent.store.place import state_folder

    config = load(targets["config"]) if targets["config"] else None
    watched = aim(**targets).watched
    folder = state_folder(state, config) if state is not None or config is not None else None
    subjects = examine(watched, config.running if config else Running(), folder)
    if form == "json":
        click.echo(document(subjects), nl=False)
    else:
        click.echo(text(subjects, width()), nl=False, color=colour())
    sys.exit(exit_code(subjects))
