from tests.checks.examples import Example, sample, sampled

FIRING = (Example("most", sampled(sample(batches=[(10, 900, 0, 0)] * 30 + [(10, 900, 0, 1)] * 10))),)
SILENT = (
    Example("some old clients", sampled(sample(batches=[(10, 900, 0, 0)] * 10 + [(10, 900, 0, 1)] * 30))),
    Example("few", sampled(sample(batches=[(10, 900, 0, 0)] * 5))),
)
