from typing import Any

import pytest

from checks import all_checks
from checks.facts import Features, KafkaSnapshot, Unknown, Why
from tests.checks.examples import Example, judge, kafka, only

(CHECK,) = (check for check in all_checks() if check.id == "kafka/feature-level-behind")
HIGHEST = {
    "metadata.version": 30, "kraft.version": 1, "transaction.version": 2, "group.version": 1,
    "eligible.leader.replicas.version": 1, "share.version": 1, "streams.version": 1,
}  # fmt: skip
USED = {"metadata.version": 30, "transaction.version": 2, "group.version": 1}
DOWN = Unknown(Why.UNREACHABLE, "broker 3 is down")


def look(used: dict[str, int], *supported: dict[str, int] | Unknown, **more: Any) -> tuple[KafkaSnapshot]:
    brokers = supported or (HIGHEST, HIGHEST, HIGHEST)
    return (kafka(features=Features(used, {str(i): one for i, one in enumerate(brokers, 1)}), **more),)


FIRING = (
    Example("the metadata of the release before", look(USED | {"metadata.version": 29})),
    Example("only the metadata was raised", look({"metadata.version": 30})),
    Example(
        "of 3.9",
        look({"metadata.version": 19}, *[{"metadata.version": 21, "kraft.version": 1, "group.version": 0}] * 3),
    ),
    Example("one broker", look(USED | {"group.version": 0}, HIGHEST)),
)
SILENT = (
    Example("all as high as may be", look(HIGHEST)),
    Example("a static quorum, and no feature that one asks for", look(USED)),
    Example("an upgrade is under way", look(USED, HIGHEST, HIGHEST, HIGHEST | {"metadata.version": 31})),
    Example("under way, and a broker is away", look({"metadata.version": 29}, HIGHEST, {"metadata.version": 29}, DOWN)),
    Example("a broker is away, and nothing is behind", look(USED, HIGHEST, HIGHEST, DOWN)),
    Example("a level that brokers do not know", look(USED | {"metadata.version": 31}, HIGHEST)),
    Example("ZooKeeper", (kafka(),)),
    Example("Amazon MSK", look({"metadata.version": 29}, host="b-{}.x.abc.c2.kafka.eu-west-1.amazonaws.com")),
    Example("Confluent Cloud", look({"metadata.version": 29}, host="b{}-pkc-x.eu.aws.confluent.cloud")),
)


@pytest.mark.parametrize(
    ("used", "said", "levels"),
    [
        (
            USED | {"metadata.version": 29},
            "metadata.version 29 (Kafka 4.2) of 30 (Kafka 4.3)",
            "--feature metadata.version=30",
        ),
        (
            {"metadata.version": 21},
            "metadata.version 21 (Kafka 3.9) of 30 (Kafka 4.3), group.version 0 of 1, transaction.version 0 of 2",
            "--feature metadata.version=30 --feature group.version=1 --feature transaction.version=2",
        ),
    ],
)
def test_it_says_from_where_to_where_and_raises_that_alone(used: dict[str, int], said: str, levels: str) -> None:
    finding = only(judge(CHECK, Example("", look(used))))
    assert finding.summary == f"the cluster uses {said}, which every broker supports: its last upgrade was not finished"
    assert finding.fix.command == f"kafka-features.sh --bootstrap-server $BOOTSTRAP upgrade {levels}"


@pytest.mark.parametrize("supported", [(HIGHEST, HIGHEST, DOWN), (DOWN, DOWN, DOWN)])
def test_a_broker_that_is_away_may_be_an_old_one(supported: tuple[dict[str, int] | Unknown, ...]) -> None:
    report = judge(CHECK, Example("", look({"metadata.version": 29}, *supported)))
    assert not report.findings
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.unknown == DOWN
