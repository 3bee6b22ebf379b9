import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.facts import DeadLetterTopics, Letters, Listing, Unknown, Why
from checks.facts.letters import PATTERNS, filled, looks_dead
from tests.checks.examples import group, kafka, topic

HIDDEN = Unknown(Why.DENIED, "not all groups are listed")


def letters(topics: tuple[str, ...], groups: tuple[str, ...] = (), *, blind: bool = False) -> DeadLetterTopics:
    snapshot = kafka([topic(name) for name in topics], [group(name) for name in groups])
    seen = Listing(snapshot.groups.items, (HIDDEN,) if blind else ())
    return DeadLetterTopics(snapshot.topics, seen)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("orders", None),
        (".dlq", None),
        ("dlq-", None),
        ("orders.dlq", Letters(("orders",), "", group_known=True)),
        ("dlq-orders", Letters(("orders",), "", group_known=True)),
        ("app-dlq", Letters((), "app", group_known=True)),
        ("eu.orders.app.dlq", Letters(("eu.orders",), "", group_known=True)),
        ("a.b.dlq", Letters(("a.b",), "", group_known=True)),
        ("nobody.dlq", Letters((), "", group_known=True)),
    ],
)
def test_whose_letters_a_topic_holds(name: str, whose: Letters | None) -> None:
    found = letters(("orders", "eu.orders", "a", "a.b", name), ("app", "orders"))
    assert found.of(name, PATTERNS) == whose


def test_a_group_that_can_t_be_seen_may_be_meant() -> None:
    assert letters(("nobody.dlq",), blind=True).of("nobody.dlq", PATTERNS) == Letters((), "", group_known=False)
    assert letters(("orders", "orders.dlq"), blind=True).of("orders.dlq", PATTERNS) == Letters(
        ("orders",), "", group_known=True
    )


@given(st.sampled_from(PATTERNS), st.text("ab.-_", min_size=1, max_size=8), st.text("ab.-_", min_size=1, max_size=8))
def test_both_directions_agree(pattern: str, source: str, reader: str) -> None:
    name = filled(pattern, source, reader)
    found = letters((source, name), (reader,))
    assert looks_dead(name, PATTERNS)
    assert found.lacking([source], reader, PATTERNS) == ([], None)
    whose = found.of(name, PATTERNS)
    assert whose is not None
    assert source in whose.topics or reader == whose.group


def test_patterns_of_ones_own() -> None:
    found = letters(("orders", "failed", "parked.orders"))
    mine = ("failed", "parked.{topic}", "{topic}.{group}.{topic}")
    assert found.lacking(["anything"], "app", mine) == ([], None)
    assert found.of("failed", mine) == Letters((), "", group_known=True)
    assert found.of("parked.orders", mine) == Letters(("orders",), "", group_known=True)
    assert found.lacking(["orders"], "app", ("{topic}.gone",)) == ([], found.topics.blind[0])
