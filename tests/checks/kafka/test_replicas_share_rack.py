from checks.facts import Unknown
from checks.kafka.replicas_share_rack import replicas_share_rack as check
from tests.checks.examples import Example, judge, kafka, only, topic

PAIRS = topic("orders", 3, 2)
"""On brokers 1 and 2, 2 and 3, 3 and 1."""
FIRING = (Example("one of three", (kafka([PAIRS], racks=["a", "a", "b"]),)),)
SILENT = (
    Example("spread", (kafka([PAIRS], racks=["a", "b", "c"]),)),
    Example("no rack is told", (kafka([PAIRS], racks=[None, None, None]),)),
    Example("all in one", (kafka([PAIRS], racks=["a", "a", "a"]),)),
    Example("one replica", (kafka([topic("orders", 3, 1)], racks=["a", "a", "b"]),)),
)


def gaps(example: Example) -> list[Unknown]:
    return [gap.unknown for gap in judge(check, example).gaps.values() if gap.check]


def test_says_which() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == "topic orders has all copies of 1 partition of 3 in one rack (a): 0"
    assert "--broker-list 1,2,3 --generate" in finding.fix.command


def test_racks_partly_set_are_a_gap() -> None:
    (hole,) = gaps(Example("partly", (kafka([PAIRS], racks=["a", None, "b"]),)))
    assert "broker 2 is away or does not say its rack" in hole.detail
    (hole,) = gaps(Example("a broker is away", (kafka([PAIRS], racks=["a", "b"], brokers=2),)))
    assert "broker 3" in hole.detail
