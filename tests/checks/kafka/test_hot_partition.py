from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Address, History, KafkaSnapshot, LogEnds, Unknown, Why, facts_of
from checks.kafka.hot_partition import hot_partition as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, judge, kafka, only, topic

Row = Sequence[int]
EVEN, WARM, HOT = (5000, 5100, 4900, 5000), (10_000, 2000, 2100, 1900), (20_000, 1000, 900, 1100)


def look(ends: Row, seconds: float) -> KafkaSnapshot:
    places = {("orders", p): end for p, end in enumerate(ends)}
    return kafka([topic("orders", len(ends))], ends=places, at=AT + seconds)


def thirds(*written: Row, every: float = 200.0) -> tuple[KafkaSnapshot, ...]:
    """What arrives on each partition from poll to poll."""
    ends = np.cumsum([[70] * len(written[0]), *written], axis=0).tolist()
    return tuple(look(row, every * i) for i, row in enumerate(ends))


FIRING = (
    Example("one takes 62 %", thirds(WARM, WARM, WARM)),
    Example("one takes 87 %", thirds(HOT, HOT, HOT)),
    Example("one of two takes nine tenths", thirds(*[(90_000, 10_000)] * 3)),
    Example("two of eight", thirds(*[(50_000, 1000, 1000, 45_000, 900, 1000, 1000, 1100)] * 3)),
    Example("nearly everything, of little", thirds(*[(1500, 20, 10, 20)] * 3)),
    Example("all of it", thirds(*[(5000, 0, 0, 0)] * 3)),
    Example(
        "with a poll that saw nothing between",
        (*thirds(WARM, WARM, WARM, WARM)[:2], *thirds(WARM, WARM, WARM, WARM)[3:]),
    ),
    Example(
        "by its own window",
        thirds(HOT, HOT, HOT, every=4.0),
        Limits([Override(Pattern(), "*", {"window": timedelta(seconds=12), "batch": 1})]),
    ),
)
SILENT = (
    Example("even", thirds(EVEN, EVEN, EVEN)),
    Example("nothing is written", thirds(*[(0, 0, 0, 0)] * 3)),
    Example("few records: two batches make the share", thirds(*[(300, 10, 10, 10)] * 3)),
    Example("one burst", thirds(EVEN, (90_000, 5000, 5000, 5000), EVEN)),
    Example("two thirds of the time", thirds(WARM, WARM, EVEN)),
    Example("batches, now here and now there", thirds(WARM, WARM[::-1], WARM)),
    Example("some are idle and the others even", thirds(*[(30_000, 17_500, 17_500, 17_500, 17_500, 0, 0)] * 3)),
    Example("one of two takes three fifths", thirds(*[(60_000, 40_000)] * 3)),
    Example("one partition", thirds(*[(5000,)] * 3)),
    Example("by its own limit", thirds(WARM, WARM, WARM), Limits([Override(Pattern(), "*", {"factor": 3.0})])),
)


def gap(snapshots: tuple[KafkaSnapshot, ...]) -> Unknown:
    report = judge(check, Example("gap", snapshots))
    assert not report.findings
    (found,) = [gap.unknown for gap in report.gaps.values() if gap.check]
    return found


def test_says_share_and_rate() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "partition 0 takes 62 % of what is written to topic orders: 50.0 of 80.0 records/s in 10 min; "
        "a fair share would be 25 %"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(0))
    assert "--topic orders --partition 0 --offset latest" in finding.fix.command


@pytest.mark.parametrize(
    ("example", "severity"), [(1, Severity.CRITICAL), (2, Severity.CRITICAL), (3, Severity.WARNING)]
)
def test_most_of_everything_is_critical(example: int, severity: Severity) -> None:
    assert only(judge(check, FIRING[example])).severity is severity


def test_two_are_told_together() -> None:
    assert only(judge(check, FIRING[3])).summary.startswith("partitions 0, 3 take 94 % of what")


@pytest.mark.parametrize("polls", [1, 2, 3])
def test_a_short_history_is_a_gap_that_says_what_closes_it(polls: int) -> None:
    young = gap(thirds(HOT, HOT, HOT)[:polls])
    assert young.why is Why.YOUNG
    assert young.close == "more polls: --samples 21 --every 30s"


def test_a_history_with_a_hole_does_not_speak_of_the_time_before_it() -> None:
    old, now = thirds(HOT, HOT, HOT), look([100_000] * 4, 4000)
    assert gap((*old, now)).why is Why.YOUNG


def test_a_log_that_went_back_starts_anew() -> None:
    *before, last = thirds(HOT, HOT, HOT, HOT)
    assert gap((*before, look([1, 1, 1, 1], 800))).why is Why.YOUNG
    assert only(judge(check, Example("not back", (*before, last))))


def test_a_log_that_can_not_be_seen_is_a_gap() -> None:
    *before, last = thirds(HOT, HOT, HOT)
    assert isinstance(last.ends, LogEnds)
    failed = replace(
        last.ends, end=np.where(np.arange(4) == 2, -1, last.ends.end), error=np.array([0, 0, 13, 0], dtype=np.int16)
    )
    assert gap((*before, replace(last, ends=failed))).why is Why.UNREACHABLE


def test_what_fires_lingers_between_the_limits() -> None:
    mark = Fingerprint(check.id, Address("kafka", "prod", "topics", "orders"))

    def verdict(row: Row) -> Verdict:
        history, snapshots = History(), thirds(row, row, row)
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict((52_000, 16_000, 16_000, 16_000)) is Verdict.PROBLEM
    assert verdict((45_000, 18_000, 18_000, 19_000)) is Verdict.LINGERING
    assert verdict((38_000, 20_000, 21_000, 21_000)) is Verdict.CLEAR
