from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Address, Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.group_stalled import group_stalled as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])
BOTH = group("app", [member("m1", {"orders": (0, 1), "bills": (0,)})])
SHAKING = replace(APP, state="PreparingRebalance", members=(replace(APP.members[0], assigned=Unknown(Why.OFF, "")),))  # type: ignore[index]
HOLDS = replace(member("m1", {}), epoch=6, target={"bills": (0,)})
WAITS = replace(member("m2", {}), epoch=7, target={"orders": (0, 1)})
WAITING = replace(group("app", [HOLDS, WAITS], kind="consumer", state="Reconciling"), epoch=7, assignment_epoch=7)
WRITTEN = tuple(range(1000, 1013))
"""The log end of orders/0 in 13 polls of a minute: something is always written."""


def look(
    minute: int, read: int, end: int, *, who: Group = APP, other: tuple[int, int] = (100, 100), topic_id: str = "t1"
) -> KafkaSnapshot:
    """`read` and `end` of orders/0, where nothing of orders/1 is unread; `other` the same of bills/0."""
    return kafka(
        [topic("orders", 2, topic_id=topic_id), topic("bills", topic_id="b1")],
        [who],
        committed={"app": {("orders", 0): read, ("orders", 1): 100, ("bills", 0): other[0]}},
        ends={("orders", 0): end, ("bills", 0): other[1]},
        at=AT + 60 * minute,
    )


def polls(read: Sequence[int], ends: Sequence[int] = WRITTEN) -> tuple[KafkaSnapshot, ...]:
    return tuple(look(i, r, e) for i, (r, e) in enumerate(zip(read, ends, strict=True)))


def seldom(minutes: Sequence[int], until: int) -> tuple[KafkaSnapshot, ...]:
    """Everything is read in these minutes alone, and in each minute a hundred records come."""
    read = [100 * max([m for m in minutes if m <= i], default=0) for i in range(until + 1)]
    return polls(read, [100 * i + 5 for i in range(until + 1)])


STUCK = polls([30, *[40] * 12])
FIRING = (
    Example("no offset moves for eleven minutes", STUCK),
    Example("nor before the first poll", polls([40] * 13)),
    Example("one topic of two", tuple(look(i, 40, 1000, who=BOTH, other=(i, 900)) for i in range(13))),
    Example("a stall that is over does not hide the next", seldom([0, 1, 2, 3, 24, 25, 26], 38)),
    Example(
        "with the new protocol a rebalance hides nothing",
        tuple(look(i, 40, 1000 + i, who=replace(APP, kind="consumer", state="Reconciling")) for i in range(13)),
    ),
    Example(
        "what it reads is on its way from one member to another that waits",
        tuple(look(i, 40, 1000 + i, who=WAITING) for i in range(13)),
    ),
    Example(
        "a short rebalance, an unread look and a lost one change nothing",
        tuple(
            replace(look(i, 40, 1000 + i, who=SHAKING if i == 4 else APP), **more)
            for i in range(13)
            for more in [
                {6: {"ends": Unknown(Why.DEADLINE, "")}, 7: {"committed": {"app": Unknown(Why.DENIED, "")}}}.get(i, {})
            ]
        ),
    ),
    Example("by its own limit", STUCK[:5], Limits([Override(Pattern(), "*", {"window": timedelta(minutes=2)})])),
)
SILENT = (
    Example("slow, but it moves", polls([40, *[41] * 6, *[42] * 6])),
    Example("read to the end of an idle topic", polls([1000] * 13, [1000] * 13)),
    Example("the mark of a transaction stays behind", polls([999] * 13, [1000] * 13)),
    Example("commits every twelve minutes and always did", seldom([0, 12, 24], 35)),
    Example("something to read since a minute", polls([1000] * 13, [*[1000] * 11, 1050, 1100])),
    Example("nobody is in the group", tuple(look(i, 40, 1000, who=group("app")) for i in range(13))),
    Example("an old subscription", tuple(look(i, 100 + i, 100 + i, other=(3, 900)) for i in range(13))),
    Example(
        "a transaction is open",
        tuple(replace(s, ends=replace(s.ends, stable=s.ends.stable.clip(max=40))) for s in polls([40] * 13)),  # type: ignore[arg-type, union-attr]
    ),
    Example(
        "the topic was created anew",
        tuple(look(i, 40, 1000, topic_id="t1" if i < 9 else "t2") for i in range(13)),
    ),
    Example(
        "a rolling deploy",
        tuple(look(i, 40 if i < 9 else 400, 1000, who=group("app") if 5 <= i < 7 else APP) for i in range(13)),
    ),
    Example("by its own limit", STUCK, Limits([Override(Pattern(), "*", {"least": 10_000})])),
)


