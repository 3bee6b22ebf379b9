from checks.facts import KafkaSnapshot
from checks.kafka.auto_create_topics import auto_create_topics as check
from tests.checks.examples import Example, judge, kafka, only


def look(*values: str) -> tuple[KafkaSnapshot]:
    configs = {i: {"auto.create.topics.enable": value} for i, value in enumerate(values, 1)}
    return (kafka(brokers=len(values), broker_configs=configs),)


FIRING = (Example("all brokers", look("true", "true", "true")), Example("one of three", look("false", "true", "false")))
SILENT = (Example("off", look("false", "false", "false")), Example("development", look("true")))


def test_says_which() -> None:
    assert only(judge(check, FIRING[0])).summary.startswith("brokers 1, 2, 3 create topics")
    assert only(judge(check, FIRING[1])).summary.startswith("broker 2 creates topics")


def test_a_broker_that_is_not_told_is_a_gap() -> None:
    report = judge(check, Example("none", (kafka(),)))
    assert not report.findings
    assert [gap.check for gap in report.gaps.values() if gap.check] == [check.id]
