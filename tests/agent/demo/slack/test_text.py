"""Messages for a terminal."""

from typing import Any

import pytest

from agent.demo.slack import Content, Message, Workspace, as_text


def shown(workspace: Workspace, **content: Any) -> str:
    packed = {name: value if isinstance(value, str) else tuple(value) for name, value in content.items()}
    return as_text(posted(workspace, Content(**packed)))


def posted(workspace: Workspace, content: Content) -> Message:
    return workspace.post(workspace.channel("alerts"), workspace.tokens["xoxb-demo"], content)


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def test_a_message_of_ours(workspace: Workspace) -> None:
    blocks = [
        {"type": "header", "text": plain(":red_circle: payments-app is behind")},
        {
            "type": "section",
            "text": mrkdwn("*payments-app* is _14 min_ behind on `orders`."),
            "fields": [mrkdwn("*Lag*\n14 min\n60,000 records"), mrkdwn("*Owner:*\nteam-pay"), mrkdwn("growing")],
        },
        {"type": "section", "text": mrkdwn("Do this:\n```\nkafka-consumer-groups.sh \\\n  --describe\n```\nthen look")},
        {"type": "divider"},
        {"type": "context", "elements": [mrkdwn("since 12:00"), plain(":bell: loud")]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": plain("Acknowledge")},
                {"type": "button", "text": plain("Runbook"), "url": "https://a.example/r"},
            ],
        },
    ]
    assert shown(workspace, text="not shown", blocks=blocks) == (
        "🔴 payments-app is behind\n"
        "payments-app is 14 min behind on orders.\n"
        "Lag:   14 min\n"
        "       60,000 records\n"
        "Owner: team-pay\n"
        "growing\n"
        "Do this:\n"
        "    kafka-consumer-groups.sh \\\n"
        "      --describe\n"
        "then look\n"
        "────────────────────────────────────────\n"
        "since 12:00  ·  🔔 loud\n"
        "[ Acknowledge ]  [ Runbook ] (https://a.example/r)"
    )


@pytest.mark.parametrize(
    ("text", "as_shown"),
    [
        ("a *b* c", "a b c"),
        ("> q\n> r\nt", "> q\n> r\nt"),
        ("a\n\n```b```", "a\n\n    b"),
        ("<https://a.example|b> <https://a.example>", "b (https://a.example) https://a.example"),
        ("<!channel> <@U1|bob> &lt;x&gt;", "@channel @bob <x>"),
        ("a\x1b[31mb\x07\x9b", "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        ("a\u202eb\u2066c", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"),
        ("a\r\nb\tc", "a\nb    c"),
    ],
)
def test_texts(workspace: Workspace, text: str, as_shown: str) -> None:
    assert shown(workspace, text=text) == as_shown


def test_attachments_have_their_bar(workspace: Workspace) -> None:
    attachments = [
        {
            "pretext": "before",
            "title": "T",
            "text": "one\n*two*",
            "color": "danger",
            "fields": [{"title": "Lag", "value": "14 min"}],
            "blocks": [{"type": "divider"}],
            "footer": "foot",
        },
        {"fallback": "only this"},
    ]
    rule = "─" * 40
    lines = ["before", "T", "one", "two", "Lag: 14 min", rule, "foot", "only this"]
    assert shown(workspace, attachments=attachments) == "\n".join(f"▌ {line}" for line in lines)


def test_the_other_blocks(workspace: Workspace) -> None:
    menu = {"type": "overflow", "options": [{"text": plain("a"), "value": "1"}, {"text": plain("b"), "value": "2"}]}
    image = {"type": "image", "image_url": "https://a.example", "alt_text": "a chart"}
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "rich"}]}],
    }
    blocks = [
        {"type": "section", "text": mrkdwn("x"), "accessory": menu},
        {"type": "section", "text": mrkdwn("y"), "accessory": image},
        {"type": "context", "elements": [image]},
        image,
        rich,
        {"type": "markdown", "text": "**m**"},
        {
            "type": "table",
            "rows": [
                [{"type": "raw_text", "text": "topic"}, {"type": "mrkdwn", "text": "*lag*"}],
                [rich, {"type": "raw_number", "value": 5}],
            ],
        },
    ]
    assert shown(workspace, blocks=blocks) == (
        "x\n[ a | b ]\ny\n[image: a chart]\n[image: a chart]\n[image: a chart]\nrich\n**m**\ntopic  lag\nrich   5"
    )
