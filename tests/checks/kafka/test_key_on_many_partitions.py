from dataclasses import replace

from checks.facts import NOT_SAMPLED
from checks.kafka.key_on_many_partitions import key_on_many_partitions as check
from tests.checks.examples import Example, judge, sample, sampled

TWO = ((7, 0, 10, 0, 90), (7, 1, 10, 5, 95), (8, 2, 10, 0, 90))

FIRING = (Example("two clients", sampled(sample(pairs=TWO))),)
SILENT = (
    Example("partitions were added", sampled(sample(pairs=[(7, 0, 10, 0, 40), (7, 4, 10, 41, 95)]))),
    Example(
        "an explicit partitioner",
        sampled(sample(pairs=[*TWO, *[(i, p, 10, 0, 90) for i in (9, 10) for p in range(6)]])),
    ),
    Example("each on its own", sampled(sample(pairs=[(i, i % 6, 10, 0, 90) for i in range(20)]))),
    Example("two partitions", sampled(sample(pairs=TWO), 2)),
)


def test_without_sampling_it_is_one_gap_that_says_how_to_close_it() -> None:
    whole = FIRING[0].snapshots[0]
    report = judge(check, Example("off", (replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close
