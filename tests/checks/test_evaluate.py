from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Check, Fix, Kind, Problem, Seen, Severity, check
from checks.evaluate import Finding, Fingerprint, Verdict, evaluate
from checks.facts import (
    Absence,
    Address,
    Cluster,
    Facts,
    History,
    KafkaSnapshot,
    Lazy,
    Listing,
    Now,
    Topic,
    Unknown,
    Why,
    facts_of,
    known,
)
from checks.kafka.offline_partition import offline_partition
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import kafka, sqs, topic

ORDERS = Address("kafka", "prod", "topics", "orders")
OUT = Fingerprint("kafka/offline-partition", ORDERS)


def facts(snapshot: object) -> Facts:
    history = History()
    history.append(snapshot)  # type: ignore[arg-type]
    return facts_of(snapshot, history)  # type: ignore[arg-type]


@check(kind=Kind.CONDITION, severity=Severity.WARNING, clear={"most": 0.5})
def crowded(topic: Topic, now: Now, cluster: Cluster | Unknown, *, most: int = 10) -> Iterator[Problem]:
    """More partitions than allowed, for the tests of this file."""
    if len(topic.leader) > most:
        yield Problem("many", (Seen("leader", len(topic.leader)),), Fix("fewer"))
    if isinstance(cluster, Unknown) or now.at < 0:
        known(cluster)


def test_verdicts() -> None:
    bad = evaluate(facts(kafka([topic("orders", 2, leaderless=[0])])), [offline_partition], Limits())
    assert bad.verdict(OUT) is Verdict.PROBLEM
    fine = evaluate(facts(kafka([topic("orders", 2)])), [offline_partition], Limits(), firing={OUT}, previous=bad)
    assert fine.verdict(OUT) is Verdict.CLEAR
    off = Limits([Override(Pattern.parse("kafka://prod/topics/*"), "kafka/*", off=True)])
    assert evaluate(facts(kafka([topic("orders")])), [offline_partition], off).verdict(OUT) is Verdict.OFF
    assert evaluate(facts(kafka()), [offline_partition], Limits()).verdict(OUT) is Verdict.UNKNOWN


@pytest.mark.parametrize(("polls", "verdict"), [(1, Verdict.UNKNOWN), (2, Verdict.GONE)])
def test_gone_takes_two_answers_by_name(polls: int, verdict: Verdict) -> None:
    snapshot = kafka()
    gone = replace(snapshot, topics=Listing({}, absent={"orders": Absence(snapshot.at, polls)}))
    assert evaluate(facts(gone), [offline_partition], Limits(), firing={OUT}).verdict(OUT) is verdict


def test_a_firing_problem_lingers_between_its_limits() -> None:
    mark = Fingerprint(crowded.id, ORDERS)
    for partitions, verdict in ((11, Verdict.PROBLEM), (8, Verdict.LINGERING), (5, Verdict.CLEAR)):
        report = evaluate(facts(kafka([topic("orders", partitions)])), [crowded], Limits(), firing={mark})
        assert report.verdict(mark) is verdict
    assert evaluate(facts(kafka([topic("orders", 8)])), [crowded], Limits()).verdict(mark) is Verdict.CLEAR


def test_a_proven_problem_stays_and_the_gap_stands_beside_it() -> None:
    blind = replace(kafka([topic("orders", 11)]), cluster=Unknown(Why.DENIED, "no"))
    report = evaluate(facts(blind), [crowded], Limits())
    mark = Fingerprint(crowded.id, ORDERS)
    assert report.verdict(mark) is Verdict.PROBLEM
    assert report.gaps[mark.check, ORDERS].unknown.why is Why.DENIED
    small = replace(kafka([topic("orders", 8)]), cluster=Unknown(Why.DENIED, "no"))
    assert evaluate(facts(small), [crowded], Limits(), firing={mark}).verdict(mark) is Verdict.LINGERING


def test_an_override_changes_severity_and_patience() -> None:
    calm = Override(Pattern(), "*", severity=Severity.INFO, after=timedelta(hours=1), values={"most": 3})
    report = evaluate(facts(kafka([topic("orders", 4)])), [crowded], Limits([calm]))
    (finding,) = report.findings.values()
    assert (finding.severity, finding.after) == (Severity.INFO, timedelta(hours=1))
    assert isinstance(finding, Finding)
    assert str(finding.fingerprint) == f"{crowded.id} kafka://prod/topics/orders"


def test_other_kinds_have_no_subjects() -> None:
    assert not evaluate(facts(sqs()), [offline_partition], Limits()).findings
    assert isinstance(facts(sqs()).get(Topic, ORDERS), Unknown)


def test_a_check_explains_itself() -> None:
    def silent(topic: Topic) -> Iterator[Problem]:
        yield from ()

    with pytest.raises(TypeError, match="docstring"):
        check(kind=Kind.CONDITION, severity=Severity.INFO)(silent)
    assert isinstance(crowded, Check)
    assert not list(crowded(topic("orders", 1)[0], Now(0.0), None))


class Slow(Lazy):
    """A fact of these tests that takes long to say whether a topic is large."""

    def __init__(self, large: bool) -> None:
        self._large = large

    @property
    def large(self) -> bool:
        self.asked += 1
        return self._large


@check(kind=Kind.CONDITION, severity=Severity.WARNING)
def large_and_crowded(topic: Topic, slow: Slow | Unknown) -> Iterator[Problem]:
    """Asks what takes long only where it matters, for the tests of this file."""
    called.append(topic.name)
    if len(topic.leader) > 5 and (isinstance(slow, Unknown) or slow.large):
        yield Problem("large", (Seen("leader", len(topic.leader)),), Fix("smaller"))


called: list[str] = []


def slowly(snapshot: KafkaSnapshot, slow: Slow | Unknown) -> Facts:
    told = facts(snapshot)
    told.PROVIDERS = {**told.PROVIDERS, Slow: lambda _facts, _name: slow}  # type: ignore[attr-defined]
    return told


def test_what_a_check_did_not_ask_is_no_reason_to_judge_again() -> None:
    snapshot = kafka([topic("few", 1), topic("many", 9)])
    called.clear()
    first = evaluate(slowly(snapshot, Slow(False)), [large_and_crowded], Limits())
    limits = first.limits or Limits()
    assert called == ["few", "many"]
    second = evaluate(slowly(snapshot, Slow(True)), [large_and_crowded], limits, previous=first)
    assert called == ["few", "many", "many"], "it asked about the other one"
    assert len(second.findings) == 1
    third = evaluate(slowly(snapshot, Slow(True)), [large_and_crowded], limits, previous=second)
    assert called[3:] == ["many"]
    unknown = evaluate(slowly(snapshot, Unknown(Why.YOUNG, "one poll")), [large_and_crowded], limits, previous=third)
    assert called[4:] == ["few", "many"], "whether it is known at all may decide without a question"
    assert len(unknown.findings) == 1
