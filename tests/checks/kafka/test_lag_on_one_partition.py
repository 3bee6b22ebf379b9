from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import NEVER, Address, Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.lag_on_one_partition import lag_on_one_partition as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.questions import Questions
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

ONE, TWO = member("m1", {"orders": (0, 1)}), member("m2", {"orders": (2,)})
APP = group("app", [ONE, TWO])
PAIR = group("app", [ONE])
NOBODY = group("app")
SHAKING = replace(APP, state="PreparingRebalance", members=(replace(ONE, assigned=Unknown(Why.OFF, "")),))
HEIR = replace(member("m3", {}), epoch=7, target={"orders": (2,)})
HOLDS = replace(member("m2", {}), epoch=6)
MOVING = replace(
    group("app", [replace(ONE, epoch=7), HOLDS, HEIR], kind="consumer", state="Reconciling"),
    epoch=7,
    assignment_epoch=7,
)
Places = Mapping[int, int]


def look(
    read: Places,
    ends: Places,
    minute: float = 0,
    younger: Places | None = None,
    *,
    who: Group = APP,
    more: Mapping[tuple[str, int], int] | None = None,
) -> KafkaSnapshot:
    """Offsets of `orders` by partition; `younger` is the first record younger than 3 min, where asked: none is."""
    lagging = {p: NEVER for p in read if read[p] < ends[p]} | dict(younger or {})
    return kafka(
        [topic("orders", len(ends)), topic("bills", 2)],
        [who],
        committed={"app": {**{("orders", p): offset for p, offset in read.items()}, **(more or {})}},
        ends={("orders", p): end for p, end in ends.items()},
        lookups={("orders", p, 180.0): offset for p, offset in lagging.items()}
        | {("bills", p, 180.0): NEVER for _, p in (more or {})},
        at=AT + 60 * minute,
    )


ARTICLE = ({0: 45_230, 1: 44_891, 2: 45_102}, {0: 45_235, 1: 44_891, 2: 46_300})
"""The article's own: lag 5, 0 and 1198."""
YOUNG_ELSEWHERE = {0: 45_230}


def frozen(minutes: int, who: Group = APP) -> tuple[KafkaSnapshot, ...]:
    """Partition 2 stands still, the others are read to their ends."""
    return tuple(
        look({0: 100 * i, 1: 100 * i, 2: 500}, {0: 100 * i, 1: 100 * i, 2: 600 + 100 * i}, i, who=who)
        for i in range(minutes + 1)
    )


def read_at(rate: int, minutes: int = 5) -> tuple[KafkaSnapshot, ...]:
    """Partition 2 is read at `rate` records a minute, and 100 are written."""
    return tuple(
        look({0: 100 * i, 1: 100 * i, 2: rate * i}, {0: 100 * i, 1: 100 * i, 2: 10_000 + 100 * i}, i, {2: 9000})
        for i in range(minutes + 1)
    )


FIRING = (
    Example("as in the article", (look(*ARTICLE, younger=YOUNG_ELSEWHERE),)),
    Example("it stands still", frozen(12)),
    Example("read too slowly", read_at(40)),
    Example("gaining", read_at(400)),
    Example("of two partitions", (look({0: 100, 1: 50}, {0: 100, 1: 90}, who=PAIR),)),
    Example("nobody ever wrote to the others", (look({2: 50}, {0: 0, 1: 0, 2: 90}, who=APP),)),
    Example(
        "one member's two of eight",
        (
            look(
                dict.fromkeys(range(8), 100),
                {p: 900 if p in {2, 5} else 101 for p in range(8)},
                younger=dict.fromkeys([0, 1, 3, 4, 6, 7], 100),
            ),
        ),
    ),
    Example("nobody is assigned to it", (look(*ARTICLE, younger=YOUNG_ELSEWHERE, who=PAIR),)),
    Example("without members, but at work", frozen(12, NOBODY)),
    Example(
        "in a rebalance of the new protocol",
        (look(*ARTICLE, younger=YOUNG_ELSEWHERE, who=replace(APP, state="Assigning")),),
    ),
    Example("it is on its way from one member to another", frozen(12, MOVING)),
)
SILENT = (
    Example("even", (look({0: 10, 1: 20, 2: 30}, {0: 110, 1: 115, 2: 150}),)),
    Example("read to the end", (look({0: 110, 1: 115, 2: 150}, {0: 110, 1: 115, 2: 150}),)),
    Example("what waits is young", (look(*ARTICLE, younger={0: 45_230, 2: 45_102}),)),
    Example("the mark of a transaction stays behind", (look({0: 10, 1: 20, 2: 99}, {0: 10, 1: 20, 2: 100}),)),
    Example("one partition", (look({0: 10}, {0: 500}, who=group("app", [member("m1", {"orders": (0,)})])),)),
    Example("half of it lags", (look({0: 10, 1: 10}, {0: 100, 1: 110}, who=PAIR),)),
    Example(
        "an old subscription",
        (look({0: 9, 1: 9, 2: 9}, {0: 9, 1: 9, 2: 9}, more={("bills", 0): 1, ("bills", 1): 100}),),
    ),
    Example(
        "it arrived a minute ago with old timestamps",
        (look({0: 9, 1: 9, 2: 9}, {0: 9, 1: 9, 2: 9}), look({0: 9, 1: 9, 2: 9}, {0: 9, 1: 9, 2: 900}, 1)),
    ),
    Example("nobody is in the group and nothing moves", tuple(look(*ARTICLE, minute=i, who=NOBODY) for i in range(12))),
    Example(
        "a rebalance that is over",
        (look(*ARTICLE, who=SHAKING), look({0: 45_235, 1: 44_891, 2: 46_290}, ARTICLE[1], 2, {2: 46_290})),
    ),
    Example(
        "by its own limit",
        (look(*ARTICLE, younger=YOUNG_ELSEWHERE),),
        Limits([Override(Pattern(), "*", {"factor": 1000.0})]),
    ),
)


