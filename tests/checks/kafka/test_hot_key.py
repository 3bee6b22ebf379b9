from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.hot_key import hot_key as check
from tests.checks.examples import Example, judge, sample, sampled

TOP = ((7, 0, 200, 0, 9), (8, 1, 50, 0, 9))

FIRING = (
    Example("a fifth", sampled(sample(pairs=TOP))),
    Example("as few keys as partitions", sampled(sample(distinct=6, pairs=TOP))),
)
SILENT = (
    Example("even", sampled(sample(pairs=[(i, i % 6, 2, 0, 9) for i in range(200)]))),
    Example("a small sample", sampled(sample(100, pairs=[(7, 0, 20, 0, 9)]))),
    Example("one partition", sampled(sample(pairs=TOP), 1)),
    Example("of a few partitions that were read", sampled(sample(pairs=TOP, covered=0.4))),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
