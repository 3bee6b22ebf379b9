from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.facts import Topic, TopicConfig, Unknown, Why
from checks.kafka.under_replicated import under_replicated as check
from tests.checks.examples import Example, judge, kafka, only, topic

MOVED = topic("orders", 2, added={1: (4, 5)}, missing={1: (4, 5)})
MOVED_DOWN = topic("orders", 2, added={1: (4,)}, missing={1: (4,)}, down=[4])
FIRING = (
    Example("a broker is down", (kafka([topic("orders", 4, missing=dict.fromkeys(range(4), (2,)), down=[2])]),)),
    Example("a broker is too slow", (kafka([topic("orders", 4, missing={1: (1,), 3: (1, 3)})]),)),
    Example("one of each", (kafka([topic("orders", 4, missing={1: (1, 2), 3: (1,)}, down=[2])]),)),
    Example(
        "a copy is missing beside those added",
        (
            kafka(
                [topic("orders", 2, added={1: (4,)}, missing={1: (3, 4)})],
                moves={("orders", 1): ((4,), (1,))},
            ),
        ),
    ),
    Example("the one added is down", (kafka([MOVED_DOWN], moves={("orders", 1): ((4,), (1,))}),)),
    Example("more copies than others, and none is moved", (kafka([MOVED]),)),
    Example(
        "what is moved is not what is missing",
        (kafka([topic("orders", 2, missing={0: (1,)})], moves={("orders", 1): ((4,), (1,))}),),
    ),
    Example(
        "one is moved, another is slow",
        (kafka([topic("orders", 2, added={1: (4,)}, missing={0: (1,), 1: (4,)})], moves={("orders", 1): ((4,), ())}),),
    ),
)
SILENT = (
    Example("all in step", (kafka([topic("orders", 4)]),)),
    Example("no leader", (kafka([topic("orders", 2, leaderless=[1], missing={1: (2, 3)}, down=[2, 3])]),)),
    Example("being moved", (kafka([MOVED], moves={("orders", 1): ((4, 5), (1,))}),)),
    Example(
        "all of it is being moved",
        (
            kafka(
                [topic("orders", 2, added={0: (4,), 1: (4,)}, missing={0: (4,), 1: (4,)})],
                moves={("orders", 0): ((4,), (1,)), ("orders", 1): ((4,), (2,))},
            ),
        ),
    ),
    Example("one replica", (kafka([topic("orders", 2, rf=1)]),)),
)


def test_says_who_is_missing_and_how_many_copies_are_left() -> None:
    finding = only(judge(check, FIRING[1]))
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(minutes=15))
    assert finding.summary == (
        "topic orders lacks copies of 2 partitions of 4: brokers 1, 3 are up but out of step; partition 3 is down to one copy"
    )
    assert [seen.field for seen in finding.evidence] == ["isr[3]", "isr[1]"]


def test_a_broker_that_is_down_is_to_be_started() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == "topic orders lacks copies of 4 partitions of 4: broker 2 is offline"
    assert finding.fix.text.startswith("Start broker 2")
    assert "--under-replicated-partitions --topic orders" in finding.fix.command


def test_tells_the_dead_from_the_slow() -> None:
    finding = only(judge(check, FIRING[2]))
    assert "broker 2 is offline and broker 1 is up but out of step" in finding.summary
    assert "broker 1 can't keep up" in finding.fix.text


@pytest.mark.parametrize(("moved", "told"), [(MOVED, 0), (MOVED_DOWN, 1)])
def test_without_reassignments_it_is_a_gap_and_what_does_not_look_like_one_is_told(
    moved: tuple[Topic, TopicConfig], told: int
) -> None:
    unseen = replace(kafka([moved]), reassignments=Unknown(Why.DENIED, "not told"))
    report = judge(check, Example("unseen", (unseen,)))
    assert len(report.findings) == told
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.DENIED]


def test_without_reassignments_what_is_in_step_is_no_gap() -> None:
    whole = replace(kafka([topic("orders", 2)]), reassignments=Unknown(Why.DENIED, "not told"))
    assert not [gap for gap in judge(check, Example("unseen", (whole,))).gaps.values() if gap.check]
