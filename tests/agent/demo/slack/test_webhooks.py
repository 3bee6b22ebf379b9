"""Incoming webhooks: plain words back, and an HTTP status that means something."""

import json
from typing import Any

import pytest

from agent.demo.slack import FakeSlack, Workspace

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def send(http_client: Any, slack: FakeSlack) -> Any:
    url = slack.webhook_url("alerts")

    def send(body: Any, to: str = url, **headers: str) -> tuple[int, str]:
        answer = http_client.send(to, body if isinstance(body, str) else json.dumps(body), **(headers or JSON))
        return answer.status, answer.body

    return send


def test_a_message(send: Any, slack: FakeSlack) -> None:
    assert send({"text": "hello", "blocks": [{"type": "divider"}]}) == (200, "ok")
    (message,) = slack.messages("alerts")
    assert (message.text, message.blocks, message.user_id) == ("hello", ({"type": "divider"},), "")
    (request,) = slack.asked("webhook")
    assert (request.effect, request.message, request.status) == ("posted", message, 200)


def test_a_form_with_the_payload_in_it(send: Any, slack: FakeSlack) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert send("payload=%7B%22text%22%3A+%22hello%22%7D", **form) == (200, "ok")
    # What curl -d sends: JSON that says it were a form.
    assert send('{"text": "hello"}', **form) == (200, "ok")
    assert len(slack.messages("alerts")) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "invalid_payload"),
        ("[]", "invalid_payload"),
        ("", "no_text"),
        ({"text": 5}, "invalid_payload"),
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": "x", "blocks": "x"}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "what"}]}, "invalid_blocks"),
        ({"text": "x", "attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"text": "x" * 40_001}, "msg_too_long"),
    ],
)
def test_what_is_refused(send: Any, slack: FakeSlack, body: Any, said: str) -> None:
    assert send(body) == (400, said)
    assert slack.messages("alerts") == []
    assert slack.asked("webhook")[0].error == said


def test_a_webhook_cannot_thread(send: Any, slack: FakeSlack) -> None:
    assert send({"text": "x", "thread_ts": "1.000001", "channel": "#general"}) == (200, "ok")
    assert slack.messages("alerts")[0].thread_ts is None


def test_an_archived_channel(send: Any, workspace: Workspace) -> None:
    workspace.channel("alerts").archived = True
    assert send({"text": "x"}) == (410, "channel_is_archived")


def test_an_address_that_is_wrong(send: Any, slack: FakeSlack) -> None:
    url = slack.webhook_url("alerts")
    service = url.rpartition("/")[0]
    team = service.rpartition("/")[0]
    assert send({"text": "x"}, f"{service}/guess") == (403, "invalid_token")
    assert send({"text": "x"}, f"{team}/B0GUESS/guess") == (404, "no_service")
    assert send({"text": "x"}, f"{team.rpartition('/')[0]}/T0GUESS/B0GUESS/guess") == (404, "no_team")


def test_a_webhook_that_was_switched_off(send: Any, workspace: Workspace) -> None:
    (webhook,) = workspace.webhooks.values()
    webhook.error = "no_service"
    assert send({"text": "x"}) == (404, "no_service")


def test_a_channel_has_one_address(slack: FakeSlack) -> None:
    assert slack.webhook_url("alerts") == slack.webhook_url("#alerts")
    assert slack.webhook_url("alerts") != slack.webhook_url("general")


def test_a_bot_cannot_edit_what_a_webhook_said(send: Any, slack: FakeSlack, call: Any, alerts: str) -> None:
    send({"text": "x"})
    (message,) = slack.messages("alerts")
    assert call("chat.update", channel=alerts, ts=message.ts, text="y")["error"] == "cant_update_message"
