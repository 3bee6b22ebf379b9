"""The channel page: what it shows, and that nothing anybody wrote becomes HTML."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from agent.demo.slack import Content, FakeSlack, Message, Workspace

VOID = {"meta", "hr", "br", "img", "link", "input"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> &lt;b&gt; </style></title> javascript:x"


class Page(HTMLParser):
    """Every element with its attributes, the text under each; complains of what isn't balanced."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(body)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts.setdefault(tag, []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return "".join(self.texts["body"])


@pytest.fixture
def look(slack: FakeSlack, http_client: Any) -> Any:
    return lambda url="": Page(http_client.get(url or slack.page_url("alerts")).body)


def say(workspace: Workspace, text: str = "", *, root: Message | None = None, **content: Any) -> Message:
    packed = Content(text, **{name: tuple(value) for name, value in content.items()})
    return workspace.post(workspace.channel("alerts"), workspace.tokens["xoxb-demo"], packed, root=root)


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def every_part(text: str) -> tuple[list[Any], list[Any]]:
    """Blocks and attachments with `text` wherever one can stand."""
    button = {"type": "button", "text": plain(text), "url": text, "value": text, "action_id": text, "style": text}
    menu = {"type": "overflow", "options": [{"text": plain(text), "value": text}]}
    image = {"type": "image", "image_url": text, "alt_text": text}
    leaves = [
        {"type": "text", "text": text, "style": {"code": True}},
        {"type": "link", "url": text, "text": text},
        {"type": "user", "user_id": text},
        {"type": "emoji", "name": text},
    ]
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": leaves}]}
    blocks = [
        {"type": "header", "text": plain(text), "block_id": text},
        {"type": "section", "text": mrkdwn(text), "fields": [mrkdwn(text), plain(text)], "accessory": button},
        {"type": "section", "text": mrkdwn(f"```{text}``` `{text}` *{text}* > {text} <https://a.example|{text}>")},
        {"type": "context", "elements": [mrkdwn(text), image]},
        {"type": "actions", "elements": [button, menu]},
        image,
        rich,
        {"type": "markdown", "text": text},
        {"type": "table", "rows": [[{"type": "raw_text", "text": text}, rich, mrkdwn(text)]]},
    ]
    attachment = dict.fromkeys(("pretext", "title", "text", "footer", "fallback", "color", "title_link"), text)
    return blocks, [attachment | {"fields": [{"title": text, "value": text}]}, {"fallback": text}]


def test_nothing_hostile_becomes_html(workspace: Workspace, slack: FakeSlack, look: Any) -> None:
    blocks, attachments = every_part("harmless")
    say(workspace, "harmless").reactions["eyes"] = {"U1"}
    say(workspace, "", blocks=blocks, attachments=attachments)
    tame = look()
    workspace.channel("alerts").name = HOSTILE
    workspace.name = HOSTILE
    blocks, attachments = every_part(HOSTILE)
    for message in workspace.messages(HOSTILE):
        message.app = HOSTILE
    first, second = workspace.messages(HOSTILE)
    first.content = Content(HOSTILE)
    second.content = Content("", tuple(blocks), tuple(attachments))
    wild = look(slack.page_url(HOSTILE))
    assert {tag for tag, _ in wild.elements} <= {tag for tag, _ in tame.elements}
    assert not any(name.startswith("on") for _, attributes in wild.elements for name in attributes)
    assert all(str(each["href"]).startswith(("https://", "/channels/", "?")) for each in wild.named("a"))
    assert "<script>alert(1)</script>" in wild.text


def test_nothing_is_fetched_from_anywhere(workspace: Workspace, slack: FakeSlack, http_client: Any) -> None:
    blocks, attachments = every_part("https://cdn.example/x.png")
    say(workspace, "x", blocks=blocks, attachments=attachments)
    answer = http_client.get(slack.page_url("alerts"))
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    shown = Page(answer.body)
    assert not {"script", "img", "link", "iframe", "object", "form", "input"} & {tag for tag, _ in shown.elements}
    assert not any("src" in attributes for _, attributes in shown.elements)
    assert "url(" not in answer.body
    assert "@import" not in answer.body
    assert {each["rel"] for each in shown.named("a") if str(each["href"]).startswith("http")} == {"noreferrer noopener"}


