from tests.checks.examples import Example, sample, sampled

FIRING = (
    Example("some", sampled(sample(1000, 400))),
    Example("all", sampled(sample(1000, 1000, 0))),
)
SILENT = (
    Example("few", sampled(sample(1000, 10))),
    Example("metrics", sampled(sample(1000, 1000), name="app-metrics")),
    Example("logs", sampled(sample(1000, 400), name="access-logs")),
    Example("one partition", sampled(sample(1000, 1000), 1)),
    Example("few records", sampled(sample(20, 10))),
)
