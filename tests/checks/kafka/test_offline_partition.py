from checks.check import Severity
from checks.kafka.offline_partition import offline_partition as check
from tests.checks.examples import Example, judge, kafka, only, topic

FIRING = (Example("one of four", (kafka([topic("orders", 4, leaderless=[1])]),)),)
SILENT = (Example("all led", (kafka([topic("orders", 4)]),)),)


def test_names_partition_and_who_could_lead() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.severity is Severity.CRITICAL
    assert finding.summary == "1 partition of 4 of topic orders without a leader: 1"
    assert "broker 1, 2, 3" in finding.fix.text
