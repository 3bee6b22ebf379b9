"""The Web API: what each method does, and by which name it refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.demo.slack import FakeSlack, Workspace

Call = Callable[..., Any]
Post = Callable[..., str]


def error(answer: Any) -> str:
    assert answer["ok"] is not ("error" in answer)
    return str(answer.get("error", ""))


# ── who asks ──


def test_auth_test_says_who_asks(call: Call, workspace: Workspace) -> None:
    token = workspace.add_token("xoxb-other", app="other")
    assert call("auth.test", "xoxb-other") == {
        "ok": True,
        "url": "https://demo.slack.com/",
        "team": "Demo",
        "team_id": workspace.id,
        "user": "other",
        "user_id": token.user_id,
        "bot_id": token.bot_id,
        "is_enterprise_install": False,
    }


def test_a_method_that_is_none(call: Call) -> None:
    assert call("chat.shout", "")["error"] == "unknown_method"


def test_no_token_or_a_wrong_one(call: Call) -> None:
    assert error(call("auth.test", "")) == "not_authed"
    assert error(call("auth.test", "xoxb-guess")) == "invalid_auth"


@pytest.mark.parametrize("name", ["token_revoked", "account_inactive", "token_expired"])
def test_a_token_that_was_good(call: Call, workspace: Workspace, name: str) -> None:
    workspace.tokens["xoxb-demo"].error = name
    assert error(call("auth.test")) == name
    assert error(call("chat.postMessage", channel="#alerts", text="x")) == name


@pytest.mark.parametrize(
    ("method", "scope"),
    [
        ("chat.postMessage", "chat:write"),
        ("chat.update", "chat:write"),
        ("chat.delete", "chat:write"),
        ("conversations.info", "channels:read"),
        ("conversations.list", "channels:read"),
        ("conversations.history", "channels:history"),
        ("conversations.replies", "channels:history"),
        ("reactions.add", "reactions:write"),
    ],
)
def test_a_scope_that_is_missing(
    call: Call, workspace: Workspace, post: Post, alerts: str, method: str, scope: str
) -> None:
    ts = post()
    fields = {"channel": alerts, "ts": ts, "timestamp": ts, "name": "eyes", "text": "x"}
    workspace.tokens["xoxb-demo"].scopes = {"files:read", scope}
    assert error(call(method, **fields)) == ""
    workspace.tokens["xoxb-demo"].scopes = {"files:write", "files:read"}
    answer = call(method, **fields)
    assert (error(answer), answer["needed"], answer["provided"]) == ("missing_scope", scope, "files:read,files:write")


# ── chat.postMessage ──


def test_a_message_is_posted(call: Call, slack: FakeSlack, alerts: str) -> None:
    blocks = [{"type": "divider"}]
    metadata = {"event_type": "e", "event_payload": {"key": "k"}}
    answer = call("chat.postMessage", channel="#alerts", text="hello", blocks=blocks, metadata=metadata)
    (message,) = slack.messages("alerts")
    assert (answer["channel"], answer["ts"]) == (alerts, message.ts)
    assert answer["message"]["text"] == "hello"
    assert answer["message"]["blocks"] == blocks
    assert (message.text, message.blocks, message.metadata) == ("hello", tuple(blocks), metadata)
    assert (message.thread_ts, message.edits, message.edited_at) == (None, [], None)
    assert message.posted_at == slack.workspace.clock()


@pytest.mark.parametrize("name", ["alerts", "#alerts"])
def test_a_post_takes_the_name_of_a_channel(call: Call, alerts: str, name: str) -> None:
    assert call("chat.postMessage", channel=name, text="x")["channel"] == alerts


def test_only_a_post_takes_a_name(call: Call, post: Post) -> None:
    ts = post()
    for method in (
        "chat.update",
        "chat.delete",
        "conversations.info",
        "conversations.history",
        "conversations.replies",
    ):
        assert error(call(method, channel="#alerts", ts=ts, text="x")) == "channel_not_found", method


def test_a_channel_that_is_not_there(call: Call) -> None:
    assert error(call("chat.postMessage", channel="#nowhere", text="x")) == "channel_not_found"
    assert error(call("chat.postMessage", channel="C0NOWHERE", text="x")) == "channel_not_found"


def test_a_channel_that_is_not_named(call: Call) -> None:
    assert call("chat.postMessage", text="x")["response_metadata"]["messages"] == [
        "[ERROR] missing required field: channel"
    ]
    assert error(call("chat.postMessage", text="x", channel=5)) == "invalid_arguments"


def test_a_channel_that_it_is_not_in(call: Call, workspace: Workspace) -> None:
    workspace.add_channel("elsewhere", members=())
    assert error(call("chat.postMessage", channel="#elsewhere", text="x")) == "not_in_channel"
    workspace.tokens["xoxb-demo"].scopes.add("chat:write.public")
    assert error(call("chat.postMessage", channel="#elsewhere", text="x")) == ""
    workspace.add_channel("secret", members=(), private=True)
    assert error(call("chat.postMessage", channel="#secret", text="x")) == "channel_not_found"


def test_an_archived_channel(call: Call, workspace: Workspace, post: Post, alerts: str) -> None:
    ts = post()
    workspace.channels[alerts].archived = True
    assert error(call("chat.postMessage", channel=alerts, text="x")) == "is_archived"
    assert error(call("chat.update", channel=alerts, ts=ts, text="x")) == "is_inactive"


def test_content_is_checked(call: Call, slack: FakeSlack) -> None:
    assert error(call("chat.postMessage", channel="#alerts")) == "no_text"
    assert error(call("chat.postMessage", channel="#alerts", text="x" * 40_001)) == "msg_too_long"
    answer = call("chat.postMessage", channel="#alerts", blocks=[{"type": "header"}])
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: text [json-pointer:/blocks/0]"]
    assert slack.messages("alerts") == []


def test_each_message_has_a_ts_of_its_own(post: Post, clock: Any) -> None:
    stamps = [post(), post()]
    clock.now -= 100
    stamps.append(post())
    clock.now += 1000
    stamps.append(post())
    assert stamps == sorted(set(stamps))
    assert stamps[:2] == ["1700000000.000000", "1700000000.000001"]
    assert stamps[-1] == "1700000900.000000"


def test_threads(call: Call, post: Post, slack: FakeSlack, alerts: str) -> None:
    root = post("root")
    reply = post("reply", thread_ts=root)
    (first, second) = slack.messages("alerts")
    assert (first.thread_ts, second.thread_ts) == (None, root)
    assert slack.workspace.replies(first) == [second]
    assert slack.workspace.roots("alerts") == [first]
    for thread_ts, name in (
        ("1.000001", "thread_not_found"),
        ("yesterday", "invalid_thread_ts"),
        (5, "invalid_thread_ts"),
        (reply, "cannot_reply_to_message"),
    ):
        assert error(call("chat.postMessage", channel=alerts, text="x", thread_ts=thread_ts)) == name
    assert error(call("chat.postMessage", channel="#general", text="x", thread_ts=root)) == "thread_not_found"


# ── chat.update, chat.delete ──


def test_an_edit_keeps_what_was_said(call: Call, post: Post, slack: FakeSlack, alerts: str, clock: Any) -> None:
    ts = post("one", blocks=[{"type": "divider"}])
    clock.now += 60
    answer = call("chat.update", channel=alerts, ts=ts, text="two")
    assert (answer["ts"], answer["text"]) == (ts, "two")
    clock.now += 60
    call("chat.update", channel=alerts, ts=ts, text="three")
    (message,) = slack.messages("alerts")
    assert (message.text, message.blocks) == ("three", ())
    assert [(edit.at, edit.before.text) for edit in message.edits] == [(clock.now - 60, "one"), (clock.now, "two")]
    assert message.edits[0].before.blocks == ({"type": "divider"},)
    assert message.edited_at == clock.now


def test_an_edit_that_is_refused(call: Call, post: Post, slack: FakeSlack, workspace: Workspace, alerts: str) -> None:
    ts = post("one")
    workspace.add_token("xoxb-other", app="other")
    assert error(call("chat.update", channel=alerts, ts="1.000001", text="x")) == "message_not_found"
    assert error(call("chat.update", "xoxb-other", channel=alerts, ts=ts, text="x")) == "cant_update_message"
    assert error(call("chat.update", channel=alerts, ts=ts)) == "no_text"
    assert error(call("chat.update", channel=alerts, ts=ts, text="")) == "no_text"
    assert error(call("chat.update", channel=alerts, ts=ts, text="x" * 4001)) == "msg_too_long"
    assert error(call("chat.update", channel=alerts, text="x")) == "invalid_arguments"
    assert slack.messages("alerts")[0].edits == []


def test_the_time_for_edits_is_over(call: Call, post: Post, workspace: Workspace, alerts: str, clock: Any) -> None:
    ts = post()
    workspace.edit_window = 60
    clock.now += 60
    assert error(call("chat.update", channel=alerts, ts=ts, text="x")) == ""
    clock.now += 1
    assert error(call("chat.update", channel=alerts, ts=ts, text="x")) == "edit_window_closed"


def test_a_deleted_message_is_gone(call: Call, post: Post, slack: FakeSlack, workspace: Workspace, alerts: str) -> None:
    ts = post()
    workspace.add_token("xoxb-other", app="other")
    assert error(call("chat.delete", "xoxb-other", channel=alerts, ts=ts)) == "cant_delete_message"
    assert error(call("chat.delete", channel=alerts, ts=ts)) == ""
    assert slack.messages("alerts") == []
    for method in ("chat.update", "chat.delete"):
        assert error(call(method, channel=alerts, ts=ts, text="x")) == "message_not_found"
    assert error(call("chat.postMessage", channel=alerts, text="x", thread_ts=ts)) == "thread_not_found"


# ── conversations ──


def test_info(call: Call, workspace: Workspace, alerts: str) -> None:
    channel = call("conversations.info", channel=alerts)["channel"]
    assert (channel["id"], channel["name"], channel["is_member"], channel["is_private"]) == (
        alerts,
        "alerts",
        True,
        False,
    )
    elsewhere = workspace.add_channel("elsewhere", members=(), archived=True)
    channel = call("conversations.info", channel=elsewhere.id)["channel"]
    assert (channel["is_member"], channel["is_archived"]) == (False, True)


def test_list(call: Call, workspace: Workspace) -> None:
    mine = workspace.tokens["xoxb-demo"]
    workspace.add_channel("old", archived=True)
    workspace.add_channel("ours", members=[mine], private=True)
    workspace.add_channel("theirs", members=(), private=True)

    def names(**fields: Any) -> list[str]:
        return [channel["name"] for channel in call("conversations.list", **fields)["channels"]]

    assert names() == ["general", "alerts", "old"]
    assert names(exclude_archived=True) == ["general", "alerts"]
    assert names(types="public_channel, private_channel") == ["general", "alerts", "old", "ours"]
    first = call("conversations.list", limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    rest = call("conversations.list", limit=2, cursor=cursor)
    assert [len(page["channels"]) for page in (first, rest)] == [2, 1]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert error(call("conversations.list", types="channels")) == "invalid_types"
    assert error(call("conversations.list", cursor="%%%")) == "invalid_cursor"
    assert error(call("conversations.list", limit=0)) == ""
    for limit in (-1, 1001, "many"):
        assert error(call("conversations.list", limit=limit)) == "invalid_limit"
    mine.scopes.discard("groups:read")
    assert call("conversations.list", types="private_channel")["needed"] == "groups:read"


def test_history_is_newest_first_and_without_replies(call: Call, post: Post, alerts: str, clock: Any) -> None:
    stamps = []
    for text in ("one", "two", "three"):
        stamps.append(post(text, metadata={"event_type": "e", "event_payload": {"k": text}}))
        clock.now += 1
    post("reply", thread_ts=stamps[0])
    post("aloud", thread_ts=stamps[0], reply_broadcast=True)

    def texts(**fields: Any) -> list[str]:
        return [row["text"] for row in call("conversations.history", channel=alerts, **fields)["messages"]]

    assert texts() == ["aloud", "three", "two", "one"]
    assert texts(oldest=stamps[1]) == ["aloud", "three"]
    assert texts(oldest=stamps[1], inclusive=True) == ["aloud", "three", "two"]
    assert texts(latest=stamps[1]) == ["one"]
    assert texts(latest=stamps[1], inclusive="1", limit=1) == ["two"]
    assert texts(oldest="1700000001") == ["aloud", "three"]
    first = call("conversations.history", channel=alerts, limit=3)
    assert first["has_more"] is True
    rest = call("conversations.history", channel=alerts, limit=3, cursor=first["response_metadata"]["next_cursor"])
    assert ([row["text"] for row in rest["messages"]], rest["has_more"]) == (["one"], False)
    assert (rest["messages"][0]["reply_count"], "metadata" in rest["messages"][0]) == (2, False)
    whole = call("conversations.history", channel=alerts, include_all_metadata=True, latest=stamps[1])
    assert whole["messages"][0]["metadata"] == {"event_type": "e", "event_payload": {"k": "one"}}
    assert error(call("conversations.history", channel=alerts, oldest="x")) == "invalid_ts_oldest"


def test_history_is_for_members(call: Call, workspace: Workspace) -> None:
    elsewhere = workspace.add_channel("elsewhere", members=())
    assert error(call("conversations.history", channel=elsewhere.id)) == "not_in_channel"
    ours = workspace.add_channel("ours", private=True)
    workspace.tokens["xoxb-demo"].scopes.discard("groups:history")
    assert call("conversations.history", channel=ours.id)["needed"] == "groups:history"


def test_replies_begin_with_the_root(call: Call, post: Post, alerts: str) -> None:
    root = post("root")
    reply = post("reply", thread_ts=root)
    for ts in (root, reply):
        rows = call("conversations.replies", channel=alerts, ts=ts)["messages"]
        assert [row["text"] for row in rows] == ["root", "reply"]
    assert error(call("conversations.replies", channel=alerts, ts="1.000001")) == "thread_not_found"


def test_reactions(call: Call, post: Post, slack: FakeSlack, alerts: str) -> None:
    ts = post()
    assert error(call("reactions.add", channel=alerts, timestamp=ts, name=":eyes:")) == ""
    assert error(call("reactions.add", channel=alerts, timestamp=ts, name="eyes")) == "already_reacted"
    assert error(call("reactions.add", channel=alerts, timestamp=ts, name="<b>")) == "invalid_name"
    assert error(call("reactions.add", channel=alerts, timestamp="1.000001", name="eyes")) == "message_not_found"
    (message,) = slack.messages("alerts")
    assert message.reactions == {"eyes": {slack.workspace.tokens["xoxb-demo"].user_id}}
    assert call("conversations.history", channel=alerts)["messages"][0]["reactions"][0]["count"] == 1


# ── what tests look at ──


def test_what_is_dangerous_in_a_message_shows(post: Post, slack: FakeSlack) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "<@U1> <https://a.example|b>"}}]
    post("<!channel>", blocks=blocks)
    post("@channel &lt;!here&gt;")
    post("@channel", link_names=True)
    said = slack.messages("alerts")
    assert [message.mentions for message in said] == [("!channel", "@U1"), (), ("!channel",)]
    assert [link.label for link in said[0].links] == ["b"]


def test_a_channel_by_id_or_name(workspace: Workspace, alerts: str) -> None:
    assert {workspace.channel(which).id for which in (alerts, "alerts", "#alerts")} == {alerts}
    with pytest.raises(KeyError):
        workspace.channel("nowhere")
