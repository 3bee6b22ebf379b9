"""mqcanary lag."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import format_option, kafka_options
from agent.errors import ConfigError
from checks.wording import meant, shown

if TYPE_CHECKING:
    from agent.cli.targets import Aim
    from agent.collect.building import Watched
    from checks.facts import KafkaSnapshot


@click.command("lag")
@click.argument("groups", metavar="[GROUP]...", nargs=-1)
@kafka_options
@click.option(
    "--by",
    type=click.Choice(["group", "topic", "partition"]),
    default="partition",
    show_default=True,
    help="One row for each.",
)
@format_option
def command(*, groups: tuple[str, ...], by: str, form: str, **targets: Any) -> None:
    """Show how far every consumer group, or some, are behind.

    A row for each partition that is committed or assigned. What was never committed has no lag and shows "-"; what
    could not be read is "?" in text, with the reason below the table, and null in JSON. There "error" says why an offset or
    the lag is not known, and "reason" says it of every null: of "lag", also where nothing was committed, and of
    "lag_seconds" and "lag_seconds_at_most" while something is left. In sums (--by) it is left out: the rest is shown as
    ">= 1800", and JSON has partial: true and the number of unknown_partitions beside lag.

    A GROUP is asked for by its name: nothing else is looked at.

    WAITING is how long the oldest unread record has been there, to a second or a hundredth, by its own timestamp:
    brokers tell it (ListOffsets by time), so that one look is enough, and DESCRIBE on the topic. Where they can't tell
    it closer it shows both ends ("method" in JSON: "exact", to a second, or "bracketed"); "?" on topics with remote storage,
    which are not asked, and of share groups, of which no broker tells it. Timestamps are the producers', unless the topic has
    LogAppendTime (timestamps_by in JSON): where they do not run one way, a record counts as no older than the youngest one
    before it.

    In a terminal that is too narrow, long names are cut in the middle, and then columns are left out; in a pipe and in JSON
    they are whole.

    \b
    mqcanary lag --kafka kafka-1:9092
    mqcanary lag order-processor --kafka kafka-1:9092 --by topic

    Exit codes: 0 all was read that is shown to us; 2 wrong usage or configuration; 3 a cluster or a group could not be
    observed, or no cluster shows a GROUP.
    """  # noqa: D301 - \b is click's own mark
    from agent.cli.targets import aim, look, missed, why
    from agent.report.lag import Row, doubts, merged, rows_of, table
    from checks.facts import KafkaSnapshot, Unknown

    target = aim(**targets, platform=False, groups=_by_name(groups), judged=False).only_kafka()
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
        rows += rows_of(snapshot, unread.append, groups)
        if not _by_name(groups):
            hidden += [f"{shown(snapshot.target)}: {why(blind)}" for blind in snapshot.groups.blind]
    unread += _unshown(groups, snapshots, target)
    if form == "text":
        hidden += doubts(rows)
    rows = merged(rows, by)
    if rows or not unread or form == "json":  # who saw nothing says so, and not that there is nothing
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        text = json.dumps(rows, indent=1) + "\n" if form == "json" else table(rows, by, len(snapshots), room)
        click.echo(text, nl=False)
    for line in (*unread, *hidden):
        click.echo(f"mqcanary: {line}", err=True)
    if unread:
        sys.exit(3)


def _by_name(groups: Sequence[str]) -> tuple[str, ...]:
    """What can be asked for at coordinators alone. A name that looks like a glob would be taken for one."""
    from agent.collect.kafka.scope import is_glob

    return () if any(map(is_glob, groups)) else tuple(groups)


def _unshown(groups: Sequence[str], snapshots: Sequence["KafkaSnapshot"], target: "Aim") -> Iterator[str]:
    """Of each group that no cluster shows, with one that is called alike: for that groups are listed."""
    unshown = [name for name in groups if not any(name in snapshot.groups.items for snapshot in snapshots)]
    if not unshown:
        return
    known = frozenset[str]().union(
        *(_names(snapshot, watched) for snapshot, watched in zip(snapshots, target.watched, strict=True))
    )
    where = ", ".join(shown(snapshot.target) for snapshot in snapshots)
    for name in unshown:
        guess = meant(name, sorted(known - {name}))
        yield f"no group {shown(name)} is shown by {where}" + (f"; {guess}" if guess else "")


def _names(snapshot: "KafkaSnapshot", watched: "Watched") -> frozenset[str]:
    from agent.collect.kafka.names import group_names
    from checks.facts import Unknown

    return frozenset() if isinstance(snapshot.cluster, Unknown) else group_names(watched.collector, watched.deadline)
