"""Slack's markup: what is formatted, what is a link, and who gets rung."""

import time
from typing import Any

import pytest

from agent.demo.slack import Link
from agent.demo.slack.mrkdwn import EMOJI, Node, links_in, mentions_in, parse, plain, rich


def outline(nodes: Any) -> Any:
    """Kinds and texts alone, as nested pairs."""
    return [(node.kind, outline(node.children) if node.children else node.text) for node in nodes]


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("plain", [("text", "plain")]),
        (
            "*b* _i_ ~s~",
            [
                ("bold", [("text", "b")]),
                ("text", " "),
                ("italic", [("text", "i")]),
                ("text", " "),
                ("strike", [("text", "s")]),
            ],
        ),
        ("*a _b_*", [("bold", [("text", "a "), ("italic", [("text", "b")])])]),
        ("2*3*4", [("text", "2*3*4")]),
        ("* a *", [("text", "* a *")]),
        ("snake_case_name", [("text", "snake_case_name")]),
        ("*a\nb*", [("text", "*a\nb*")]),
        ("`*x*`", [("code", [("text", "*x*")])]),
        ("a\n```\nb\n*c*\n```\nd", [("text", "a"), ("pre", [("text", "b\n*c*")]), ("text", "d")]),
        ("```open", [("text", "```open")]),
        ("> q\n&gt; r\nt", [("quote", [("text", "q\nr")]), ("text", "t")]),
        ("t\n> *q*\nt\n", [("text", "t"), ("quote", [("bold", [("text", "q")])]), ("text", "t\n")]),
        ("a\u2028> b", [("text", "a\u2028> b")]),
        (
            ":bell: :nonsense: 10:30:15",
            [("emoji", "🔔"), ("text", " "), ("text", ":nonsense:"), ("text", " 10"), ("text", ":30:"), ("text", "15")],
        ),
        ("&lt;!channel&gt; &amp;lt;", [("text", "<!channel> &lt;")]),
        ("<!date^1^{date}|yesterday>", [("text", "yesterday")]),
        ("<T extends Foo>", [("text", "<T extends Foo>")]),
        ("a <b", [("text", "a <b")]),
        ("<#C1|orders> <@U1>", [("mention", "#orders"), ("text", " "), ("mention", "@U1")]),
        (
            "<!subteam^S1|@oncall> <!subteam^S1> <!here|x>",
            [("mention", "@oncall"), ("text", " "), ("mention", "@S1"), ("text", " "), ("mention", "@here")],
        ),
    ],
)
def test_parts(text: str, nodes: Any) -> None:
    assert outline(parse(text)) == nodes


def test_every_emoji_of_the_table() -> None:
    for name, sign in EMOJI.items():
        assert parse(f":{name}:") == (Node("emoji", sign, name),)
    assert plain(":bell: *x*") == (Node("emoji", "🔔", "bell"), Node("text", " *x*"))
    assert plain(":bell:", emoji=False) == (Node("text", ":bell:"),)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("<!channel>", ("!channel",)),
        ("<!here|here> <!everyone>", ("!here", "!everyone")),
        ("<@U123|bob> <@W9>", ("@U123", "@W9")),
        ("<!subteam^S1|@team>", ("!subteam^S1",)),
        ("<#C1>", ("#C1",)),
        ("*<!channel>*", ("!channel",)),
        ("> <!channel>", ("!channel",)),
        ("`<!channel>` ```<@U1>```", ("!channel", "@U1")),
        ("<!channel> <!channel>", ("!channel",)),
        ("@channel @here", ()),
        ("&lt;!channel&gt;", ()),
        ("<!date^1^x|y>", ()),
        ("< !channel>", ()),
    ],
)
def test_who_is_rung(text: str, mentions: tuple[str, ...]) -> None:
    assert mentions_in(text) == mentions


