from tests.checks.examples import Example, sample, sampled

FIRING = (Example("most", sampled(sample(batches=[(10, 9000, 0, 1)] * 30))),)
SILENT = (
    Example("small batches", sampled(sample(batches=[(10, 900, 0, 1)] * 30))),
    Example("zstd", sampled(sample(batches=[(10, 9000, 4, 1)] * 30))),
    Example("few", sampled(sample(batches=[(10, 9000, 0, 1)] * 3))),
)
