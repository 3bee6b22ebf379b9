"""Limits' patterns, wording, questions' edges."""

import subprocess
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.pattern import Pattern
from checks.wording import count, listed, shell, shown, span

HOSTILE = "a'b\n\"c\x1b[31m\u202e$(rm)`x` \U0001f600\\"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (180, "3 min"),
        (7500, "2 h 5 min"),
        (345600, "4 d"),
        (timedelta(seconds=61), "1 min 1 s"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float | timedelta, text: str) -> None:
    assert span(seconds) == text


def test_counts_and_lists() -> None:
    assert count(1, "record") == "1 record"
    assert count(12345, "record") == "12,345 records"
    assert listed(["a", "b\n", "c", "d"]) == r"a, 'b\n', c and 1 more"


def test_hostile_names_do_nothing_to_a_terminal() -> None:
    assert shown(HOSTILE).isprintable()
    assert shown("") == "''"
    assert shown("plain.name-1") == "plain.name-1"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_a_shell_reads_the_word_back(word: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"printf %s {shell(word)}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == word
    assert shell(word).isprintable()


@pytest.mark.parametrize("text", ["prod/groups/x", "kafka://", "kafka://prod/groups", "://prod"])
def test_a_pattern_is_whole(text: str) -> None:
    with pytest.raises(ValueError, match="write kafka://"):
        Pattern.parse(text)
