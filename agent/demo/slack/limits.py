"""What Slack takes as the content of one message, and by which name it refuses the rest."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.demo.slack.blocks import complaints
from agent.demo.slack.workspace import Content, Json, SlackError, complaint

# Of chat.postMessage. Slack documents that it cuts what is longer and answers with a warning; here it is an error, so that
# no test passes with half a message.
MOST_TEXT = 40_000
# Of chat.update, documented: a text that was posted may well be refused as an edit. Counted after Slack has escaped it.
MOST_EDITED_BYTES = 4_000
MOST_ATTACHMENTS = 100
# Documented nowhere. Users measured 9,597 characters in 50 blocks accepted and 11,341 in 45 blocks refused
# (slackapi/bolt-js 2867); one markdown block alone may have 13,000 (2509).
MOST_IN_BLOCKS = 11_300

_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_CONTROL = re.compile(r"<(?=[@#!]|[A-Za-z][A-Za-z0-9+.-]*:)[^<>\n]+>")
_TEXTS = ("text", "pretext", "title", "fallback", "footer", "value", "author_name")


def content_of(fields: Mapping[str, Any], metadata_limit: int, before: Content | None = None) -> Content:
    """The content that a request asks for; `before` is what stands there if it is an edit. Raises SlackError."""
    text = _text(fields, before)
    blocks = _array(fields, "blocks", "invalid_blocks_format")
    attachments = _array(fields, "attachments", "invalid_attachments")
    if before is not None:
        # Documented: a new text without blocks takes the old blocks away, attachments stay in any case.
        blocks = (() if "text" in fields else before.blocks) if blocks is None else blocks
        attachments = before.attachments if attachments is None else attachments
    blocks, attachments = blocks or (), attachments or ()
    ids: set[str] = set()
    if wrong := list(complaints(blocks, ids=ids)):
        raise complaint("invalid_blocks", *wrong)
    if len(attachments) > MOST_ATTACHMENTS:
        raise complaint("too_many_attachments")
    if wrong := list(_attachments(attachments, ids)):
        raise complaint("invalid_attachments", *wrong)
    if not text.strip() and not blocks and not attachments:
        raise complaint("no_text")
    if sum(len(each) for each in _strings(list(blocks))) > MOST_IN_BLOCKS:
        raise complaint("msg_blocks_too_long")
    linked = str(fields.get("link_names", "")).lower() in ("1", "true") or fields.get("parse") == "full"
    return Content(text, blocks, attachments, _metadata(fields, metadata_limit, before), linked)


def _text(fields: Mapping[str, Any], before: Content | None) -> str:
    text = fields.get("text")
    if text is None:
        return before.text if before and not {"blocks", "attachments"} & fields.keys() else ""
    if not isinstance(text, str):
        raise complaint("invalid_arguments", "must provide a string [json-pointer:/text]")
    if before is None and len(text) > MOST_TEXT:
        raise complaint("msg_too_long")
    if before is not None and len(escaped(text).encode()) > MOST_EDITED_BYTES:
        raise complaint("msg_too_long")
    return text


def escaped(text: str) -> str:
    """The text as Slack stores it: what means nothing to it is escaped, what does is left."""
    parts = []
    at = 0
    for found in _CONTROL.finditer(text):
        parts += [_plain_escaped(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join((*parts, _plain_escaped(text[at:])))


def _plain_escaped(text: str) -> str:
    return _BARE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def _array(fields: Mapping[str, Any], name: str, code: str) -> tuple[Json, ...] | None:
    """A list, or the JSON of one, as forms have it; a JSON body may have either."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise complaint(code) from None
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise complaint(code)
    return tuple(value)


def _attachments(attachments: tuple[Json, ...], ids: set[str]) -> Iterator[str]:
    for number, attachment in enumerate(attachments):
        at = f"/attachments/{number}"
        blocks = attachment.get("blocks", [])
        if isinstance(blocks, list):
            yield from complaints(blocks, f"{at}/blocks", ids=ids)
        else:
            yield f"must provide an array [json-pointer:{at}/blocks]"
        if not any(
            attachment.get(name) for name in ("blocks", "text", "fallback", "pretext", "title", "fields", "image_url")
        ):
            yield f"must define either `text` or `fallback` [json-pointer:{at}]"
        for name in ("text", "pretext", "title", "fallback", "footer", "color"):
            if not isinstance(attachment.get(name, ""), str):
                yield f"must provide a string [json-pointer:{at}/{name}]"
        fields = attachment.get("fields", [])
        if not isinstance(fields, list) or not all(isinstance(each, dict) for each in fields):
            yield f"must provide an array [json-pointer:{at}/fields]"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and name in _TEXTS and not (name == "value" and "action_id" in value):
                yield part
            elif isinstance(part, dict | list):
                yield from _strings(part)


def _metadata(fields: Mapping[str, Any], limit: int, before: Content | None) -> Json | None:
    value = fields.get("metadata")
    if value is None:
        return before.metadata if before else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise complaint("invalid_metadata_format") from None
    if not isinstance(value, dict):
        raise complaint("invalid_metadata_format")
    if not value:
        return None  # how an edit takes it away
    kind, payload = value.get("event_type"), value.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise complaint("invalid_metadata_schema")
    if len(json.dumps(value, ensure_ascii=False)) > limit:
        raise SlackError("metadata_too_large")
    return value
