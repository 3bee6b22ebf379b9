"""The lag table: how far every consumer group is behind."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from checks.facts import NEVER, Group, History, KafkaSnapshot, Lag, Unknown, facts_of
from checks.wording import shown

Row = dict[str, Any]
"""group, topic, partition, committed_offset, log_end_offset, lag, members; null where unknown."""

_COLUMNS: Final = ("group", "topic", "partition", "committed_offset", "log_end_offset", "lag", "members")


def rows_of(snapshot: KafkaSnapshot, hole: Callable[[str], None]) -> Iterator[Row]:
    """A row for each partition that is committed or assigned; `hole` is told of groups that can't be read."""
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


def merged(rows: list[Row], by: str) -> list[Row]:
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


def table(rows: list[Row], by: str) -> str:
    if not rows:
        return "no committed offsets and no assigned partitions\n"
    columns = _COLUMNS if by == "partition" else tuple(rows[0])
    cells = [[_cell(row, column) for column in columns] for row in rows]
    heads = [column.replace("_", "-").upper() for column in columns]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(columns))]
    lines: list[str] = []
    for line in [heads, *cells]:
        parts = [
            cell.ljust(width) if column in ("group", "topic") else cell.rjust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        lines.append("  ".join(parts).rstrip() + "\n")
    return "".join(lines)


def _cell(row: Row, column: str) -> str:
    value = row[column]
    if value is None:
        return "-" if row.get("committed_offset", 0) is None and column in ("committed_offset", "lag") else "?"
    return shown(value) if isinstance(value, str) else str(value)
