"""The sinks against a local Slack: what each answer means, and that nothing is tried twice behind our back."""

import socket
from collections.abc import Iterator

import pytest

from agent.demo.slack import FakeSlack, as_text
from alerts.model import Op, Ref
from alerts.render.message import Mark, Message
from alerts.sinks.console import ConsoleSink
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending, Unclear
from alerts.sinks.slack import DOUBLE, SlackSink
from alerts.sinks.webhook import WebhookSink

MESSAGE = Message("group payments is 14 min behind", Mark.CRITICAL, facts=(("Since", "14:05 UTC"),), command="look")


@pytest.fixture(scope="module")
def running() -> Iterator[FakeSlack]:
    with FakeSlack() as slack:
        yield slack


@pytest.fixture
def slack(running: FakeSlack) -> Iterator[FakeSlack]:
    running.clear_faults()
    yield running
    running.clear_faults()


@pytest.fixture
def channel(slack: FakeSlack) -> str:
    return next(iter(slack.workspace.channels.values())).name


def sink(slack: FakeSlack) -> SlackSink:
    return SlackSink(lambda: slack.token, slack.url)


def sending(place: str, op: Op = Op.POST, key: str = "k1", **more: object) -> Sending:
    return Sending(key, op, f"#{place}", MESSAGE, **more)  # type: ignore[arg-type]


def posted(slack: FakeSlack, channel: str) -> Ref:
    outcome = sink(slack).send(sending(channel, key="root"), 5)
    assert isinstance(outcome, Delivered)
    assert outcome.ref is not None
    return outcome.ref


def test_a_post_an_edit_and_a_reply(slack: FakeSlack, channel: str) -> None:
    before = len(slack.messages(channel))
    ref = posted(slack, channel)
    assert isinstance(sink(slack).send(sending(channel, Op.EDIT, ref=ref), 5), Delivered)
    assert isinstance(sink(slack).send(sending(channel, Op.REPLY, ref=ref, loud=True), 5), Delivered)
    fresh = slack.messages(channel)[before:]
    assert [message.thread_ts for message in fresh][1:] == [ref.ts]
    assert "group payments is 14 min behind" in as_text(fresh[0])


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "retry_after": 7}, Later("Slack asks to wait", 7)),
        ({"status": 429, "retry_after": "soon"}, Later("Slack asks to wait", None)),
        ({"status": 429, "retry_after": "-5"}, Later("Slack asks to wait", None)),
        ({"error": "ratelimited"}, Later("Slack asks to wait", None)),
        ({"error": "internal_error"}, Later("Slack: internal_error")),
        ({"error": "something_new"}, Later("Slack: something_new")),
        ({"status": 503, "html": True}, Later("Slack: HTTP 503")),
        ({"status": 200, "html": True}, Unclear("Slack's answer can't be read")),
        ({"drop": "before"}, Unclear("Slack did not answer: RemoteDisconnected")),
        ({"drop": "after"}, Unclear("Slack did not answer: RemoteDisconnected")),
        ({"hang": True}, Unclear("Slack did not answer within 0.5 s")),
    ],
)
def test_what_an_answer_means(slack: FakeSlack, channel: str, fault: dict[str, object], expected: Outcome) -> None:
    slack.fault("chat.postMessage", times=1, **fault)  # type: ignore[arg-type]
    asked = len(slack.asked("chat.postMessage"))
    assert sink(slack).send(sending(channel), 0.5) == expected
    assert len(slack.asked("chat.postMessage")) == asked + 1, "it was tried again"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("invalid_blocks", Fault.CONTENT),
        ("msg_too_long", Fault.CONTENT),
        ("channel_not_found", Fault.ROUTE),
        ("not_in_channel", Fault.ROUTE),
        ("is_archived", Fault.ROUTE),
        ("missing_scope", Fault.ROUTE),
        ("token_revoked", Fault.SINK),
        ("invalid_auth", Fault.SINK),
    ],
)
def test_what_a_refusal_is_about(slack: FakeSlack, channel: str, error: str, fault: Fault) -> None:
    slack.fault("chat.postMessage", error=error, times=1)
    outcome = sink(slack).send(sending(channel), 5)
    assert isinstance(outcome, Refused)
    assert outcome.fault is fault
    assert slack.token not in outcome.error
    assert "\n" not in outcome.error


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_refused_edit_asks_for_a_fresh_message(slack: FakeSlack, channel: str, error: str) -> None:
    ref = posted(slack, channel)
    slack.fault("chat.update", error=error, times=1)
    outcome = sink(slack).send(sending(channel, Op.EDIT, ref=ref), 5)
    assert isinstance(outcome, Refused)
    assert outcome.fault is Fault.EDIT


def test_an_edit_without_an_answer_may_be_repeated(slack: FakeSlack, channel: str) -> None:
    ref = posted(slack, channel)
    slack.fault("chat.update", drop="after", times=1)
    assert isinstance(sink(slack).send(sending(channel, Op.EDIT, ref=ref), 5), Later)


