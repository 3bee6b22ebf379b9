"""Slack by an incoming webhook: it can post, and nothing else. Its URL is a secret and appears nowhere."""

import threading
from collections.abc import Callable

from slack_sdk.webhook import WebhookClient

from alerts.render.blocks import blocks, text
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending, Unclear
from alerts.sinks.slack import DOUBLE, after, unreachable

_ROUTE = frozenset(("channel_not_found", "channel_is_archived", "posting_to_general_channel_denied", "user_not_found"))


class WebhookSink:
    """`url` is asked for at every send."""

    edits = False
    pace = 1.1

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    def send(self, sending: Sending, deadline: float) -> Outcome:
        """Tries once, within `deadline` seconds."""
        found: list[Outcome] = []
        worker = threading.Thread(target=lambda: found.append(self._send(sending, deadline)), daemon=True)
        worker.start()
        worker.join(deadline)
        return found[0] if found else Unclear(f"the webhook did not answer within {deadline:g} s")

    def _send(self, sending: Sending, deadline: float) -> Outcome:
        try:
            url = self._url()
        except Exception as error:  # noqa: BLE001 - however a secret is read, without it nothing can be sent
            return Refused(Fault.SINK, f"the webhook's URL can't be read: {error}")
        double = DOUBLE if sending.unclear else ""
        told = f"{double} {text(sending.message)}" if double else text(sending.message)
        try:
            client = WebhookClient(url, timeout=max(1, round(deadline)), retry_handlers=[])
            made = None if sending.plain else blocks(sending.message, double)
            answer = client.send(text=told, blocks=made, unfurl_links=False, unfurl_media=False)
        except Exception as error:  # noqa: BLE001 - the library raises what the system raised
            return unreachable(error, "the webhook")
        return _sorted(answer.status_code, str(answer.body).strip(), answer.headers)


def _sorted(status: int, body: str, headers: object) -> Outcome:
    code = body if len(body) < 60 and body.replace("_", "").isalnum() else ""
    if status == 200:
        return Delivered()
    if status == 429:
        return Later("Slack asks to wait", after(headers if isinstance(headers, dict) else {}))
    if code in _ROUTE:
        return Refused(Fault.ROUTE, f"the webhook's channel: {code}: make a new webhook")
    if status in {403, 404, 410}:
        return Refused(Fault.SINK, f"the webhook is refused ({code or f'HTTP {status}'}): make a new one")
    if status in {400, 413}:
        return Refused(Fault.CONTENT, f"Slack refuses the text: {code or f'HTTP {status}'}")
    return Later(f"the webhook answered HTTP {status}")
