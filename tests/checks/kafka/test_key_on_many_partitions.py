from tests.checks.examples import Example, sample, sampled

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
    Example("no keys", sampled(sample(keyless=1000, distinct=0))),
)
SMALL = (
    Example("each key once", sampled(sample(pairs=[(i, i % 6, 1, 0, 0) for i in range(200)]))),
    Example("a few records without keys", sampled(sample(20, keyless=20, distinct=0))),
)
