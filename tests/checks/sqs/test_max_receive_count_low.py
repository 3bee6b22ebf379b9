from checks.limits import Limits, Override, Pattern
from checks.sqs.max_receive_count_low import max_receive_count_low as check
from tests.checks.examples import Example, judge, only, queue, sqs


def receives(number: int, name: str = "orders", dead: str = "dead") -> tuple[object, ...]:
    return (sqs(queue(name, redrive=dead, receives=number), queue(dead)),)


def least(number: int) -> Limits:
    return Limits([Override(Pattern(), "*", {"least": number})])


FIRING = (
    Example("one", receives(1)),  # type: ignore[arg-type]
    Example("one, fifo", receives(1, "orders.fifo", "dead.fifo")),  # type: ignore[arg-type]
    Example("below a limit of one's own", receives(3), least(10)),  # type: ignore[arg-type]
)
SILENT = (
    Example("two", receives(2)),  # type: ignore[arg-type]
    Example("what must not be tried twice", receives(1), least(1)),  # type: ignore[arg-type]
    Example("no redrive policy", (sqs(queue("orders")),)),
)


def test_the_fix_keeps_the_dead_letter_queue() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == "queue orders gives a message up after 1 receive"
    assert ":dead" in finding.fix.command
    assert '\\"maxReceiveCount\\": \\"5\\"' in finding.fix.command
    assert "10 times" in only(judge(check, FIRING[2])).fix.text
