"""The server itself: what it reads, what it records, and that nothing of it is left at the end."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.demo.slack import Content, FakeSlack, Workspace


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []


def test_a_form_and_a_body_of_json_say_the_same(slack: FakeSlack, http_client: Any) -> None:
    fields = {
        "blocks": [{"type": "divider"}],
        "attachments": [{"text": "a"}],
        "metadata": {"event_type": "e", "event_payload": {}},
    }
    http_client.call("chat.postMessage", channel="#alerts", text="é", **fields)
    packed = {name: json.dumps(value) for name, value in fields.items()}
    http_client.form("chat.postMessage", channel="#alerts", text="é", token=slack.token, **packed)
    http_client.call("chat.postMessage", channel="#alerts", text="é", **packed)
    first, *others = slack.messages("alerts")
    assert [other.content for other in others] == [first.content] * 2


def test_a_method_can_be_asked_with_get(slack: FakeSlack, http_client: Any) -> None:
    answer = http_client.send(f"{slack.url}conversations.list?limit=1&token={slack.token}", verb="GET")
    assert len(answer.json["channels"]) == 1


def test_a_token_in_json_is_none(slack: FakeSlack, http_client: Any) -> None:
    sent = json.dumps({"token": slack.token})
    answer = http_client.send(f"{slack.url}auth.test", sent, **{"Content-Type": "application/json"})
    assert answer.json["error"] == "not_authed"


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", "{", "invalid_json"),
        ("application/json", "[]", "json_not_object"),
        ("text/html", "x", "invalid_post_type"),
        ("application/json", "", None),
        ("", "", None),
    ],
)
def test_a_body_that_cannot_be_read(
    slack: FakeSlack, http_client: Any, kind: str, body: str, error: str | None
) -> None:
    headers = {"Content-Type": kind, "Authorization": f"Bearer {slack.token}"}
    assert http_client.send(f"{slack.url}auth.test", body, **headers).json.get("error") == error


def test_a_null_says_nothing(slack: FakeSlack, http_client: Any) -> None:
    assert http_client.call("chat.postMessage", channel="#alerts", text="x", thread_ts=None, blocks=None).json["ok"]


def test_scopes_are_in_a_header(slack: FakeSlack, http_client: Any) -> None:
    slack.workspace.tokens[slack.token].scopes = {"b:read", "a:write"}
    assert http_client.call("auth.test").headers["x-oauth-scopes"] == "a:write,b:read"
    assert http_client.call("auth.test", "xoxb-guess").headers["x-oauth-scopes"] == ""


def test_a_connection_serves_many_requests(slack: FakeSlack, http_client: Any) -> None:
    connection = http_client.open()
    for _ in range(3):
        connection.request("POST", "/api/auth.test", headers={"Authorization": f"Bearer {slack.token}"})
        assert json.load(connection.getresponse())["ok"]


def test_requests_are_recorded_without_the_token(slack: FakeSlack, http_client: Any) -> None:
    http_client.form("chat.postMessage", channel="#alerts", text="x", token=slack.token)
    http_client.call("chat.postMessage", channel="#nowhere", text="x")
    http_client.call("auth.test")
    first, second, third = slack.requests
    assert first.fields == {"channel": "#alerts", "text": "x", "token": "[redacted]"}
    assert (first.effect, first.message, first.status, first.error) == ("posted", slack.messages("alerts")[0], 200, "")
    assert (second.effect, second.message, second.error) == ("", None, "channel_not_found")
    assert (third.method, third.effect, third.at) == ("auth.test", "", slack.workspace.clock())
    assert slack.token not in repr(slack.requests)
    assert slack.token not in repr(slack.workspace.tokens[slack.token])
    assert slack.asked("auth.test") == [third]


def test_effects_have_names(slack: FakeSlack, http_client: Any, alerts: str) -> None:
    ts = http_client.call("chat.postMessage", channel=alerts, text="x").json["ts"]
    http_client.call("chat.update", channel=alerts, ts=ts, text="y")
    http_client.call("reactions.add", channel=alerts, timestamp=ts, name="eyes")
    http_client.call("chat.delete", channel=alerts, ts=ts)
    assert [request.effect for request in slack.requests] == ["posted", "edited", "reacted", "deleted"]


def test_waiting_for_something(slack: FakeSlack, http_client: Any) -> None:
    sender = threading.Thread(
        target=http_client.call, args=("chat.postMessage",), kwargs={"channel": "alerts", "text": "x"}
    )
    sender.start()
    assert slack.wait_for(lambda slack: slack.messages("alerts"))
    sender.join()
    assert not slack.wait_for(lambda slack: len(slack.messages("alerts")) > 1, timeout=0.01)


def test_two_servers_at_once_and_without_a_workspace() -> None:
    with FakeSlack() as one, FakeSlack() as other:
        assert one.url != other.url
        assert [channel.name for channel in one.workspace.channels.values()] == ["general", "alerts"]


def test_its_address_is_known_before_it_runs(workspace: Workspace) -> None:
    slack = FakeSlack(workspace)
    address = urlsplit(slack.url)
    assert (address.hostname, address.path) == ("127.0.0.1", "/api/")
    slack.stop()
    slack.stop()


def test_clients_that_say_nothing_or_never_read_do_not_hold_it_up(workspace: Workspace) -> None:
    slack = FakeSlack(workspace)
    slack.start()
    port = urlsplit(slack.url).port or 0
    silent = socket.create_connection(("127.0.0.1", port))
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(b"POST /api/auth.test HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    hung = socket.create_connection(("127.0.0.1", port))
    slack.fault(hang=True)
    hung.sendall(b"POST /api/auth.test HTTP/1.1\r\n\r\n")
    assert slack.wait_for(lambda slack: slack.requests)
    slack.fault(delay=3600)
    late = socket.create_connection(("127.0.0.1", port))
    late.sendall(b"POST /api/auth.test HTTP/1.1\r\n\r\n")
    assert slack.wait_for(lambda slack: len(slack.requests) == 2)
    for number in range(10, 90):
        said = Content(f"{number}" * 19_000)
        workspace.post(workspace.channel("alerts"), workspace.tokens["xoxb-demo"], said)
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.sendall(b"GET /channels/alerts HTTP/1.1\r\n\r\n")
    slack.stop()
    for client in (silent, half, hung, late, deaf):
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_what_is_no_http_or_too_much_of_it(slack: FakeSlack, http_client: Any) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(slack.url).port or 0), timeout=30) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\n")
        assert b"400" in client.recv(1000)
    answer = http_client.send(f"{slack.url}auth.test", None, **{"Content-Length": str(10**9)})
    assert answer.status == 413


def test_a_mistake_in_a_handler_is_told_to_the_owner(workspace: Workspace) -> None:
    slack = FakeSlack(workspace)
    slack.start()
    workspace.tokens = None  # type: ignore[assignment]
    with socket.create_connection(("127.0.0.1", urlsplit(slack.url).port or 0), timeout=30) as client:
        client.sendall(b"POST /api/auth.test HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n")
        assert client.recv(1) == b""
    with pytest.raises(ExceptionGroup, match="local Slack failed"):
        slack.stop()
