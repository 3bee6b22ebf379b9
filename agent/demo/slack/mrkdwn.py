"""Slack's own markup, read as Slack reads it: what is bold, what is a link, and who gets rung."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

EMOJI = {
    "red_circle": "🔴",
    "large_yellow_circle": "🟡",
    "large_green_circle": "🟢",
    "large_blue_circle": "🔵",
    "white_circle": "⚪",
    "white_check_mark": "✅",
    "warning": "⚠️",
    "rotating_light": "🚨",
    "bell": "🔔",
    "no_entry": "⛔",
    "grey_question": "❔",
}


@dataclass(frozen=True, slots=True)
class Link:
    """`label` is empty where the address itself is shown."""

    url: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """`kind` is text, emoji, bold, italic, strike, code, pre, quote, link or mention.

    `text` is what is shown of a leaf, `target` a link's address or a mention as in `Message.mentions`.
    """

    kind: str
    text: str = ""
    target: str = ""
    children: tuple["Node", ...] = ()


_FENCE = re.compile(r"```(?:\n)?(.+?)```", re.DOTALL)
_CONTROL = r"<(?P<control>[^<>\n]+)>"
# Each part stops at its own closing sign or at the end of the line, so that no input makes it slow.
_INLINE = re.compile(
    _CONTROL
    + r"|`(?P<code>[^`\n]+)`"
    + r"|(?P<url>https?://[^\s<>|`]*[^\s<>|`.,;:!?*_~)'\"])"
    + r"|:(?P<emoji>[a-z0-9_+-]+):"
    + r"|(?<![\w*])\*(?P<bold>[^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])"
    + r"|(?<![\w_])_(?P<italic>[^_\s](?:[^_\n]*[^_\s])?)_(?![\w_])"
    + r"|(?<![\w~])~(?P<strike>[^~\s](?:[^~\n]*[^~\s])?)~(?![\w~])"
)
_IN_CODE = re.compile(_CONTROL)
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PLAIN_RINGS = re.compile(r"(?<![\w<!])@(channel|here|everyone|group)\b")
_MARKDOWN_LINK = re.compile(r"\[([^\][\n]*)\]\(([^()\s]+)\)")


def parse(text: str) -> tuple[Node, ...]:
    nodes: list[Node] = []
    at = 0
    for fence in _FENCE.finditer(text):
        nodes += _lines(text[at : fence.start()].removesuffix("\n"))
        nodes.append(Node("pre", children=tuple(_in_code(fence[1].removesuffix("\n")))))
        at = fence.end()
        # The block has lines of its own: the end of line behind it would be an empty one.
        at += text.startswith("\n", at)
    nodes += _lines(text[at:])
    return tuple(nodes)


def plain(text: str, *, emoji: bool = True) -> tuple[Node, ...]:
    """A plain_text object: nothing in it means anything, but the names of emoji."""
    return tuple(_with_emoji(text)) if emoji else (Node("text", text),)


def rich(block: Any) -> tuple[Node, ...]:
    """A rich_text block, or an element of one."""
    kind = block.get("type")
    parts = [rich(each) for each in block.get("elements", ())]
    if kind == "rich_text":
        return tuple(_on_their_own_lines(parts))
    if kind == "rich_text_list":
        return tuple(_on_their_own_lines([(Node("text", "• "), *item) for item in parts]))
    inner = tuple(node for part in parts for node in part)
    if kind in ("rich_text_preformatted", "rich_text_quote"):
        return (Node("pre" if kind == "rich_text_preformatted" else "quote", children=inner),)
    return inner if kind == "rich_text_section" else (_rich_leaf(kind, block),)


def _on_their_own_lines(parts: Sequence[tuple[Node, ...]]) -> Iterator[Node]:
    """Each section and each item begins a line; an empty one is none. What is preformatted or quoted has its own anyway."""
    lines = True
    for part in (part for part in parts if part):
        own = part[0].kind in ("pre", "quote")
        if not (lines or own):
            yield Node("text", "\n")
        yield from part
        lines = own


def _rich_leaf(kind: str, leaf: Any) -> Node:
    if kind == "link":
        node = Node("link", str(leaf.get("text") or leaf["url"]), str(leaf["url"]))
    elif kind == "emoji":
        node = _emoji(str(leaf["name"]))
    elif kind == "broadcast":
        node = Node("mention", f"@{leaf['range']}", f"!{leaf['range']}")
    elif kind == "user":
        node = Node("mention", f"@{leaf['user_id']}", f"@{leaf['user_id']}")
    elif kind == "usergroup":
        node = Node("mention", f"@{leaf['usergroup_id']}", f"!subteam^{leaf['usergroup_id']}")
    elif kind == "channel":
        node = Node("mention", f"#{leaf['channel_id']}", f"#{leaf['channel_id']}")
    else:
        node = Node("text", str(leaf.get("text") or leaf.get("fallback") or ""))
    for name in ("code", "strike", "italic", "bold"):
        if leaf.get("style", {}).get(name):
            node = Node(name, children=(node,))
    return node


def nodes_of(text_object: Any) -> tuple[Node, ...]:
    """A text object of either kind."""
    if text_object["type"] == "mrkdwn":
        return parse(text_object["text"])
    return plain(text_object["text"], emoji=text_object.get("emoji", True))


def mentions_in(value: Any, *, names_linked: bool = False) -> tuple[str, ...]:
    found = [node.target for node in _walk(_all_nodes(value)) if node.kind == "mention"]
    if names_linked:
        found += [f"!{name}" for text in _all_texts(value) for name in _PLAIN_RINGS.findall(text)]
    return tuple(dict.fromkeys(found))


def links_in(value: Any) -> tuple[Link, ...]:
    nodes = (node for node in _walk(_all_nodes(value)) if node.kind == "link")
    return tuple(dict.fromkeys(Link(n.target, "" if n.text == n.target else n.text) for n in nodes))


def _walk(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)


def _all_nodes(value: Any) -> Iterator[Node]:
    """What would be parsed in the text, the blocks and the attachments of a message, wherever it stands there."""
    if isinstance(value, str):
        yield from parse(value)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _all_nodes(each)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind == "rich_text":
            yield from rich(value)
        elif kind in ("plain_text", "raw_text"):
            pass
        else:
            yield from _nodes_of_fields(kind, value)


def _nodes_of_fields(kind: Any, fields: dict[str, Any]) -> Iterator[Node]:
    # A value is shown where it is of an attachment's field; a button's is not.
    shown = ("text", "pretext", "title", "fallback", "footer", *(("value",) if "title" in fields else ()))
    for name, part in fields.items():
        if name in ("url", "title_link", "author_link"):
            yield Node("link", str(part), str(part))
        elif isinstance(part, dict | list) or name in shown:
            yield from _all_nodes(part)
    if kind == "markdown":
        for label, url in _MARKDOWN_LINK.findall(str(fields.get("text"))):
            yield Node("link", label, url)


def _all_texts(value: Any) -> Iterator[str]:
    for node in _walk(_all_nodes(value)):
        if node.kind == "text":
            yield node.text


def _lines(text: str) -> Iterator[Node]:
    """Quoted lines together, and what stands between them. A quote has lines of its own, as a block of code has."""
    left = len(text)
    for quoted, group in groupby(_LINE.findall(text), lambda line: bool(_quote_mark(line))):
        lines = list(group)
        left -= sum(map(len, lines))
        if quoted:
            said = "".join(line[len(_quote_mark(line)) :].removeprefix(" ") for line in lines)
            yield Node("quote", children=tuple(_inline(said.removesuffix("\n"))))
        else:
            said = "".join(lines)
            yield from _inline(said.removesuffix("\n") if left else said)


def _quote_mark(line: str) -> str:
    return next((mark for mark in ("&gt;", ">") if line.startswith(mark)), "")


def _inline(text: str) -> Iterator[Node]:
    at = 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            yield Node("text", _unescaped(text[at : found.start()]))
        at = found.end()
        kind, inner = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "control":
            yield _control(inner)
        elif kind == "code":
            yield Node("code", children=tuple(_in_code(inner)))
        elif kind == "url":
            yield Node("link", _unescaped(inner), _unescaped(inner))
        elif kind == "emoji":
            yield _emoji(inner)
        else:
            yield Node(kind, children=tuple(_inline(inner)))
    if at < len(text):
        yield Node("text", _unescaped(text[at:]))


def _in_code(text: str) -> Iterator[Node]:
    """In code only <…> still means something: Slack turns it into the thing it names before anything is shown."""
    at = 0
    for found in _IN_CODE.finditer(text):
        if found.start() > at:
            yield Node("text", _unescaped(text[at : found.start()]))
        yield _control(found["control"])
        at = found.end()
    if at < len(text):
        yield Node("text", _unescaped(text[at:]))


def _control(inside: str) -> Node:
    target, _, label = inside.partition("|")
    shown = _unescaped(label)
    if target.startswith(("@", "#")):
        return Node("mention", target[0] + (shown.removeprefix(target[0]) or target[1:]), target)
    if target.startswith("!date^"):
        return Node("text", shown)
    if target in ("!channel", "!here", "!everyone"):
        return Node("mention", f"@{target[1:]}", target)  # whatever the label says
    if target.startswith("!"):
        return Node("mention", "@" + (shown.removeprefix("@") or target[1:].rpartition("^")[2]), target)
    if _SCHEME.match(target):
        url = _unescaped(target)
        return Node("link", shown or url, url)
    return Node("text", f"<{_unescaped(inside)}>")


def _with_emoji(text: str) -> Iterator[Node]:
    at = 0
    for found in _EMOJI.finditer(text):
        if found.start() > at:
            yield Node("text", text[at : found.start()])
        yield _emoji(found[1])
        at = found.end()
    if at < len(text):
        yield Node("text", text[at:])


def _emoji(name: str) -> Node:
    return Node("emoji", EMOJI[name], name) if name in EMOJI else Node("text", f":{name}:")


def _unescaped(text: str) -> str:
    """The three entities that Slack knows; the ampersand last, or &amp;lt; would be read twice."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
