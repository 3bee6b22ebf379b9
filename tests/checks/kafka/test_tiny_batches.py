from tests.checks.examples import Example, sample, sampled

FIRING = (Example("of one", sampled(sample(batches=[(1, 90, 0, 1)] * 30, arrived=720_000))),)
SILENT = (
    Example("a quiet topic", sampled(sample(batches=[(1, 90, 0, 1)] * 30))),
    Example("good ones", sampled(sample(batches=[(50, 9000, 0, 1)] * 30, arrived=720_000))),
    Example("nearly nothing ever", sampled(sample(batches=[(1, 90, 0, 1)] * 30, arrived=9, window=0.0))),
    Example("three of hundreds of records", sampled(sample(batches=[(700, 300_000, 0, 1)] * 3, arrived=720_000))),
)
SMALL = (Example("few", sampled(sample(batches=[(1, 300_000, 0, 1)] * 3, arrived=720_000))),)