def test_plain_names_ring_if_the_sender_wants_it() -> None:
    assert mentions_in("@channel, me@here.example @here", names_linked=True) == ("!channel", "!here")


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("<https://a.example/x?a=1&amp;b=2|label>", (Link("https://a.example/x?a=1&b=2", "label"),)),
        ("<https://a.example>", (Link("https://a.example"),)),
        ("see https://a.example/x.", (Link("https://a.example/x"),)),
        ("(http://a.example)", (Link("http://a.example"),)),
        ("<mailto:a@b.example|a>", (Link("mailto:a@b.example", "a"),)),
        ("<javascript:alert(1)|x>", (Link("javascript:alert(1)", "x"),)),
        ("<https://evil.example|https://bank.example>", (Link("https://evil.example", "https://bank.example"),)),
        ("kafka-1.example:9092", ()),
        ("&lt;https://a.example|b&gt;", (Link("https://a.example"),)),
    ],
)
def test_what_can_be_followed(text: str, links: tuple[Link, ...]) -> None:
    assert links_in(text) == links


BLOCKS: list[Any] = [
    {"type": "header", "text": {"type": "plain_text", "text": "<!channel> <@U0>"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "<@U1>"}, "fields": [{"type": "mrkdwn", "text": "<@U2>"}]},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "<https://c.example>"}]},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "<@U3>"},
                "url": "https://b.example",
                "value": "<@U4>",
            }
        ],
    },
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "<@U5>"},
                    {"type": "user", "user_id": "U6"},
                    {"type": "broadcast", "range": "here"},
                    {"type": "usergroup", "usergroup_id": "S1"},
                    {"type": "channel", "channel_id": "C1"},
                    {"type": "link", "url": "https://r.example", "text": "r"},
                ],
            }
        ],
    },
    {"type": "markdown", "text": "[m](https://m.example) <@U7>"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "<@U8>"}]]},
]


def test_everywhere_in_blocks_but_not_in_plain_text() -> None:
    assert mentions_in(BLOCKS) == ("@U1", "@U2", "@U6", "!here", "!subteam^S1", "#C1", "@U7")
    assert [link.url for link in links_in(BLOCKS)][:3] == [
        "https://c.example",
        "https://b.example",
        "https://r.example",
    ]
    assert Link("https://m.example", "m") in links_in(BLOCKS)


def test_everywhere_in_attachments() -> None:
    attachment = {
        "pretext": "<@U1>",
        "title": "<@U2>",
        "title_link": "https://t.example",
        "text": "<@U3>",
        "fields": [{"title": "x", "value": "<@U4>", "short": True}],
        "footer": "<@U5>",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<@U6>"}}],
    }
    assert set(mentions_in([attachment])) == {"@U1", "@U2", "@U3", "@U4", "@U5", "@U6"}
    assert links_in([attachment]) == (Link("https://t.example"),)


def test_rich_text() -> None:
    block = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "b", "style": {"bold": True}}]},
            {"type": "rich_text_section", "elements": []},
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "s"}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "p"}]},
            {"type": "rich_text_quote", "elements": [{"type": "emoji", "name": "bell"}]},
            {
                "type": "rich_text_list",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "l"}]},
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "m"}]},
                ],
            },
        ],
    }
    assert outline(rich(block)) == [
        ("bold", [("text", "b")]),
        ("text", "\n"),
        ("text", "s"),
        ("pre", [("text", "p")]),
        ("quote", [("emoji", "🔔")]),
        ("text", "• "),
        ("text", "l"),
        ("text", "\n"),
        ("text", "• "),
        ("text", "m"),
    ]


@pytest.mark.parametrize(
    "sign", ["*", "_", "~", "`", "```", "<", ">", ":", "*a", "<!", "&", "> ", "*_~", "@", "[", "https://"]
)
def test_no_input_makes_it_slow(sign: str) -> None:
    text = sign * (40_000 // len(sign))
    before = time.process_time()
    mentions_in(text, names_linked=True)
    assert time.process_time() - before < 5  # it takes a tenth of a second; what is quadratic takes minutes