def test_it_can_be_read_by_everybody(workspace: Workspace, look: Any) -> None:
    root = say(workspace, "root", blocks=[{"type": "header", "text": plain("Late")}])
    say(workspace, ":bell:", root=root)
    shown = look()
    assert shown.named("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in shown.named("meta")
    assert [tag for tag, _ in shown.elements if re.fullmatch("h[1-6]", tag)] == ["h1", "h2", "h3"]
    assert shown.texts["title"] == ["#alerts - Demo"]
    assert len(shown.named("main")) == len(shown.named("nav")) == 1
    assert {"role": "img", "aria-label": "bell"} in shown.named("span")
    assert [each["href"] for each in shown.named("a") if each.get("aria-current") == "page"] == ["/channels/alerts"]


def test_a_message_as_slack_shows_it(workspace: Workspace, look: Any) -> None:
    root = say(
        workspace,
        "preview",
        blocks=[
            {"type": "header", "text": plain(":red_circle: Late")},
            {"type": "section", "fields": [mrkdwn("*Lag*\n14 min"), mrkdwn("*Owner*\n_team_")]},
            {"type": "section", "text": mrkdwn("```\nrun this\n```\n> said\n~gone~ `x` <!here>")},
            {"type": "context", "elements": [mrkdwn("since noon")]},
            {"type": "actions", "elements": [{"type": "button", "text": plain("Ack"), "style": "primary"}]},
            {"type": "divider"},
        ],
        attachments=[
            {"color": "danger", "text": "bar"},
            {"color": "#abc", "text": "bar"},
            {"color": "red", "text": "x"},
        ],
    )
    say(workspace, "first", root=root)
    shown = look()
    for tag, said in (
        ("pre", "run this"),
        ("blockquote", "said"),
        ("s", "gone"),
        ("code", "x"),
        ("em", "team"),
    ):
        assert shown.texts[tag] == [said]
    assert shown.texts["strong"] == ["🔴", " Late", "Lag", "Owner"]
    classes = [attributes.get("class") for _, attributes in shown.elements]
    for name in ("avatar", "badge", "fields", "context", "actions", "button primary", "mention", "thread", "header"):
        assert classes.count(name) >= 1, name
    bars = [each.get("style") for each in shown.named("div") if each.get("class") == "attachment"]
    assert bars == ["border-left-color: #a30200", "border-left-color: #abc", None]
    assert "preview" not in shown.text
    assert "1 reply" in shown.text
    assert shown.named("time")[0] == {"datetime": "2023-11-14T22:13:20+00:00"}
    assert "(edited)" not in shown.text


def test_an_edit_shows_and_replies_are_counted(workspace: Workspace, look: Any) -> None:
    root = say(workspace, "root")
    workspace.edit(root, Content("now"))
    say(workspace, "a", root=root)
    say(workspace, "b", root=root)
    shown = look()
    assert "(edited)" in shown.text
    assert "2 replies" in shown.text
    assert "root" not in shown.text


def test_it_reloads_only_when_asked(slack: FakeSlack, look: Any) -> None:
    refresh = {"http-equiv": "refresh", "content": "2"}
    assert refresh not in look().named("meta")
    live = look(slack.page_url("alerts") + "?live")
    assert refresh in live.named("meta")
    assert "/channels/general?live" in [each["href"] for each in live.named("a")]


def test_the_ways_to_it(slack: FakeSlack, workspace: Workspace, http_client: Any, look: Any) -> None:
    root = slack.url.removesuffix("/api/")
    assert "#alerts" in look(f"{root}/").texts["h1"]
    assert "#general" in look(slack.page_url("general")).texts["h1"]
    assert "Nothing has been posted here yet." in look().text
    answer = http_client.get(f"{root}/channels/nowhere")
    assert (answer.status, Page(answer.body).texts["h1"]) == (404, ["Not found"])
    workspace.channels.clear()
    assert http_client.get(f"{root}/").status == 404


def test_a_message_of_attachments_alone(workspace: Workspace, look: Any) -> None:
    say(workspace, attachments=[{"text": "bar", "pretext": "*before*", "fields": [{"title": "T", "value": "V"}]}])
    shown = look()
    assert shown.texts["strong"] == ["before", "T"]
    assert [each for each in shown.named("div") if each.get("class") == "text"] == [{"class": "text"}] * 3


COLOURS = re.compile(r"--([a-z-]+): (#[0-9a-f]{6})")
PAIRS = (
    ("ink", "back"),
    ("soft", "back"),
    ("link", "back"),
    ("code", "code-back"),
    ("ink", "code-back"),
    ("ring", "ring-back"),
    ("ink", "ring-back"),
    ("side-ink", "side"),
    ("badge-ink", "badge"),
)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast(slack: FakeSlack, http_client: Any, scheme: int) -> None:
    """4.5 to 1, as WCAG asks of text."""
    style = http_client.get(slack.page_url("alerts")).body
    colours = dict(COLOURS.findall(style.split("prefers-color-scheme: dark")[scheme]))
    for front, back in PAIRS:
        assert contrast(colours[front], colours[back]) >= 4.5, (front, back)
    for name in ("go", "stop", "side-here"):
        assert contrast("#ffffff", colours[name]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
