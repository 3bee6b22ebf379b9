from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.tiny_batches import tiny_batches as check
from tests.checks.examples import Example, judge, sample, sampled

FIRING = (Example("of one", sampled(sample(batches=[(1, 90, 0, 1)] * 30, arrived=720_000))),)
SILENT = (
    Example("a quiet topic", sampled(sample(batches=[(1, 90, 0, 1)] * 30))),
    Example("good ones", sampled(sample(batches=[(50, 9000, 0, 1)] * 30, arrived=720_000))),
    Example("nearly nothing ever", sampled(sample(batches=[(1, 90, 0, 1)] * 30, arrived=9, window=0.0))),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
