"""Each limit of Block Kit, on both sides of its edge, and the words in which Slack tells it."""

from typing import Any

import pytest

from agent.demo.slack.blocks import complaints


def mrkdwn(text: Any = "x") -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def plain(text: Any = "x") -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def section(**fields: Any) -> dict[str, Any]:
    return {"type": "section", **fields}


def button(**fields: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(), **fields}


def actions(*elements: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def confirm(**fields: Any) -> dict[str, Any]:
    return {"title": plain(), "text": mrkdwn(), "confirm": plain(), "deny": plain(), **fields}


def image(**fields: Any) -> dict[str, Any]:
    return {"type": "image", "image_url": "https://a.example/b.png", "alt_text": "a chart", **fields}


def menu(kind: str, count: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "options": [{"text": plain(), "value": "v"}] * count, **fields}


def option(**fields: Any) -> dict[str, Any]:
    return actions({"type": "overflow", "options": [{"text": plain(), "value": "v", **fields}]})


def table(rows: int = 1, cells: int = 1) -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "c"}] * cells] * rows}


def rich(*leaves: Any, part: str = "rich_text_section") -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": part, "elements": list(leaves)}]}


def said(*blocks: Any) -> list[str]:
    return list(complaints(blocks))


LIMITS = {
    "section text": (3000, lambda n: section(text=mrkdwn("x" * n)), "must be less than 3001 characters"),
    "section plain text": (3000, lambda n: section(text=plain("x" * n)), "must be less than 3001 characters"),
    "fields": (10, lambda n: section(fields=[mrkdwn()] * n), "no more than 10 items allowed"),
    "field": (2000, lambda n: section(fields=[mrkdwn("x" * n)]), "must be less than 2001 characters"),
    "header": (150, lambda n: {"type": "header", "text": plain("x" * n)}, "must be less than 151 characters"),
    "context elements": (
        10,
        lambda n: {"type": "context", "elements": [mrkdwn()] * n},
        "no more than 10 items allowed",
    ),
    "actions": (25, lambda n: actions(*[button()] * n), "no more than 25 items allowed"),
    "button text": (75, lambda n: actions(button(text=plain("x" * n))), "must be less than 76 characters"),
    "button value": (2000, lambda n: actions(button(value="x" * n)), "must be less than 2001 characters"),
    "button url": (
        3000,
        lambda n: actions(button(url="https://" + "x" * (n - 8))),
        "must be less than 3001 characters",
    ),
    "action_id": (255, lambda n: actions(button(action_id="x" * n)), "must be less than 256 characters"),
    "block_id": (255, lambda n: {"type": "divider", "block_id": "x" * n}, "must be less than 256 characters"),
    "confirm title": (
        100,
        lambda n: actions(button(confirm=confirm(title=plain("x" * n)))),
        "less than 101 characters",
    ),
    "confirm text": (300, lambda n: actions(button(confirm=confirm(text=mrkdwn("x" * n)))), "less than 301 characters"),
    "confirm deny": (30, lambda n: actions(button(confirm=confirm(deny=plain("x" * n)))), "less than 31 characters"),
    "image address": (3000, lambda n: image(image_url="x" * n), "must be less than 3001 characters"),
    "image words": (2000, lambda n: image(alt_text="x" * n), "must be less than 2001 characters"),
    "image title": (2000, lambda n: image(title=plain("x" * n)), "must be less than 2001 characters"),
    "overflow": (5, lambda n: actions(menu("overflow", n)), "no more than 5 items allowed"),
    "select": (100, lambda n: actions(menu("static_select", n)), "no more than 100 items allowed"),
    "placeholder": (
        150,
        lambda n: actions(menu("static_select", 1, placeholder=plain("x" * n))),
        "must be less than 151 characters",
    ),
    "option text": (75, lambda n: option(text=plain("x" * n)), "must be less than 76 characters"),
    "option value": (150, lambda n: option(value="x" * n), "must be less than 151 characters"),
    "markdown": (12_000, lambda n: {"type": "markdown", "text": "x" * n}, "must be less than 12001 characters"),
    "table rows": (100, lambda n: table(rows=n), "no more than 100 items allowed"),
    "table cells": (20, lambda n: table(cells=n), "no more than 20 items allowed"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_holds_exactly(name: str) -> None:
    most, make, words = LIMITS[name]
    assert said(make(most)) == []
    assert words in " ".join(said(make(most + 1)))


def test_fifty_blocks() -> None:
    assert said(*[{"type": "divider"}] * 50) == []
    assert said(*[{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]


def test_a_text_that_is_too_long_is_told_as_slack_tells_it() -> None:
    assert said({"type": "divider"}, section(text=mrkdwn("x" * 3001))) == [
        "failed to match all allowed schemas [json-pointer:/blocks/1/text]",
        "must be less than 3001 characters [json-pointer:/blocks/1/text/text]",
    ]


EMPTY = {
    "section text": section(text=mrkdwn("")),
    "section blank": section(text=mrkdwn(" \n")),
    "field": section(fields=[mrkdwn("x"), mrkdwn("")]),
    "header": {"type": "header", "text": plain("")},
    "context": {"type": "context", "elements": [mrkdwn("")]},
    "button": actions(button(text=plain(""))),
    "markdown": {"type": "markdown", "text": ""},
    "rich": rich({"type": "text", "text": ""}),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_text_is_refused(name: str) -> None:
    assert "must be more than 0 characters" in " ".join(said(EMPTY[name]))


NONE_OF = {
    "fields": section(fields=[]),
    "context": {"type": "context", "elements": []},
    "actions": actions(),
    "options": actions(menu("overflow", 0)),
    "rows": {"type": "table", "rows": []},
}


@pytest.mark.parametrize("name", NONE_OF)
def test_an_empty_list_is_refused(name: str) -> None:
    assert "no fewer than 1 items allowed" in " ".join(said(NONE_OF[name]))


WRONG = {
    "unknown block": ({"type": "sectoin"}, "unsupported type: sectoin [json-pointer:/blocks/0/type]"),
    "a type that is no word": ({"type": ["section"]}, "unsupported type"),
    "no type": ({"text": mrkdwn()}, "missing required field: type [json-pointer:/blocks/0]"),
    "no object": ("section", "must provide an object [json-pointer:/blocks/0]"),
    "nothing in a section": (section(), "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    "a bare text": (section(text="x"), "must provide an object [json-pointer:/blocks/0/text]"),
    "a text of no kind": (section(text={"text": "x"}), "missing required field: type [json-pointer:/blocks/0/text]"),
    "markdown in a section": (section(text={"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    "no text": (section(text={"type": "mrkdwn"}), "missing required field: text [json-pointer:/blocks/0/text]"),
    "a number": (section(text=mrkdwn(5)), "must provide a string [json-pointer:/blocks/0/text/text]"),
    "a field that is no list": (section(fields=mrkdwn()), "must provide an array [json-pointer:/blocks/0/fields]"),
    "emoji of mrkdwn": (section(text=mrkdwn() | {"emoji": True}), "invalid additional property: emoji"),
    "verbatim of plain_text": (section(text=plain() | {"verbatim": True}), "invalid additional property: verbatim"),
    "mrkdwn in a header": ({"type": "header", "text": mrkdwn()}, "unsupported type: mrkdwn"),
    "mrkdwn on a button": (actions(button(text=mrkdwn())), "unsupported type: mrkdwn"),
    "a header without text": ({"type": "header"}, "missing required field: text"),
    "a button without text": (actions({"type": "button"}), "missing required field: text"),
    "a button in a context": ({"type": "context", "elements": [button()]}, "unsupported type: button"),
    "a text in actions": (actions(plain()), "unsupported type: plain_text"),
    "an unknown style": (actions(button(style="warning")), "must be a valid enum value"),
    "a disabled button": (actions(button(disabled=True)), "invalid additional property: disabled"),
    "a value that is a number": (actions(button(value=5)), "must provide a string"),
    "half a confirmation": (actions(button(confirm={"title": plain()})), "missing required field: deny"),
    "a confirmation in words": (actions(button(confirm="sure?")), "must provide an object"),
    "an option in words": (actions({"type": "overflow", "options": ["x"]}), "must provide an object"),
    "an option without value": (actions({"type": "overflow", "options": [{"text": plain()}]}), "field: value"),
    "an image without words": ({"type": "image", "image_url": "https://a.example"}, "missing required field: alt_text"),
    "an image without address": ({"type": "image", "alt_text": "x"}, "missing required field: image_url"),
    "a divider with text": ({"type": "divider", "text": plain()}, "invalid additional property: text"),
    "an accessory of no kind": (section(text=mrkdwn(), accessory={}), "missing required field: type"),
    "a cell of no kind": ({"type": "table", "rows": [["x"]]}, "unsupported type: x"),
    "a cell without text": ({"type": "table", "rows": [[{"type": "raw_text"}]]}, "missing required field: text"),
    "a number cell": ({"type": "table", "rows": [[{"type": "raw_number"}]]}, "missing required field: value"),
    "a rich text of no kind": ({"type": "rich_text", "elements": [{"type": "text", "text": "x"}]}, "unsupported type"),
    "a leaf in a list": (rich({"type": "text", "text": "x"}, part="rich_text_list"), "unsupported type: text"),
    "a link without address": (rich({"type": "link", "text": "x"}), "missing required field: url"),
    "a broadcast to nobody": (rich({"type": "broadcast", "range": "all"}), "must be a valid enum value"),
    "a style in words": (rich({"type": "text", "text": "x", "style": "bold"}), "must provide an object"),
    "a link's style in words": (rich({"type": "link", "url": "x", "style": "bold"}), "must provide an object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_malformed_is_refused(name: str) -> None:
    block, words = WRONG[name]
    assert words in " ".join(said(block))


RIGHT = {
    "fields alone": section(fields=[mrkdwn(), plain()]),
    "an accessory": section(text=mrkdwn(), accessory=button(style="danger", confirm=confirm())),
    "an image beside": section(text=mrkdwn(), accessory=image()),
    "text objects": section(text=plain() | {"emoji": False}, fields=[mrkdwn() | {"verbatim": True}]),
    "a context": {"type": "context", "elements": [mrkdwn(), plain(), image()]},
    "an empty value": actions(button(value="")),
    "a menu": actions(menu("static_select", 2, placeholder=plain(), action_id="a", confirm=confirm())),
    "a list": {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_list", "style": "bullet", "elements": [{"type": "rich_text_section", "elements": []}]}
        ],
    },
    "leaves": rich(
        {"type": "text", "text": " ", "style": {"bold": True}},
        {"type": "link", "url": "https://a.example"},
        {"type": "date", "timestamp": 1, "format": "{date}"},
        {"type": "broadcast", "range": "here"},
    ),
    "cells": {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": ""}, {"type": "raw_number", "value": 5}, rich()]],
        "column_settings": [{"align": "right"}],
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_well_formed_passes(name: str) -> None:
    assert said(RIGHT[name]) == []


def test_ids_are_unique() -> None:
    named = {"type": "divider", "block_id": "a"}
    assert said(named, named | {"block_id": "b"}) == []
    assert said(named, named) == ['`block_id` "a" already exists [json-pointer:/blocks/1/block_id]']
    assert said({"type": "divider", "block_id": ""}, {"type": "divider", "block_id": ""}) == [], "Slack makes its own"
    acknowledge = button(action_id="ack")
    assert said(actions(acknowledge), actions(acknowledge)) == [], "unique in its block"
    assert said(actions(acknowledge, acknowledge)) == [
        '`action_id` "ack" already exists [json-pointer:/blocks/0/elements/1/action_id]'
    ]


def test_one_table_in_a_message() -> None:
    assert said(table(), {"type": "divider"}) == []
    assert said(table(), table()) == ["only one table allowed [json-pointer:/blocks]"]
