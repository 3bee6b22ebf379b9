from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.producer_not_idempotent import producer_not_idempotent as check
from tests.checks.examples import Example, judge, sample, sampled

FIRING = (Example("most", sampled(sample(batches=[(10, 900, 0, 0)] * 30 + [(10, 900, 0, 1)] * 10))),)
SILENT = (
    Example("some old clients", sampled(sample(batches=[(10, 900, 0, 0)] * 10 + [(10, 900, 0, 1)] * 30))),
    Example("few", sampled(sample(batches=[(10, 900, 0, 0)] * 5))),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