def gaps(example: Example) -> list[Unknown]:
    return [gap.unknown for gap in judge(check, example).gaps.values() if gap.check]


def test_says_since_when_and_how_much() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app stands still on orders: no offset moved for 11 min, 972 unread records in 1 partition, "
        "though 1 member is in the group"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(0))
    assert finding.fix.command.endswith("--describe --group app")


def test_names_the_member_that_others_wait_for() -> None:
    finding = only(judge(check, next(example for example in FIRING if "on its way" in example.name)))
    assert finding.summary.endswith(
        "though 2 members are in the group; m1 on 127.0.0.1 has not taken up the newest assignment"
    )
    assert "when it polls" in finding.fix.text
    assert [(seen.field, seen.value) for seen in finding.evidence][-1] == ("members[0].epoch", 6)


def test_what_began_before_the_first_poll_is_at_least_so_long() -> None:
    assert "no offset moved for at least 12 min" in only(judge(check, FIRING[1])).summary


def test_names_the_topic_that_stands_still() -> None:
    assert "stands still on orders: " in only(judge(check, FIRING[2])).summary


@pytest.mark.parametrize("polled", [1, 5])
def test_a_short_history_is_a_gap_that_says_what_closes_it(polled: int) -> None:
    (young,) = gaps(Example("young", polls([40] * polled, WRITTEN[:polled])))
    assert young.why is Why.YOUNG
    assert young.detail.startswith("no offset on orders moved in ")
    assert young.detail.endswith(" of history; 10 min decide")
    assert young.close == "more polls: --samples 21 --every 30s"


def test_a_group_that_moves_needs_no_history() -> None:
    assert gaps(Example("moves", polls([40, 41], [1000, 1001]))) == []


def test_while_a_classic_group_rebalances_it_is_a_gap_only_where_something_stands_still() -> None:
    assert [hole.why for hole in gaps(Example("shaking", (*STUCK[:-1], look(12, 40, 1012, who=SHAKING))))] == [Why.OFF]
    assert gaps(Example("moving", (*STUCK[:-1], look(12, 41, 1012, who=SHAKING)))) == []


def test_a_topic_that_can_not_be_seen_may_be_another_one() -> None:
    hidden = replace(STUCK[-1], topics=replace(STUCK[-1].topics, items={}))
    assert [hole.why for hole in gaps(Example("hidden", (*STUCK[:-1], hidden)))] == [Why.UNSUPPORTED]


def test_what_fires_ends_with_the_first_move_and_not_with_an_unseen_one() -> None:
    mark = Fingerprint(check.id, Address("kafka", "prod", "groups", "app"))

    def verdict(snapshots: tuple[KafkaSnapshot, ...]) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(STUCK) is Verdict.PROBLEM
    assert verdict((*STUCK, look(13, 41, 1013))) is Verdict.CLEAR
    assert verdict((*STUCK, look(13, 40, 1013, who=SHAKING))) is Verdict.UNKNOWN
    # after a restart without history half of it is enough to go on, and less proves nothing
    assert verdict(STUCK[-7:]) is Verdict.LINGERING
    assert verdict(STUCK[-3:]) is Verdict.UNKNOWN
