from checks.check import Severity
from checks.kafka.replication_factor_low import replication_factor_low as check
from checks.limits import Limits, Override, Pattern
from tests.checks.examples import Example, judge, kafka, only, topic

TWO = Limits([Override(Pattern(), "kafka/replication-factor-low", {"target": 2})])
FIRING = (
    Example("one replica", (kafka([topic("logs", 2, rf=1)]),)),
    Example("two of three", (kafka([topic("logs", 1, rf=2)]),)),
    Example("two brokers, one replica", (kafka([topic("logs", 1, rf=1)], brokers=2),)),
)
SILENT = (
    Example("three", (kafka([topic("logs")]),)),
    Example("one broker can't hold more", (kafka([topic("logs", rf=1)], brokers=1),)),
    Example("two are declared enough", (kafka([topic("logs", rf=2)]),), TWO),
)


def test_aims_at_what_the_cluster_can_hold() -> None:
    assert "below 3" in only(judge(check, FIRING[0])).summary
    finding = only(judge(check, FIRING[2]))
    assert "below 2" in finding.summary
    assert finding.severity is Severity.WARNING
