"""What may be asked: the same rules for the command line and for HTTP, every refusal with key, value and mend."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.door.wishes import WISHES, Known, command_of, destinations
from agent.errors import AskError, ConfigError
from agent.store.published import Published, picture
from alerts.commands import Acknowledge, AddSilence, Drop, ExpireSilence, Notify, Release, Retry
from alerts.model import Acknowledged, Delivery, Op, Phase, Progress, Silence, State
from alerts.policy import Policy, Route
from checks.check import Severity
from checks.pattern import Pattern
from tests.agent.door.agent import alert, state_of

NOW = 1_800_000_000.0
PAGE = Route(("slack:#page", "webhook:hook"), severity=Severity.CRITICAL, origin="mqcanary.yaml:12")
LOUD = Route((), owner="x", origin="mqcanary.yaml:14")
POLICY = Policy(route=Route(("slack:#all",), routes=(PAGE, LOUD), origin="mqcanary.yaml:9"), fallback="console")
STATE = state_of(
    alert("a1b2c3", now=NOW),
    alert("d4e5f6", "orders", now=NOW, phase=Phase.PENDING),
    alert("ended1", "old", now=NOW, phase=Phase.RESOLVED, ended=NOW),
    alert("taken1", "taken", now=NOW, acknowledged=Acknowledged("bo@ops", NOW - 60)),
    silences={"5e1f00": Silence("5e1f00", Pattern(), "*", NOW + 60, "bo", "", NOW)},
    deliveries={
        "12": Delivery("12", 12, "12", "console", Op.POST, (), (), NOW, Progress.PARKED),
        "13": Delivery("13", 13, "13", "console", Op.POST, (), (), NOW, Progress.SENDING),
        "14": Delivery("14", 14, "14", "console", Op.POST, (), (), NOW),
    },
)


def known(state: State = STATE, policy: Policy = POLICY) -> Known:
    return Known(lambda: picture(state, NOW), lambda: policy, NOW)


def wish(word: str, **fields: object) -> Mapping[str, object]:
    return {"command": word, **{name.removesuffix("_"): value for name, value in fields.items()}}


def refused(document: Mapping[str, Any]) -> AskError:
    with pytest.raises(AskError) as caught:
        command_of(document, known())
    return caught.value


def test_a_silence() -> None:
    made = command_of(
        wish("silence", resources="kafka://prod/groups/pay*", for_="2h", comment="deploy 42", by="ana@ops"), known()
    )
    assert isinstance(made, AddSilence)
    pattern = Pattern("kafka", "prod", "groups", "pay*")
    assert made == AddSilence(made.id, pattern, "*", NOW + 7200, "ana@ops", "deploy 42")
    other = command_of(wish("silence", resources="kafka://prod", for_="1d", checks="kafka/*"), known())
    assert isinstance(other, AddSilence)
    assert (other.checks, other.until, other.by, other.comment) == ("kafka/*", NOW + 86400, "", "")
    assert made.id != other.id


def test_the_machines_own_alert_can_be_silenced() -> None:
    made = command_of(wish("silence", resources="kafka://prod", for_="1h", checks="mqcanary/target-blind"), known())
    assert isinstance(made, AddSilence)
    assert made.checks == "mqcanary/target-blind"


def test_what_is_empty_is_not_said() -> None:
    made = command_of(wish("acknowledge", alert="a1b2c3", for_="", note=None), known())
    assert made == Acknowledge("a1b2c3", "", None, "")


@pytest.mark.parametrize(
    ("document", "command"),
    [
        (wish("expire", silence="5e1f00", by="ana"), ExpireSilence("5e1f00", "ana")),
        (wish("acknowledge", alert="a1b2c3", for_="4h", note="looking", by="me"), Acknowledge("a1b2c3", "me", NOW + 14400, "looking")),
        (wish("acknowledge", alert="taken1", by="me"), Acknowledge("taken1", "me")),
        (wish("release", alert="taken1", by="me"), Release("taken1", "me")),
        (wish("retry"), Retry()),
        (wish("retry", delivery="12", by="ana"), Retry("12", "ana")),
        (wish("drop", delivery="12", by="ana"), Drop("12", "ana")),
        (wish("retry", delivery="14"), Retry("14")),
        (wish("drop", delivery="14"), Drop("14")),
    ],
)  # fmt: skip
def test_the_others(document: Mapping[str, Any], command: object) -> None:
    assert command_of(document, known()) == command


@pytest.mark.parametrize(
    ("document", "key", "text"),
    [
        ({}, "command", "not one that there is; write one of silence, expire, acknowledge, release, retry, drop, notify"),
        ({"command": 5}, "command", "not one that there is; write one of silence, expire, acknowledge, release, retry, drop, notify"),
        ({"command": "silense"}, "command", 'not one that there is; did you mean "silence"?'),
        (wish("silence", for_="1h"), "resources", "missing; write it"),
        (wish("silence", resources="kafka://prod"), "for", "missing; write it"),
        (wish("silence", resources="payments", for_="1h"), "resources", '"payments" is no resource; write kafka://TARGET/groups/NAME, kafka://TARGET/topics/NAME, sqs://TARGET/queues/NAME, or kafka://TARGET for all of it'),
        (wish("silence", resources="kafka://prod", for_="90"), "for", '"90" is not a duration; write 90s or 90m'),
        (wish("silence", resources="kafka://prod", for_="0s"), "for", '"0s" is none or more than a year; write 30m or 2h'),
        (wish("silence", resources="kafka://prod", for_="366d"), "for", '"366d" is none or more than a year; write 30m or 2h'),
        (wish("silence", resources="kafka://prod", for_="1h", checks="kafka/group-laging"), "checks", '"kafka/group-laging" matches no check; did you mean "kafka/group-lagging"?'),
        (wish("silence", resources="kafka://prod", for_="1h", check="*"), '"check"', 'silence has no such field; did you mean "checks"?'),
        (wish("silence", resources="kafka://prod", for_="1h", x=1), '"x"', "silence has no such field; write one of resources, checks, for, comment, by"),
        (wish("silence", resources="kafka://prod", for_=3600), "for", "not a text; write it in quotes"),
        (wish("silence", resources="kafka://prod", for_="1h", comment="a\nb"), "comment", '"a\\nb" is empty, or has characters that cannot be seen; write plain text'),
        (wish("silence", resources="kafka://prod", for_="1h", comment="x" * 501), "comment", "longer than 500 characters; write less"),
        (wish("silence", resources="kafka://" + "x" * 501, for_="1h"), "resources", "longer than 500 characters; write less"),
        (wish("acknowledge", alert=["a1b2c3"]), "alert", "not a text; write it in quotes"),
        (wish("drop"), "delivery", "missing; write it"),
        (wish("notify", to="console"), '"to"', "notify has no such field; write one of route, by"),
    ],
)  # fmt: skip
def test_what_is_not_understood(document: Mapping[str, Any], key: str, text: str) -> None:
    error = refused(document)
    assert (error.key, error.text, error.unknown) == (key, text, False)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (wish("acknowledge", alert="a1b2c4"), 'there is no alert "a1b2c4"; did you mean "a1b2c3"?'),
        (wish("acknowledge", alert="kafka://prod"), 'there is no alert "kafka://prod"; see: mqcanary alerts'),
        (wish("acknowledge", alert="d4e5f6"), "d4e5f6 can't be acknowledged: it does not fire yet; see: mqcanary alerts"),
        (wish("acknowledge", alert="ended1"), "ended1 can't be acknowledged: it has ended (resolved); see: mqcanary alerts"),
        (wish("release", alert="a1b2c3"), "a1b2c3 is not acknowledged; see: mqcanary alerts"),
        (wish("release", alert="zzz"), 'there is no alert "zzz"; see: mqcanary alerts'),
        (wish("expire", silence="5e1f01"), 'there is no silence "5e1f01"; did you mean "5e1f00"?'),
        (wish("retry", delivery="13"), "13 is being sent right now; try again in a few seconds"),
        (wish("retry", delivery="99"), 'there is no delivery "99"; see: mqcanary outbox list'),
        (wish("drop", delivery="13"), "13 is being sent right now; try again in a few seconds"),
        (wish("drop", delivery="99"), 'there is no delivery "99"; see: mqcanary outbox list'),
        (wish("notify", route="slack:#pag"), 'there is no destination and no route "slack:#pag"; did you mean "slack:#page"?'),
    ],
)  # fmt: skip
def test_what_is_not_there(document: Mapping[str, Any], text: str) -> None:
    error = refused(document)
    assert (error.text, error.unknown) == (text, True)


def test_a_silence_needs_no_view() -> None:
    def none() -> Published:
        raise ConfigError("no view")

    made = command_of(wish("silence", resources="kafka://prod", for_="1h"), Known(none, lambda: POLICY, NOW))
    assert isinstance(made, AddSilence)


# ── where a test message goes ──


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("", ("slack:#all", "slack:#page", "webhook:hook", "console")),
        ("webhook:hook", ("webhook:hook",)),
        ("console", ("console",)),
        ("mqcanary.yaml:12", ("slack:#page", "webhook:hook")),
        ("12", ("slack:#page", "webhook:hook")),
        ("mqcanary.yaml:14", ("slack:#all",)),  # as the route above it
    ],
)
def test_where_a_test_message_goes(route: str, expected: tuple[str, ...]) -> None:
    assert destinations(POLICY, route) == expected
    made = command_of(wish("notify", route=route, by="me"), known())
    assert isinstance(made, Notify)
    assert (made.destinations, made.by) == (expected, "me")


def test_nobody_to_tell_is_said() -> None:
    with pytest.raises(ConfigError, match="no route tells anybody: write route:"):
        destinations(Policy(), "")


def test_the_page_of_the_api_has_every_command_with_its_fields() -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    told = {word: sorted(re.findall(r"`(\w+)`", row)) for word, row in rows.items()}
    assert told == {word: sorted(fields) for word, fields in WISHES.items()}


WORDS = st.sampled_from([*WISHES, "other"])
FIELDS = st.sampled_from(sorted({name for fields in WISHES.values() for name in fields} | {"x"}))


@given(
    WORDS,
    st.dictionaries(
        FIELDS,
        st.text(max_size=9) | st.none() | st.integers() | st.sampled_from(["1h", "kafka://prod", "a1b2c3", "12"]),
    ),
)
def test_any_document_is_a_command_or_one_line(word: str, fields: dict[str, object]) -> None:
    try:
        command_of({"command": word, **fields}, known())
    except AskError as error:
        told = (error.key, error.text)
    else:
        told = ("done", "done")
    assert all(part and part.isprintable() for part in told)
