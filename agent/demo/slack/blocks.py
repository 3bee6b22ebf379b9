"""Block Kit as Slack accepts it: everything that is wrong with a list of blocks, in Slack's words with its JSON pointers.

Lengths are counted in characters. Of the blocks that Slack knows these are refused here as well: video, file, call, input,
and those for assistants (task_card, plan, alert, card, carousel, container, context_actions); mqcanary sends none of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MOST_BLOCKS = 50
Complaints = Iterator[str]
Check = Callable[[Any, str], Complaints]

_STYLES = ("primary", "danger")
_CELLS = ("raw_text", "raw_number", "mrkdwn", "rich_text")


def complaints(blocks: Sequence[Any], at: str = "/blocks", *, ids: set[str] | None = None) -> Complaints:
    """`ids`: block_ids of the same message that stand elsewhere; those found are added."""
    ids = set() if ids is None else ids
    if len(blocks) > MOST_BLOCKS:
        yield f"no more than {MOST_BLOCKS} items allowed [json-pointer:{at}]"
    for number, block in enumerate(blocks):
        yield from _block(block, f"{at}/{number}", ids)
    if sum(isinstance(block, dict) and block.get("type") == "table" for block in blocks) > 1:
        yield f"only one table allowed [json-pointer:{at}]"


def _block(block: Any, at: str, ids: set[str]) -> Complaints:
    if not isinstance(block, dict):
        yield f"must provide an object [json-pointer:{at}]"
        return
    yield from _one_of(_BLOCKS, block, at)
    if "block_id" in block:
        yield from _string(block["block_id"], f"{at}/block_id", least=0, most=255)
        name = block["block_id"]
        if isinstance(name, str) and name:
            if name in ids:
                yield f'`block_id` "{name}" already exists [json-pointer:{at}/block_id]'
            ids.add(name)


def _one_of(kinds: Mapping[str, Check], thing: Any, at: str) -> Complaints:
    if not isinstance(thing, dict):
        yield f"must provide an object [json-pointer:{at}]"
    elif "type" not in thing:
        yield f"missing required field: type [json-pointer:{at}]"
    elif not isinstance(thing["type"], str) or thing["type"] not in kinds:
        yield f"unsupported type: {thing['type']} [json-pointer:{at}/type]"
    else:
        yield from kinds[thing["type"]](thing, at)


def _shape(thing: Mapping[str, Any], at: str, required: Sequence[str], optional: Sequence[str] = ()) -> Complaints:
    for name in required:
        if name not in thing:
            yield f"missing required field: {name} [json-pointer:{at}]"
    for name in thing:
        if name not in required and name not in optional and name != "type":
            yield f"invalid additional property: {name} [json-pointer:{at}]"


def _string(value: Any, at: str, *, most: int, least: int = 1) -> Complaints:
    if not isinstance(value, str):
        yield f"must provide a string [json-pointer:{at}]"
    # Whether a blank text passes is told both ways: one of ours that is blank is a mistake anyway.
    elif least and not value.strip():
        yield f"must be more than 0 characters [json-pointer:{at}]"
    elif len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"


def _items(value: Any, at: str, check: Check, *, most: int, least: int = 1) -> Complaints:
    if not isinstance(value, list):
        yield f"must provide an array [json-pointer:{at}]"
        return
    if len(value) < least:
        yield f"no fewer than {least} items allowed [json-pointer:{at}]"
    if len(value) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    for number, item in enumerate(value):
        yield from check(item, f"{at}/{number}")


def _choice(value: Any, at: str, choices: Sequence[Any]) -> Complaints:
    if value not in choices:
        yield f"must be a valid enum value [json-pointer:{at}]"


# ── text objects ──


def _text(value: Any, at: str, *, most: int = 3000, kinds: Sequence[str] = ("plain_text", "mrkdwn")) -> Complaints:
    wrong = list(_text_itself(value, at, most, kinds))
    if wrong and isinstance(value, dict):
        yield f"failed to match all allowed schemas [json-pointer:{at}]"
    yield from wrong


def _text_itself(value: Any, at: str, most: int, kinds: Sequence[str]) -> Complaints:
    if not isinstance(value, dict):
        yield f"must provide an object [json-pointer:{at}]"
        return
    if "type" not in value:
        yield f"missing required field: type [json-pointer:{at}]"
        return
    if value["type"] not in kinds:
        yield f"unsupported type: {value['type']} [json-pointer:{at}/type]"
        return
    yield from _shape(value, at, ("text",), ("emoji",) if value["type"] == "plain_text" else ("verbatim",))
    if "text" in value:
        yield from _string(value["text"], f"{at}/text", most=most)


def _plain(value: Any, at: str, most: int) -> Complaints:
    return _text(value, at, most=most, kinds=("plain_text",))


def _field(value: Any, at: str) -> Complaints:
    return _text(value, at, most=2000)


# ── elements ──


def _button(button: Any, at: str) -> Complaints:
    optional = ("action_id", "value", "url", "style", "confirm", "accessibility_label")
    yield from _shape(button, at, ("text",), optional)
    if "text" in button:
        yield from _plain(button["text"], f"{at}/text", 75)
    for name, least, most in (
        ("action_id", 1, 255),
        ("value", 0, 2000),
        ("url", 1, 3000),
        ("accessibility_label", 1, 75),
    ):
        if name in button:
            yield from _string(button[name], f"{at}/{name}", least=least, most=most)
    if "style" in button:
        yield from _choice(button["style"], f"{at}/style", _STYLES)
    if "confirm" in button:
        yield from _confirm(button["confirm"], f"{at}/confirm")


def _confirm(confirm: Any, at: str) -> Complaints:
    if not isinstance(confirm, dict):
        yield f"must provide an object [json-pointer:{at}]"
        return
    yield from _shape(confirm, at, ("title", "text", "confirm", "deny"), ("style",))
    for name, most in (("title", 100), ("confirm", 30), ("deny", 30)):
        if name in confirm:
            yield from _plain(confirm[name], f"{at}/{name}", most)
    if "text" in confirm:
        yield from _text(confirm["text"], f"{at}/text", most=300)


def _menu(menu: Any, at: str, most: int) -> Complaints:
    yield from _shape(
        menu, at, ("options",), ("action_id", "confirm", "placeholder", "initial_option", "focus_on_load")
    )
    if "action_id" in menu:
        yield from _string(menu["action_id"], f"{at}/action_id", most=255)
    if "placeholder" in menu:
        yield from _plain(menu["placeholder"], f"{at}/placeholder", 150)
    if "confirm" in menu:
        yield from _confirm(menu["confirm"], f"{at}/confirm")
    if "options" in menu:
        yield from _items(menu["options"], f"{at}/options", _option, most=most)


def _option(option: Any, at: str) -> Complaints:
    if not isinstance(option, dict):
        yield f"must provide an object [json-pointer:{at}]"
        return
    yield from _shape(option, at, ("text", "value"), ("description", "url"))
    if "text" in option:
        yield from _plain(option["text"], f"{at}/text", 75)
    if "value" in option:
        yield from _string(option["value"], f"{at}/value", most=150)


def _image(image: Any, at: str) -> Complaints:
    yield from _shape(image, at, ("alt_text",), ("image_url", "slack_file", "title", "block_id"))
    if "image_url" not in image and "slack_file" not in image:
        yield f"missing required field: image_url [json-pointer:{at}]"
    for name, most in (("image_url", 3000), ("alt_text", 2000)):
        if name in image:
            yield from _string(image[name], f"{at}/{name}", most=most)
    if "title" in image:
        yield from _plain(image["title"], f"{at}/title", 2000)


_ACTIONS: dict[str, Check] = {
    "button": _button,
    "overflow": lambda menu, at: _menu(menu, at, 5),
    "static_select": lambda menu, at: _menu(menu, at, 100),
}
_ACCESSORIES = _ACTIONS | {"image": _image}
_CONTEXT: dict[str, Check] = {"plain_text": _text, "mrkdwn": _text, "image": _image}


# ── blocks ──


def _section(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, (), ("text", "fields", "accessory", "block_id", "expand"))
    if "text" not in block and "fields" not in block:
        yield f"must define either `text` or `fields` [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text")
    if "fields" in block:
        yield from _items(block["fields"], f"{at}/fields", _field, most=10)
    if "accessory" in block:
        yield from _one_of(_ACCESSORIES, block["accessory"], f"{at}/accessory")


def _header(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("text",), ("block_id",))
    if "text" in block:
        yield from _plain(block["text"], f"{at}/text", 150)


def _divider(block: Any, at: str) -> Complaints:
    return _shape(block, at, (), ("block_id",))


def _context(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("elements",), ("block_id",))
    if "elements" in block:
        yield from _items(block["elements"], f"{at}/elements", lambda e, where: _one_of(_CONTEXT, e, where), most=10)


def _actions(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("elements",), ("block_id",))
    if "elements" not in block:
        return
    elements = block["elements"]
    yield from _items(elements, f"{at}/elements", lambda e, where: _one_of(_ACTIONS, e, where), most=25)
    seen: set[str] = set()
    for number, element in enumerate(elements if isinstance(elements, list) else ()):
        name = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield f'`action_id` "{name}" already exists [json-pointer:{at}/elements/{number}/action_id]'
            seen.add(name)


def _markdown(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("text",), ("block_id",))
    if "text" in block:
        yield from _string(block["text"], f"{at}/text", most=12_000)


def _table(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("rows",), ("block_id", "column_settings"))
    if "rows" in block:
        yield from _items(block["rows"], f"{at}/rows", _row, most=100)


def _row(row: Any, at: str) -> Complaints:
    return _items(row, at, _cell, most=20)


def _cell(cell: Any, at: str) -> Complaints:
    if not isinstance(cell, dict) or cell.get("type") not in _CELLS:
        yield f"unsupported type: {cell.get('type') if isinstance(cell, dict) else cell} [json-pointer:{at}/type]"
    elif cell["type"] == "rich_text":
        yield from _rich_text(cell, at)
    elif cell["type"] == "raw_number":
        yield from _shape(cell, at, ("value",), ("text",))
    else:
        yield from _shape(cell, at, ("text",), ("verbatim",))
        if "text" in cell:
            yield from _string(cell["text"], f"{at}/text", least=0, most=12_000)


# ── rich text ──


def _rich_text(block: Any, at: str) -> Complaints:
    yield from _shape(block, at, ("elements",), ("block_id",))
    if "elements" in block:
        yield from _items(block["elements"], f"{at}/elements", lambda e, where: _one_of(_RICH, e, where), most=1000)


def _rich_part(part: Any, at: str) -> Complaints:
    yield from _shape(part, at, ("elements",), ("border", "style", "indent", "offset", "language"))
    kinds = {"rich_text_section": _rich_part} if part["type"] == "rich_text_list" else _RICH_LEAVES
    if "elements" in part:
        yield from _items(
            part["elements"], f"{at}/elements", lambda e, where: _one_of(kinds, e, where), most=5000, least=0
        )


def _rich_leaf(required: str) -> Check:
    def check(leaf: Any, at: str) -> Complaints:
        yield from _shape(
            leaf, at, (required,), ("style", "text", "url", "skin_tone", "unicode", "format", "fallback", "unsafe")
        )
        if required in leaf and required != "timestamp":
            yield from _string(leaf[required], f"{at}/{required}", most=12_000)
        if required == "range" and required in leaf:
            yield from _choice(leaf["range"], f"{at}/range", ("here", "channel", "everyone"))
        if "style" in leaf and not isinstance(leaf["style"], dict):
            yield f"must provide an object [json-pointer:{at}/style]"

    return check


def _rich_text_leaf(leaf: Any, at: str) -> Complaints:
    """Unlike every other text this one may be blank: it is the space between two links."""
    yield from _shape(leaf, at, ("text",), ("style",))
    if "text" in leaf:
        yield from _string(leaf["text"], f"{at}/text", least=0, most=12_000)
        if leaf["text"] == "":
            yield f"must be more than 0 characters [json-pointer:{at}/text]"
    if "style" in leaf and not isinstance(leaf["style"], dict):
        yield f"must provide an object [json-pointer:{at}/style]"


_RICH_LEAVES: dict[str, Check] = {
    "text": _rich_text_leaf,
    "link": _rich_leaf("url"),
    "emoji": _rich_leaf("name"),
    "user": _rich_leaf("user_id"),
    "usergroup": _rich_leaf("usergroup_id"),
    "channel": _rich_leaf("channel_id"),
    "broadcast": _rich_leaf("range"),
    "date": _rich_leaf("timestamp"),
}
_RICH: dict[str, Check] = dict.fromkeys(
    ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"), _rich_part
)
_BLOCKS: dict[str, Check] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
}
