"""mqcanary lag."""

import json
import shutil
import sys
from typing import Any

import click

from agent.cli.options import format_option, kafka_options
from agent.errors import ConfigError


@click.command("lag")
@click.argument("group", required=False)
@kafka_options
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
    could not be read is "?" in text, and null with an error in JSON. In sums (--by) it is left out: the rest is shown as
    ">= 1800", and JSON has partial: true and the number of unknown_partitions beside lag.

    WAITING is how long the oldest unread record has been there, to a second or a hundredth, by its own timestamp:
    brokers tell it (ListOffsets by time), so that one look is enough, and DESCRIBE on the topic. Where they can't tell
    it closer it shows both ends; "?" on topics with remote storage, which are not asked. Timestamps are the producers',
    unless the topic has LogAppendTime (timestamps_by in JSON): where they do not run one way, a record counts as no older
    than the youngest one before it.

    In a terminal that is too narrow, long names are cut in the middle; in a pipe and in JSON they are whole.

    \b
    mqcanary lag --kafka kafka-1:9092
    mqcanary lag order-processor --kafka kafka-1:9092 --by topic

    Exit codes: 0 all was read that is shown to us; 2 wrong usage or configuration; 3 a cluster or a group could not be
    observed, or no cluster shows GROUP.
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.targets import aim, look, missed, why
    from agent.report.lag import Row, merged, rows_of, table
    from checks.facts import KafkaSnapshot, Unknown
    from checks.wording import shown

    target = aim(**targets, platform=False).only_kafka()
    if not target.watched:
        raise ConfigError(f"lag is of Kafka's groups, and {targets['config']} names no cluster: add one")
    snapshots = [snapshot for snapshot in look(target, 1, 0) if isinstance(snapshot, KafkaSnapshot)]
    rows: list[Row] = []
    unread: list[str] = []
    hidden: list[str] = []
    for snapshot in snapshots:
        if isinstance(snapshot.cluster, Unknown):
            unread.append(missed(snapshot.target, snapshot.cluster))
            continue
        rows += rows_of(snapshot, unread.append, group)
        hidden += [f"{shown(snapshot.target)}: {why(blind)}" for blind in snapshot.groups.blind]
    if group is not None and not any(group in snapshot.groups.items for snapshot in snapshots):
        unread.append(
            f"no group {shown(group)} is shown by {', '.join(shown(snapshot.target) for snapshot in snapshots)}"
        )
    for line in (*unread, *hidden):
        click.echo(f"mqcanary: {line}", err=True)
    rows = merged(rows, by)
    if rows or not unread or form == "json":  # who saw nothing says so, and not that there is nothing
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        text = json.dumps(rows, indent=1) + "\n" if form == "json" else table(rows, by, len(snapshots), room)
        click.echo(text, nl=False)
    if unread:
        sys.exit(3)
