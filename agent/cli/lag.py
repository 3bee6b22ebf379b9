"""mqcanary lag."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from agent.cli.targets import aim, look, target_options
from agent.errors import MqcanaryError
from checks.facts import NEVER, Group, History, KafkaSnapshot, Lag, Unknown, facts_of
from checks.wording import shown

Row = dict[str, Any]
_COLUMNS = ("group", "topic", "partition", "committed_offset", "log_end_offset", "lag", "members")


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
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
def command(*, group: str | None, by: str, form: str, **targets: Any) -> None:
    """Show how far every consumer group, or one, is behind.

    A row for each partition that is committed or assigned. What was never committed has no lag and shows "-"; what
    could not be read is "?" in text and null in JSON.

    \b
    mqcanary lag --kafka kafka-1:9092
    mqcanary lag order-processor --kafka kafka-1:9092 --by topic
    """  # noqa: D301 - \b is click's own mark
    if targets.pop("sqs"):
        raise MqcanaryError("lag is of Kafka's groups: leave out --sqs")
    snapshots = [s for s in look(aim(**targets, platform=False), 1, 0) if isinstance(s, KafkaSnapshot)]
    rows: list[Row] = []
    failed = False
    for snapshot in snapshots:
        if isinstance(snapshot.cluster, Unknown):
            click.echo(f"mqcanary: {snapshot.target}: {snapshot.cluster.detail}", err=True)
            failed = True
            continue
        holes: list[str] = []
        rows += [row for row in _rows(snapshot, holes.append) if group is None or row["group"] == group]
        for hole in holes:
            click.echo(f"mqcanary: {hole}", err=True)
        if group is not None and group not in snapshot.groups.items:
            click.echo(f"mqcanary: no group {shown(group)} is shown by {snapshot.target}", err=True)
            failed = True
    rows = _merged(rows, by)
    if form == "json":
        click.echo(json.dumps(rows, indent=1))
    else:
        _table(rows, by)
    if failed:
        sys.exit(3)


def _rows(snapshot: KafkaSnapshot, hole: Callable[[str], None]) -> Iterator[Row]:
    facts = facts_of(snapshot, History())
    for name in snapshot.groups.items:
        address = snapshot.address.under("groups", name)
        group, lag = facts.get(Group, address), facts.get(Lag, address)
        if isinstance(lag, Unknown) or isinstance(group, Unknown):
            why = group if isinstance(group, Unknown) else lag
            hole(f"group {shown(name)}: {why.detail if isinstance(why, Unknown) else ''}")
            continue
        members = None if isinstance(group.members, Unknown) else len(group.members)
        places = sorted(range(lag.topic.size), key=lag.place)
        for row in places:
            topic, partition = lag.place(row)
            yield {
                "group": name,
                "topic": topic,
                "partition": partition,
                "committed_offset": _offset(lag.committed[row]),
                "log_end_offset": _offset(lag.end[row]),
                "lag": _offset(lag.lag[row]),
                "members": members,
            }


def _offset(value: Any) -> int | None:
    return None if value == NEVER else int(value)


def _merged(rows: list[Row], by: str) -> list[Row]:
    """Rows summed up by group or topic; a sum over something unknown is unknown."""
    if by == "partition":
        return rows
    keys = ("group",) if by == "group" else ("group", "topic")
    merged: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = tuple(row[k] for k in keys)
        total = merged.setdefault(
            key, {**dict(zip(keys, key, strict=True)), "partitions": 0, "lag": 0, "members": row["members"]}
        )
        total["partitions"] += 1
        never = row["committed_offset"] is None
        if row["lag"] is None and not never:
            total["lag"] = None
        elif total["lag"] is not None and not never:
            total["lag"] += row["lag"]
    return list(merged.values())


def _table(rows: list[Row], by: str) -> None:
    if not rows:
        click.echo("no committed offsets and no assigned partitions")
        return
    columns = _COLUMNS if by == "partition" else tuple(rows[0])
    cells = [[_cell(row, column) for column in columns] for row in rows]
    heads = [column.replace("_", "-").upper() for column in columns]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(columns))]
    for line in [heads, *cells]:
        parts = [
            cell.ljust(width) if column in ("group", "topic") else cell.rjust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        click.echo("  ".join(parts).rstrip())


def _cell(row: Row, column: str) -> str:
    value = row[column]
    if value is None:
        return "-" if row.get("committed_offset", 0) is None and column in ("committed_offset", "lag") else "?"
    return shown(value) if isinstance(value, str) else str(value)
