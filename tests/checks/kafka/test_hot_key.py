from tests.checks.examples import Example, sample, sampled

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
