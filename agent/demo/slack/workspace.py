"""The state behind the fake: channels, tokens, webhooks and messages. It knows no HTTP and no limits."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.demo.slack.mrkdwn import Link, links_in, mentions_in

Json = dict[str, Any]

# Enough to post, edit and find again what was posted; a test takes away what it wants to miss.
SCOPES = ("chat:write", "channels:read", "channels:history", "groups:read", "groups:history", "reactions:write")


class SlackError(Exception):
    """What Slack answers instead of an effect: `code` by Slack's own name, `more` beside it in the answer."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


def complaint(code: str, *messages: str) -> SlackError:
    """An error that names the places, twice, as Slack does."""
    if not messages:
        return SlackError(code)
    told = [f"[ERROR] {message}" for message in messages]
    return SlackError(code, errors=list(messages), response_metadata={"messages": told})


@dataclass(slots=True, eq=False)
class Token:
    """One installed app. `error` is what its every call gets: token_revoked, account_inactive, token_expired…"""

    value: str = field(repr=False)
    scopes: set[str]
    app: str
    user_id: str
    bot_id: str
    error: str = ""


@dataclass(slots=True, eq=False)
class Channel:
    """`members` are user ids of apps; None: all of them."""

    id: str
    name: str
    members: set[str] | None = None
    archived: bool = False
    private: bool = False

    def has(self, user_id: str) -> bool:
        return self.members is None or user_id in self.members


@dataclass(slots=True, eq=False)
class Webhook:
    """`path` is the secret part of its address. `error` is what it answers: invalid_token, no_service…"""

    path: str = field(repr=False)
    channel: Channel
    app: str
    bot_id: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `names_linked`: the sender asked for @channel in plain words to be a mention too."""

    text: str = ""
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()
    metadata: Json | None = None
    names_linked: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """When a message was changed, and what it said until then."""

    at: float
    before: Content


@dataclass(slots=True, eq=False)
class Message:
    """`user_id` is empty for a webhook. `thread_ts` is the root's for a reply, None for a root."""

    channel: Channel
    ts: str
    posted_at: float
    app: str
    user_id: str
    bot_id: str
    content: Content
    thread_ts: str | None = None
    broadcast: bool = False
    edits: list[Edit] = field(default_factory=list)
    reactions: dict[str, set[str]] = field(default_factory=dict)
    deleted: bool = False

    @property
    def text(self) -> str:
        return self.content.text

    @property
    def blocks(self) -> tuple[Json, ...]:
        return self.content.blocks

    @property
    def attachments(self) -> tuple[Json, ...]:
        return self.content.attachments

    @property
    def metadata(self) -> Json | None:
        return self.content.metadata

    @property
    def edited_at(self) -> float | None:
        return self.edits[-1].at if self.edits else None

    @property
    def mentions(self) -> tuple[str, ...]:
        """Whom it rings, or would: !channel, !here, !everyone, !subteam^S1, @U1, #C1. Also of a text under blocks."""
        parts = (self.text, self.blocks, self.attachments)
        return mentions_in(parts, names_linked=self.content.names_linked)

    @property
    def links(self) -> tuple[Link, ...]:
        """Every address one could follow, of buttons too."""
        return links_in((self.text, self.blocks, self.attachments))


