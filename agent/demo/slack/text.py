"""A message in plain text, for a terminal: no colours, and no control characters either, whoever sent them."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from agent.demo.slack.mrkdwn import Node, nodes_of, parse, rich
from agent.demo.slack.workspace import Message

_RULE = "─" * 40


def as_text(message: Message) -> str:
    """What a reader of the channel sees, without the author; the text of a message with blocks is not shown there."""
    lines = list(_blocks(message.blocks)) if message.blocks else _shown(parse(message.text)).split("\n")
    for attachment in message.attachments:
        lines += [f"▌ {line}".rstrip() for line in _attachment(attachment)]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _blocks(blocks: Iterable[Any]) -> Iterator[str]:
    for block in blocks:
        kind = block["type"]
        if kind == "header":
            yield from _shown(nodes_of(block["text"])).split("\n")
        elif kind == "section":
            yield from _section(block)
        elif kind == "divider":
            yield _RULE
        elif kind == "context":
            parts = (_image(e) if e["type"] == "image" else _shown(nodes_of(e)) for e in block["elements"])
            yield from "  ·  ".join(parts).split("\n")
        elif kind == "actions":
            yield "  ".join(_element(element) for element in block["elements"])
        elif kind == "image":
            yield _image(block)
        elif kind == "rich_text":
            yield from _shown(rich(block)).split("\n")
        elif kind == "markdown":
            yield from _safe(block["text"]).split("\n")
        else:
            yield from _table(block)


def _section(block: Any) -> Iterator[str]:
    if "text" in block:
        yield from _shown(nodes_of(block["text"])).split("\n")
    fields = [_shown(nodes_of(each)).split("\n") for each in block.get("fields", ())]
    # Most fields are a label over a value: side by side they read better in one column than in Slack's two.
    width = max((len(_label(lines[0])) for lines in fields if len(lines) > 1), default=0)
    for lines in fields:
        yield f"{_label(lines[0]):<{width}} {lines[1]}" if len(lines) > 1 else lines[0]
        yield from (f"{'':<{width}} {more}" for more in lines[2:])
    if "accessory" in block:
        yield _element(block["accessory"])


def _label(text: str) -> str:
    return text if text.endswith(":") else f"{text}:"


def _element(element: Any) -> str:
    if element["type"] == "image":
        return _image(element)
    if element["type"] == "button":
        where = f" ({_safe(element['url'])})" if "url" in element else ""
        return f"[ {_shown(nodes_of(element['text']))} ]{where}"
    return "[ " + " | ".join(_shown(nodes_of(option["text"])) for option in element["options"]) + " ]"


def _image(image: Any) -> str:
    return f"[image: {_safe(image['alt_text'])}]"


def _table(block: Any) -> Iterator[str]:
    rows = [[cell_text(cell).replace("\n", " ") for cell in row] for row in block["rows"]]
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(max(map(len, rows), default=0))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip()


def cell_text(cell: Any) -> str:
    if cell["type"] == "rich_text":
        return _shown(rich(cell))
    if cell["type"] == "mrkdwn":
        return _shown(parse(cell["text"]))
    return _safe(str(cell.get("text", cell.get("value", ""))))


def _attachment(attachment: Any) -> Iterator[str]:
    for name in ("pretext", "title", "text"):
        if attachment.get(name):
            yield from _shown(parse(attachment[name])).split("\n")
    for each in attachment.get("fields", ()):
        yield f"{_label(_safe(str(each.get('title', ''))))} {_shown(parse(str(each.get('value', ''))))}"
    yield from _blocks(attachment.get("blocks", ()))
    if attachment.get("footer"):
        yield _shown(parse(attachment["footer"]))
    if not any(attachment.get(name) for name in ("pretext", "title", "text", "fields", "blocks")):
        yield _safe(str(attachment.get("fallback", "")))


def _shown(nodes: Iterable[Node]) -> str:
    said, own_lines = "", False
    for node in nodes:
        inner = _shown(node.children)
        before = "\n" if own_lines else ""
        own_lines = node.kind in ("pre", "quote")
        if own_lines:
            mark = "    " if node.kind == "pre" else "> "
            said += ("\n" if said else "") + "\n".join(mark + line for line in inner.split("\n"))
        elif node.kind == "link" and node.text != node.target:
            said += f"{before}{_safe(node.text)} ({_safe(node.target)})"
        else:
            said += before + (inner or _safe(node.text))
    return said


def _safe(text: str) -> str:
    """Without what moves the cursor, colours, or turns the reading direction round."""
    kept = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c if c == "\n" or not _steers(c) else "\N{REPLACEMENT CHARACTER}" for c in kept)


def _steers(c: str) -> bool:
    kind = unicodedata.category(c)
    # Of the format characters those of emoji and of scripts stay: joiners and the like.
    return kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and unicodedata.bidirectional(c) not in ("BN", "AL", "AN"))
