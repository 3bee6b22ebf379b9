from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.uncompressed import uncompressed as check
from tests.checks.examples import Example, judge, sample, sampled

FIRING = (Example("most", sampled(sample(batches=[(10, 9000, 0, 1)] * 30))),)
SILENT = (
    Example("small batches", sampled(sample(batches=[(10, 900, 0, 1)] * 30))),
    Example("zstd", sampled(sample(batches=[(10, 9000, 4, 1)] * 30))),
    Example("few", sampled(sample(batches=[(10, 9000, 0, 1)] * 3))),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
