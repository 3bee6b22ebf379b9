"""Slack by a bot token: posts, edits its roots, tells the thread. What the Web API answers is sorted here, once."""

import http.client
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from alerts.model import Op, Ref
from alerts.render.blocks import blocks, text
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending, Unclear

DOUBLE = "This may be a double: Slack did not answer the first time."
EVENT = "mqcanary_delivery"

_CONTENT = frozenset(
    (
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "msg_too_long",
        "msg_blocks_too_long",
        "metadata_too_large",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "no_text",
        "too_many_attachments",
        "invalid_arguments",
        "markdown_text_conflict",
    )
)
_ROUTE = {
    "channel_not_found": "it does not exist, or is private: create it, or invite the bot (/invite @mqcanary)",
    "not_in_channel": "the bot is not in it: /invite @mqcanary there",
    "is_archived": "it is archived: unarchive it, or name another channel",
    "restricted_action": "the workspace does not let the bot post there: ask its administrators",
    "restricted_action_read_only_channel": "it is read-only: name another channel",
    "restricted_action_thread_only_channel": "it takes threads only: name another channel",
    "missing_scope": "the token lacks chat:write: add the scope and install the app again",
    "ekm_access_denied": "the workspace's key management refuses it: ask its administrators",
}
_SINK = {
    "invalid_auth": "the token is not valid",
    "not_authed": "there is no token",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the bot's account was deleted",
    "org_login_required": "the workspace is being moved",
    "no_permission": "the token has no right to post",
    "team_access_not_granted": "the app may not use this workspace",
}
_EDIT = frozenset(
    ("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "no_such_thread")
)
_HISTORY = 100
"""Messages that are looked through for one that may have arrived."""


class SlackSink:
    """`token` is asked for at every send: a rotated one counts at once."""

    edits = True
    pace = 1.1

    def __init__(self, token: Callable[[], str], base_url: str | None = None) -> None:
        self._token, self._base_url = token, base_url

    def send(self, sending: Sending, deadline: float) -> Outcome:
        """Tries once. A thread of its own: a server that sends a byte now and then keeps every socket time-out."""
        found: list[Outcome] = []
        worker = threading.Thread(target=lambda: found.append(self._send(sending, deadline)), daemon=True)
        worker.start()
        worker.join(deadline)
        return found[0] if found else _unanswered(sending, f"Slack did not answer within {deadline:g} s")

    def _send(self, sending: Sending, deadline: float) -> Outcome:
        try:
            token = self._token()
        except Exception as error:  # noqa: BLE001 - however a secret is read, without it nothing can be sent
            return Refused(Fault.SINK, f"Slack's token can't be read: {error}")
        client = WebClient(
            token=token,
            timeout=max(1, round(deadline)),
            retry_handlers=[],  # slack_sdk's own repeat what may have arrived
            base_url=self._base_url or WebClient.BASE_URL,
        )
        arrived = self._arrived(client, sending) if sending.unclear and sending.op is not Op.EDIT else None
        if arrived is not None:
            return Delivered(arrived)
        try:
            return _delivered(_call(client, sending))
        except SlackApiError as error:
            return _refused(error, sending)
        except Exception as error:  # noqa: BLE001 - the library raises what the system raised
            outcome = unreachable(error, "Slack")
            return outcome if isinstance(outcome, Later) else _unanswered(sending, outcome.error)

    def _arrived(self, client: WebClient, sending: Sending) -> Ref | None:
        """Whether an earlier attempt stands in the channel, as far as the token's scopes let it see."""
        channel = sending.ref.channel if sending.ref else sending.channel
        if not channel:
            return None
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{max(0.0, sending.since - 1):.6f}",
            "limit": _HISTORY,
            "include_all_metadata": True,
        }
        try:
            if sending.ref is not None:
                answer = client.conversations_replies(ts=sending.ref.ts, **asked)
            else:
                answer = client.conversations_history(**asked)
            for message in answer.get("messages") or ():
                metadata = message.get("metadata") or {}
                if (metadata.get("event_payload") or {}).get("key") == sending.key:
                    return Ref(channel, str(message["ts"]))
        except (SlackClientError, OSError, http.client.HTTPException, ValueError, KeyError, AttributeError):
            return None
        return None


