"""The HTTP side: one thread a connection, all of them gone when the server ends, whatever the clients do."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from agent.demo.slack.connections import Connections, Handler
from agent.demo.slack.faults import RATE_LIMITED, Fault
from agent.demo.slack.methods import WEBHOOK_STATUS, Answer, answer, effect_of, hook, scopes_of
from agent.demo.slack.page import page
from agent.demo.slack.wire import Query, Reply
from agent.demo.slack.workspace import Message, SlackError, Webhook, Workspace, small

_MOST_REQUESTS = 10_000


@dataclass(slots=True, eq=False)
class Request:
    """One call: `method` as Slack names it, or "webhook". Tokens in `fields` read "[redacted]".

    `effect` is posted, edited, deleted, reacted or empty, and `message` what it was done to. `status` and `error` are what
    was answered; the status stays None while nothing is, or if the connection was dropped.
    """

    method: str
    fields: Mapping[str, Any]
    at: float
    effect: str = ""
    message: Message | None = field(default=None, repr=False)
    status: int | None = None
    error: str = ""


class FakeSlack:
    """Serves `workspace` between `start()` and `stop()`, or as a context manager.

    Without a workspace there is one with a token, #general and #alerts. The port is taken at once, so that addresses are
    known before `start()`. `requests` holds the last 10,000. Whoever changes the workspace while requests come in holds
    `lock`.
    """

    def __init__(self, workspace: Workspace | None = None) -> None:
        self.workspace = small() if workspace is None else workspace
        self.lock = threading.RLock()
        self.requests: deque[Request] = deque(maxlen=_MOST_REQUESTS)
        self._changed = threading.Condition(self.lock)
        self._faults: list[Fault] = []
        self._limit: float | None = None
        self._accepted: dict[tuple[str, str], deque[float]] = {}
        self._hooks: dict[str, Webhook] = {}
        self._connections = Connections(self)

    @property
    def url(self) -> str:
        """The `base_url` of a slack_sdk WebClient."""
        return f"{self._root}/api/"

    @property
    def token(self) -> str:
        """The workspace's first token."""
        return next(iter(self.workspace.tokens))

    def webhook_url(self, channel: str) -> str:
        """An incoming webhook of the channel: the same one every time."""
        with self.lock:
            name = self.workspace.channel(channel).id
            if name not in self._hooks:
                self._hooks[name] = self.workspace.add_webhook(name)
            return f"{self._root}/services/{self._hooks[name].path}"

    def page_url(self, channel: str) -> str:
        """Where a browser sees the channel; `?live` behind it shows it as it grows."""
        return f"{self._root}/channels/{quote(self.workspace.channel(channel).name, safe='')}"

    def messages(self, channel: str) -> list[Message]:
        """The channel's messages, oldest first."""
        with self.lock:
            return self.workspace.messages(channel)

    @property
    def quiet(self) -> bool:
        """Whether all that was asked is done: whoever asked has hung up, or hangs."""
        return self._connections.quiet

    def asked(self, method: str) -> list[Request]:
        """The recorded requests of one method, in order."""
        with self.lock:
            return [request for request in self.requests if request.method == method]

    def wait_for(self, seen: Callable[["FakeSlack"], object], timeout: float = 10.0) -> bool:
        """Waits until `seen(self)` is true, asked again at each request and effect; False if `timeout` seconds passed."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: seen(self), timeout))

    def fault(self, method: str | None = None, channel: str | None = None, **what: Any) -> Fault:
        """Queues a fault: the arguments are the fields of `Fault`. It ends by itself, with `off()` or its `with` block."""
        fault = Fault(method, channel, **what)
        with self.lock:
            self._faults = [*(old for old in self._faults if old.active), fault]
        return fault

    def clear_faults(self) -> None:
        with self.lock:
            self._faults = []

    def rate_limit(self, per_second: float | None) -> None:
        """So many posts a second and channel, by the workspace's clock, and so many edits; None: as many as one likes."""
        with self.lock:
            self._limit = per_second
            self._accepted = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._connections.start()

    def stop(self) -> None:
        """Closes every connection and waits for the threads; a second call does nothing.

        Raises what went wrong in a handler: such a bug would look like a network error to the client.
        """
        if crashes := self._connections.stop():
            raise ExceptionGroup("the local Slack failed", crashes)

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self._connections.port}"

    # ── for the connections, each in its thread ──

    def handle(self, query: Query, connection: Handler) -> None:
        """Answers, or leaves the connection as a fault wants it."""
        if query.path.startswith("/api/"):
            self._serve(query.path.removeprefix("/api/"), query, connection)
        elif query.path.startswith("/services/"):
            self._serve("webhook", query, connection)
        else:
            with self.lock:
                shown = page(self.workspace, query.path, live="live" in query.fields)
            connection.reply(shown)

    def _serve(self, method: str, query: Query, connection: Handler) -> None:
        fields = dict(query.fields) | ({"token": "[redacted]"} if "token" in query.fields else {})
        with self._changed:
            request = Request(method, fields, self.workspace.clock())
            fault = self._fault_for(method, query)
            self.requests.append(request)
            self._changed.notify_all()
        if fault and not self._endures(fault, request, connection):
            return
        with self._changed:
            reply = self._reply(method, query, request, fault)
            self._changed.notify_all()
        if fault and "after" in (fault.drop, fault.hang):
            connection.vanish(hang=fault.hang == "after", reset=fault.reset)
            return
        with self._changed:
            request.status = reply.status
            self._changed.notify_all()
        connection.reply(reply)

    def _endures(self, fault: Fault, request: Request, connection: Handler) -> bool:
        """Lives through what comes before the effect; False if there is nothing left to answer."""
        if fault.delay and self._connections.ending.wait(fault.delay):
            return False
        if fault.drop == "before" or fault.hang in (True, "before"):
            connection.vanish(hang=bool(fault.hang), reset=fault.reset)
            return False
        if fault.answer is None:
            return True
        status, kind, body = fault.answer
        headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
        with self._changed:
            request.status = status
            request.error = "ratelimited" if status == 429 else ""
            self._changed.notify_all()
        connection.reply(Reply(status, kind, body, headers))
        return False

    def _fault_for(self, method: str, query: Query) -> Fault | None:
        channel = self._channel_of(method, query)
        for fault in self._faults:
            if fault.hits(method, lambda which: channel in (which, self._id_of(which))):
                fault.spend()
                return fault
        return None

    def _channel_of(self, method: str, query: Query) -> str:
        if method == "webhook":
            webhook = self.workspace.webhooks.get(query.path.removeprefix("/services/"))
            return webhook.channel.id if webhook else ""
        named = query.fields.get("channel")
        return self._id_of(named) if isinstance(named, str) else ""

    def _id_of(self, which: str) -> str:
        try:
            return self.workspace.channel(which).id
        except KeyError:
            return which.removeprefix("#")

    def _reply(self, method: str, query: Query, request: Request, fault: Fault | None) -> Reply:
        """The effect, and the answer to it."""
        hooked = method == "webhook"
        if wait := self._too_fast(method, self._channel_of(method, query)):
            request.error = "ratelimited"
            kind, body = ("text/plain", "rate_limited") if hooked else ("application/json", RATE_LIMITED)
            return Reply(429, kind, body, {"retry-after": wait})
        try:
            answered, request.message = self._take_effect(method, query, fault.error if fault else "")
        except SlackError as error:
            request.error = error.code
            if hooked:
                return Reply(WEBHOOK_STATUS.get(error.code, 400), "text/html", error.code)
            return self._json({"ok": False, "error": error.code, **error.more}, query)
        request.effect = effect_of(method)
        return Reply(200, "text/html", "ok") if hooked else self._json(answered, query)

    def _take_effect(self, method: str, query: Query, error: str) -> Answer:
        if error or (query.error and method != "webhook"):
            raise SlackError(error or query.error)
        if method == "webhook":
            return {}, hook(self.workspace, query.path.removeprefix("/services/"), query.payload)
        return answer(self.workspace, method, query.fields, query.token)

    def _json(self, body: Mapping[str, Any], query: Query) -> Reply:
        headers = {"x-oauth-scopes": scopes_of(self.workspace, query.token)}
        return Reply(200, "application/json", json.dumps(body), headers)

    def _too_fast(self, method: str, channel: str) -> str:
        """How many seconds to wait, or nothing. A refused request costs nothing."""
        if self._limit is None or effect_of(method) not in ("posted", "edited"):
            return ""
        allowed = max(1, int(self._limit))
        window = allowed / self._limit
        now = self.workspace.clock()
        recent = self._accepted.setdefault((method, channel), deque())
        while recent and recent[0] <= now - window:
            recent.popleft()
        if len(recent) >= allowed:
            return str(max(1, round(window)))
        recent.append(now)
        return ""
