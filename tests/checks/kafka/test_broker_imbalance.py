from collections.abc import Sequence
from dataclasses import replace

from checks.check import Severity
from checks.facts import KafkaSnapshot, Snapshot, Topic, TopicConfig, Unknown, Why
from checks.kafka.broker_imbalance import broker_imbalance as check
from tests.checks.examples import Example, judge, kafka, only, topic


def spread(*replicas: Sequence[int], name: str = "orders", led: Sequence[int] = ()) -> tuple[Topic, TopicConfig]:
    """A topic of these partitions, all in step; `led` gives the leaders where they are not the first replicas."""
    made, config = topic(name, len(replicas))
    rows = tuple(tuple(one) for one in replicas)
    leader = tuple(led) or tuple(one[0] for one in rows)
    return replace(made, leader=leader, replicas=rows, isr=rows, offline=((),) * len(rows)), config


def look(made: tuple[Topic, TopicConfig], brokers: int = 3) -> tuple[Snapshot, ...]:
    return (kafka([made], brokers=brokers),)


EVEN = [(1, 2), (2, 3), (3, 1)] * 20
ADDED = [(1, 2)] * 20 + [(2, 3)] * 20 + [(3, 1)] * 20

FIRING = (
    Example("leaders that did not come back", look(spread(*EVEN, led=[1, 2, 1] * 20))),
    Example("replicas", look(spread(*[(1, 2)] * 30, *[(1, 3)] * 30, *[(2, 3)] * 40))),
    Example("a tenth and more", look(spread(*EVEN, *[(1, 2), (1, 3)] * 9))),
)
SILENT = (
    Example("even", look(spread(*EVEN))),
    Example("a small cluster", look(spread((1, 2), (1, 2), (1, 3), (2, 3)))),
    Example("less than a tenth", look(spread(*EVEN * 3, *[(1, 2)] * 6))),
    Example(
        "Confluent Cloud places replicas by itself",
        (kafka([spread(*EVEN, led=[1, 2, 1] * 20)], host="b{}-pkc-1a2b3.us-east-2.aws.confluent.cloud"),),
    ),
    Example("two brokers", look(spread(*[(1, 2)] * 60), brokers=2)),
    Example("a broker that was only just added", look(spread(*EVEN), brokers=4)),
    Example(
        "in another order than they joined",
        (kafka([(replace(spread(*EVEN)[0], isr=tuple((b, a) for a, b in EVEN)), TopicConfig({}))]),),
    ),
)


def test_leaders_that_only_need_an_election_get_one() -> None:
    found = only(judge(check, FIRING[0]))
    assert (found.fingerprint.key, found.severity) == ("leaders", Severity.WARNING)
    assert found.summary == (
        "broker 1 leads 40 of 60 partitions, 2.00 times the mean of 3 brokers; broker 3 the fewest, 0"
    )
    assert "--election-type preferred" in found.fix.command


def test_replicas_have_to_be_moved() -> None:
    found = {mark.key: one for mark, one in judge(check, FIRING[2]).findings.items()}
    assert found.keys() == {"leaders", "replicas"}
    assert {one.severity for one in found.values()} == {Severity.INFO}
    assert found["leaders"].fix.text.startswith("Move replicas away from broker 1, ")
    four = judge(check, Example("", look(spread(*EVEN, *[(1, 2), (1, 3)] * 9), brokers=4))).findings.values()
    assert all("Broker 4 has none yet." in one.fix.text for one in four)


def test_what_moves_leaders_for_a_while_is_a_gap() -> None:
    made, config = spread(*EVEN, led=[1, 2, 1] * 20)
    for part, detail in (
        ({"leader": (-1, *made.leader[1:])}, "partition 0 of topic orders has no leader"),
        ({"isr": ((1,), *made.isr[1:])}, "broker 2 is out of step on partition 0 of topic orders"),
        ({"isr": ((1,), *made.isr[1:]), "offline": ((2,), *made.offline[1:])}, "broker 2 is offline on partition 0"),
    ):
        report = judge(check, Example("", look((replace(made, **part), config))))  # type: ignore[arg-type]
        assert not report.findings
        (gap,) = [gap for gap in report.gaps.values() if gap.check]
        assert gap.unknown.why is Why.YOUNG
        assert detail in gap.unknown.detail


def test_a_part_of_the_topics_says_nothing() -> None:
    (whole,) = FIRING[0].snapshots
    assert isinstance(whole, KafkaSnapshot)
    hole = Unknown(Why.OFF, "only what --scope names is looked at")
    report = judge(check, Example("", (replace(whole, topics=replace(whole.topics, blind=(hole,))),)))
    assert not report.findings
    assert [gap.unknown for gap in report.gaps.values() if gap.check] == [hole]
    part = replace(whole, topics=replace(whole.topics, left_out=frozenset({"bills"})))
    (finding,) = judge(check, Example("", (part,))).findings.values()
    assert " that are looked at, " in finding.summary
