from dataclasses import replace

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.records_lost import records_lost as check
from checks.limits import Limits
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

NOBODY = group("app")
APP = group("app", [member("m1", {"orders": (0, 1)})])
WEEK = {"retention.ms": "604800000", "retention.bytes": "-1", "cleanup.policy": "delete"}
FOREVER = {**WEEK, "retention.ms": "-1"}
COMPACTED = {**WEEK, "cleanup.policy": "compact"}
BY_SIZE = {**FOREVER, "retention.bytes": "1000000"}


def look(
    minute: float, read: int = 40, start: int = 60, *, who: Group = APP, set_so: dict[str, str] = WEEK
) -> KafkaSnapshot:
    return kafka(
        [topic("orders", 2, config=set_so)],
        [who],
        committed={"app": {("orders", 0): read, ("orders", 1): 100}},
        starts={("orders", 0): start},
        at=AT + 60 * minute,
    )


LOSING = (look(0), look(1))
ABANDONED = tuple(look(minute, who=NOBODY) for minute in range(4))
FIRING = (
    Example("two polls agree", LOSING),
    Example("it went on being deleted", (look(0, start=50), look(1, start=60))),
    Example("its members left a minute ago", (look(0), look(1), look(2, who=NOBODY))),
    Example(
        "read without members (Flink, assign())",
        (look(0, 20, who=NOBODY), look(1, 30, who=NOBODY), look(2, 30, who=NOBODY)),
    ),
    Example("a log's only record", (look(0, 0, 1), look(1, 0, 1))),
    Example("abandoned", ABANDONED),
    Example("deleted by size", (look(0, set_so=BY_SIZE), look(1, set_so=BY_SIZE))),
    Example("deleted by hand", (look(0, set_so=FOREVER), look(1, set_so=FOREVER))),
    Example("deleted by hand from a compacted topic", (look(0, set_so=COMPACTED), look(1, set_so=COMPACTED))),
)
SILENT = (
    Example("all is there", (look(0, 60), look(1, 60))),
    Example("nothing was ever committed", (replace(look(0), committed=kafka([], [APP]).committed),)),
    Example("a member ahead of what it had committed", (look(0, 40, 30), look(1, 40, 60), look(2, 80, 60))),
    Example("the segment it reads is deleted between two answers", (look(0, 40, 30), look(1, 40, 60))),
    Example("it went on where the log begins", (look(0), look(1), look(2, 60))),
    Example("the marker of a transaction is deleted with its segment", (look(0, 99, 100), look(1, 99, 100))),
)


def severity(example: Example) -> Severity:
    return only(judge(check, example)).severity


def test_it_says_how_many_and_where() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app lost up to 20 records of orders, deleted before they were read: "
        "partition 0 of orders was read to 40 and now begins at 60"
    )
    assert finding.severity is Severity.CRITICAL
    assert finding.fix.command.endswith("--describe --group app")


def test_an_abandoned_group_and_records_deleted_by_hand_are_info() -> None:
    assert [severity(example) for example in FIRING] == [Severity.CRITICAL] * 5 + [
        Severity.INFO, Severity.CRITICAL, Severity.INFO, Severity.INFO
    ]  # fmt: skip
    assert only(judge(check, FIRING[5])).summary.endswith(
        "; nobody has been in it for at least 3 min, and nothing of it moves"
    )
    assert only(judge(check, FIRING[7])).summary.endswith(
        "; its topic deletes nothing by age or size, so somebody deleted them"
    )


def test_a_group_without_members_is_put_to_what_is_left_of_those_partitions_alone() -> None:
    assert only(judge(check, FIRING[2])).fix.command == (
        "kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --reset-offsets --to-earliest --group app "
        "--topic orders:0 --dry-run"
    )


def test_one_poll_is_a_gap_that_another_closes() -> None:
    report = judge(check, Example("", LOSING[:1]))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]


def test_it_ends_when_the_group_goes_on_and_not_with_an_unseen_poll() -> None:
    mark = Fingerprint(check.id, LOSING[0].address.under("groups", "app"))

    def verdict(*snapshots: KafkaSnapshot) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(*LOSING) is Verdict.PROBLEM
    assert verdict(*LOSING, look(2, 60)) is Verdict.CLEAR
    assert verdict(*LOSING, replace(look(2), committed={"app": Unknown(Why.DENIED, "")})) is Verdict.UNKNOWN
