from dataclasses import replace

import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import NEVER, Group, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.kafka.offset_beyond_end import offset_beyond_end as check
from checks.limits import Limits
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])
NOBODY = group("app")
NEVER_JOINED = replace(NOBODY, protocol_type="")


def look(
    minute: float,
    read: int = 140,
    end: int = 100,
    *,
    who: Group = APP,
    topic_id: str = "A",
    epochs: tuple[int, int] = (NEVER, NEVER),
) -> KafkaSnapshot:
    """`epochs`: in which leader epoch what it read was written, and that of who leads now."""
    return kafka(
        [topic("orders", 2, topic_id=topic_id)],
        [who],
        committed={"app": {("orders", 0): read, ("orders", 1): 100}},
        ends={("orders", 0): end},
        epochs={("orders", 0): epochs},
        at=AT + 60 * minute,
    )


def told_in(read: int, now: int) -> tuple[KafkaSnapshot, ...]:
    return tuple(look(minute, epochs=(read, now)) for minute in range(2))


FIRING = (
    Example("two polls agree", (look(0), look(1))),
    Example("a log that was truncated", (look(0, end=140), look(1), look(2, end=120))),
    Example("a topic created anew", (look(0, end=200), look(1, end=0, topic_id="B"), look(2, end=9, topic_id="B"))),
    Example("its members left", (look(0, who=APP), look(1, who=NOBODY), look(2, who=NOBODY))),
    Example("nobody was ever in it", (look(0, who=NOBODY), look(1, who=NOBODY))),
    Example("read in an epoch to which the log has not come", told_in(7, 2)),
    Example("read in the epoch of who leads", told_in(2, 2)),
    Example("another leads since", told_in(2, 7)),
    Example(
        "truncated, and the client tells epochs", (look(0, end=140), look(1, epochs=(2, 4)), look(2, epochs=(2, 4)))
    ),
)
SILENT = (
    Example("read to its end", (look(0, 100), look(1, 100))),
    Example("one stale poll", (look(0, 100), look(1), look(2, end=200))),
    Example("seen for the first time, after a poll that was right", (look(0, end=140), look(1))),
    Example("MirrorMaker 2 commits for a group that nobody ever joined",
            (look(0, who=NEVER_JOINED), look(1, who=NEVER_JOINED))),
    Example("MirrorMaker 2 commits for a group whose members left",
            (look(0, 120, who=NOBODY), look(1, 140, who=NOBODY), look(2, 140, who=NOBODY))),
)  # fmt: skip


def test_it_says_where_and_that_the_lag_is_not_known() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "group app stands at 140 on partition 0 of orders, whose log ends at 100: its lag there is not known"
    )
    assert finding.severity is Severity.WARNING
    assert "stop its members" in finding.fix.text
    assert finding.fix.command.endswith("--reset-offsets --to-earliest --group app --topic orders:0 --dry-run")


def test_only_where_nobody_was_ever_seen_in_it_is_it_info() -> None:
    told = [only(judge(check, example)).severity for example in FIRING[:5]]
    assert told == [Severity.WARNING] * 4 + [Severity.INFO]


@pytest.mark.parametrize(
    ("example", "cause", "mend"),
    [
        ("two polls agree", "its lag there is not known", "an unclean election, or the topic was created anew."),
        ("a log that was truncated", "the log had come that far and was cut back", "unclean.leader.election.enable"),
        ("a topic created anew", "its lag there is not known", "an unclean election, or the topic was created anew."),
        ("read in an epoch to which the log has not come", "has not come (2): it is another log", "created it again"),
        ("read in the epoch of who leads", "so no election cut the log back", "created it again"),
        (
            "another leads since",
            "since (epoch 7): an election may have cut the log back",
            "an unclean election, or",
        ),
        ("truncated, and the client tells epochs", "the log had come that far and was cut back", "unclean.leader"),
    ],
)
def test_it_says_which_cause_it_was_where_that_follows(example: str, cause: str, mend: str) -> None:
    finding = only(judge(check, next(one for one in FIRING if one.name == example)))
    assert cause in finding.summary
    assert mend in finding.fix.text


def test_one_poll_is_a_gap_that_another_closes() -> None:
    for example in (Example("", (look(0),)), Example("", (look(0, topic_id="A"), look(1, topic_id="B")))):
        report = judge(check, example)
        assert not report.findings
        assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]


def test_it_ends_when_the_group_goes_on_and_not_with_an_unseen_poll() -> None:
    mark = Fingerprint(check.id, FIRING[0].snapshots[0].address.under("groups", "app"))

    def verdict(*snapshots: KafkaSnapshot) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(look(0), look(1)) is Verdict.PROBLEM
    assert verdict(look(0), look(1), look(2, 20)) is Verdict.CLEAR
    assert verdict(look(0), look(1), replace(look(2), committed={"app": Unknown(Why.DENIED, "")})) is Verdict.UNKNOWN
