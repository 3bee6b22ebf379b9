"""mqcanary lag."""

import json
import sys
from typing import Any

import click

from agent.cli.options import format_option, target_options
from agent.errors import MqcanaryError


@click.command("lag")
@click.argument("group", required=False)
@target_options
@click.option(
    "--by",
    type=click.Choice(["group", "topic", "partition"]),
    default="partition",
    show_default=True,
    help="One row for each.",
)
@format_option
def command(*, group: str | None, by: str, form: str, **targets: Any) -> None:
    """Show how far every consumer group, or one, is behind.

    A row for each partition that is committed or assigned. What was never committed has no lag and shows "-"; what
    could not be read is "?" in text and null in JSON.

    \b
    mqcanary lag --kafka kafka-1:9092
    mqcanary lag order-processor --kafka kafka-1:9092 --by topic
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.targets import aim, look
    from agent.report.lag import Row, merged, rows_of, table
    from checks.facts import KafkaSnapshot, Unknown
    from checks.wording import shown

    if targets["sqs"]:
        raise MqcanaryError("lag is of Kafka's groups: leave out --sqs")
    snapshots = [s for s in look(aim(**targets, platform=False).only_kafka(), 1, 0) if isinstance(s, KafkaSnapshot)]
    rows: list[Row] = []
    failed = False
    for snapshot in snapshots:
        if isinstance(snapshot.cluster, Unknown):
            click.echo(f"mqcanary: {snapshot.target}: {snapshot.cluster.detail}", err=True)
            failed = True
            continue
        holes: list[str] = []
        rows += [row for row in rows_of(snapshot, holes.append) if group is None or row["group"] == group]
        for hole in holes:
            click.echo(f"mqcanary: {hole}", err=True)
        if group is not None and group not in snapshot.groups.items:
            click.echo(f"mqcanary: no group {shown(group)} is shown by {snapshot.target}", err=True)
            failed = True
    rows = merged(rows, by)
    if form == "json":
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(table(rows, by), nl=False)
    if failed:
        sys.exit(3)
