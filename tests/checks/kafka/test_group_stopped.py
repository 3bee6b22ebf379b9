from dataclasses import replace
from datetime import timedelta

from alerts.inhibit import RULES
from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import NEVER, Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.group_stopped import group_stopped as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

NOBODY = group("app")
APP = group("app", [member("m1", {"orders": (0,)})])
NEVER_JOINED = replace(NOBODY, protocol_type="")


def look(
    minute: float, read: int = 40, *, who: Group = NOBODY, answer: int = NEVER, age: float = 300.0, end: int = 100
) -> KafkaSnapshot:
    return kafka(
        [topic("orders")],
        [who],
        committed={"app": {("orders", 0): read}},
        ends={("orders", 0): end},
        lookups={("orders", 0, age): answer},
        at=AT + 60 * minute,
    )


STOPPED = (look(0, 30, who=APP), look(1, who=APP), *(look(i) for i in range(2, 9)))
FIRING = (
    Example("at the second poll", (look(0), look(0.5))),
    Example("seen to leave", STOPPED),
    Example("proven by a longer age", (look(0, age=600.0), look(1, age=600.0))),
    Example("with the new protocol", (look(0, who=replace(NEVER_JOINED, kind="consumer")), look(1))),
    Example(
        "away for longer than it usually is",
        (look(0), look(3), look(4, 50, who=APP), look(6, 50), look(8, 50), look(10, 50), look(15, 50), look(20, 50)),
    ),
    Example(
        "by its own limit",
        (look(0, 30, who=APP, age=120.0), look(1, who=APP, age=120.0), *(look(i, age=120.0) for i in range(2, 5))),
        Limits([Override(Pattern(), "*", {"grace": timedelta(minutes=2), "slo": timedelta(minutes=1)})]),
    ),
)
SILENT = (
    Example("somebody is there", (look(0, who=APP), look(1, who=APP))),
    Example("everything is read", (look(0, 100), look(1, 100))),
    Example("what waits is young", (look(0, answer=40), look(1, answer=40))),
    Example("a redeploy of a group that was late before", (look(0, who=APP), look(1), look(3), look(4))),
    Example("Flink and assign() never join", (look(0, who=NEVER_JOINED), look(1, who=NEVER_JOINED))),
    Example("its offsets move with nobody in it", (look(0, 20), look(1, 30), look(2, 30))),
    Example("a job every half hour", (look(0, 20), look(28, 20), look(29, 40, who=APP), look(31), look(45))),
    Example("the marker of a transaction", (look(0, 99), look(1, 99))),
    Example(
        "what arrived just now with old timestamps",
        (look(0, end=40), look(1, end=100), look(2, end=100)),
    ),
    Example(
        "declared: it runs now and then",
        (look(0, age=7200.0, answer=40), look(9, age=7200.0, answer=40)),
        Limits([Override(Pattern(), "*", {"grace": timedelta(hours=2)})]),
    ),
)


def gaps(*snapshots: KafkaSnapshot) -> list[Why]:
    return [gap.unknown.why for gap in judge(check, Example("", snapshots)).gaps.values() if gap.check]


def test_the_second_poll_tells_it_as_the_first_shows_nothing_of_what_moves() -> None:
    assert not judge(check, Example("", (look(0),))).findings
    assert gaps(look(0)) == [Why.YOUNG]
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app has no members for at least 30 s: 60 unread records in 1 partition of orders, the oldest more than 5 min old"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(0))
    assert gaps(look(0), look(0.5)) == []


def test_history_tells_since_when() -> None:
    assert only(judge(check, FIRING[1])).summary.startswith("group app has no members for 6 min: 60 unread")
    assert only(judge(check, FIRING[2])).summary.startswith("group app has no members for at least 1 min: ")
    assert gaps(*STOPPED) == []


def test_remote_storage_is_a_gap() -> None:
    tiered = kafka(
        [topic("orders", config={"remote.storage.enable": "true"})], [NOBODY], committed={"app": {("orders", 0): 40}}
    )
    assert gaps(tiered) == [Why.UNSUPPORTED]


def test_it_ends_when_the_members_are_back_and_not_with_an_unseen_poll() -> None:
    mark = Fingerprint(check.id, STOPPED[0].address.under("groups", "app"))

    def verdict(*snapshots: KafkaSnapshot) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(*STOPPED) is Verdict.PROBLEM
    assert verdict(*STOPPED, look(9, 40, who=APP)) is Verdict.CLEAR
    assert verdict(*STOPPED, replace(look(9), committed={"app": Unknown(Why.DENIED, "")})) is Verdict.UNKNOWN


def test_what_it_brings_about_is_told_under_it() -> None:
    assert {rule.symptom for rule in RULES if rule.cause == check.id} >= {"kafka/group-lagging"}