def _call(client: WebClient, sending: Sending) -> Any:
    double = DOUBLE if sending.unclear else ""
    told = f"{double} {text(sending.message)}" if double else text(sending.message)
    common: dict[str, Any] = {"text": told}
    if not sending.plain:
        common["blocks"] = blocks(sending.message, double)
    if sending.op is Op.EDIT and sending.ref is not None:
        return client.chat_update(channel=sending.ref.channel, ts=sending.ref.ts, **common)
    common |= {"unfurl_links": False, "unfurl_media": False}
    common["metadata"] = {"event_type": EVENT, "event_payload": {"key": sending.key}}
    if sending.op is Op.REPLY and sending.ref is not None:
        return client.chat_postMessage(
            channel=sending.ref.channel, thread_ts=sending.ref.ts, reply_broadcast=sending.loud, **common
        )
    return client.chat_postMessage(channel=sending.place, **common)


def _delivered(answer: Any) -> Outcome:
    channel, ts = answer.get("channel"), answer.get("ts")
    return Delivered(Ref(str(channel), str(ts)) if channel and ts else None)


def told(error: SlackApiError) -> tuple[Any, int, str]:
    """The answer, its status, and Slack's name of the error; empty where it is none that Slack would give."""
    answer = error.response
    status = int(getattr(answer, "status_code", 0) or 0)
    data = getattr(answer, "data", answer)
    said = str(data.get("error", "")) if isinstance(data, Mapping) else ""
    # slack_sdk puts an unreadable body here
    return answer, status, said if re.fullmatch(r"[a-z0-9_]{1,60}", said) else ""


def useless(error: SlackApiError) -> str:
    """Why a token can't be used, in words."""
    _, status, code = told(error)
    return f"{_SINK[code]} ({code})" if code in _SINK else code or f"HTTP {status}"


def _refused(error: SlackApiError, sending: Sending) -> Outcome:
    answer, status, code = told(error)
    where = f"Slack channel {sending.place or (sending.ref.channel if sending.ref else '')}"
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return Later("Slack asks to wait", after(getattr(answer, "headers", {}) or {}))
    if code in _CONTENT:
        return Refused(Fault.CONTENT, f"Slack refuses the text: {code}")
    if code in _ROUTE:
        return Refused(Fault.ROUTE, f"{where}: {_ROUTE[code]}")
    if code in _SINK:
        return Refused(Fault.SINK, f"Slack: {_SINK[code]} ({code}): give mqcanary a new one")
    if code in _EDIT:
        return Refused(Fault.EDIT, f"{where}: {code}")
    if not code and status == 200:
        return _unanswered(sending, "Slack's answer can't be read")
    return Later(f"Slack: {code or f'HTTP {status}'}")


def _unanswered(sending: Sending, error: str) -> Outcome:
    """An edit may be repeated; a message may have arrived."""
    return Later(error) if sending.op is Op.EDIT and sending.ref is not None else Unclear(error)


def after(headers: Mapping[str, Any]) -> float | None:
    """Seconds that Slack asks for; None where it says nothing that can be read."""
    value = next((v for name, v in headers.items() if str(name).lower() == "retry-after"), None)
    if isinstance(value, list):
        value = value[0] if value else None
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return min(seconds, 3600.0) if seconds >= 0 else None


def unreachable(error: Exception, what: str) -> Later | Unclear:
    """What it means that nothing was answered: whether the request may have been read or not."""
    if isinstance(error, URLError) and not isinstance(error.reason, ConnectionResetError | BrokenPipeError):
        return Later(f"{what} can't be reached: {_reason(error.reason)}")  # raised before the request was out
    if isinstance(error, ValueError | SlackClientError) and not isinstance(error, OSError):
        return Unclear(f"the answer of {what} can't be read: {type(error).__name__}")
    return Unclear(f"{what} did not answer: {_reason(error)}")


def _reason(error: object) -> str:
    """One line; never more than the system's own words."""
    said = getattr(error, "strerror", None) or type(error).__name__
    return " ".join(str(said).split())
