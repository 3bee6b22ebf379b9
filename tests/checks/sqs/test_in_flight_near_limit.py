from checks.check import Severity
from checks.limits import Limits, Override, Pattern
from checks.sqs.in_flight_near_limit import in_flight_near_limit as check
from tests.checks.examples import Example, judge, only, queue, sqs


def flying(number: int, name: str = "orders", visible: int = 0) -> tuple[object, ...]:
    return (sqs(queue(name, in_flight=number, visible=visible)),)


def quota(number: int) -> Limits:
    return Limits([Override(Pattern(), "*", {"quota": number})])


FIRING = (
    Example("80 %", flying(96_000)),  # type: ignore[arg-type]
    Example("full", flying(120_000)),  # type: ignore[arg-type]
    Example("fifo: 120,000 as well", flying(119_000, "orders.fifo")),  # type: ignore[arg-type]
    Example("raised, and near again", flying(900_000), quota(1_000_000)),  # type: ignore[arg-type]
)
SILENT = (
    Example("below", flying(95_999)),  # type: ignore[arg-type]
    Example("a raised quota", flying(119_000), quota(1_000_000)),  # type: ignore[arg-type]
    Example("many wait, few in flight", flying(10, visible=5_000_000)),  # type: ignore[arg-type]
)


def test_at_the_quota_it_is_critical() -> None:
    near, full = only(judge(check, FIRING[0])), only(judge(check, FIRING[1]))
    assert near.summary == "queue orders has 96,000 messages in flight, 80% of its 120,000"
    assert full.summary.endswith("100% of its 120,000; consumers get no more")
    assert (near.severity, full.severity) == (Severity.WARNING, Severity.CRITICAL)
