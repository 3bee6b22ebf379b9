"""Alerts, silences and the outbox as text: lists for a terminal or a pipe, and lines for what changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from agent.door.door import Row, Shown, What
from agent.door.effects import clock
from agent.report.text import COLOURS, line, wrapped
from checks.check import Severity
from checks.wording import count, shown, span

CLOSED: Final = frozenset({"resolved", "gone", "off"})
_INDENT = "  "


def render(what: What, found: Shown, width: int, now: float) -> str:
    """A list with its end line; colours are click's business."""
    lines = [text for row in found.rows for text in (*_ENTRIES[what](row, width, now), "")]
    return "\n".join([*lines, *wrapped(f"{_SUMS[what](found.rows)}; last change {_exact(found.at)}", width, ""), ""])


def _alert(row: Row, width: int, now: float) -> Iterator[str]:
    severity = Severity[row["severity"].upper()]
    mark = click.style(f"{row['severity']:<8}", fg=None if row["phase"] in CLOSED else COLOURS[severity])
    phase = click.style(f"{row['phase']:<8}", bold=row["phase"] == "firing")
    yield f"{mark} {phase} {shown(row['id'])}  {shown(row['check'])}"
    yield f"{_INDENT}{click.style(row['resource'], bold=True)}"  # never wrapped: it is there to be pasted
    yield from wrapped(line(row["summary"]), width, _INDENT)
    for note in _notes(row, now):
        yield from wrapped(note, width, _INDENT)


def _notes(row: Row, now: float) -> Iterator[str]:
    ended = row["ended"]
    owner = f"; owner {line(row['owner'])}" if row["owner"] else ""
    if ended is None:
        yield f"since {clock(row['since'], now)} ({span(max(0.0, now - row['since']))}){owner}"
    else:
        yield f"{clock(row['since'], now)} to {clock(ended, now)} ({span(ended - row['since'])}){owner}"
    if row["frozen"]:
        yield _unobserved(row, now)
    if row["unstable"]:
        yield "comes and goes"
    if row["acknowledged"]:
        yield f"acknowledged{_by(row['acknowledged'], 'note', now)}"
    if row["silenced"]:
        yield f"silenced{_by(row['silenced'], 'comment', now)}"


def _unobserved(row: Row, now: float) -> str:
    why = f": {line(row['frozen']['why'])}" if row["frozen"]["why"] else ""
    return f"cannot be observed since {clock(row['frozen']['since'], now)}{why}"


def _by(row: Row, remark: str, now: float) -> str:
    by = f" by {line(row['by'])}" if row["by"] else ""
    until = f" until {clock(row['until'], now)}" if row["until"] is not None else ""
    return f"{by}{until}" + (f": {line(row[remark])}" if row[remark] else "")


def _silence(row: Row, width: int, now: float) -> Iterator[str]:
    checks = "" if row["checks"] == "*" else f", {line(row['checks'])} alone"
    yield f"{shown(row['id'])}  {click.style(line(row['resources']), bold=True)}{checks}"
    left = span(max(0.0, row["until"] - now))
    covers = f"covers {count(row['mutes'], 'alert')} now" if row["mutes"] else "covers nothing now"
    yield from wrapped(f"until {clock(row['until'], now)} ({left} left); {covers}", width, _INDENT)
    by, comment = line(row["by"]), line(row["comment"])
    if by or comment:
        yield from wrapped(": ".join(part for part in (f"by {by}" if by else "", comment) if part), width, _INDENT)


_OPS: Final = {"post": "a new message", "edit": "an edit", "reply": "a reply"}


