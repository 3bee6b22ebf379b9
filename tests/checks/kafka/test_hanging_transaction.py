from dataclasses import replace
from datetime import timedelta

import pytest

from checks.facts import KafkaSnapshot, Unknown, Why
from checks.kafka.hanging_transaction import hanging_transaction as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, Transaction, judge, kafka, only, topic

HOUR = 3600.0


def look(
    seconds: float = 0.0,
    open_for: float | None = HOUR,
    *,
    age: float | None = HOUR,
    end: int = 100,
    owner: str = "billing-1",
    timeout: int = 900_000,
) -> KafkaSnapshot:
    """`open_for` and `age` are of the first look; this one is so many seconds later."""
    then = [None if one is None else one + seconds for one in (age, open_for)]
    open_ = Transaction(60, then[0], 4711, owner, then[1])
    return kafka(
        [topic("orders", 2)],
        ends={("orders", 0): end},
        stable={("orders", 0): min(60, end)},
        transactions={("orders", 0): open_} if end > 60 else None,
        broker_configs={1: {"transaction.max.timeout.ms": str(timeout)}},
        at=AT + seconds,
    )


def untold(seconds: float, age: float | None = HOUR) -> KafkaSnapshot:
    """Nobody tells whose it is and since when it is open."""
    return look(seconds, None, age=age, owner="")


TEN = Limits([Override(Pattern(), "*", {"limit": timedelta(minutes=10)})])
FIRING = (
    Example("its coordinator says for how long", (look(),)),
    Example("it stands still in history", tuple(untold(60.0 * i) for i in range(17))),
    Example("by its own limit", (look(open_for=700, timeout=300_000),), TEN),
)
SILENT = (
    Example("young", (look(open_for=60),)),
    Example("nothing is open", (look(end=50), look(30, end=60))),
    Example("brokers allow two hours", (look(timeout=7_200_000),)),
    Example("a young record that nobody tells more of", (untold(0, 60), untold(30, 60))),
)


def test_it_says_whose_it_is_for_how_long_and_how_much_waits() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "a transaction of transactional id billing-1 is open for 1 h on topic orders: "
        "40 records in partition 0 are kept from who reads committed ones"
    )
    assert finding.fix.command.endswith("describe-producers --topic orders --partition 0")
    assert "abort --topic orders --partition 0 --start-offset 60" in finding.fix.text


def test_without_an_owner_it_names_the_producer_and_how_long_was_seen() -> None:
    assert "a transaction of producer 4711 is open for at least 16 min" in only(judge(check, FIRING[1])).summary


@pytest.mark.parametrize("age", [HOUR, None], ids=["copied from an older record", "without a time"])
def test_the_time_of_its_record_proves_nothing(age: float | None) -> None:
    report = judge(check, Example("old", (untold(0, age), untold(30, age))))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]
    assert not judge(check, Example("told", (look(open_for=30, age=age),))).findings


def test_where_a_broker_does_not_say_how_long_one_may_take_that_is_said_beside() -> None:
    looks = [replace(one, broker_configs={"1": Unknown(Why.DENIED, "no")}) for one in (look(),)]
    report = judge(check, Example("denied", tuple(looks)))
    assert only(report)
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.DENIED]
