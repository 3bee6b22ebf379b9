from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.unkeyed_producer import unkeyed_producer as check
from tests.checks.examples import Example, judge, sample, sampled

FIRING = (
    Example("some", sampled(sample(1000, 400))),
    Example("all", sampled(sample(1000, 1000, 0))),
)
SILENT = (
    Example("few", sampled(sample(1000, 10))),
    Example("metrics", sampled(sample(1000, 1000), name="app-metrics")),
    Example("logs", sampled(sample(1000, 400), name="access-logs")),
    Example("one partition", sampled(sample(1000, 1000), 1)),
    Example("few records", sampled(sample(20, 10))),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
