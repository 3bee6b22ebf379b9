"""The Web API and the incoming webhooks: fields in, an answer out or SlackError. Pure of HTTP."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.demo.slack.limits import content_of
from agent.demo.slack.workspace import (
    Channel,
    Content,
    Json,
    Message,
    SlackError,
    Token,
    Workspace,
    as_json,
    complaint,
)

_TS = re.compile(r"\d{1,10}\.\d{6}")
_EMOJI_NAME = re.compile(r"[a-z0-9_+'-]{1,100}(?:::skin-tone-[2-6])?")

# Of webhooks, which say it with the status too.
WEBHOOK_STATUS = {
    "invalid_token": 403,
    "action_prohibited": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "no_team": 404,
    "channel_is_archived": 410,
    "rollup_error": 500,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, authenticated."""

    workspace: Workspace
    token: Token
    fields: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A field that must be there, or has a default."""
        value = self.fields.get(name, default)
        if value is None:
            raise complaint("invalid_arguments", f"missing required field: {name}")
        if not isinstance(value, str):
            raise complaint("invalid_arguments", f"must provide a string [json-pointer:/{name}]")
        return value

    def flag(self, name: str) -> bool:
        return str(self.fields.get(name, "")).lower() in ("1", "true")

    def channel(self, *, by_name: bool = False) -> Channel:
        """A private channel is not there for those who are not in it."""
        which = self.text("channel")
        channel = self.workspace.channels.get(which)
        if channel is None and by_name:
            channel = next((c for c in self.workspace.channels.values() if c.name == which.removeprefix("#")), None)
        if channel is None or (channel.private and not channel.has(self.token.user_id)):
            raise SlackError("channel_not_found")
        return channel

    def need(self, channel: Channel, what: str) -> None:
        """The scope depends on the kind of channel: channels:history or groups:history."""
        _need(self.token, f"{'groups' if channel.private else 'channels'}:{what}")

    def message(self, channel: Channel, field: str = "ts") -> Message:
        message = self.workspace.find(channel, self.text(field))
        if message is None:
            raise SlackError("message_not_found")
        return message

    def page(self, rows: list[Any], default: int = 100) -> tuple[list[Any], str]:
        """A page of the rows, and the cursor of the next one."""
        try:
            limit = int(self.fields.get("limit") or default)
            start = int(base64.b64decode(self.text("cursor", ""), validate=True) or b"0")
        except (ValueError, TypeError):
            raise SlackError("invalid_cursor" if self.fields.get("cursor") else "invalid_limit") from None
        if not 1 <= limit <= 1000:
            raise SlackError("invalid_limit")
        end = start + limit
        return rows[start:end], base64.b64encode(str(end).encode()).decode() if end < len(rows) else ""


# The answer, and the message it made or changed.
Answer = tuple[Json, Message | None]


def answer(workspace: Workspace, method: str, fields: Mapping[str, Any], token: str | None) -> Answer:
    """Slack's answer to a call. Raises SlackError."""
    if method not in _METHODS:
        raise SlackError("unknown_method", req_method=method)
    if not token:
        raise SlackError("not_authed")
    who = workspace.tokens.get(token)
    if who is None:
        raise SlackError("invalid_auth")
    if who.error:
        raise SlackError(who.error)
    scope, handle = _METHODS[method]
    if scope:
        _need(who, scope)
    body, message = handle(Call(workspace, who, fields))
    return {"ok": True} | body, message


def scopes_of(workspace: Workspace, token: str | None) -> str:
    """What the header x-oauth-scopes says; empty for a token that is none."""
    who = workspace.tokens.get(token or "")
    return ",".join(sorted(who.scopes)) if who else ""


def _need(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(token.scopes)))


def _auth_test(call: Call) -> Answer:
    return {
        "url": "https://demo.slack.com/",
        "team": call.workspace.name,
        "user": call.token.app,
        "team_id": call.workspace.id,
        "user_id": call.token.user_id,
        "bot_id": call.token.bot_id,
        "is_enterprise_install": False,
    }, None


def _post(call: Call) -> Answer:
    channel = call.channel(by_name=True)
    if channel.archived:
        raise SlackError("is_archived")
    if not channel.has(call.token.user_id) and "chat:write.public" not in call.token.scopes:
        raise SlackError("not_in_channel")
    content = content_of(call.fields, call.workspace.metadata_limit)
    root = _root(call, channel)
    broadcast = root is not None and call.flag("reply_broadcast")
    message = call.workspace.post(channel, call.token, content, root=root, broadcast=broadcast)
    return {"channel": channel.id, "ts": message.ts, "message": as_json(message)}, message


def _root(call: Call, channel: Channel) -> Message | None:
    ts = call.fields.get("thread_ts")
    if ts is None or ts == "":
        return None
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        raise SlackError("invalid_thread_ts")
    root = call.workspace.find(channel, ts)
    if root is None:
        raise SlackError("thread_not_found")
    if root.thread_ts is not None:
        raise SlackError("cannot_reply_to_message")
    return root


def _update(call: Call) -> Answer:
    channel = call.channel()
    message = call.message(channel)
    if channel.archived:
        raise SlackError("is_inactive")
    if message.bot_id != call.token.bot_id:
        raise SlackError("cant_update_message")
    window = call.workspace.edit_window
    if window is not None and call.workspace.clock() - message.posted_at > window:
        raise SlackError("edit_window_closed")
    if not {"text", "blocks", "attachments", "metadata"} & call.fields.keys():
        raise SlackError("no_text")
    content = content_of(call.fields, call.workspace.metadata_limit, message.content)
    call.workspace.edit(message, content)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": as_json(message)}, message


