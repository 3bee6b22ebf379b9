"""The lag table: how far every consumer group is behind."""

import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from checks.facts import NEVER, Group, History, KafkaSnapshot, Lag, TopicConfig, Unknown, Waits, facts_of
from checks.facts.codes import code_name, refused
from checks.facts.lag import near
from checks.wording import shown, span

Row = dict[str, Any]
"""cluster, group, topic, partition, committed_offset, log_end_offset, lag, lag_seconds, lag_seconds_at_most, method, timestamps_by,
members, error, reason; null where unknown.

`lag_seconds` is how long the oldest record that is not read has been waiting at least, and `lag_seconds_at_most` at most: the same
where that is known exactly; both by the timestamps of records: where they do not run one way, a record counts as no older than the
youngest one before it. `method` says how near they are: "exact", to a second, or "bracketed", somewhere between the two; null where
`lag_seconds` is. `timestamps_by` says whose these are: "producer" (CreateTime: its clock, or the event's time) or "broker"
(LogAppendTime). `error` says why an offset or the lag is not known; it is null where nothing was committed, for then nothing is
amiss. `reason` says it of every null: of `lag`, and while something is left, of `lag_seconds` and `lag_seconds_at_most`.

In sums, `partial` is true where the lag of some partition is not known, `unknown_partitions` of how many: then `lag` and `lag_seconds`
are at least so much, by the others, and null where none is known. `reason` is that of the first row that has one.
"""

_COLUMNS: Final = ("group", "topic", "partition", "committed_offset", "log_end_offset", "lag", "waiting", "members")
_KEYS: Final = {"group": ("group",), "topic": ("group", "topic")}
_NAMES: Final = {"cluster", "group", "topic"}
_SHORT: Final = {"COMMITTED-OFFSET": "COMMITTED", "LOG-END-OFFSET": "LOG-END"}
"""Heads where there is little room."""
_SHORTEST: Final = {**_SHORT, "PARTITION": "P", "PARTITIONS": "P"}
_LEAST: Final = 8
"""Cells that are left to a name: shorter ones say little."""
_FEWEST: Final = 3
"""The same, where nothing else can give any more."""
_DROPPED: Final = ("members", "log_end_offset", "committed_offset", "partitions")
"""What is left out where names are that short already: what the others tell as well comes first."""


