"""Each fault, as a client meets it, and whether the message is there afterwards."""

import http.client
import json
from typing import Any

import pytest

from agent.demo.slack import FakeSlack


@pytest.fixture
def send(http_client: Any) -> Any:
    """Posts to a channel on a connection of its own: gives the answer."""
    return lambda channel="#alerts", method="chat.postMessage": http_client.call(method, channel=channel, text="x")


def texts(slack: FakeSlack, channel: str = "alerts") -> int:
    return len(slack.messages(channel))


def test_an_error_of_the_api_has_no_effect(slack: FakeSlack, send: Any) -> None:
    slack.fault("chat.postMessage", error="fatal_error")
    answer = send()
    assert (answer.status, answer.json) == (200, {"ok": False, "error": "fatal_error"})
    assert texts(slack) == 0
    assert send().json["ok"], "once"


@pytest.mark.parametrize("wait", ["30", "soon", None])
def test_too_many_requests(slack: FakeSlack, send: Any, wait: str | None) -> None:
    slack.fault("chat.postMessage", status=429, retry_after=wait)
    answer = send()
    assert (answer.status, answer.json["error"], answer.headers.get("retry-after")) == (429, "ratelimited", wait)
    assert (texts(slack), slack.requests[-1].error) == (0, "ratelimited")


def test_a_server_that_is_ill(slack: FakeSlack, send: Any) -> None:
    slack.fault(status=503)
    answer = send()
    assert (answer.status, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert texts(slack) == 0


def test_a_proxy_in_between(slack: FakeSlack, send: Any) -> None:
    slack.fault(html=True)
    slack.fault(html=True, status=502)
    answer = send()
    assert (answer.status, answer.body[:15]) == (200, "<!DOCTYPE html>")
    assert send().status == 502
    assert texts(slack) == 0


def test_a_body_of_ones_own(slack: FakeSlack, send: Any) -> None:
    slack.fault(body='{"ok": tru')
    assert send().body == '{"ok": tru'


@pytest.mark.parametrize(("when", "posted"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection(slack: FakeSlack, send: Any, when: Any, posted: int, reset: bool) -> None:
    slack.fault("chat.postMessage", drop=when, reset=reset)
    with pytest.raises(ConnectionResetError) as caught:
        send()
    assert isinstance(caught.value, http.client.RemoteDisconnected) is not reset
    assert texts(slack) == posted
    (request,) = slack.requests
    assert (request.effect, request.status) == ("posted" if posted else "", None)


@pytest.mark.parametrize(("when", "posted"), [(True, 0), ("before", 0), ("after", 1)])
def test_a_hang(slack: FakeSlack, http_client: Any, when: Any, posted: int) -> None:
    slack.fault("chat.postMessage", hang=when)
    connection = http_client.open(timeout=0.2)
    headers = {"Authorization": f"Bearer {slack.token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/chat.postMessage", json.dumps({"channel": "alerts", "text": "x"}), headers)
    assert slack.wait_for(lambda slack: slack.requests and texts(slack) == posted)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert http_client.call("auth.test").json["ok"], "others are served"
    assert texts(slack) == posted


def test_a_delay_alone_only_delays(slack: FakeSlack, send: Any) -> None:
    slack.fault("chat.postMessage", delay=0.01)
    assert send().json["ok"]
    assert texts(slack) == 1


def test_a_fault_is_for_a_method_and_a_channel(slack: FakeSlack, send: Any, alerts: str) -> None:
    slack.fault("chat.postMessage", "alerts", error="internal_error", times=None)
    assert send(method="auth.test").json["ok"]
    assert send("#general").json["ok"]
    assert [send(which).json.get("error") for which in ("alerts", "#alerts", alerts)] == ["internal_error"] * 3
    slack.clear_faults()
    slack.fault(channel=alerts, error="internal_error")
    assert send("#alerts").json["error"] == "internal_error"
    slack.fault(channel="nowhere", error="internal_error")
    assert send("#nowhere").json["error"] == "internal_error"


def test_faults_are_queued(slack: FakeSlack, send: Any) -> None:
    slack.fault("chat.postMessage", error="one", times=2)
    slack.fault("chat.postMessage", error="two")
    assert [send().json.get("error") for _ in range(4)] == ["one", "one", "two", None]


def test_a_fault_for_ever_ends_when_told(slack: FakeSlack, send: Any) -> None:
    with slack.fault(error="internal_error", times=None):
        assert {send().json["error"] for _ in range(5)} == {"internal_error"}
    assert send().json["ok"]
    fault = slack.fault(error="internal_error", times=None)
    fault.off()
    assert send().json["ok"]
    slack.fault(error="internal_error", times=None)
    slack.clear_faults()
    assert send().json["ok"]


def test_faults_of_webhooks(slack: FakeSlack, http_client: Any) -> None:
    url = slack.webhook_url("alerts")

    def send() -> Any:
        return http_client.send(url, '{"text": "x"}', **{"Content-Type": "application/json"})

    slack.fault("webhook", "general", error="no_service")
    assert send().status == 200
    slack.fault("webhook", "alerts", error="no_service")
    slack.fault("webhook", status=429, retry_after=2)
    slack.fault("webhook", drop="after")
    answer = send()
    assert (answer.status, answer.body) == (404, "no_service")
    answer = send()
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")
    with pytest.raises(http.client.RemoteDisconnected):
        send()
    assert texts(slack) == 2


# ── the rate limit ──


def test_so_many_a_second_in_each_channel(slack: FakeSlack, send: Any, clock: Any) -> None:
    slack.rate_limit(1)
    assert send().status == 200
    answer = send()
    assert (answer.status, answer.headers["retry-after"], answer.json["error"]) == (429, "1", "ratelimited")
    assert send("#general").status == 200, "another channel"
    assert send(method="auth.test").status == 200, "no message"
    clock.now += 0.999
    assert send().status == 429
    clock.now += 0.001
    assert send().status == 200, "what was refused costs nothing"
    assert texts(slack) == 2


def test_several_a_second(slack: FakeSlack, send: Any, clock: Any) -> None:
    slack.rate_limit(3)
    assert [send().status for _ in range(4)] == [200, 200, 200, 429]
    clock.now += 1
    assert send().status == 200


def test_less_than_one_a_second(slack: FakeSlack, send: Any, clock: Any) -> None:
    slack.rate_limit(0.5)
    send()
    clock.now += 1.5
    assert send().headers["retry-after"] == "2"
    clock.now += 0.5
    assert send().status == 200


def test_no_limit_again(slack: FakeSlack, send: Any) -> None:
    slack.rate_limit(1)
    slack.rate_limit(None)
    assert {send().status for _ in range(5)} == {200}


def test_webhooks_have_the_limit_too(slack: FakeSlack, http_client: Any) -> None:
    slack.rate_limit(1)
    url = slack.webhook_url("alerts")
    got = [http_client.send(url, '{"text": "x"}', **{"Content-Type": "application/json"}) for _ in range(2)]
    assert [(answer.status, answer.body) for answer in got] == [(200, "ok"), (429, "rate_limited")]
