import dataclasses
import json
import shlex

from checks.check import Severity
from checks.facts import Broker, Topic, Unknown
from checks.kafka.replication_factor_low import replication_factor_low as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
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
    Example("Redpanda takes no even number", (kafka([topic("logs", rf=1)], brokers=2, cluster_id="redpanda.1"),)),
    Example("two are declared enough", (kafka([topic("logs", rf=2)]),), TWO),
)


def test_aims_at_what_the_cluster_can_hold() -> None:
    assert "below 3" in only(judge(check, FIRING[0])).summary
    finding = only(judge(check, FIRING[2]))
    assert "below 2" in finding.summary
    assert finding.severity is Severity.WARNING


def plan(command: str) -> dict[int, list[int]]:
    """Partition to brokers, as the command hands it to Kafka."""
    echo, text, *_ = shlex.split(command)
    assert echo == "echo"
    return {row["partition"]: row["replicas"] for row in json.loads(text)["partitions"]}


def placed(logs: Topic, racks: str) -> dict[int, list[int]]:
    snapshot = kafka([(logs, topic("logs")[1])])
    assert not isinstance(snapshot.cluster, Unknown)
    brokers = tuple(Broker(i, f"b{i}", 9092, None if rack == "-" else rack) for i, rack in enumerate(racks, 1))
    cluster = dataclasses.replace(snapshot.cluster, brokers=brokers)
    return plan(only(judge(check, Example("racks", (dataclasses.replace(snapshot, cluster=cluster),)))).fix.command)


def test_the_command_adds_copies_and_moves_none() -> None:
    given = plan(only(judge(check, FIRING[0])).fix.command)
    assert {p: brokers[0] for p, brokers in given.items()} == {0: 1, 1: 2}
    assert all(sorted(brokers) == [1, 2, 3] for brokers in given.values())
    (logs, _) = topic("logs", 3, rf=1)
    spread = placed(logs, "-----")
    assert len({tuple(brokers[1:]) for brokers in spread.values()}) == 3


def test_copies_go_to_other_racks() -> None:
    (logs, _) = topic("logs", 1, rf=1)
    assert placed(logs, "aabbcc")[0] in ([1, 3, 5], [1, 3, 6], [1, 4, 5])
    assert placed(logs, "aaab")[0][1] == 4


def test_redpanda_places_copies_by_itself() -> None:
    example = Example("rpk", (kafka([topic("it's", 50, rf=1)], cluster_id="redpanda.1234"),))
    command = only(judge(check, example)).fix.command
    assert shlex.split(command) == ["rpk", "topic", "alter-config", "it's", "--set", "replication.factor=3"]


def test_a_long_plan_is_begun() -> None:
    fix = only(judge(check, Example("many", (kafka([topic("logs", 50, rf=1)]),)))).fix
    assert len(plan(fix.command)) == 20
    assert "20 of 50 partitions" in fix.text


def test_no_name_leaves_its_quotes() -> None:
    fix = only(judge(check, Example("quote", (kafka([topic("it's; reboot", 1, rf=1)]),)))).fix
    assert shlex.split(fix.command)[1].startswith('{"version":1,"partitions":[{"topic":"it\'s; reboot"')
