"""The client that mqcanary uses, against the local Slack: both must agree on what is on the wire."""

from typing import Any

import pytest
import slack_sdk
import slack_sdk.errors
import slack_sdk.webhook

from agent.demo.slack import FakeSlack


@pytest.fixture
def client(slack: FakeSlack) -> Any:
    return slack_sdk.WebClient(token=slack.token, base_url=slack.url, timeout=30, retry_handlers=[])


def test_a_message_from_its_post_to_its_end(slack: FakeSlack, client: Any) -> None:
    metadata = {"event_type": "e", "event_payload": {"k": "v"}}
    posted = client.chat_postMessage(channel="#alerts", text="é", blocks=[{"type": "divider"}], metadata=metadata)
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    client.chat_postMessage(channel=where["channel"], text="reply", thread_ts=where["ts"])
    client.chat_update(text="now", blocks=[], **where)
    assert [row["text"] for row in client.conversations_replies(**where)["messages"]] == ["now", "reply"]
    found = client.conversations_history(
        channel=where["channel"], include_all_metadata=True, oldest=where["ts"], inclusive=True
    )
    assert found["messages"][0]["metadata"] == metadata
    assert slack.messages("alerts")[0].edits[0].before.blocks == ({"type": "divider"},)
    client.chat_delete(**where)


def test_the_small_methods(slack: FakeSlack, client: Any, alerts: str) -> None:
    test = client.auth_test()
    assert (test["team"], test.headers["x-oauth-scopes"].split(",")[0]) == ("Demo", "channels:history")
    assert client.conversations_info(channel=alerts)["channel"]["name"] == "alerts"
    assert [row["name"] for page in client.conversations_list(limit=1) for row in page["channels"]] == [
        "general",
        "alerts",
    ]
    ts = client.chat_postMessage(channel=alerts, text="x")["ts"]
    assert client.reactions_add(channel=alerts, timestamp=ts, name="eyes")["ok"]


def test_errors_as_it_tells_them(slack: FakeSlack, client: Any) -> None:
    wrong = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    with pytest.raises(slack_sdk.errors.SlackApiError) as caught:
        client.chat_postMessage(channel="#alerts", text="x", blocks=wrong)
    assert caught.value.response["error"] == "invalid_blocks"
    slack.fault(status=429, retry_after="7")
    with pytest.raises(slack_sdk.errors.SlackApiError) as caught:
        client.auth_test()
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    slack.fault(html=True)
    with pytest.raises(slack_sdk.errors.SlackApiError):
        client.auth_test()


def test_its_own_retries_post_twice(slack: FakeSlack) -> None:
    """Why mqcanary switches them off."""
    client = slack_sdk.WebClient(token=slack.token, base_url=slack.url)
    slack.fault("chat.postMessage", drop="after")
    client.chat_postMessage(channel="#alerts", text="x")
    assert len(slack.messages("alerts")) == 2


def test_webhooks(slack: FakeSlack) -> None:
    client = slack_sdk.webhook.WebhookClient(slack.webhook_url("alerts"))
    assert (client.send(text="x").status_code, client.send(text="x").body) == (200, "ok")
    assert (client.send(text="").status_code, client.send(text="").body) == (400, "no_text")
