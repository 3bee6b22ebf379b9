from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import Example, sample, sampled

IGNORED = Limits([Override(Pattern(), "*", {"ignore": ("orders",)})])

FIRING = (
    Example("most", sampled(sample(batches=[(10, 9000, 0, 1)] * 30))),
    Example("three of hundreds of records", sampled(sample(batches=[(700, 300_000, 0, 1)] * 3))),
)
SILENT = (
    Example("small batches", sampled(sample(batches=[(10, 900, 0, 1)] * 30))),
    Example("zstd", sampled(sample(batches=[(10, 9000, 4, 1)] * 30))),
    Example("a few bytes", sampled(sample(batches=[(500, 300_000, 4, 1)] * 3 + [(1, 9000, 0, 1)] * 9))),
    Example("pictures", sampled(sample(batches=[(10, 9000, 0, 1)] * 3)), IGNORED),
)
SMALL = (
    Example("few", sampled(sample(batches=[(10, 9000, 0, 1)] * 3))),
    Example("one, large", sampled(sample(batches=[(2000, 900_000, 0, 1)]))),
)
