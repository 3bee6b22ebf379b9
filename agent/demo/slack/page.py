"""A channel as Slack shows it, as one HTML page without scripts that asks nobody for anything."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any
from urllib.parse import quote

from agent.demo.slack.mrkdwn import Node, nodes_of, parse, rich
from agent.demo.slack.text import cell_text
from agent.demo.slack.wire import Reply
from agent.demo.slack.workspace import Channel, Message, Workspace

_CSS = resources.files("agent.demo.slack").joinpath("page.css").read_text("utf-8")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_EVERY = 2
_COLOURS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "code": "code", "pre": "pre", "quote": "blockquote"}
# Only these become something to click on.
_SCHEMES = ("http://", "https://", "mailto:")


def page(workspace: Workspace, path: str, *, live: bool = False) -> Reply:
    """`/` shows the last channel, the one that is not #general; `/channels/NAME` that one."""
    name = path.strip("/").removeprefix("channels/") or next(
        (c.name for c in reversed(workspace.channels.values())), ""
    )
    channel = next((c for c in workspace.channels.values() if c.name == name), None)
    if channel is None:
        return Reply(404, "text/html", _document(workspace, None, "<p>There is no such channel.</p>"), _HEADERS)
    shown = "".join(_thread(workspace, root) for root in workspace.roots(channel.id))
    body = f'<ol class="messages">{shown}</ol>' if shown else '<p class="quiet">Nothing has been posted here yet.</p>'
    return Reply(200, "text/html", _document(workspace, channel, body, live=live), _HEADERS)


def _document(workspace: Workspace, channel: Channel | None, body: str, *, live: bool = False) -> str:
    title = f"#{channel.name}" if channel else "Not found"
    refresh = f'<meta http-equiv="refresh" content="{_EVERY}">' if live else ""
    links = "".join(_channel_link(each, channel, live=live) for each in workspace.channels.values())
    follow = "" if channel is None else _follow(live=live)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)} - {escape(workspace.name)}</title>'
        f"<style>{_CSS}</style></head><body>"
        f'<nav aria-label="Channels"><p class="team">{escape(workspace.name)}</p><ul>{links}</ul></nav>'
        f"<main><header><h1>{escape(title)}</h1>{follow}</header>{body}</main></body></html>\n"
    )


def _channel_link(channel: Channel, current: Channel | None, *, live: bool) -> str:
    here = ' aria-current="page"' if channel is current else ""
    address = f"/channels/{quote(channel.name, safe='')}{'?live' if live else ''}"
    return f'<li><a href="{address}"{here}># {escape(channel.name)}</a></li>'


def _follow(*, live: bool) -> str:
    if live:
        return f'<p class="quiet">Reloads every {_EVERY} seconds. <a href="?">Stop</a></p>'
    return '<p class="quiet"><a href="?live">Follow live</a></p>'


def _thread(workspace: Workspace, root: Message) -> str:
    replies = workspace.replies(root)
    below = ""
    if replies:
        count = "1 reply" if len(replies) == 1 else f"{len(replies)} replies"
        inner = "".join(f"<li>{_message(each, 'h3')}</li>" for each in replies)
        below = f'<div class="thread"><p class="count">{count}</p><ol>{inner}</ol></div>'
    return f"<li>{_message(root, 'h2')}{below}</li>"


def _message(message: Message, heading: str) -> str:
    at = datetime.fromtimestamp(message.posted_at, UTC)
    edited = ' <span class="edited">(edited)</span>' if message.edits else ""
    said = "".join(_block(each) for each in message.blocks) or f'<div class="text">{_html(parse(message.text))}</div>'
    attached = "".join(_attachment(each) for each in message.attachments)
    if message.attachments and not message.blocks and not message.text.strip():
        said = ""
    reactions = "".join(
        f"<li>{_html(parse(f':{name}:'))} {len(users)}</li>" for name, users in message.reactions.items()
    )
    reacted = f'<ul class="reactions" aria-label="Reactions">{reactions}</ul>' if reactions else ""
    return (
        f'<article id="m{escape(message.ts)}"><div class="avatar" aria-hidden="true">{escape(message.app[:2])}</div>'
        f'<div class="body"><div class="who"><{heading}>{escape(message.app)}</{heading}>'
        f'<span class="badge">APP<span class="hidden"> (bot)</span></span>'
        f'<time datetime="{at.isoformat(timespec="seconds")}">{at:%H:%M} UTC</time>{edited}</div>'
        f"{said}{attached}{reacted}</div></article>"
    )


