from dataclasses import replace
from datetime import timedelta

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.offset_rewound import offset_rewound as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])
NOBODY = group("app")


def look(minute: float, read: int, *, who: Group = APP, topic_id: str = "A", other: int | None = 100) -> KafkaSnapshot:
    return kafka(
        [topic("orders", 2, topic_id=topic_id)],
        [who],
        committed={"app": {("orders", 0): read} | ({} if other is None else {("orders", 1): other})},
        at=AT + 60 * minute,
    )


def unseen(minute: float) -> KafkaSnapshot:
    return replace(look(minute, 0), committed={"app": Unknown(Why.UNREACHABLE, "")})


BACK = (look(0, 80), look(1, 90), look(2, 20), look(3, 30))
FIRING = (
    Example("two polls are below", BACK),
    Example("ten minutes ago", (*BACK, look(12, 40))),
    Example("two partitions", (look(0, 90), look(1, 20, other=50), look(2, 30, other=60))),
    Example(
        "where another partition was committed for the first time",
        (look(0, 90, other=None), look(1, 20), look(2, 30)),
    ),
    Example("across a poll that did not see the group", (look(0, 90), unseen(1), look(2, 20), look(3, 30))),
    Example("reset while nobody was in it", (look(0, 90), look(1, 90, who=NOBODY), look(2, 20, who=NOBODY), look(3, 30))),
    Example("longer ago, by its own limit", (*BACK, look(40, 40)),
            Limits([Override(Pattern(), "*", {"window": timedelta(hours=1)})])),
)  # fmt: skip
SILENT = (
    Example("it only grows", (look(0, 70), look(1, 80), look(2, 90))),
    Example("nothing moves", (look(0, 70), look(1, 70), look(2, 70))),
    Example("one poll alone shows less", (look(0, 80), look(1, 90), look(2, 20), look(3, 91), look(4, 92))),
    Example("not yet seen twice", (look(0, 80), look(1, 90), look(2, 20))),
    Example("it is where it was", (*BACK, look(4, 95))),
    Example("an hour ago", (*BACK, look(20, 40))),
    Example("the topic was created anew", (look(0, 90), look(1, 5, topic_id="B"), look(2, 9, topic_id="B"))),
)


def gaps(*snapshots: KafkaSnapshot) -> list[Why]:
    return [gap.unknown.why for gap in judge(check, Example("", snapshots)).gaps.values() if gap.check]


def test_it_says_from_where_to_where_and_when() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app was put back on partition 0 of orders by 70 offsets, from 90 to 20, less than 2 min ago; "
        "it stands at 30"
    )
    assert finding.severity is Severity.WARNING
    assert only(judge(check, FIRING[2])).summary == (
        "group app was put back on orders by 120 offsets in 2 partitions, most of them in orders/0, from 90 to 20, "
        "less than 2 min ago; it stands at 30"
    )


def test_with_nobody_in_it_somebody_decided_so() -> None:
    finding = only(judge(check, FIRING[5]))
    assert finding.severity is Severity.INFO
    assert finding.summary.endswith("; nobody was in it then, so somebody did it")


def test_two_polls_and_a_broker_without_topic_ids_are_gaps() -> None:
    assert gaps(look(0, 90), look(1, 20)) == [Why.YOUNG]
    assert gaps(*(look(minute, 90 if minute < 2 else 20, topic_id="") for minute in range(4))) == [Why.UNSUPPORTED]


def test_it_ends_where_the_group_was_and_not_with_an_unseen_poll() -> None:
    mark = Fingerprint(check.id, BACK[0].address.under("groups", "app"))

    def verdict(*snapshots: KafkaSnapshot) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(*BACK) is Verdict.PROBLEM
    assert verdict(*BACK, look(4, 95)) is Verdict.CLEAR
    assert verdict(*BACK, look(17, 40)) is Verdict.CLEAR
    assert verdict(*BACK, unseen(4)) is Verdict.UNKNOWN
