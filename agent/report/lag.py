"""The lag table: how far every consumer group is behind."""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from checks.facts import NEVER, Group, History, KafkaSnapshot, Lag, TopicConfig, Unknown, facts_of
from checks.facts.codes import refused
from checks.facts.lag import near
from checks.wording import shown, span

Row = dict[str, Any]
"""cluster, group, topic, partition, committed_offset, log_end_offset, lag, lag_seconds, timestamps_by, members, error; null where
unknown.

`lag_seconds` is how long the oldest record that is not read has been waiting at least, and `lag_seconds_at_most` at most: the same
where that is known exactly; both by the timestamps of records: where they do not run one way, a record counts as no older than the
youngest one before it. `timestamps_by` says whose these are: "producer" (CreateTime: its clock, or the event's time) or "broker" (LogAppendTime). `error` says why something in the row is not known; it is null where nothing was committed, for then nothing is amiss.

In sums, `partial` is true where the lag of some partition is not known, `unknown_partitions` of how many: then `lag` and `lag_seconds`
are at least so much, by the others, and null where none is known.
"""

_COLUMNS: Final = ("group", "topic", "partition", "committed_offset", "log_end_offset", "lag", "waiting", "members")
_KEYS: Final = {"group": ("group",), "topic": ("group", "topic")}
_NAMES: Final = {"cluster", "group", "topic"}
_SHORT: Final = {"COMMITTED-OFFSET": "COMMITTED", "LOG-END-OFFSET": "LOG-END"}
"""Heads where there is little room."""
_LEAST: Final = 8
"""Cells that are left to a name: shorter ones say nothing."""


def rows_of(snapshot: KafkaSnapshot, hole: Callable[[str], None], only: str | None = None) -> Iterator[Row]:
    """A row for each partition that is committed or assigned, of one group or of all; `hole` is told of groups that can't be read."""
    facts = facts_of(snapshot, History())
    for name in (name for name in snapshot.groups.items if only in (None, name)):
        address = snapshot.address.under("groups", name)
        group, lag = facts.get(Group, address), facts.get(Lag, address)
        if isinstance(lag, Unknown) or isinstance(group, Unknown):
            hole(_unread(name, next(one for one in (group, lag) if isinstance(one, Unknown))))
            continue
        members = None if isinstance(group.members, Unknown) else len(group.members)
        places = sorted(range(lag.topic.size), key=lag.place)
        least, most = lag.waited()
        for row in places:
            topic, partition = lag.place(row)
            yield {
                "cluster": snapshot.target,
                "group": name,
                "topic": topic,
                "partition": partition,
                "committed_offset": _offset(lag.committed[row]),
                "log_end_offset": _offset(lag.end[row]),
                "lag": _offset(lag.lag[row]),
                "lag_seconds": _seconds(least[row]),
                "lag_seconds_at_most": _seconds(most[row]),
                "timestamps_by": _timestamps_by(snapshot.topic_configs.get(topic)),
                "members": members,
                "error": _error(lag, row),
            }


def _unread(name: str, why: Unknown) -> str:
    """Which group can't be read, why, and what to do; a reason that begins with the group names it once."""
    who, reason = f"group {shown(name)}", f"{why.detail}: {why.close}" if why.close else why.detail
    return reason if reason.startswith(f"{who}: ") else f"{who}: {reason}"


def _offset(value: Any) -> int | None:
    return None if value == NEVER else int(value)


def _seconds(value: float) -> float | None:
    return round(float(value), 3) if isfinite(value) else None


def _timestamps_by(config: TopicConfig | Unknown | None) -> str | None:
    if config is None or isinstance(config, Unknown):
        return None
    kind = config.value("message.timestamp.type")
    return None if isinstance(kind, Unknown) else "broker" if kind == "LogAppendTime" else "producer"


def _error(lag: Lag, row: int) -> str | None:
    topic, partition = lag.place(row)
    place = f"offsets of {topic}/{partition}"
    if lag.error[row]:
        return refused(int(lag.error[row]), place).detail
    return f"{place}: committed beyond the log end" if lag.committed[row] > lag.end[row] else None