def _block(block: Any) -> str:
    kind = block["type"]
    if kind == "header":
        return f'<p class="header"><strong>{_html(nodes_of(block["text"]))}</strong></p>'
    if kind == "section":
        return _section(block)
    if kind == "divider":
        return "<hr>"
    if kind == "context":
        parts = (_image(e) if e["type"] == "image" else f"<span>{_html(nodes_of(e))}</span>" for e in block["elements"])
        return f'<div class="context">{"".join(parts)}</div>'
    if kind == "actions":
        return f'<div class="actions">{"".join(_element(each) for each in block["elements"])}</div>'
    if kind == "image":
        return _image(block)
    if kind == "rich_text":
        return f'<div class="text">{_html(rich(block))}</div>'
    if kind == "markdown":
        return f'<div class="text">{escape(block["text"])}</div>'
    return _table(block)


def _section(block: Any) -> str:
    text = f'<div class="text">{_html(nodes_of(block["text"]))}</div>' if "text" in block else ""
    fields = "".join(f'<div class="text">{_html(nodes_of(each))}</div>' for each in block.get("fields", ()))
    beside = _element(block["accessory"]) if "accessory" in block else ""
    inner = text + (f'<div class="fields">{fields}</div>' if fields else "")
    return f'<div class="section"><div>{inner}</div>{beside}</div>'


def _table(block: Any) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell_text(cell))}</td>' for cell in row)}</tr>" for row in block["rows"]
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _element(element: Any) -> str:
    if element["type"] == "image":
        return _image(element)
    if element["type"] != "button":
        options = " / ".join(_html(nodes_of(option["text"])) for option in element["options"])
        return f'<span class="button">{options} ▾</span>'
    style = f" {element['style']}" if element.get("style") in ("primary", "danger") else ""
    label = _html(nodes_of(element["text"]))
    if str(element.get("url", "")).startswith(_SCHEMES):
        return f'<a class="button{style}" href="{escape(element["url"])}" rel="noreferrer noopener">{label}</a>'
    return f'<span class="button{style}">{label}</span>'


def _image(image: Any) -> str:
    # Its address is never asked for: what it would show stands there in words.
    return f'<span class="image">🖼 {escape(image["alt_text"])}</span>'


def _attachment(attachment: Any) -> str:
    colour = str(attachment.get("color", ""))
    colour = _COLOURS.get(colour, f"#{colour.removeprefix('#')}")
    bar = f' style="border-left-color: {colour}"' if _is_colour(colour) else ""
    before = _part(attachment, "pretext", "text")
    inner = _part(attachment, "title", "title") + _part(attachment, "text", "text")
    fields = "".join(
        f"<div><strong>{escape(str(each.get('title', '')))}</strong>"
        f'<div class="text">{_html(parse(str(each.get("value", ""))))}</div></div>'
        for each in attachment.get("fields", ())
    )
    inner += f'<div class="fields">{fields}</div>' if fields else ""
    inner += "".join(_block(each) for each in attachment.get("blocks", ()))
    inner += _part(attachment, "footer", "context")
    return f'{before}<div class="attachment"{bar}>{inner or escape(str(attachment.get("fallback", "")))}</div>'


def _part(attachment: Any, name: str, style: str) -> str:
    return f'<div class="{style}">{_html(parse(attachment[name]))}</div>' if attachment.get(name) else ""


def _is_colour(text: str) -> bool:
    return len(text) in (4, 7) and all(c in "0123456789abcdefABCDEF" for c in text[1:])


def _html(nodes: Iterable[Node]) -> str:
    return "".join(_pieces(nodes))


def _pieces(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        if node.kind in _TAGS:
            tag = _TAGS[node.kind]
            yield f"<{tag}>{_html(node.children) or escape(node.text)}</{tag}>"
        elif node.kind == "link" and node.target.startswith(_SCHEMES):
            yield f'<a href="{escape(node.target)}" rel="noreferrer noopener">{escape(node.text)}</a>'
        elif node.kind == "mention":
            yield f'<span class="mention">{escape(node.text)}</span>'
        elif node.kind == "emoji":
            yield f'<span role="img" aria-label="{escape(node.target.replace("_", " "))}">{escape(node.text)}</span>'
        else:
            yield escape(node.text)
