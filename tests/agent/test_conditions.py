"""Conditions that take time to be seen, from the wire to the finding: the simulated cluster and moto, look by look."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.audit import audit, chosen_checks
from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import Member, Model, SimulatedCluster, brokers
from agent.demo.cluster.model import Config, Source
from checks import all_checks
from checks.facts import KafkaSnapshot, LogEnds, Queue, Snapshot, SqsSnapshot, Unknown
from checks.limits import Limits
from checks.questions import Questions
from tests.agent.conftest import Run
from tests.live.sqs import ACCOUNT, REGION, SqsServer


def model() -> Model:
    """`blocked` moves nowhere on its two partitions; `limps` has read all of three but one."""
    made = brokers(3)
    made.clock = time.time
    now = time.time()
    for name, partitions in (("orders", 2), ("bills", 3)):
        for partition in made.add_topic(name, partitions, 3, min_insync_replicas="2").partitions:
            partition.append(900, now - 1500)
            partition.append(100, now - 400)
    for group, topic, read in (
        ("blocked", "orders", {0: 500, 1: 700}),
        ("limps", "bills", {0: 1000, 1: 1000, 2: 40}),
    ):
        member = Member(f"{group}-1", client_id=f"{group}-app", subscription=(topic,), assignment={topic: tuple(read)})
        offsets = {(topic, partition): offset for partition, offset in read.items()}
        made.add_group(group, offsets, state="Stable", members=[member])
    return made


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model()) as running:
        yield running


def test_a_group_that_stands_still_and_one_that_limps(cluster: SimulatedCluster, mqcanary: Run, tmp_path: Path) -> None:
    limits = tmp_path / "mqcanary.yaml"
    limits.write_text('limits: [{checks: "kafka/*", window: 1s}]\n')
    only = ("--only", "kafka/group-stalled", "--only", "kafka/lag-on-one-partition")
    look = ("audit", "--kafka", cluster.bootstrap, "--config", str(limits), *only, "--format", "json")
    told = json.loads(mqcanary(*look, "--samples", "4", "--every", "0.5s").stdout)
    summaries = {(f["check"], f["resource"].rpartition("/")[2]): f["summary"] for f in told["findings"]}
    stalled, limping = (
        summaries.pop(("kafka/group-stalled", "blocked")),
        summaries.pop(("kafka/lag-on-one-partition", "limps")),
    )
    assert stalled.startswith("group blocked stands still on orders: no offset moved for at least ")
    assert stalled.endswith(", 800 unread records in 2 partitions, though 1 member is in the group")
    assert limping.startswith(
        "group limps is more than 3 min behind on partition 2 of bills alone: all 960 unread records; "
        "nothing of partition 2 was read in "
    )
    assert limping.endswith("; partition 2 is read by limps-app on 127.0.0.1")
    # bills stands still as well: nothing more is written to its other partitions
    assert set(summaries) == {("kafka/group-stalled", "limps")}
    (one,) = {gap["why"] for gap in json.loads(mqcanary(*look).stdout)["gaps"] if gap["check"]}
    assert one == "young"


def moment(minute: int) -> float:
    return 1_800_000_000.0 + 60 * minute


def look(collector: KafkaCollector, snapshots: list[KafkaSnapshot], minute: int) -> None:
    """One more, as if it were so many minutes after the first."""
    seen = collector.collect(snapshots[-1] if snapshots else None, 5.0)
    assert isinstance(seen.ends, LogEnds)
    at = moment(minute)
    snapshots.append(replace(seen, at=at, ends=replace(seen.ends, at=at)))


def test_a_partition_that_takes_most_of_a_topic(cluster: SimulatedCluster) -> None:
    collector = KafkaCollector(KafkaSettings(cluster.endpoints[:1]), Questions([], Limits()))
    snapshots: list[KafkaSnapshot] = []
    for minute in range(11):
        with cluster.lock:
            for topic, written in (("orders", (90_000, 6000)), ("bills", (900, 1000, 1100))):
                for partition, count in zip(cluster.model.topics[topic].partitions, written, strict=True):
                    partition.append(count, time.time())
        look(collector, snapshots, minute)
    assert found(snapshots, "kafka/hot-partition") == {
        (
            "kafka/hot-partition",
            "orders",
        ): "partition 0 takes 94 % of what is written to topic orders: 1,500 of 1,600 records/s in "
        "10 min; a fair share would be 50 %"
    }


def test_dead_letters_that_arrive_that_nobody_reads_and_that_go_too_soon(cluster: SimulatedCluster) -> None:
    with cluster.lock:
        for name, days in (("orders.dlq", 14), ("bills-dlt", 3), ("limps.dlq", 14)):
            letters = cluster.model.add_topic(name, 1, 3, min_insync_replicas="2", retention_ms=str(days * 86_400_000))
            letters.partitions[0].append(3, moment(0))
        cluster.model.add_group("triage", {("bills-dlt", 0): 0, ("limps.dlq", 0): 0})
    collector = KafkaCollector(KafkaSettings(cluster.endpoints[:1]), Questions(all_checks(), Limits()))
    snapshots: list[KafkaSnapshot] = []
    for minute in range(0, 50, 10):
        with cluster.lock:
            cluster.model.topics["orders.dlq"].partitions[0].append(minute % 20 // 10, moment(minute))
            # What is put back fails again.
            cluster.model.topics["limps.dlq"].partitions[0].append(minute == 40, moment(minute))
            cluster.model.groups["triage"].committed["limps.dlq", 0] = 3 if minute > 20 else 0
        look(collector, snapshots, minute)
    assert found(snapshots, "kafka/dlq-*") == {
        (
            "kafka/dlq-growing",
            "orders.dlq",
        ): "2 records arrived in dead-letter topic orders.dlq (of orders) in the last 40 min, none in the last 10 min; "
        "the newest of 10 min ago",
        (
            "kafka/dlq-unread",
            "orders.dlq",
        ): "5 records in dead-letter topic orders.dlq (of orders) and no group that reads it; the newest of 10 min ago",
        (
            "kafka/dlq-retention-short",
            "bills-dlt",
        ): "dead-letter topic bills-dlt keeps records 3 d, its source bills 7 d",
    }


def test_offsets_that_do_not_fit_their_logs_and_a_partition_that_nobody_owns(
    cluster: SimulatedCluster, mqcanary: Run
) -> None:
    orders = cluster.model.topics["orders"].partitions
    orders[0].log_start = 600
    cluster.model.add_group("ahead", {("bills", 2): 1100}, state="Empty")
    cluster.model.add_group("mirrored", {("bills", 2): 1100}, state="Empty", protocol_type="")
    cluster.model.add_group("gone", {("orders", 0): 100, ("orders", 1): 1000})
    half = Member("half-1", subscription=("bills",), assignment={"bills": (0, 2)})
    cluster.model.add_group("half", {("bills", 0): 1000}, state="Stable", members=[half], kind="consumer")
    checks = ("records-lost", "offset-beyond-end", "unassigned-partition")
    look = ("audit", "--kafka", cluster.bootstrap, *(word for name in checks for word in ("--only", f"kafka/{name}")))
    told = json.loads(mqcanary(*look, "--every", "0.1s", "--format", "json").stdout)
    assert {(f["check"], f["resource"].rpartition("/")[2], f["severity"]) for f in told["findings"]} == {
        ("kafka/records-lost", "blocked", "critical"),
        ("kafka/records-lost", "gone", "info"),
        ("kafka/offset-beyond-end", "ahead", "info"),
        ("kafka/unassigned-partition", "half", "warning"),
    }
    assert not [gap for gap in told["gaps"] if gap["check"]]


def test_a_group_that_is_put_back(cluster: SimulatedCluster) -> None:
    collector = KafkaCollector(KafkaSettings(cluster.endpoints[:1]), Questions([], Limits()))
    snapshots: list[KafkaSnapshot] = []
    for minute, offset in enumerate((700, 300, 310)):
        cluster.model.groups["blocked"].committed["orders", 1] = offset
        look(collector, snapshots, minute)
    assert found(snapshots, "kafka/offset-rewound") == {
        (
            "kafka/offset-rewound",
            "blocked",
        ): "group blocked was put back on partition 1 of orders by 400 offsets, from 700 to 300, less than "
        "2 min ago; it stands at 310"
    }


def test_a_group_whose_records_will_soon_be_deleted(cluster: SimulatedCluster) -> None:
    made = cluster.model
    made.topics["bills"].configs["retention.ms"] = Config("1800000", Source.TOPIC)
    made.topics["bills"].partitions[1].append(1, time.time() - 100)
    collector = KafkaCollector(KafkaSettings(cluster.endpoints[:1]), Questions(all_checks(), Limits()))
    seen = collector.collect(None, 5.0)
    assert not isinstance(seen.lookups, Unknown)
    # What is 100 s old is not asked about again for each longer age.
    asked = [age for p, age in zip(seen.lookups.partition, seen.lookups.age, strict=True) if p == 1 and age > 1000]
    # Of orders, kept for 7 days, nothing is older than 80 % of that: so 7 days are not asked about.
    assert asked == [483_840.0]
    assert found([seen], "kafka/lag-near-retention") == {
        (
            "kafka/lag-near-retention",
            "limps",
        ): "group limps may lose records of bills within 6 min: what it has not read in 1 partition is more "
        "than 24 min old, and the retention is 30 min (960 unread records)"
    }


def test_leaders_that_did_not_come_back_after_a_restart(cluster: SimulatedCluster) -> None:
    with cluster.lock:
        for n in range(6):
            cluster.model.add_topic(f"more-{n}", 3, 3)
        cluster.model.fence(2)
    collector = KafkaCollector(KafkaSettings(cluster.endpoints[:1]), Questions([], Limits()))
    away = collector.collect(None, 5.0)
    with cluster.lock:
        cluster.model.unfence(2)
    assert found([away], "kafka/broker-imbalance") == {}
    assert found([collector.collect(away, 5.0)], "kafka/broker-imbalance") == {
        (
            "kafka/broker-imbalance",
            "",
        ): "broker 3 leads 15 of 23 partitions, 1.96 times the mean of 3 brokers; broker 2 the fewest, 0"
    }


def test_a_queue_that_grows_and_one_that_is_worked_off(aws: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws.reset()
    sqs = aws.client()
    grows, steady = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("invoices", "thumbnails"))
    collector = SqsCollector(SqsSettings(region=REGION, endpoint_url=aws.url))
    snapshots: list[SqsSnapshot] = []
    for minute in range(16):
        for url in (grows, steady):
            sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(5)])
        for message in sqs.receive_message(QueueUrl=steady, MaxNumberOfMessages=5)["Messages"]:
            sqs.delete_message(QueueUrl=steady, ReceiptHandle=message["ReceiptHandle"])
        snapshots.append(moved(collector.collect(snapshots[-1] if snapshots else None, 20.0), 60.0 * minute))
    assert found(snapshots, "sqs/backlog-growing") == {
        (
            "sqs/backlog-growing",
            "invoices",
        ): "queue invoices grows: 80 messages not finished, 75 more than 15 min ago (5.0 a minute); "
        "nothing was in flight at any poll"
    }
    assert found(snapshots, "sqs/consumers-absent") == {
        (
            "sqs/consumers-absent",
            "invoices",
        ): "nobody receives from queue invoices: 80 messages waiting, 50 more than 10 min ago, "
        "and none in flight in 11 polls"
    }
    assert snapshots[0].target == f"{ACCOUNT}.{REGION}"


def moved(snapshot: SqsSnapshot, seconds: float) -> SqsSnapshot:
    """The same at another time, so that nobody waits for it."""
    at = 1_800_000_000.0 + seconds
    queues = {name: replace(q, at=at) if isinstance(q, Queue) else q for name, q in snapshot.queues.items.items()}
    return replace(snapshot, at=at, queues=replace(snapshot.queues, items=queues))


def found(snapshots: Sequence[Snapshot], check: str) -> dict[tuple[str, str], str]:
    (one,) = audit(snapshots, chosen_checks([check]), Limits())
    return {(mark.check, mark.address.name): f.summary for mark, f in one.report.findings.items()}


@pytest.mark.parametrize(
    ("topics", "judged"),
    [("", True), (", topics: {exclude: ['__*']}", False), (", topics: {include: ['orders']}", False)],
)
def test_kafkas_own_topics_are_judged_where_nobody_leads_them(
    mqcanary: Run, tmp_path: Path, topics: str, *, judged: bool
) -> None:
    made = model()
    made.add_topic("__consumer_offsets", 3, 3).internal = True
    made.topics["__consumer_offsets"].partitions[1].leader = -1
    made.add_topic("__amazon_msk_canary", 1, 3).partitions[0].leader = -1
    config = tmp_path / "mqcanary.yaml"
    with SimulatedCluster(made) as running:
        config.write_text(f"kafka: [{{bootstrap: '{running.bootstrap}'{topics}}}]\n")
        report = json.loads(mqcanary("audit", "--config", str(config), "--format", "json").stdout)
    found = [(f["check"], f["resource"].rpartition("/")[2]) for f in report["findings"]]
    own = [check for check, name in found if name.startswith("__")]
    assert own == (["kafka/offline-partition"] if judged else []), found
