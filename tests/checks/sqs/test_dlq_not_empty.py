from checks.check import Size
from checks.facts import Why
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.sqs.dlq_not_empty import dlq_not_empty as check
from tests.checks.examples import AT, Example, judge, only, queue, sqs


def poll(n: int, visible: int, name: str = "dead") -> object:
    at = AT + 30 * n
    return sqs(queue("orders", redrive=name, at=at), queue(name, visible=visible, at=at), at=at)


FIRING = (Example("two polls", (poll(0, 3), poll(1, 5))), Example("steady", (poll(0, 3), poll(1, 3))))  # type: ignore[arg-type]
SILENT = (
    Example("empty", (poll(0, 0),)),  # type: ignore[arg-type]
    Example("a ghost before", (poll(0, 2), poll(1, 0))),  # type: ignore[arg-type]
    Example("a ghost now", (poll(0, 0), poll(1, 2))),  # type: ignore[arg-type]
    Example("no dead-letter queue", (sqs(queue("orders", visible=9)), sqs(queue("orders", visible=9), at=AT + 30))),
    Example("allowed", (poll(0, 3), poll(1, 3)), Limits([Override(Pattern(), "*", {"allowed": 3})])),  # type: ignore[arg-type]
)


def test_one_poll_is_too_young_to_tell() -> None:
    report = judge(check, Example("first", (poll(0, 500),)))  # type: ignore[arg-type]
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values()] == [Why.YOUNG]


def test_says_how_many_more() -> None:
    assert (
        only(judge(check, FIRING[0])).summary
        == "5 messages in dead-letter queue dead (of orders); 2 of them in the last 30 s"
    )
    assert "of them" not in only(judge(check, FIRING[1])).summary


def test_a_name_alone_is_a_gap() -> None:
    report = judge(check, Example("sns", (sqs(queue("x-dlq", visible=4)), sqs(queue("x-dlq", visible=4), at=AT + 30))))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values()] == [Why.OFF]


def test_sources_not_seen_are_a_gap() -> None:
    report = judge(check, Example("denied", (sqs(queue("x", visible=4), unseen=["y"]),)))
    assert {gap.address.name for gap in report.gaps.values()} == {"x", "y"}


def sizes(*counts: int, every: float = 30.0) -> list[Size | None]:
    """What each poll but the first says of how many there are."""
    polls = [
        sqs(queue("orders", redrive="orders-dlq"), queue("orders-dlq", visible=n, at=AT + every * i), at=AT + every * i)
        for i, n in enumerate(counts)
    ]
    return [only(judge(check, Example("", tuple(polls[: i + 1])))).size for i in range(1, len(counts))]


def test_one_poll_alone_is_neither_an_arrival_nor_a_departure() -> None:
    assert sizes(5, 5, 7, 5) == [Size(5, 5), Size(5, 7), Size(5, 7)]
    assert sizes(5, 5, 4, 4)[-1] == Size(4, 5)
    assert sizes(5, 6, 6)[-1] == Size(6, 6)
    assert sizes(5, 4, 4, every=200)[-1] == Size(4, 4), "five minutes later it is believed"
