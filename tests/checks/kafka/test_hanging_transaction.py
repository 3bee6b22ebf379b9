from dataclasses import replace
from datetime import timedelta

from checks.facts import KafkaSnapshot, Unknown, Why
from checks.kafka.hanging_transaction import hanging_transaction as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, Transaction, judge, kafka, only, topic

HOUR = 3600.0


def look(
    seconds: float, age: float | None = HOUR, *, end: int = 100, owner: str = "billing-1", timeout: int = 900_000
) -> KafkaSnapshot:
    """`age` is of the first look; the second is so many seconds later."""
    open_ = Transaction(60, None if age is None else age + seconds, 4711, owner)
    return kafka(
        [topic("orders", 2)],
        ends={("orders", 0): end},
        stable={("orders", 0): min(60, end)},
        transactions={("orders", 0): open_} if end > 60 else None,
        broker_configs={1: {"transaction.max.timeout.ms": str(timeout)}},
        at=AT + seconds,
    )


FIRING = (
    Example("an hour old", (look(0), look(30))),
    Example("nobody's", (look(0, owner=""), look(30, owner=""))),
    Example(
        "by its own limit",
        (look(0, 700, timeout=300_000), look(30, 700, timeout=300_000)),
        Limits([Override(Pattern(), "*", {"limit": timedelta(minutes=10)})]),
    ),
)
SILENT = (
    Example("young", (look(0, 60), look(30, 60))),
    Example("nothing is open", (look(0, end=50), look(30, end=60))),
    Example("brokers allow two hours", (look(0, timeout=7_200_000), look(30, timeout=7_200_000))),
    Example("it came just now, with an old timestamp", (look(0, end=60), look(30))),
)


def test_it_says_whose_it_is_for_how_long_and_how_much_waits() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "a transaction of transactional id billing-1 is open for 1 h on topic orders: "
        "40 records in partition 0 are kept from who reads committed ones"
    )
    assert finding.fix.command.endswith("describe-producers --topic orders --partition 0")
    assert "abort --topic orders --partition 0 --start-offset 60" in finding.fix.text


def test_without_an_owner_it_names_the_producer() -> None:
    assert "a transaction of producer 4711 is open" in only(judge(check, FIRING[1])).summary


def test_one_look_is_not_enough() -> None:
    report = judge(check, Example("once", (look(0),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]


def test_without_a_time_nobody_knows() -> None:
    report = judge(check, Example("timeless", (look(0, None), look(30, None))))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.UNSUPPORTED]


def test_where_a_broker_does_not_say_how_long_one_may_take_that_is_said_beside() -> None:
    looks = [replace(one, broker_configs={"1": Unknown(Why.DENIED, "no")}) for one in (look(0), look(30))]
    report = judge(check, Example("denied", tuple(looks)))
    assert only(report)
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.DENIED]
