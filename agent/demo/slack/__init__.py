"""A local Slack: a real HTTP server that refuses what Slack refuses, remembers what it was sent, and fails on demand.

    with FakeSlack() as slack:
        client = WebClient(token=slack.token, base_url=slack.url)
        slack.fault("chat.postMessage", drop="after")  # posted, but the client never hears of it
        client.chat_postMessage(channel="#alerts", text="hello")
        (message,) = slack.messages("alerts")
        assert not message.mentions
        print(as_text(message))

It serves `mqcanary demo`, with a page that shows each channel, and tests. Where Slack documents nothing it takes the
stricter reading, and says so where it does.
"""

from agent.demo.slack.faults import Fault
from agent.demo.slack.mrkdwn import Link
from agent.demo.slack.server import FakeSlack, Request
from agent.demo.slack.text import as_text
from agent.demo.slack.workspace import Channel, Content, Edit, Message, SlackError, Token, Webhook, Workspace

__all__ = [
    "Channel",
    "Content",
    "Edit",
    "FakeSlack",
    "Fault",
    "Link",
    "Message",
    "Request",
    "SlackError",
    "Token",
    "Webhook",
    "Workspace",
    "as_text",
]
