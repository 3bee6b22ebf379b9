"""A message as Slack takes it: Block Kit within every limit, whatever somebody called a group.

Names stand in rich text and plain text only, where nothing in them means anything to Slack: no mention, no link, no
bold. Limits: https://docs.slack.dev/reference/block-kit/blocks, and a cumulative one of about 11,000 characters that
users have measured; all texts together stay below 8,000 here.
"""

import re
from collections.abc import Iterator
from typing import Any

from alerts.render.message import Mark, Message, Table

Block = dict[str, Any]

_SIGNS = {
    Mark.CRITICAL: "🔴",
    Mark.WARNING: "🟡",
    Mark.INFO: "🔵",
    Mark.RESOLVED: "🟢",
    Mark.UNKNOWN: "⚪",
    Mark.NEUTRAL: "🔔",
}
HEADER = 150
_FIRST_WORDS = 20
"""What ends before says nothing by itself: `Still firing: `, `Cannot be observed: `."""
ROWS = 20
TEXT_BYTES = 3_000
"""Of the text beside the blocks, escaped: an edit takes 4,000 at most."""
_LONG_COMMAND = 800
_MARKUP = re.compile(r"[*~`@]|(?<![^\W_])_|_(?![^\W_])|:(?=[a-z0-9_+-]+:)")
_LIKE = {"*": "\u2217", "~": "\u223c", "`": "\u02cb", "_": "\uff3f", ":": "\ua789", "@": "\uff20"}
"""Signs of Slack's markup, and what looks like them and means nothing."""


def text(message: Message) -> str:
    """What a phone shows, and all there is where blocks were refused. Escaped; at most 3,000 bytes."""
    sign = _SIGNS[message.mark]
    told = f"{sign} {clean(message.title)}" + (f" | {clean(message.lead)}" if message.lead else "")
    return _cut_bytes(_MARKUP.sub(lambda found: _LIKE[found[0]], told), TEXT_BYTES)


def _cut_bytes(told: str, most: int) -> str:
    """Escaped and cut, at a place where no escape is cut in two."""
    parts: list[str] = []
    room = most
    for c in told:
        part = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(c, c)
        room -= len(part.encode())
        if room < 8:
            parts.append("…")
            break
        parts.append(part)
    return "".join(parts)


def blocks(message: Message, double: str = "") -> list[Block]:
    """The blocks; `double` is a line to be read first."""
    return list(_blocks(message, double))


def _blocks(message: Message, double: str) -> Iterator[Block]:
    sign = _SIGNS[message.mark]
    title = clean(message.title)
    if double:
        yield {"type": "context", "elements": [_plain(double, 300)]}
    head, more = _headline(title)
    yield {"type": "header", "text": _plain(f"{sign} {head}", HEADER)}
    rest = list(_body(message, more))
    if rest:
        yield {"type": "rich_text", "elements": rest}
    notes = [note for note in map(clean, message.notes) if note.strip()]
    if notes:
        yield {"type": "context", "elements": [_plain(note, 200) for note in notes[:5]]}


def _headline(title: str) -> tuple[str, str]:
    """What fits into a header, to the end of a clause, and the rest; a title of one long clause is cut and said again."""
    if len(title) + 2 <= HEADER:
        return title, ""
    ends = [at for found in re.finditer("[:;] ", title[: HEADER - 2]) if (at := found.start()) > _FIRST_WORDS]
    return (title[: ends[-1]], title[ends[-1] + 2 :]) if ends else (title, title)


def _body(message: Message, more: str) -> Iterator[Block]:
    for paragraph in (more, clean(message.lead)):
        if paragraph:
            yield _section(_text(cut(paragraph, 500)))
    if message.facts:
        yield _section(*_facts(message.facts))
    if message.why:
        yield _section(_text(cut(clean(message.why), 500)))
    if message.table is not None and message.table.rows:
        yield from _table(message.table)
    if message.step:
        yield _section(_text("→ ", bold=True), _text(cut(clean(message.step), 500)))
    command = clean(message.command)
    if command and len(command) <= _LONG_COMMAND:
        yield {"type": "rich_text_preformatted", "elements": [_text(command)]}


def _facts(facts: tuple[tuple[str, str], ...]) -> Iterator[Block]:
    for number, (label, value) in enumerate(facts[:6]):
        yield _text(("\n" if number else "") + cut(clean(label), 60), bold=True)
        yield _text(f"  {cut(clean(value), 180)}")


def _table(table: Table) -> Iterator[Block]:
    """A list: on a phone the columns of a table would be torn apart."""
    rows = []
    for row in table.rows[:ROWS]:
        head, id_, where, what = (clean(cell) for cell in row)
        about = ": ".join(filter(None, (cut(where, 60), cut(what, 100))))
        told = (cut(id_, 20), about)
        rows.append(_section(_text(cut(head, 20) or "-", bold=True), _text("".join(f"  {one}" for one in told if one))))
    yield {"type": "rich_text_list", "style": "bullet", "elements": rows}
    more = table.more + max(0, len(table.rows) - ROWS)
    if more:
        yield _section(_text(f"… and {more:,} more"))


def _section(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def _text(value: str, *, bold: bool = False) -> Block:
    return {"type": "text", "text": value or " "} | ({"style": {"bold": True}} if bold else {})


def _plain(value: str, most: int) -> Block:
    return {"type": "plain_text", "text": cut(value, most) or " ", "emoji": False}


def clean(value: str) -> str:
    """On one line, without anything that is not seen: controls, directions, zero widths, halves of characters."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in value)


def cut(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"
