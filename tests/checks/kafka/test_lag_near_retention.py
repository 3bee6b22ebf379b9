from dataclasses import replace

from alerts.inhibit import RULES
from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import NEVER, Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.lag_near_retention import lag_near_retention as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.questions import Questions
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])
NOBODY = group("app")
WEEK, HOUR = 604_800.0, 3600.0
YOUNG = 40


def look(
    minute: float = 0,
    near: int = NEVER,
    over: int = YOUNG,
    *,
    read: int = 40,
    start: int = 0,
    who: Group = APP,
    retention: float = WEEK,
    policy: str = "delete",
    share: float = 0.8,
    **settings: str,
) -> KafkaSnapshot:
    """`near` and `over` are the first record younger than 0.8 of the retention, and than all of it."""
    told = {"retention.ms": f"{retention * 1000:.0f}", "cleanup.policy": policy, "retention.bytes": "-1", **settings}
    return kafka(
        [topic("orders", 2, config=told)],
        [who],
        committed={"app": {("orders", 0): read, ("orders", 1): 100}},
        starts={("orders", 0): start},
        lookups={("orders", 0, share * retention): near, ("orders", 0, retention): over},
        at=AT + 60 * minute,
    )


ABANDONED = tuple(look(minute, who=NOBODY) for minute in range(2))
FIRING = (
    Example("80 % of it", (look(),)),
    Example("some of what is unread", (look(near=60),)),
    Example("all of it, and its segment is still there", (look(near=NEVER, over=50),)),
    Example("compacted, and deleted all the same", (look(policy="compact,delete"),)),
    Example("nobody is in it, and an hour is not long", (look(retention=HOUR, who=NOBODY),)),
    Example("abandoned", ABANDONED),
    Example("read without members (Flink, assign())", (look(0, read=10, who=NOBODY), look(1, read=30, who=NOBODY), look(2, NEVER, 30, read=30, who=NOBODY))),
    Example("by its own limit", (look(share=0.5),), Limits([Override(Pattern(), "*", {"near": 0.5})])),
)  # fmt: skip
SILENT = (
    Example("what waits is young", (look(near=YOUNG),)),
    Example("read to its end", (look(read=100),)),
    Example("kept for ever", (look(retention=-0.001),)),
    Example("compacted alone", (look(policy="compact"),)),
    Example("what was unread is deleted already", (look(start=60, near=70, over=70),)),
    Example("the marker of a transaction", (look(read=99),)),
    Example("proven by a shorter age", (replace(look(), lookups=kafka(
        [topic("orders", 2)], lookups={("orders", 0, 180.0): YOUNG}).lookups),)),
)  # fmt: skip


def test_it_says_how_old_and_how_long_it_is_kept() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app may lose records of orders within 1 d 9 h: what it has not read in 1 partition is more than "
        "5 d 14 h old, and the retention is 7 d (60 unread records)"
    )
    assert finding.severity is Severity.WARNING
    assert finding.fix.command.endswith("--entity-name orders --add-config retention.ms=1209600000")


def test_past_all_of_it_is_critical_and_an_abandoned_group_is_info() -> None:
    warning, critical, info = Severity.WARNING, Severity.CRITICAL, Severity.INFO
    told = [only(judge(check, example)).severity for example in FIRING]
    assert told == [warning, warning, critical, warning, warning, info, warning, warning]
    assert "may lose records of orders at any moment: " in only(judge(check, FIRING[2])).summary


def test_one_poll_of_a_group_without_members_says_that_another_tells_more() -> None:
    report = judge(check, Example("", ABANDONED[:1]))
    assert only(report).severity is Severity.INFO
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]


def test_remote_storage_is_a_gap() -> None:
    tiered = replace(look(**{"remote.storage.enable": "true"}), lookups=kafka([]).lookups)
    report = judge(check, Example("", (tiered,)))
    assert not report.findings
    assert any("KIP-1075" in gap.unknown.detail for gap in report.gaps.values())


def test_shares_of_the_retention_are_what_the_log_is_asked_about() -> None:
    questions = Questions([check], Limits([Override(Pattern.parse("kafka://*/groups/batch-*"), "*", {"near": 0.5})]))
    app = look().address.under("groups", "app")
    assert questions.asked(app) == (frozenset(), {0.8, 1.0})
    assert questions.asked(look().address.under("groups", "batch-1")) == (frozenset(), {0.5, 1.0})


def test_it_ends_when_only_young_records_wait_and_not_with_an_unseen_poll() -> None:
    mark = Fingerprint(check.id, look().address.under("groups", "app"))

    def verdict(snapshot: KafkaSnapshot) -> Verdict:
        history = History()
        history.append(snapshot)
        return evaluate(facts_of(snapshot, history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(look()) is Verdict.PROBLEM
    assert verdict(look(near=YOUNG)) is Verdict.CLEAR
    assert verdict(replace(look(), committed={"app": Unknown(Why.DENIED, "")})) is Verdict.UNKNOWN
    assert verdict(replace(look(), topic_configs={"orders": Unknown(Why.DENIED, "")})) is Verdict.UNKNOWN


def test_records_that_are_lost_say_more_than_those_that_may_be() -> None:
    assert {rule.symptom for rule in RULES if rule.cause == "kafka/records-lost"} == {check.id}