def _delivery(row: Row, width: int, now: float) -> Iterator[str]:
    parked = row["progress"] == "parked"
    progress = click.style(f"{row['progress']:<8}", fg="red" if parked else None, bold=parked)
    what = ", ".join(row["kinds"]) or _OPS[row["op"]]
    yield f"{progress} {shown(row['id'])}  {line(row['destination'])}: {line(what)}"
    if row["about"]:
        yield f"{_INDENT}{click.style(row['about'], bold=True)}"  # never wrapped, as that of an alert
    told = f"waits since {clock(row['created'], now)} ({span(max(0.0, now - row['created']))})"
    tries = f", {row['attempts']} {'attempt' if row['attempts'] == 1 else 'attempts'}" if row["attempts"] else ""
    again = f", next at {_exact(row['next'])}" if row["progress"] == "queued" and row["next"] > now else ""
    double = "; it may have arrived already" if row["maybe_double"] else ""
    yield from wrapped(told + tries + again + double, width, _INDENT)
    yield from wrapped(line(row["why"]), width, _INDENT)


def _alerts_sum(rows: Sequence[Row]) -> str:
    phases = Counter("ended" if row["phase"] in CLOSED else row["phase"] for row in rows)
    severities = Counter(row["severity"] for row in rows if row["phase"] == "firing")
    by = [f"{severities[str(s)]} {s}" for s in reversed(Severity) if severities[str(s)]]
    parts = [f"{phases['firing']} firing ({', '.join(by)})" if by else "nothing fires"]
    parts += [f"{phases[phase]} {phase}" for phase in ("pending", "ended") if phases[phase]]
    parts += [
        f"{n} {word}" for word in ("frozen", "acknowledged", "silenced") if (n := sum(bool(r[word]) for r in rows))
    ]
    return ", ".join(parts)


def _silences_sum(rows: Sequence[Row]) -> str:
    return count(len(rows), "silence") if rows else "nothing is silenced"


def _outbox_sum(rows: Sequence[Row]) -> str:
    progress = Counter(row["progress"] for row in rows)
    return ", ".join(f"{progress[word]} {word}" for word in ("parked", "sending", "queued") if progress[word]) or (
        "nothing waits to be sent"
    )


_ENTRIES: Final[Mapping[What, Any]] = {"alerts": _alert, "silences": _silence, "outbox": _delivery}
_SUMS: Final[Mapping[What, Any]] = {"alerts": _alerts_sum, "silences": _silences_sum, "outbox": _outbox_sum}


def _exact(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# ── what changed from one look to the next ──


def changes(before: Mapping[str, Row] | None, after: Mapping[str, Row]) -> Iterator[tuple[str, Row]]:
    """Words for what happened, with the alert as it is now; at the first look (None) what there is and has not ended."""
    for id_, row in after.items():
        old = (before or {}).get(id_)
        if old is None:
            if before is not None or row["phase"] not in CLOSED:
                yield row["phase"], row
            continue
        yield from ((word, row) for word in _happened(old, row))
    for id_ in (before or {}).keys() - after.keys():
        row = (before or {})[id_]
        if row["phase"] not in CLOSED:
            yield "cleared" if row["phase"] == "pending" else "no longer listed", row


def _happened(old: Row, row: Row) -> Iterator[str]:
    if old["phase"] != row["phase"]:
        yield row["phase"]
    if old["severity"] != row["severity"]:
        yield f"now {row['severity']}"
    if row["phase"] in CLOSED:
        return
    for key, began, ended in (
        ("frozen", "frozen", "seen again"),
        ("acknowledged", "acknowledged", "no longer acknowledged"),
        ("silenced", "silenced", "no longer silenced"),
    ):
        if bool(old[key]) != bool(row[key]):
            yield began if row[key] else ended


def change(word: str, row: Row, at: float) -> str:
    """One line of what `changes` says."""
    severity = Severity[row["severity"].upper()]
    mark = click.style(f"{row['severity']:<8}", fg=None if row["phase"] in CLOSED else COLOURS[severity])
    head = f"{_exact(at)}  {mark} {click.style(word, bold=True)}  {shown(row['id'])}"
    unsure = f"  ({_unobserved(row, at)})" if row["frozen"] else ""  # the summary is of then
    return f"{head}  {shown(row['check'])} {row['resource']}  {line(row['summary'])}{unsure}"
