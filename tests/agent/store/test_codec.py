"""What is written is read back as it was; what is no command is said to be none, whatever it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import COMMANDS, command_in, command_out, dumps, loads
from alerts.commands import AddSilence, Command
from alerts.model import Alert, Delivery, Digest, Recent, Ref, Setting, Silence, StandingGap, TargetState, Thread
from checks.check import Evidence
from checks.facts import Address
from checks.pattern import Pattern
from tests.agent.store.values import values


@pytest.mark.parametrize("kind", [Alert, Delivery, Recent, Setting, Silence, TargetState, Thread])
def test_a_value_comes_back_as_it_was(kind: type) -> None:
    @given(values(kind))
    def back(value: object) -> None:
        text = dumps(value)
        assert text.isascii()
        assert loads(text, kind) == value

    back()


@pytest.mark.parametrize("word", COMMANDS)
def test_a_command_comes_back_as_it_was(word: str) -> None:
    @given(values(COMMANDS[word]))
    def back(command: Command) -> None:
        text = command_out(command)
        assert json.loads(text)["command"] == word
        assert command_in(text) == command

    back()


def test_every_command_has_a_word() -> None:
    assert set(COMMANDS.values()) == set(Command.__args__)


def test_a_digest_with_standing_gaps_comes_back() -> None:
    digest = Digest(gaps=(StandingGap(Address("sqs", "us-east-1"), "denied", 3, "grant it"),))
    assert loads(dumps(digest), Digest) == digest


def test_what_is_not_written_has_its_default() -> None:
    resources = {"target": "prod"}
    text = {"command": "silence", "id": "s", "resources": resources, "checks": "*", "until": 5, "by": "me"}
    assert command_in(json.dumps(text)) == AddSilence("s", Pattern(target="prod"), "*", 5.0, "me")


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert loads('{"channel": "C1", "ts": "1", "colour": "red"}', Ref) == Ref("C1", "1")


def test_a_number_that_is_none_is_kept() -> None:
    evidence = loads('{"address": "kafka://p", "field": "lag", "value": Infinity, "at": 1}', Evidence)
    assert evidence.value == float("inf")
    assert loads(dumps(evidence), Evidence) == evidence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        "{}",
        '{"command": []}',
        '{"command": {}}',
        '{"command": "reboot"}',
        '{"command": "silence"}',
        '{"command": "drop", "delivery": {"a": 1}',
        '{"command": "acknowledge", "alert": "a", "by": "me", "until": "tomorrow"}',
        '{"command": "acknowledge", "alert": "a", "by": "me", "until": NaN}',
        '{"command": "acknowledge", "alert": "a", "by": "me", "until": 1e999}',
        '{"command": "acknowledge", "alert": "a", "by": "me", "until": -Infinity}',
        '{"command": "silence", "id": "s", "resources": 3, "checks": "*", "until": 1, "by": "me"}',
        "[" * 60_000,
        '{"command":' * 5_000,
    ],
    ids=range(17),
)
def test_what_is_no_command_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        command_in(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.text() | JSON.map(json.dumps))
def test_no_text_is_worse_than_no_command(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        command_in(text)


@pytest.mark.parametrize("word", COMMANDS)
def test_no_document_is_worse_than_no_command(word: str) -> None:
    """Anything in any field: a command or a ValueError, and a command that can be written down."""
    names = st.sampled_from([*COMMANDS[word].__dataclass_fields__, "other"])

    @given(st.dictionaries(names, JSON))
    def reads(document: dict[str, object]) -> None:
        try:
            command = command_in(json.dumps({"command": word, **document}))
        except ValueError:
            return
        assert command_in(command_out(command)) == command

    reads()