def test_what_arrived_without_an_answer_is_found_again(slack: FakeSlack, channel: str) -> None:
    ref = posted(slack, channel)
    slack.fault("chat.postMessage", drop="after", times=1)
    assert isinstance(sink(slack).send(sending(channel, key="lost"), 5), Unclear)
    count = len(slack.messages(channel))
    outcome = sink(slack).send(sending(channel, key="lost", unclear=True, channel=ref.channel), 5)
    assert isinstance(outcome, Delivered)
    assert outcome.ref is not None
    assert outcome.ref != ref
    assert len(slack.messages(channel)) == count


def test_a_reply_that_arrived_is_found_in_its_thread(slack: FakeSlack, channel: str) -> None:
    ref = posted(slack, channel)
    slack.fault("chat.postMessage", drop="after", times=1)
    assert isinstance(sink(slack).send(sending(channel, Op.REPLY, key="lost2", ref=ref), 5), Unclear)
    count = len(slack.messages(channel))
    assert isinstance(sink(slack).send(sending(channel, Op.REPLY, key="lost2", ref=ref, unclear=True), 5), Delivered)
    assert len(slack.messages(channel)) == count


def test_what_can_not_be_looked_for_is_labelled(slack: FakeSlack, channel: str) -> None:
    ref = posted(slack, channel)
    slack.fault("conversations.history", error="missing_scope", times=1)
    again = sending(channel, key="lost3", unclear=True, channel=ref.channel)
    assert isinstance(sink(slack).send(again, 5), Delivered)
    message = slack.messages(channel)[-1]
    assert as_text(message).startswith(DOUBLE)


def test_plain_text_where_blocks_were_refused(slack: FakeSlack, channel: str) -> None:
    assert isinstance(sink(slack).send(sending(channel, plain=True), 5), Delivered)
    assert not slack.messages(channel)[-1].content.blocks


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/"
    outcome = SlackSink(lambda: "xoxb-secret", url).send(sending("ops"), 5)
    assert outcome == Later("Slack can't be reached: Connection refused")


def test_a_token_that_can_not_be_read() -> None:
    def token() -> str:
        raise ValueError("file /run/token is not there")

    outcome = SlackSink(token).send(sending("ops"), 5)
    assert outcome == Refused(Fault.SINK, "Slack's token can't be read: file /run/token is not there")


def test_a_webhook_posts(slack: FakeSlack, channel: str) -> None:
    hook = WebhookSink(lambda: slack.webhook_url(channel))
    count = len(slack.messages(channel))
    assert hook.send(sending("", Op.EDIT), 5) == Delivered()
    assert len(slack.messages(channel)) == count + 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "retry_after": 3}, Later("Slack asks to wait", 3)),
        ({"status": 500, "html": True}, Later("the webhook answered HTTP 500")),
        ({"status": 400, "body": "invalid_payload"}, Refused(Fault.CONTENT, "Slack refuses the text: invalid_payload")),
        (
            {"status": 404, "body": "channel_not_found"},
            Refused(Fault.ROUTE, "the webhook's channel: channel_not_found: make a new webhook"),
        ),
        (
            {"status": 403, "body": "invalid_token"},
            Refused(Fault.SINK, "the webhook is refused (invalid_token): make a new one"),
        ),
        ({"drop": "after"}, Unclear("the webhook did not answer: RemoteDisconnected")),
        ({"hang": True}, Unclear("the webhook did not answer within 0.5 s")),
    ],
)
def test_what_a_webhooks_answer_means(
    slack: FakeSlack, channel: str, fault: dict[str, object], expected: Outcome
) -> None:
    slack.fault("webhook", times=1, **fault)  # type: ignore[arg-type]
    url = slack.webhook_url(channel)
    outcome = WebhookSink(lambda: url).send(sending(""), 0.5)
    assert outcome == expected
    assert url not in str(outcome)


def test_a_webhook_whose_url_can_not_be_read_or_reached() -> None:
    def url() -> str:
        raise ValueError("variable HOOK is not set")

    assert WebhookSink(url).send(sending(""), 5) == Refused(
        Fault.SINK, "the webhook's URL can't be read: variable HOOK is not set"
    )
    outcome = WebhookSink(lambda: "http://127.0.0.1:1/services/T/B/secret").send(sending(""), 5)
    assert outcome == Later("the webhook can't be reached: Connection refused")


def test_the_console_prints_and_says_when_it_can_not() -> None:
    written: list[str] = []
    console = ConsoleSink(written.append)
    assert console.send(sending(""), 1) == Delivered()
    assert console.send(sending("", unclear=True), 1) == Delivered()
    assert written[0].startswith("CRITICAL group payments")
    assert written[1].startswith("This may be a double:\n")

    def closed(_: str) -> None:
        raise ValueError("I/O operation on closed file")

    assert isinstance(ConsoleSink(closed).send(sending(""), 1), Later)