def merged(rows: list[Row], by: str) -> list[Row]:
    """Rows summed up by group or topic; where a part is unknown the sum is that of the rest and says so, and `error` tells the
    first of it.
    """
    if by == "partition":
        return rows
    keys = ("cluster", *_KEYS[by])
    parts: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        parts.setdefault(tuple(row[k] for k in keys), []).append(row)
    return [{**dict(zip(keys, key, strict=True)), **_total(some)} for key, some in parts.items()]


def _total(rows: Sequence[Row]) -> Row:
    unknown = [row for row in rows if row["error"]]
    told = [row for row in rows if row["lag"] is not None]  # never committed: there is no lag to add
    nothing = bool(unknown) and not told
    whose = {row["timestamps_by"] for row in rows}
    return {
        "partitions": len(rows),
        "lag": None if nothing else sum(row["lag"] for row in told),
        "partial": bool(unknown),
        "unknown_partitions": len(unknown),
        "lag_seconds": None if nothing else _greatest(told, "lag_seconds"),
        "lag_seconds_at_most": None if unknown else _greatest(told, "lag_seconds_at_most"),
        "timestamps_by": whose.pop() if len(whose) == 1 else None,
        "members": rows[0]["members"],
        "error": unknown[0]["error"] if unknown else None,
    }


def _greatest(rows: Sequence[Row], name: str) -> float | None:
    """Of those that are behind; none where one of them is not known."""
    told = [row[name] for row in rows if row["lag"]]
    return None if None in told else max(told, default=0.0)


def table(rows: list[Row], by: str, clusters: int = 1, room: int | None = None) -> str:
    """The rows as text; the cluster is named where there is more than one. `room`: cells in a line, of a terminal; names that
    do not fit into them are cut.
    """
    if not rows:
        return "no committed offsets and no assigned partitions\n"
    told = _COLUMNS if by == "partition" else (*_KEYS[by], "partitions", "lag", "waiting", "members")
    columns = told if clusters == 1 else ("cluster", *told)
    heads = [column.replace("_", "-").upper() for column in columns]
    lines = [heads, *([_cell(row, column) for column in columns] for row in rows)]
    widths = _widths(lines)
    if room is not None and _whole(widths) > room:
        heads[:] = [_SHORT.get(head, head) for head in heads]
        widths = _fitted(_widths(lines), columns, room)
    return "".join(_line(line, widths, columns) for line in lines)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _fitted(widths: list[int], columns: Sequence[str], room: int) -> list[int]:
    """What names have to give is taken from the widest of them; numbers stay whole."""
    names = [i for i, column in enumerate(columns) if column in _NAMES]
    while _whole(widths) > room and max(widths[i] for i in names) > _LEAST:
        widths[max(names, key=widths.__getitem__)] -= 1
    return widths


def _cut(name: str, width: int) -> str:
    """In the middle: names begin alike with their team and often differ at the end."""
    if cell_len(name) <= width:
        return set_cell_size(name, width)
    end = (width - 1) // 2
    return f"{set_cell_size(name, width - 1 - end)}…{set_cell_size(name[::-1], end)[::-1]}"


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[str]) -> str:
    """Names to the left, numbers to the right; a Chinese letter is two cells wide."""
    parts = (
        _cut(cell, width) if column in _NAMES else cell.rjust(width)
        for cell, width, column in zip(cells, widths, columns, strict=True)
    )
    return "  ".join(parts).rstrip() + "\n"


def _cell(row: Row, column: str) -> str:
    if column == "waiting":
        return _waiting(row)
    value = row[column]
    if column == "lag" and value is not None and row.get("partial"):
        return f">= {value}"
    if value is None:
        never = not row["error"] and column in ("committed_offset", "lag")
        return "-" if never else "?"
    return shown(value) if isinstance(value, str) else str(value)


def _waiting(row: Row) -> str:
    least, most = row["lag_seconds"], row["lag_seconds_at_most"]
    if not row["lag"]:
        return "?" if row["error"] else "-"
    if least is None:
        return "?"
    if most is None:
        return f">= {span(least)}"
    return span((least + most) / 2) if near(least, most) else f"{span(least)} to {span(most)}"
