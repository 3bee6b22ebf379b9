from collections.abc import Mapping

import pytest

from checks.check import Size
from checks.facts import Snapshot, Why
from checks.kafka.dlq_growing import dlq_growing as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

LETTERS = group("triage", [member("t1", {"orders.dlq": (0, 1)})])
MINUTE = 60.0


def polls(*ends: int, every: float = 10 * MINUTE, name: str = "orders.dlq", **more: object) -> tuple[Snapshot, ...]:
    """What lies in the second partition of a dead-letter topic, poll by poll; in the first there are always 7."""
    made = [topic("orders"), topic(name, 2, topic_id="x")]
    return tuple(
        kafka(made, ends={(name, 0): 7, (name, 1): end}, at=AT + every * k, **more)  # type: ignore[arg-type]
        for k, end in enumerate(ends)
    )


def triage(*reads: int, ends: tuple[int, ...]) -> tuple[Snapshot, ...]:
    """The same with a group that has read so much of it."""
    at: list[Mapping[tuple[str, int], int]] = [{("orders.dlq", 0): 7, ("orders.dlq", 1): read} for read in reads]
    made = [topic("orders"), topic("orders.dlq", 2, topic_id="x")]
    return tuple(
        kafka(
            made,
            [LETTERS],
            committed={"triage": offsets},
            ends={("orders.dlq", 0): 7, ("orders.dlq", 1): end},
            at=AT + 10 * MINUTE * k,
        )
        for k, (offsets, end) in enumerate(zip(at, ends, strict=True))
    )


FIRING = (
    Example("one record", polls(5, 5, 6)),
    Example("one in twenty minutes", polls(5, 5, 6, 6, 7, 7)),
    Example("many at once", polls(5, 5_005, every=30.0)),
    Example("an archiver reads whatever comes", triage(5, 5, 9, 9, ends=(5, 5, 9, 9))),
    Example("more fail than were put back", triage(0, 2, 2, 2, ends=(5, 5, 9, 9))),
    Example("named by the group", polls(5, 6, name="app-dlq", groups=[group("app")])),
)
SILENT = (
    Example("nothing arrives", polls(5, 5, 5, 5)),
    Example("the last came long ago", polls(5, 6, 6, 6, 6)),
    Example("put back and failed again", triage(0, 5, 5, 5, ends=(5, 5, 9, 9))),
    Example("another topic", polls(5, 50, 500, 5_000, name="orders.dlquent")),
    Example("allowed", polls(5, 6, 7, 8), Limits([Override(Pattern(), "*", {"allowed": 3})])),
)


def test_says_how_many_whose_and_since_when() -> None:
    drip = only(judge(check, FIRING[1]))
    assert drip.summary == (
        "2 records arrived in dead-letter topic orders.dlq (of orders) in the last 40 min, none in the last 10 min; "
        "the newest of 1 h ago"
    )
    flood = only(judge(check, FIRING[2]))
    assert (
        flood.summary
        == "5,000 records arrived in dead-letter topic orders.dlq (of orders) in the last 30 s; the newest of 1 h ago"
    )
    assert "--partition 1 --offset 5 " in flood.fix.command
    assert "(of group app)" in only(judge(check, FIRING[-1])).summary


@pytest.mark.parametrize(("came", "size"), [(1, Size(1, 1)), (4, Size(1, 1)), (9, Size(1, 10)), (12, Size(10, 10))])
def test_only_another_order_of_magnitude_is_news(came: int, size: Size) -> None:
    assert only(judge(check, Example("", polls(5, 5 + came)))).size == size


def test_that_nothing_came_needs_a_window_of_history() -> None:
    for seen in (polls(5), polls(5, 5, 5)):
        report = judge(check, Example("young", seen))
        assert not report.findings
        assert [(gap.unknown.why, gap.unknown.close) for gap in report.gaps.values() if gap.check] == [
            (Why.YOUNG, "more polls: --samples 61 --every 30s")
        ]


def test_what_was_in_it_before_it_was_created_again_says_nothing() -> None:
    *_, new = polls(5, 5, 5)
    old = kafka([topic("orders.dlq", 2, topic_id="y")], ends={("orders.dlq", 0): 0, ("orders.dlq", 1): 0}, at=AT)
    assert not judge(check, Example("again", (old, new))).findings


def test_it_clears_at_half_of_what_is_allowed() -> None:
    assert check.limits["allowed"].clear == 0.5
