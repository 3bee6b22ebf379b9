"""Whatever is sent is either refused by name or can be shown: no JSON brings the local Slack down."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.demo.slack import SlackError, as_text
from agent.demo.slack.limits import content_of
from agent.demo.slack.page import page
from agent.demo.slack.workspace import small

TEXT = {"type": "mrkdwn", "text": "*x* <https://a.example|b>"}
PLAIN = {"type": "plain_text", "text": ":bell: x", "emoji": True}
CONFIRM = {"title": PLAIN, "text": TEXT, "confirm": PLAIN, "deny": PLAIN}
BUTTON = {
    "type": "button",
    "text": PLAIN,
    "url": "https://a.example",
    "action_id": "a",
    "value": "v",
    "confirm": CONFIRM,
}
MENU = {"type": "overflow", "options": [{"text": PLAIN, "value": "v"}], "action_id": "m"}
IMAGE = {"type": "image", "image_url": "https://a.example", "alt_text": "words", "title": PLAIN}
LEAVES = [
    {"type": "text", "text": "x", "style": {"bold": True}},
    {"type": "link", "url": "https://a.example", "text": "x"},
    {"type": "emoji", "name": "bell"},
    {"type": "user", "user_id": "U1"},
    {"type": "usergroup", "usergroup_id": "S1"},
    {"type": "channel", "channel_id": "C1"},
    {"type": "broadcast", "range": "here"},
    {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "then"},
]
RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_quote", "elements": LEAVES},
        {"type": "rich_text_list", "elements": [{"type": "rich_text_section", "elements": LEAVES}]},
    ],
}
CELLS = [{"type": "raw_text", "text": "c"}, {"type": "raw_number", "value": 5}, RICH, TEXT]
MESSAGE: dict[str, Any] = {
    "text": "x",
    "blocks": [
        {"type": "header", "text": PLAIN, "block_id": "h"},
        {"type": "section", "text": TEXT, "fields": [TEXT, PLAIN], "accessory": BUTTON},
        {"type": "context", "elements": [TEXT, IMAGE]},
        {"type": "actions", "elements": [BUTTON, MENU]},
        {"type": "divider"},
        IMAGE,
        RICH,
        {"type": "markdown", "text": "[a](https://a.example)"},
        {"type": "table", "rows": [CELLS]},
    ],
    "attachments": [
        {
            "color": "good",
            "pretext": "p",
            "title": "t",
            "title_link": "https://a.example",
            "text": "x",
            "fields": [{"title": "t", "value": "v", "short": True}],
            "footer": "f",
            "fallback": "b",
            "blocks": [{"type": "divider"}],
        }
    ],
    "metadata": {"event_type": "e", "event_payload": {"k": "v"}},
}

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["text", "link", "mrkdwn", "divider"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "url"]), inner, max_size=2)
    ),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*at, key))


PLACES = [place for place in places(MESSAGE) if place]


def test_the_message_itself_is_well_formed() -> None:
    content_of(MESSAGE, 8000)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), junk=JUNK, remove=st.booleans())
def test_every_mutation_is_refused_or_shown(place: tuple[Any, ...], junk: Any, *, remove: bool) -> None:
    message = copy.deepcopy(MESSAGE)
    parent = message
    for key in place[:-1]:
        parent = parent[key]
    if remove:
        del parent[place[-1]]
    else:
        parent[place[-1]] = junk
    message = json.loads(json.dumps(message))
    try:
        content = content_of(message, 8000)
    except SlackError as error:
        assert error.code  # noqa: PT017 (either way is right)
        return
    workspace = small()
    posted = workspace.post(workspace.channel("alerts"), workspace.tokens["xoxb-demo"], content)
    as_text(posted)
    assert isinstance(posted.mentions + posted.links, tuple)
    assert page(workspace, "/").body.encode()