class Workspace:
    """One Slack team. The server holds a lock while it changes; what tests read are copies of lists.

    `edit_window` is for how many seconds a message may be edited (None: for ever). `metadata_limit` is ours: Slack says that
    there is one and not where. `clock` gives the time of day in seconds.
    """

    def __init__(self, name: str = "Demo", *, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.id = "T0DEMO0001"
        self.clock = clock
        self.edit_window: float | None = None
        self.metadata_limit = 8000
        self.channels: dict[str, Channel] = {}
        self.tokens: dict[str, Token] = {}
        self.webhooks: dict[str, Webhook] = {}
        self._messages: dict[str, dict[str, Message]] = {}
        self._latest: dict[str, int] = {}

    def add_channel(
        self, name: str, *, members: Collection[Token] | None = None, archived: bool = False, private: bool = False
    ) -> Channel:
        who = None if members is None else {token.user_id for token in members}
        channel = Channel(f"C0DEMO{len(self.channels) + 1:04}", name, who, archived, private)
        self.channels[channel.id] = channel
        self._messages[channel.id] = {}
        return channel

    def add_token(self, value: str, scopes: Collection[str] = SCOPES, *, app: str = "mqcanary") -> Token:
        number = len(self.tokens) + 1
        token = Token(value, set(scopes), app, f"U0DEMO{number:04}", f"B0DEMO{number:04}")
        self.tokens[value] = token
        return token

    def add_webhook(self, channel: str, *, app: str = "mqcanary") -> Webhook:
        number = len(self.webhooks) + 1
        path = f"{self.id}/B0HOOK{number:04}/secret{number:04}"
        webhook = Webhook(path, self.channel(channel), app, f"B0HOOK{number:04}")
        self.webhooks[path] = webhook
        return webhook

    def channel(self, which: str) -> Channel:
        """By id or name, with or without #; KeyError if there is none."""
        if which in self.channels:
            return self.channels[which]
        for channel in self.channels.values():
            if channel.name == which.removeprefix("#"):
                return channel
        raise KeyError(which)

    def messages(self, channel: str) -> list[Message]:
        """Roots and replies that stand now, oldest first."""
        return [each for each in self._messages[self.channel(channel).id].values() if not each.deleted]

    def roots(self, channel: str) -> list[Message]:
        return [each for each in self.messages(channel) if each.thread_ts is None]

    def replies(self, root: Message) -> list[Message]:
        return [each for each in self.messages(root.channel.id) if each.thread_ts == root.ts]

    def find(self, channel: Channel, ts: str) -> Message | None:
        message = self._messages[channel.id].get(ts)
        return None if message is None or message.deleted else message

    def post(
        self, channel: Channel, author: Token | Webhook, content: Content, *, root: Message | None = None, **more: Any
    ) -> Message:
        now = self.clock()
        user = author.user_id if isinstance(author, Token) else ""
        message = Message(channel, self._next_ts(channel, now), now, author.app, user, author.bot_id, content, **more)
        message.thread_ts = root.ts if root else None
        self._messages[channel.id][message.ts] = message
        return message

    def edit(self, message: Message, content: Content) -> None:
        message.edits.append(Edit(self.clock(), message.content))
        message.content = content

    def _next_ts(self, channel: Channel, now: float) -> str:
        # A clock that stands still, or goes back, must not give a ts twice: it is the message's name.
        micros = max(round(now * 1_000_000), self._latest.get(channel.id, 0) + 1)
        self._latest[channel.id] = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06}"


def small(clock: Callable[[], float] = time.time) -> Workspace:
    """One app with one token that may do what mqcanary does, in #alerts and #general."""
    workspace = Workspace(clock=clock)
    workspace.add_token("xoxb-demo")
    workspace.add_channel("general")
    workspace.add_channel("alerts")
    return workspace


def as_json(message: Message, replies: Collection[Message] = (), *, metadata: bool = False) -> Json:
    """A message as Slack's answers have it."""
    row: Json = {"type": "message", "ts": message.ts, "bot_id": message.bot_id, "text": message.text}
    if message.user_id:
        row["user"] = message.user_id
    else:
        row |= {"subtype": "bot_message", "username": message.app}
    row["bot_profile"] = {"id": message.bot_id, "name": message.app}
    parts: Mapping[str, Any] = {"blocks": list(message.blocks), "attachments": list(message.attachments)}
    row |= {name: part for name, part in parts.items() if part}
    if message.edited_at is not None:
        row["edited"] = {"user": message.user_id, "ts": f"{message.edited_at:.6f}"}
    if message.thread_ts:
        row["thread_ts"] = message.thread_ts
    elif replies:
        row |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": max(each.ts for each in replies)}
    if message.reactions:
        row["reactions"] = [
            {"name": name, "users": sorted(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    if metadata and message.metadata:
        row["metadata"] = message.metadata
    return row
