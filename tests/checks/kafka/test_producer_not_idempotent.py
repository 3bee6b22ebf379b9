from tests.checks.examples import Example, sample, sampled

FIRING = (
    Example("most", sampled(sample(batches=[(10, 900, 0, 0)] * 30 + [(10, 900, 0, 1)] * 10))),
    Example("three of hundreds of records", sampled(sample(batches=[(700, 300_000, 0, 0)] * 3))),
)
SILENT = (
    Example("some old clients", sampled(sample(batches=[(10, 900, 0, 0)] * 10 + [(10, 900, 0, 1)] * 30))),
    Example("few records", sampled(sample(batches=[(700, 9000, 0, 1)] * 3 + [(1, 90, 0, 0)] * 30))),
)
SMALL = (Example("few", sampled(sample(batches=[(10, 900, 0, 0)] * 5))),)
