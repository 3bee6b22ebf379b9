"""Requests and replies as they are on the wire: JSON, forms, headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Query:
    """`fields` are of the address and the body together. `payload` is a webhook's; None if the body can't be read as one.

    `error` is Slack's name for a body that a method can't read.
    """

    path: str
    fields: Mapping[str, Any]
    token: str | None = field(default=None, repr=False)
    payload: Mapping[str, Any] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    kind: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def read(target: str, headers: Mapping[str, str], body: bytes) -> Query:
    """`headers` by lower-case name."""
    address = urlsplit(target)
    fields: dict[str, Any] = dict(parse_qsl(address.query, keep_blank_values=True))
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    in_json = kind == "application/json"
    error = ""
    sent: Any = {}
    if not body.strip():
        pass  # slack_sdk says JSON of an empty body too
    elif in_json:
        try:
            sent = json.loads(body)
        except ValueError:
            error = "invalid_json"
        else:
            error = "" if isinstance(sent, dict) else "json_not_object"
    elif kind == "application/x-www-form-urlencoded":
        sent = _form(body)
    else:
        error = "invalid_post_type"
    if error:
        sent = {}
    # A null says nothing.
    fields |= {name: value for name, value in sent.items() if value is not None}
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    # Slack takes a token out of a form, never out of JSON.
    in_form = fields.get("token") if not in_json else None
    who = bearer or (in_form if isinstance(in_form, str) else None)
    return Query(unquote(address.path), fields, who, _payload(kind, sent, body, error), error)


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _payload(kind: str, sent: dict[str, Any], body: bytes, error: str) -> Mapping[str, Any] | None:
    """Webhooks take JSON, as the body or as the form field `payload`, and don't care what the header says of it."""
    if kind == "application/json":
        return None if error else sent
    text = sent.get("payload") if kind == "application/x-www-form-urlencoded" else None
    try:
        value = json.loads(text if text is not None else body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
