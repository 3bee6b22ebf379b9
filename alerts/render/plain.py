"""A message as text, for a terminal, a log or a pipe."""

import textwrap
from collections.abc import Iterator

from alerts.render.message import Mark, Message, Table

_WORDS = {
    Mark.CRITICAL: ("CRITICAL", "31;1"),
    Mark.WARNING: ("WARNING", "33"),
    Mark.INFO: ("INFO", "34"),
    Mark.RESOLVED: ("OK", "32"),
    Mark.UNKNOWN: ("UNKNOWN", "35"),
    Mark.NEUTRAL: ("NOTE", "36"),
}


def plain(message: Message, width: int = 80, *, colour: bool = False) -> str:
    """Lines of at most `width` characters, but for a command, which is there to be pasted. Ends with a newline."""
    word, code = _WORDS[message.mark]
    mark = f"\033[{code}m{word}\033[0m" if colour else word
    first, *rest = _wrapped(message.title, width - len(word) - 1)
    lines = [f"{mark} {first}", *(" " * (len(word) + 1) + line for line in rest)]
    for text in (message.lead, message.why):
        lines += [f"  {line}" for line in _wrapped(text, width - 2) if text]
    for label, value in message.facts:
        head = f"  {_safe(label)}: "
        body = _wrapped(value, max(20, width - len(head)))
        lines += [head + body[0], *(" " * 4 + line for line in body[1:])]
    if message.table is not None:
        lines += _table(message.table, width)
    if message.step:
        lines += [
            f"  → {line}" if i == 0 else f"    {line}" for i, line in enumerate(_wrapped(message.step, width - 4))
        ]
    if message.command:
        lines.append(f"    $ {_safe(message.command)}")
    for note in message.notes:
        lines += [f"  {line}" for line in _wrapped(note, width - 2)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _table(table: Table, width: int) -> Iterator[str]:
    """What became of each, and its id, in columns; beside them where and what, on two lines at most."""
    rows = [tuple(_safe(cell) for cell in row) for row in table.rows]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    for head, id_, where, what in rows:
        cells = [cell.ljust(w) for cell, w in zip((head, id_), widths, strict=True) if w]
        begin = "  " + "  ".join(cells) + "  "
        room = max(16, width - len(begin))
        first, *rest = _wrapped(": ".join(filter(None, (where, what))), room)
        yield begin + first
        if rest:
            yield " " * len(begin) + _cut(" ".join(rest), room)
    if table.more:
        yield f"  … and {table.more:,} more"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _safe(text: str) -> str:
    """Without anything that a terminal would obey, or a log could not hold."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(_safe(text), width, break_on_hyphens=False) or [""]
