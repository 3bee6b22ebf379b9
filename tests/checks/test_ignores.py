"""What is ignored is out of the findings, listed, and off for its alert; after its last day it is back."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from checks import all_checks
from checks.evaluate import Fingerprint, Report, Verdict, evaluate
from checks.facts import Address, History, Unknown, Why, facts_of
from checks.ignores import TAG, Ignore, tagged
from checks.limits import Limits
from checks.pattern import Pattern
from tests.checks.examples import AT, queue, sqs

TODAY = datetime.fromtimestamp(AT, UTC).date()
CHECK = next(check for check in all_checks() if check.id == "sqs/dlq-missing")
MARK = Fingerprint("sqs/dlq-missing", Address("sqs", "prod", "queues", "orders"))


def judged(*ignores: Ignore, firing: bool = False, tags: dict[str, str] | None = None, seen: bool = True) -> Report:
    made = replace(queue("orders"), tags=Unknown(Why.OFF, "") if tags is None else tags)
    snapshot = sqs(made) if seen else sqs(unseen=("orders",))
    facts = facts_of(snapshot, History())
    return evaluate(facts, [CHECK], Limits((), ignores), firing={MARK} if firing else frozenset())


def ignore(until: date | None = None, glob: str = "sqs/*", resources: str = "sqs://*/queues/ord*") -> Ignore:
    return Ignore((glob,), Pattern.parse(resources), "known", until)


def test_it_is_listed_and_its_alert_is_off() -> None:
    report = judged(ignore())
    assert not report.findings
    assert report.ignored[MARK].by.reason == "known"
    assert report.verdict(MARK) is Verdict.OFF


def test_it_is_off_while_nothing_is_seen() -> None:
    assert judged(ignore(), firing=True, seen=False).verdict(MARK) is Verdict.OFF
    assert judged(firing=True, seen=False).verdict(MARK) is Verdict.UNKNOWN


def test_others_are_left_alone() -> None:
    for other in (ignore(glob="kafka/*"), ignore(resources="sqs://*/queues/inv*")):
        assert set(judged(other).findings) == {MARK}


def test_the_last_day_counts_and_the_next_does_not() -> None:
    assert MARK in judged(ignore(TODAY)).ignored
    over = judged(ignore(date.fromordinal(TODAY.toordinal() - 1)))
    assert set(over.findings) == set(over.expired) == {MARK}
    assert MARK in judged(ignore(date(2020, 1, 1)), ignore()).ignored  # another one still holds


@pytest.mark.parametrize("value", ["sqs/dlq-missing", "kafka/x sqs/ reason=a until=2020-01-01", "all until=2100-01-01"])
def test_a_tag_does_the_same(value: str) -> None:
    assert MARK in judged(tags={TAG: value}).ignored


@pytest.mark.parametrize(
    ("value", "told"),
    [("", "names no check"), ("until=2027-02-30 all", "no date"), ("sqs/*", "no check"), ("\x1b[31m", "no check")],
)
def test_a_tag_with_a_mistake_ignores_nothing(value: str, told: str) -> None:
    assert told in tagged(value)[1]
    assert MARK in judged(tags={TAG: value}).findings