def gaps(example: Example) -> list[Why]:
    return [gap.unknown.why for gap in judge(check, example).gaps.values() if gap.check]


def test_the_first_poll_names_the_partition_and_its_reader() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app is more than 3 min behind on partition 2 of orders alone: 1,198 of the topic's 1,203 unread records; "
        "partition 2 is read by m2 on 127.0.0.1"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(minutes=10))
    assert gaps(FIRING[0]) == [Why.YOUNG]


def test_of_a_partition_on_its_way_it_names_who_is_to_read_it_and_who_holds_it() -> None:
    finding = only(judge(check, next(example for example in FIRING if "on its way" in example.name)))
    assert finding.summary.endswith(
        "; partition 2 is on its way to m3 on 127.0.0.1; m2 on 127.0.0.1 has not taken up the newest assignment"
    )
    assert "when it polls" in finding.fix.text


def test_where_it_stands_still_the_record_can_be_looked_at() -> None:
    finding = only(judge(check, FIRING[1]))
    assert "; nothing of partition 2 was read in 10 min; " in finding.summary
    assert finding.fix.command.startswith(
        "kafka-console-consumer.sh --bootstrap-server $BOOTSTRAP --topic orders --partition 2 --offset 500 "
    )
    assert gaps(FIRING[1]) == []


def test_too_slow_and_gaining_are_told_apart() -> None:
    slow, gaining = only(judge(check, FIRING[2])), only(judge(check, FIRING[3]))
    assert "; not gaining (0.7 records/s read, 1.7 written); " in slow.summary
    assert slow.severity is Severity.WARNING
    assert "; gaining (6.7 records/s read, 1.7 written), caught up in about 28 min 20 s; " in gaining.summary
    assert gaining.severity is Severity.INFO


def test_several_partitions_are_named_the_worst_first() -> None:
    assert (
        "behind on partitions 2, 5 of orders alone: 1,600 of the topic's 1,606" in only(judge(check, FIRING[6])).summary
    )


def test_a_partition_without_a_reader_says_so() -> None:
    alone = only(judge(check, FIRING[7]))
    assert alone.summary.endswith("; no member is assigned partition 2")
    assert alone.fix.text.startswith("Nobody reads it")
    assert only(judge(check, FIRING[8])).summary.endswith(
        "; the group has no members, so who reads partition 2 is not told"
    )


def test_other_topics_are_counted() -> None:
    reads = group("app", [member("m1", {"orders": (0, 1, 2), "bills": (0, 1)})])
    both = look(*ARTICLE, younger=YOUNG_ELSEWHERE, who=reads, more={("bills", 0): 1, ("bills", 1): 100})
    assert only(judge(check, Example("both", (both,)))).summary.endswith("; the same on 1 other topic")


@pytest.mark.parametrize(
    ("who", "why"), [(SHAKING, Why.OFF), (NOBODY, Why.YOUNG)], ids=["rebalancing", "without members, at first sight"]
)
def test_who_reads_is_not_known(who: Group, why: Why) -> None:
    example = Example("one poll", (look(*ARTICLE, younger=YOUNG_ELSEWHERE, who=who),))
    assert not judge(check, example).findings
    assert gaps(example) == [why]


def test_what_fires_lingers_between_the_limits_and_is_frozen_by_a_rebalance() -> None:
    mark = Fingerprint(check.id, Address("kafka", "prod", "groups", "app"))

    def verdict(snapshot: KafkaSnapshot) -> Verdict:
        history = History()
        history.append(snapshot)
        return evaluate(facts_of(snapshot, history), [check], Limits(), firing={mark}).verdict(mark)

    ends = {0: 1000, 1: 1000, 2: 1000}
    assert verdict(look({0: 990, 1: 990, 2: 940}, ends)) is Verdict.PROBLEM
    assert verdict(look({0: 990, 1: 990, 2: 960}, ends)) is Verdict.LINGERING
    assert verdict(look({0: 990, 1: 990, 2: 980}, ends)) is Verdict.CLEAR
    assert verdict(look({0: 990, 1: 990, 2: 940}, ends, who=SHAKING)) is Verdict.UNKNOWN


def test_the_age_asked_is_the_limit_in_force() -> None:
    limits = Limits([Override(Pattern.parse("kafka://*/groups/batch-*"), check.id, {"slo": timedelta(hours=1)})])
    assert Questions([check], limits).asked(Address("kafka", "prod", "groups", "batch-1")).ages == {3600.0}
