"""Patterns of resources: globs, addresses, and the way back to text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.facts import Address
from checks.pattern import Pattern

NAMES = st.text(st.characters(), min_size=1, max_size=6) | st.text("a*?[]!%/-", min_size=1, max_size=6)
ADDRESSES = st.builds(Address, st.just("kafka"), NAMES, st.just("groups"), NAMES)
GLOBS = st.text("ab*?[]%/ ü", min_size=1, max_size=6)


@given(ADDRESSES, ADDRESSES)
def test_an_address_is_a_pattern_of_itself_alone(one: Address, other: Address) -> None:
    pattern = Pattern.parse(str(one))
    assert pattern.matches(one)
    assert pattern.matches(other) == (one == other)


@given(st.builds(Pattern, st.sampled_from(("*", "kafka")), GLOBS, GLOBS, GLOBS))
def test_what_a_pattern_says_of_itself_is_read_back(pattern: Pattern) -> None:
    assert Pattern.parse(str(pattern)) == pattern


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("kafka://prod/groups/nightly-*", "kafka://prod/groups/nightly-1", "kafka://prod/groups/daily"),
        ("kafka://prod/groups/a%2A", "kafka://prod/groups/a%2A", "kafka://prod/groups/ab"),
        ("kafka://prod", "kafka://prod", "kafka://other"),
        ("kafka://prod", "kafka://prod/topics/t", "sqs://prod/queues/t"),
        ("*://*/topics/a/b", "kafka://p/topics/a%2Fb", "kafka://p/topics/a"),
    ],
)
def test_what_matches(text: str, matching: str, other: str) -> None:
    pattern = Pattern.parse(text)
    assert pattern.matches(Address.parse(matching))
    assert not pattern.matches(Address.parse(other))


@pytest.mark.parametrize(
    "text", ["", "payments", "kafka:/prod", "kafka://", "kafka://prod/", "kafka://prod/groups", "kafka://prod/groups/"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="write kafka://TARGET/groups/NAME"):
        Pattern.parse(text)
