import pytest

from checks.check import Severity
from checks.kafka.hot_key import hot_key
from tests.checks.examples import Example, judge, sample, sampled

TOP = ((7, 0, 200, 0, 9), (8, 1, 50, 0, 9))

FIRING = (
    Example("a fifth", sampled(sample(pairs=TOP))),
    Example("all of one", sampled(sample(distinct=1, pairs=[(7, 3, 1000, 0, 9)]))),
    Example("as few keys as partitions", sampled(sample(distinct=12, pairs=[(i, i, 83, 0, 9) for i in range(12)]), 12)),
)
SILENT = (
    Example("even", sampled(sample(pairs=[(i, i % 6, 2, 0, 9) for i in range(200)]))),
    Example("one partition", sampled(sample(pairs=TOP), 1)),
    Example("of a few partitions that were read", sampled(sample(pairs=TOP, covered=0.4))),
    Example(
        "few keys, where most records have none", sampled(sample(keyless=900, distinct=3, pairs=[(7, 0, 90, 0, 9)]))
    ),
    Example("no keys", sampled(sample(keyless=1000, distinct=0))),
)
SMALL = (Example("a small sample", sampled(sample(100, pairs=[(7, 0, 20, 0, 9)]))),)


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (
            FIRING[0],
            (Severity.WARNING, "one key has about 20.0 % of the records of topic orders (200 of 1,000 sampled)"),
        ),
        (
            FIRING[1],
            (
                Severity.WARNING,
                "one key has about 100.0 % of the records of topic orders (1,000 of 1,000 sampled); the sample has 1 key in all",
            ),
        ),
        (
            FIRING[2],
            (Severity.INFO, "1,000 sampled records of topic orders have only 12 keys, on 12 of its 12 partitions"),
        ),
    ],
    ids=lambda told: getattr(told, "name", ""),
)
def test_a_key_above_the_limit_is_a_warning_however_few_there_are(example: Example, said: tuple[Severity, str]) -> None:
    (finding,) = judge(hot_key, example).findings.values()
    assert (finding.severity, finding.summary) == said