def _delete(call: Call) -> Answer:
    channel = call.channel()
    message = call.message(channel)
    if message.bot_id != call.token.bot_id:
        raise SlackError("cant_delete_message")
    message.deleted = True
    return {"channel": channel.id, "ts": message.ts}, message


def _info(call: Call) -> Answer:
    channel = call.channel()
    call.need(channel, "read")
    return {"channel": _channel(call, channel)}, None


def _list(call: Call) -> Answer:
    rows = []
    kinds = call.text("types", "public_channel").replace(" ", "").split(",")
    if not set(kinds) <= {"public_channel", "private_channel", "mpim", "im"}:
        raise SlackError("invalid_types")
    for private, kind, scope in ((False, "public_channel", "channels:read"), (True, "private_channel", "groups:read")):
        if kind in kinds:
            _need(call.token, scope)
            rows += [c for c in call.workspace.channels.values() if c.private is private]
    user = call.token.user_id
    rows = [
        c for c in rows if not (c.private and not c.has(user)) and not (c.archived and call.flag("exclude_archived"))
    ]
    page, cursor = call.page(rows)
    return {"channels": [_channel(call, c) for c in page], "response_metadata": {"next_cursor": cursor}}, None


def _channel(call: Call, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": channel.has(call.token.user_id),
    }


def _history(call: Call) -> Answer:
    channel = _readable(call)
    rows = [m for m in call.workspace.messages(channel.id) if m.thread_ts is None or m.broadcast]
    page, cursor = call.page(list(reversed(_between(call, rows))))
    return _messages(call, page, cursor), None


def _replies(call: Call) -> Answer:
    channel = _readable(call)
    found = call.workspace.find(channel, call.text("ts"))
    if found is None:
        raise SlackError("thread_not_found")
    root = call.workspace.find(channel, found.thread_ts) if found.thread_ts else found
    rows = [root, *_between(call, call.workspace.replies(root))] if root else [found]
    page, cursor = call.page(rows, 1000)
    return _messages(call, page, cursor), None


def _readable(call: Call) -> Channel:
    channel = call.channel()
    call.need(channel, "history")
    if not channel.has(call.token.user_id):
        raise SlackError("not_in_channel")
    return channel


def _between(call: Call, rows: list[Message]) -> list[Message]:
    """Without `inclusive` both ends are left out. Numbers of another width still compare as numbers."""
    oldest, latest = _instant(call, "oldest", 0), _instant(call, "latest", 10**20)
    if call.flag("inclusive"):
        return [m for m in rows if oldest <= _micros(m.ts) <= latest]
    return [m for m in rows if oldest < _micros(m.ts) < latest]


def _instant(call: Call, name: str, default: int) -> int:
    value = call.fields.get(name)
    if value is None or value == "":
        return default
    try:
        return _micros(str(value))
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _micros(ts: str) -> int:
    # Not through a float: that loses the last digit of a ts.
    whole, _, part = ts.partition(".")
    return int(whole) * 1_000_000 + int(part[:6].ljust(6, "0"))


def _messages(call: Call, page: list[Message], cursor: str) -> Json:
    with_metadata = call.flag("include_all_metadata")
    rows = [as_json(m, () if m.thread_ts else call.workspace.replies(m), metadata=with_metadata) for m in page]
    body: Json = {"messages": rows, "has_more": bool(cursor)}
    if cursor:
        body["response_metadata"] = {"next_cursor": cursor}
    return body


def _react(call: Call) -> Answer:
    name = call.text("name").strip(":")
    if not _EMOJI_NAME.fullmatch(name):
        raise SlackError("invalid_name")
    message = call.message(call.channel(), "timestamp")
    users = message.reactions.setdefault(name, set())
    if call.token.user_id in users:
        raise SlackError("already_reacted")
    users.add(call.token.user_id)
    return {}, message


_METHODS: dict[str, tuple[str, Callable[[Call], Answer]]] = {
    "auth.test": ("", _auth_test),
    "chat.postMessage": ("chat:write", _post),
    "chat.update": ("chat:write", _update),
    "chat.delete": ("chat:write", _delete),
    "conversations.info": ("", _info),
    "conversations.list": ("", _list),
    "conversations.history": ("", _history),
    "conversations.replies": ("", _replies),
    "reactions.add": ("reactions:write", _react),
}


def effect_of(method: str) -> str:
    """What a successful call did, as `Request.effect` has it."""
    words = {"chat.postMessage": "posted", "webhook": "posted", "chat.update": "edited", "chat.delete": "deleted"}
    return words.get(method, "reacted" if method == "reactions.add" else "")


def hook(workspace: Workspace, path: str, fields: Mapping[str, Any] | None) -> Message:
    """A message by an incoming webhook; `fields` is None if the body could not be read. Raises SlackError."""
    webhook = workspace.webhooks.get(path)
    if webhook is None:
        team, _, rest = path.partition("/")
        known = any(other.path.rpartition("/")[0] == path.rpartition("/")[0] for other in workspace.webhooks.values())
        raise SlackError("invalid_token" if known else "no_service" if team == workspace.id and rest else "no_team")
    if webhook.error:
        raise SlackError(webhook.error)
    if fields is None:
        raise SlackError("invalid_payload")
    if webhook.channel.archived:
        raise SlackError("channel_is_archived")
    return workspace.post(webhook.channel, webhook, _hooked(workspace, fields))


def _hooked(workspace: Workspace, fields: Mapping[str, Any]) -> Content:
    known = {name: fields[name] for name in ("text", "blocks", "attachments", "link_names", "parse") if name in fields}
    try:
        return content_of(known, workspace.metadata_limit)
    except SlackError as error:
        # A webhook says less of what is wrong, and nothing of where.
        plainer = {"invalid_blocks_format": "invalid_blocks", "invalid_arguments": "invalid_payload"}
        raise SlackError(plainer.get(error.code, error.code)) from None