def rows_of(snapshot: KafkaSnapshot, hole: Callable[[str], None], only: Collection[str] = ()) -> Iterator[Row]:
    """A row for each partition that is committed or assigned, of these groups or of all; `hole` is told of groups that can't be read."""
    facts = facts_of(snapshot, History())
    codes = cache(lambda: _codes(snapshot.waits))
    for name in (name for name in snapshot.groups.items if not only or name in only):
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
            error = _error(lag, row)
            at_least, at_most = _seconds(least[row]), _seconds(most[row])
            told = lag.lag[row] == 0 or (lag.lag[row] > 0 and at_most is not None)
            yield {
                "cluster": snapshot.target,
                "group": name,
                "topic": topic,
                "partition": partition,
                "committed_offset": _offset(lag.committed[row]),
                "log_end_offset": _offset(lag.end[row]),
                "lag": _offset(lag.lag[row]),
                "lag_seconds": at_least,
                "lag_seconds_at_most": at_most,
                "method": method_of(at_least, at_most),
                "timestamps_by": _timestamps_by(snapshot.topic_configs.get(topic)),
                "members": members,
                "error": error,
                "reason": None if told else error or _reason(lag, row, snapshot.waits, codes),
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


def method_of(least: float | None, most: float | None) -> str | None:
    if least is None:
        return None
    return "exact" if most is not None and most - least <= 1 else "bracketed"


def _error(lag: Lag, row: int) -> str | None:
    topic, partition = lag.place(row)
    place = f"offsets of {topic}/{partition}"
    if lag.error[row]:
        return refused(int(lag.error[row]), place).detail
    if lag.committed[row] > lag.end[row]:
        return f"{place}: committed beyond the log end"
    if lag.shared and lag.committed[row] >= 0 and lag.lag[row] == NEVER:
        return f"{place}: how many records a share group has left is told by Kafka 4.2 and later (KIP-1226)"
    return None


_Codes = Mapping[tuple[str, int, int], int]
"""Error codes of look-ups by time, by topic, partition and the offset that was sought."""


def _codes(waits: Waits | Unknown) -> _Codes:
    if isinstance(waits, Unknown):
        return {}
    names = (waits.topics[topic] for topic in waits.topic.tolist())
    places = zip(names, waits.partition.tolist(), waits.offset.tolist(), strict=True)
    return dict(zip(places, waits.error.tolist(), strict=True))


def _reason(lag: Lag, row: int, waits: Waits | Unknown, codes: Callable[[], _Codes]) -> str:
    """Why a row has no lag, though nothing is amiss, or no time that is known from both ends."""
    topic, partition = lag.place(row)
    place = f"of {topic}/{partition}"
    if lag.lag[row] == NEVER:
        return "nothing was committed"
    if lag.shared:
        return "no broker tells how old the records are that a share group has left"
    if row in lag.remote:
        return "remote storage is not asked by time, which can hold up its brokers (KIP-1075)"
    if isinstance(waits, Unknown):
        return waits.detail
    code = codes().get((topic, partition, int(max(lag.committed[row], lag.start[row]))))
    if code is None:
        return f"look-up by time {place}: not made"
    if code == _TIMED_OUT:
        return f"look-up by time {place}: not answered within the deadline"
    if code:
        return f"look-up by time {place}: {code_name(code)}"
    if lag.until[row] == NEVER:
        return f"records {place} have no timestamps"
    if waits.hole is not None:
        return waits.hole.detail
    return f"look-ups by time {place}: how old it is at most is not told, where timestamps do not run one way, or in no time"


_TIMED_OUT: Final = 7


def doubts(rows: Iterable[Row]) -> Iterator[str]:
    """Why LAG or WAITING of some rows is not known, a line for each reason; not where nothing was committed, which is no doubt.

    `rows` are those of partitions.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["reason"] and (row["error"] or row["lag"]):
            head = "LAG" if row["lag"] is None else "WAITING"
            place = f"{row['topic']}/{row['partition']}"
            reason = row["reason"].replace(f" of {place}", "")
            found.setdefault((head, reason), []).append(f"{shown(row['group'])} {shown(place)}")
    for (head, reason), places in found.items():
        more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
        yield f"{head} of {places[0]}{more}: {reason}"


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
    nothing = not told
    whose = {row["timestamps_by"] for row in rows}
    least = None if nothing else _greatest(told, "lag_seconds")
    most = None if unknown else _greatest(told, "lag_seconds_at_most")
    return {
        "partitions": len(rows),
        "lag": None if nothing else sum(row["lag"] for row in told),
        "partial": bool(unknown),
        "unknown_partitions": len(unknown),
        "lag_seconds": least,
        "lag_seconds_at_most": most,
        "method": method_of(least, most),
        "timestamps_by": whose.pop() if len(whose) == 1 else None,
        "members": rows[0]["members"],
        "error": unknown[0]["error"] if unknown else None,
        "reason": next(
            (row["reason"] for row in rows if row["reason"] and (nothing or row["error"] or row["lag"])), None
        ),
    }


def _greatest(rows: Sequence[Row], name: str) -> float | None:
    """Of those that are behind; none where one of them is not known."""
    told = [row[name] for row in rows if row["lag"]]
    return None if None in told else max(told, default=0.0)


def table(rows: list[Row], by: str, clusters: int = 1, room: int | None = None) -> str:
    """The rows as text; the cluster is named where there is more than one. `room`: cells in a line, of a terminal; names that
    do not fit into them are cut, then columns are left out that the others tell as well, and the last line says which.
    """
    if not rows:
        return "no committed offsets and no assigned partitions\n"
    told = _COLUMNS if by == "partition" else (*_KEYS[by], "partitions", "lag", "waiting", "members")
    columns = told if clusters == 1 else ("cluster", *told)
    lines = [[_head(column) for column in columns], *([_cell(row, column) for column in columns] for row in rows)]
    widths = _widths(lines)
    if room is None or _whole(widths) <= room:
        return "".join(_line(line, widths, columns) for line in lines)
    return _narrow(lines, columns, room)


def _head(column: str) -> str:
    return column.replace("_", "-").upper()


def _narrow(lines: Sequence[Sequence[str]], columns: Sequence[str], room: int) -> str:
    heads, *cells = lines
    lines = [[_SHORT.get(head, head) for head in heads], *cells]
    gone: list[str] = []
    widths = _fitted(_widths(lines), columns, room, _LEAST)
    for column in (column for column in _DROPPED if column in columns):
        if _whole(widths) <= room:
            break
        gone.append(column)
        kept = [i for i, column in enumerate(columns) if column not in gone]
        lines = [[_SHORT.get(head, head) for head in heads], *cells]
        lines = [[line[i] for i in kept] for line in lines]
        widths = _fitted(_widths(lines), [columns[i] for i in kept], room, _LEAST)
    left = [column for column in columns if column not in gone]
    if _whole(widths) > room:
        heads, *cells = lines
        time = left.index("waiting")
        tight = ([*line[:time], _tight(line[time]), *line[time + 1 :]] for line in cells)
        lines = [[_SHORTEST.get(head, head) for head in heads], *tight]
        widths = _fitted(_widths(lines), left, room, _FEWEST)
    text = "".join(_line(line, widths, left) for line in lines)
    return text + _left_out(gone, room) if gone else text


def _left_out(columns: Sequence[str], room: int) -> str:
    heads = map(_head, columns)
    return (
        textwrap.fill(f"(no room for {', '.join(_SHORT.get(h, h) for h in heads)})", room, subsequent_indent=" ") + "\n"
    )


def _tight(waiting: str) -> str:
    """`1 h 5 min to 2 h` in as few cells as it can be read: `1h5m-2h`."""
    for long, short in ((" to ", "-"), ("min", "m"), (" ", "")):
        waiting = waiting.replace(long, short)
    return waiting


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _fitted(widths: list[int], columns: Sequence[str], room: int, least: int) -> list[int]:
    """What names have to give is taken from the widest of them; numbers stay whole."""
    names = [i for i, column in enumerate(columns) if column in _NAMES]
    while _whole(widths) > room and max(widths[i] for i in names) > least:
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
