"""mqcanary snapshot."""

import sys
from typing import Any

import click

from agent.cli.options import Seconds, sample_options, target_options


@click.command("snapshot")
@target_options
@sample_options
@click.option("--samples", type=click.IntRange(1, 1000), default=1, show_default=True, help="How often to look.")
@click.option("--every", type=Seconds(), default="30s", show_default=True, help="Time between samples.")
def command(*, samples: int, every: float, **targets: Any) -> None:
    """Write what can be observed as JSON to standard output: no message bodies, no keys, no secrets.

    \b
    mqcanary snapshot --kafka kafka-1:9092 > s.json
    mqcanary audit --from s.json

    Exit codes: 0 every target was observed; 2 wrong usage or configuration; 3 a whole target could not be observed: that
    is written too.
    """  # noqa: D301 - \b is click's own mark
    from agent import snapshot as files
    from agent.cli.targets import aim, look, missed, unseen
    from checks.facts import Unknown

    target = aim(**targets)
    snapshots = look(target, samples, every)
    click.echo(files.dumps(snapshots), nl=False)
    latest = snapshots[-len(target.watched) :]
    told = [missed(snapshot.target, found) for snapshot in latest if isinstance(found := unseen(snapshot), Unknown)]
    for line in told:
        click.echo(f"mqcanary: {line}", err=True)
    if told:
        sys.exit(3)
