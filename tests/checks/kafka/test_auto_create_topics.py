import pytest

from checks.facts import KafkaSnapshot
from checks.kafka.auto_create_topics import auto_create_topics as check
from tests.checks.examples import Example, judge, kafka, only


def look(*values: str, host: str = "b{}", cluster_id: str = "c1") -> tuple[KafkaSnapshot]:
    configs = {i: {"auto.create.topics.enable": value} for i, value in enumerate(values, 1)}
    return (kafka(brokers=len(values), broker_configs=configs, host=host, cluster_id=cluster_id),)


FIRING = (Example("all brokers", look("true", "true", "true")), Example("one of three", look("false", "true", "false")))
SILENT = (
    Example("off", look("false", "false", "false")),
    Example("development", look("true")),
    Example(
        "nobody can set it on MSK Serverless",
        look("true", "true", host="boot-1a.c1.kafka-serverless.us-east-1.amazonaws.com"),
    ),
)


def test_says_which() -> None:
    assert only(judge(check, FIRING[0])).summary.startswith("brokers 1, 2, 3 create topics")
    assert only(judge(check, FIRING[1])).summary.startswith("broker 2 creates topics")


@pytest.mark.parametrize(
    ("where", "words", "command"),
    [
        ({}, "in server.properties", ""),
        ({"host": "b-{}.x.ab12.c2.kafka.eu-west-1.amazonaws.com"}, "aws kafka update-cluster-configuration", ""),
        ({"cluster_id": "redpanda.1234"}, "auto_create_topics_enabled", "rpk cluster config set "),
        (
            {"host": "b{}-pkc-1a2b3.eastus.azure.confluent.cloud"},
            "dedicated",
            "confluent kafka cluster configuration update ",
        ),
    ],
)
def test_says_how_where_it_runs(where: dict[str, str], words: str, command: str) -> None:
    fix = only(judge(check, Example("on", look("true", "true", **where)))).fix
    assert words in fix.text
    assert fix.command.startswith(command)
    assert bool(fix.command) == bool(command)


def test_a_broker_that_is_not_told_is_a_gap() -> None:
    report = judge(check, Example("none", (kafka(),)))
    assert not report.findings
    assert [gap.check for gap in report.gaps.values() if gap.check] == [check.id]
