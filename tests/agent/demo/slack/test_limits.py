"""What is refused of a whole message: its text, its size, its metadata, its attachments."""

import json
from typing import Any

import pytest

from agent.demo.slack import Content, SlackError
from agent.demo.slack.limits import MOST_IN_BLOCKS, content_of, escaped

LIMIT = 8000


def refusal(before: Content | None = None, **fields: Any) -> SlackError | None:
    try:
        content_of(fields, LIMIT, before)
    except SlackError as error:
        return error
    return None


def code(before: Content | None = None, **fields: Any) -> str:
    error = refusal(before, **fields)
    return error.code if error else ""


def sections(total: int) -> list[dict[str, Any]]:
    """Blocks with so many characters in all."""
    sizes = [2000] * (total // 2000) + [total % 2000]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * size}} for size in sizes if size]


def test_a_new_text_has_40000_characters() -> None:
    assert code(text="é" * 40_000) == ""
    assert code(text="é" * 40_001) == "msg_too_long"


def test_an_edited_text_has_4000_bytes_once_it_is_escaped() -> None:
    old = Content("old")
    assert code(old, text="x" * 4000) == ""
    assert code(old, text="x" * 4001) == "msg_too_long"
    assert code(old, text="é" * 2000) == ""
    assert code(old, text="é" * 2001) == "msg_too_long"
    assert code(old, text="&" * 800) == ""
    assert code(old, text="&" * 801) == "msg_too_long"


def test_only_what_means_nothing_is_escaped() -> None:
    assert escaped("a < b & c > d") == "a &lt; b &amp; c &gt; d"
    assert escaped("&amp; <https://a.example|b> <!here> <@U1>") == "&amp; <https://a.example|b> <!here> <@U1>"


def test_all_blocks_together() -> None:
    assert code(blocks=sections(MOST_IN_BLOCKS)) == ""
    assert code(blocks=sections(MOST_IN_BLOCKS + 1)) == "msg_blocks_too_long"
    # Buttons carry what nobody reads: it isn't counted, their labels are.
    button = {"type": "button", "action_id": "a", "value": "v" * 2000, "text": {"type": "plain_text", "text": "OK"}}
    acting = {"type": "actions", "elements": [button]}
    assert code(blocks=[*sections(MOST_IN_BLOCKS - 2), acting]) == ""
    assert code(blocks=[*sections(MOST_IN_BLOCKS - 1), acting]) == "msg_blocks_too_long"


@pytest.mark.parametrize("fields", [{}, {"text": ""}, {"text": " \n"}, {"blocks": []}, {"text": "", "attachments": []}])
def test_nothing_to_say(fields: dict[str, Any]) -> None:
    assert code(**fields) == "no_text"


def test_blocks_or_attachments_are_enough() -> None:
    assert code(blocks=[{"type": "divider"}]) == ""
    assert code(attachments=[{"text": "x"}]) == ""


@pytest.mark.parametrize("blocks", ["{", '{"blocks": []}', '"x"', {"type": "divider"}, ["divider"], 5])
def test_blocks_that_are_no_list_of_objects(blocks: Any) -> None:
    assert code(text="x", blocks=blocks) == "invalid_blocks_format"


def test_blocks_as_the_json_of_a_list() -> None:
    assert content_of({"blocks": '[{"type": "divider"}]'}, LIMIT).blocks == ({"type": "divider"},)


def test_invalid_blocks_name_the_place_twice() -> None:
    error = refusal(blocks=[{"type": "what"}])
    assert error is not None
    assert error.code == "invalid_blocks"
    assert error.more == {
        "errors": ["unsupported type: what [json-pointer:/blocks/0/type]"],
        "response_metadata": {"messages": ["[ERROR] unsupported type: what [json-pointer:/blocks/0/type]"]},
    }


def test_a_text_that_is_none() -> None:
    assert code(text=5) == "invalid_arguments"


def test_attachments() -> None:
    assert code(attachments=[{"text": "x"}] * 100) == ""
    assert code(attachments=[{"text": "x"}] * 101) == "too_many_attachments"
    assert code(attachments="{") == "invalid_attachments"
    error = refusal(attachments=[{"blocks": [{"type": "what"}]}])
    assert error is not None
    assert error.code == "invalid_attachments"
    assert error.more["errors"] == ["unsupported type: what [json-pointer:/attachments/0/blocks/0/type]"]


@pytest.mark.parametrize(
    "attachment",
    [{}, {"color": "good"}, {"text": 5}, {"text": "x", "color": 5}, {"blocks": {}}, {"fields": ["x"]}, {"fields": "x"}],
)
def test_an_attachment_that_is_none(attachment: dict[str, Any]) -> None:
    assert code(attachments=[attachment]) == "invalid_attachments"


def test_block_ids_are_unique_in_the_whole_message() -> None:
    named = {"type": "divider", "block_id": "a"}
    assert code(blocks=[named], attachments=[{"blocks": [{"type": "divider", "block_id": "b"}]}]) == ""
    assert code(blocks=[named], attachments=[{"blocks": [named]}]) == "invalid_attachments"


def metadata(size: int) -> dict[str, Any]:
    """Of so many characters as JSON."""
    bare = {"event_type": "e", "event_payload": {"k": ""}}
    return {"event_type": "e", "event_payload": {"k": "x" * (size - len(json.dumps(bare)))}}


def test_the_size_of_metadata() -> None:
    assert code(text="x", metadata=metadata(LIMIT)) == ""
    assert code(text="x", metadata=metadata(LIMIT + 1)) == "metadata_too_large"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("{", "invalid_metadata_format"),
        ("[]", "invalid_metadata_format"),
        (5, "invalid_metadata_format"),
        ({"event_type": "e"}, "invalid_metadata_schema"),
        ({"event_type": "", "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "e", "event_payload": "x"}, "invalid_metadata_schema"),
        ({"event_type": "e", "event_payload": {}}, ""),
        ('{"event_type": "e", "event_payload": {}}', ""),
    ],
)
def test_metadata_that_is_none(value: Any, error: str) -> None:
    assert code(text="x", metadata=value) == error


OLD = Content("old", ({"type": "divider"},), ({"text": "a"},), {"event_type": "e", "event_payload": {}})


def test_an_edit_keeps_what_it_does_not_name() -> None:
    assert content_of({"metadata": OLD.metadata}, LIMIT, OLD) == OLD
    only_text = content_of({"text": "new"}, LIMIT, OLD)
    assert (only_text.text, only_text.blocks) == ("new", ()), "a new text takes the old blocks away"
    assert (only_text.attachments, only_text.metadata) == (OLD.attachments, OLD.metadata)
    both = content_of({"text": "new", "blocks": [{"type": "divider", "block_id": "n"}]}, LIMIT, OLD)
    assert both.blocks == ({"type": "divider", "block_id": "n"},)


def test_an_edit_takes_away_what_it_names_empty() -> None:
    bare = content_of({"text": "new", "attachments": [], "metadata": {}}, LIMIT, OLD)
    assert bare == Content("new")


def test_no_names_are_linked_unless_asked_for() -> None:
    asked = [{"link_names": True}, {"link_names": "1"}, {"parse": "full"}, {"parse": "none"}, {}]
    assert [content_of({"text": "x", **more}, LIMIT).names_linked for more in asked] == [True, True, True, False, False]
