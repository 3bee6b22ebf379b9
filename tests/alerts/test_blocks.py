"""Block Kit within every limit, and no name that means anything to Slack."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.demo.slack.limits import MOST_EDITED_BYTES, content_of, escaped
from agent.demo.slack.mrkdwn import links_in, mentions_in, parse
from agent.demo.slack.workspace import Content
from alerts.render.blocks import TEXT_BYTES, blocks, text
from alerts.render.message import Mark, Message, Table
from alerts.render.plain import plain

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(max_size=60).map(lambda s: s * 50),
    st.sampled_from(
        (
            "<!channel> *bold* _italic_ ~gone~ `code`",
            "@here @channel <@U0123> <https://evil.example|payments>",
            "```\nrm -rf /\n```",
            ":rotating_light: :white_check_mark:",
            "a\u202eb\u200bc\x00d\x1b[31m",
            "\ud800",
            "&amp;&lt;",
            "x" * 100_000,
            "é" * 5_000,
            "&" * 9_000,
        )
    ),
)
MESSAGES = st.builds(
    Message,
    title=HOSTILE,
    mark=st.sampled_from(Mark),
    lead=HOSTILE,
    facts=st.lists(st.tuples(HOSTILE, HOSTILE), max_size=8).map(tuple),
    why=HOSTILE,
    step=HOSTILE,
    command=HOSTILE,
    table=st.none()
    | st.builds(
        Table,
        rows=st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE), max_size=60).map(tuple),
        more=st.integers(0, 10_000),
    ),
    notes=st.lists(HOSTILE, max_size=9).map(tuple),
)


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [s for k, v in value.items() for s in (strings(v) if k not in {"type", "style"} else [])]
    return (
        [s for v in value for s in strings(v)] if isinstance(value, list) else [value] if isinstance(value, str) else []
    )


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.sampled_from(("", "This may be a double.")))
def test_whatever_is_said_slack_takes_it(message: Message, double: str) -> None:
    made = blocks(message, double)
    content = content_of({"text": text(message), "blocks": made}, 16_000)
    assert sum(map(len, strings(made))) < 8_000
    assert len(made) <= 50
    assert not mentions_in(list(content.blocks))
    assert not links_in(list(content.blocks))


@settings(max_examples=150, deadline=None)
@given(MESSAGES)
def test_the_text_alone_means_nothing_to_slack_and_fits_an_edit(message: Message) -> None:
    told = text(message)
    assert len(told.encode()) <= TEXT_BYTES
    assert len(escaped(told).encode()) <= MOST_EDITED_BYTES
    content_of({"text": told}, 16_000, before=Content("before", (), (), None, False))
    kinds = {node.kind for node in parse(told)}
    assert not kinds & {"mention", "bold", "italic", "strike", "code", "pre", "emoji"}, told
    assert not [node for node in parse(told) if node.kind == "link" and node.children]


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_a_terminal_is_told_nothing_that_it_would_obey(message: Message) -> None:
    told = plain(message)
    assert told.endswith("\n")
    assert all(c.isprintable() or c == "\n" for c in told)


def test_what_matters_is_there_in_order() -> None:
    message = Message(
        "group payments is 14 min behind on orders",
        Mark.CRITICAL,
        facts=(("Since", "14:05 UTC"), ("Owner", "payments")),
        why="Whoever waits for it waits.",
        step="See whether its members are busy.",
        command="kafka-consumer-groups.sh --describe --group payments",
        notes=("alert a1b2c3",),
    )
    assert plain(message) == (
        "CRITICAL group payments is 14 min behind on orders\n"
        "  Whoever waits for it waits.\n"
        "  Since: 14:05 UTC\n"
        "  Owner: payments\n"
        "  → See whether its members are busy.\n"
        "    $ kafka-consumer-groups.sh --describe --group payments\n"
        "  alert a1b2c3\n"
    )
    assert text(message) == "🔴 group payments is 14 min behind on orders"
    assert plain(message, colour=True).startswith("\033[31;1mCRITICAL\033[0m group")
    header, body, notes = blocks(message)
    assert header["text"]["text"] == "🔴 group payments is 14 min behind on orders"
    assert [element["type"] for element in body["elements"]] == [
        "rich_text_section",
        "rich_text_section",
        "rich_text_section",
        "rich_text_preformatted",
    ]
    assert notes["type"] == "context"


def test_a_table_is_cut_and_says_by_how_much() -> None:
    rows = tuple(("critical", f"3fa2{n:02}", f"group g{n}", "late " * 30) for n in range(40))
    message = Message("40 alerts at once", Mark.CRITICAL, table=Table(rows, 7))
    (body,) = [block for block in blocks(message) if block["type"] == "rich_text"]
    listed, more = body["elements"]
    assert len(listed["elements"]) == 20
    assert "".join(strings(listed["elements"][3])).startswith("critical  3fa203  group g3: late")
    assert more["elements"][0]["text"] == "… and 27 more"
    assert "… and 7 more" in plain(message)


def test_a_list_in_plain_text_says_what_is_wrong_on_two_lines_at_most() -> None:
    what = "group billing is more than 3 min behind on orders: 3,000 unread records in 4 partitions, " * 2
    rows = (("warning", "2fb84a", "", what), ("info", "", "kafka://prod", "short"))
    assert plain(Message("Two", Mark.WARNING, table=Table(rows))) == (
        "WARNING Two\n"
        "  warning  2fb84a  group billing is more than 3 min behind on orders: 3,000\n"
        "                   unread records in 4 partitions, group billing is more than 3…\n"
        "  info             kafka://prod: short\n"
    )
