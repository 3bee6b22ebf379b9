from checks.check import Severity
from checks.kafka.unkeyed_producer import unkeyed_producer
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import Example, judge, sample, sampled

IGNORED = Limits([Override(Pattern(), "*", {"ignore": ("ord*",)})])

FIRING = (
    Example("some", sampled(sample(1000, 400))),
    Example("all", sampled(sample(1000, 1000, 0))),
    *(
        Example(name, sampled(sample(1000, 400), name=name))
        for name in ("login-events", "catalog-items", "Login", "changelog", "retraced")
    ),
)
SILENT = (
    Example("few", sampled(sample(1000, 10))),
    Example("metrics", sampled(sample(1000, 1000), name="app-metrics")),
    *(
        Example(name, sampled(sample(1000, 400), name=name))
        for name in ("access-logs", "log", "app.LOG", "appLog", "APILogs", "logs2", "eu_trace_spans")
    ),
    Example("named", sampled(sample(1000, 400)), IGNORED),
    Example("one partition", sampled(sample(1000, 1000), 1)),
)
SMALL = (Example("few records", sampled(sample(20, 10))),)


def test_it_says_no_more_than_was_seen() -> None:
    some, whole = (next(iter(judge(unkeyed_producer, example).findings.values())) for example in FIRING[:2])
    assert some.summary == "400 of 1,000 sampled records of topic orders have no key, the others have one"
    assert (some.severity, whole.severity) == (Severity.WARNING, Severity.INFO)
    assert whole.summary == "1,000 of 1,000 sampled records of topic orders have no key"
