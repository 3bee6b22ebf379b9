from datetime import timedelta

from checks.check import Severity
from checks.kafka.under_replicated import under_replicated as check
from tests.checks.examples import Example, judge, kafka, only, topic

FIRING = (
    Example("a broker is down", (kafka([topic("orders", 4, missing=dict.fromkeys(range(4), (2,)), down=[2])]),)),
    Example("a broker is too slow", (kafka([topic("orders", 4, missing={1: (1,), 3: (1, 3)})]),)),
    Example("one of each", (kafka([topic("orders", 4, missing={1: (1, 2), 3: (1,)}, down=[2])]),)),
    Example(
        "a copy is missing beside those added", (kafka([topic("orders", 2, added={1: (4,)}, missing={1: (3, 4)})]),)
    ),
    Example("the one added is down", (kafka([topic("orders", 2, added={1: (4,)}, missing={1: (4,)}, down=[4])]),)),
)
SILENT = (
    Example("all in step", (kafka([topic("orders", 4)]),)),
    Example("no leader", (kafka([topic("orders", 2, leaderless=[1], missing={1: (2, 3)}, down=[2, 3])]),)),
    Example("being moved", (kafka([topic("orders", 2, added={1: (4, 5)}, missing={1: (4, 5)})]),)),
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
