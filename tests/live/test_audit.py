"""The audit and the lag against a real Apache Kafka, with Kafka's own command as the referee."""

import time
from collections.abc import Mapping

import pytest
from confluent_kafka import Consumer, TopicPartition

from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.config.model import read_endpoints
from agent.secret import Secret
from checks import all_checks
from checks.evaluate import Report, evaluate
from checks.facts import Group, History, KafkaSnapshot, Lag, Unknown, Why, facts_of
from checks.limits import Limits
from checks.questions import Questions
from tests.live import referee, seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.process import until

pytestmark = pytest.mark.live


def look(
    bootstrap: str, prefix: str, security: Security | None = None, previous: KafkaSnapshot | None = None
) -> KafkaSnapshot:
    choice = Choice(include=(f"{prefix}*",))
    settings = KafkaSettings(
        read_endpoints(bootstrap)[:1], security=security or Security(), topics=choice, groups=choice
    )
    return KafkaCollector(settings, Questions(all_checks(), Limits())).collect(previous, 30.0)


def judged(*snapshots: KafkaSnapshot) -> Report:
    history = History()
    for snapshot in snapshots:
        history.append(snapshot)
    return evaluate(facts_of(snapshots[-1], history), all_checks(), Limits())


def found(report: Report) -> set[tuple[str, str]]:
    return {(mark.check, mark.address.name) for mark in report.findings}


def lags(snapshot: KafkaSnapshot) -> dict[tuple[str, str, int], tuple[int | None, int | None, int | None]]:
    facts = facts_of(snapshot, History())
    rows: dict[tuple[str, str, int], tuple[int | None, int | None, int | None]] = {}
    for name in snapshot.groups.items:
        lag = facts.get(Lag, snapshot.address.under("groups", name))
        assert not isinstance(lag, Unknown), lag
        for row in range(lag.topic.size):
            told = (int(lag.committed[row]), int(lag.end[row]), int(lag.lag[row]))
            committed, end, behind = (None if value < 0 else value for value in told)
            rows[name, *lag.place(row)] = (committed, end, behind)
    return rows


def test_lag_equals_kafkas_own_command(kafka: KafkaCluster, fresh: str) -> None:
    topics = [f"{fresh}-{i}" for i in range(3)]
    seed.create_topics(kafka.bootstrap, {name: seed.TopicSpec(4) for name in topics})
    for i, name in enumerate(topics):
        for partition in range(3):  # the fourth stays empty
            seed.produce(kafka.bootstrap, name, 40 + 10 * i + partition, partition=partition)
    for i in range(20):
        offsets = {
            (topics[i % 3], partition): (7 * i + partition) % 40 for partition in range(i % 4 + 1) if partition < 3
        }
        seed.commit_offsets(kafka.bootstrap, f"{fresh}-group-{i}", offsets)
    with (
        Member(kafka.bootstrap, f"{fresh}-classic", topics[0], partitions=4) as classic,
        Member(kafka.bootstrap, f"{fresh}-newer", topics[1], partitions=4, protocol="consumer") as newer,
    ):
        classic.commit({(topics[0], 0): 11})
        newer.commit({(topics[1], 1): 12})
        snapshot = look(kafka.bootstrap, fresh)
        expected = {key: row for key, row in referee.offsets(kafka.bootstrap).items() if key[0].startswith(fresh)}
    rows = lags(snapshot)
    assert len({key[0] for key in rows}) == 22
    assert {key: (row.committed, row.end, row.lag) for key, row in expected.items()} == rows
    kinds = {name: group.kind for name, group in snapshot.groups.items.items() if isinstance(group, Group)}
    assert kinds[f"{fresh}-newer"] == "consumer"
    assert kinds[f"{fresh}-classic"] == "classic"


def test_a_member_that_does_not_take_up_its_assignment_is_named(kafka: KafkaCluster, fresh: str) -> None:
    """It holds what another one is to read, as it does not poll; its client goes on telling the broker that it lives."""
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(4)})
    seed.produce(kafka.bootstrap, fresh, 10, partition=3, timestamp=int((time.time() - 1800) * 1000))
    config = {
        "bootstrap.servers": kafka.bootstrap,
        "group.id": fresh,
        "group.protocol": "consumer",
        "client.id": "busy",
    }
    busy = Consumer(config | {"enable.auto.commit": False})
    try:
        busy.subscribe([fresh])
        until(lambda: (busy.poll(0.1), len(busy.assignment()) == 4)[1], "it has all partitions")
        busy.commit(offsets=[TopicPartition(fresh, 3, 0)], asynchronous=False)
        with Member(kafka.bootstrap, fresh, fresh, protocol="consumer", partitions=0):

            def dealt() -> tuple[KafkaSnapshot, Group] | None:
                snapshot = look(kafka.bootstrap, fresh)
                group = snapshot.groups.items[fresh]
                waiting = [m.client_id for m in group.behind()] if isinstance(group, Group) else []
                return (snapshot, group) if isinstance(group, Group) and waiting == ["busy"] else None

            snapshot, group = until(dealt, "the other one has taken up the newest assignment")
            theirs = referee.reconciling(kafka.bootstrap, fresh)
    finally:
        busy.close()
    assert isinstance(group.members, tuple)

    def said(places: Mapping[str, tuple[int, ...]] | Unknown) -> str:
        assert not isinstance(places, Unknown)
        return " ".join(f"{topic}:{','.join(map(str, numbers))}" for topic, numbers in places.items()) or "-"

    ours = {
        m.client_id: (
            m.epoch,
            said(m.assigned),
            group.assignment_epoch,
            said(m.assigned if m.target is None else m.target),
        )
        for m in group.members
    }
    assert ours == theirs
    (lagging,) = [one for mark, one in judged(snapshot).findings.items() if mark.check == "kafka/group-lagging"]
    assert "busy on 127.0.0.1 has not taken up the newest assignment" in lagging.summary


def test_checks_fire_and_stay_silent_on_real_resources(kafka3: KafkaCluster, fresh: str) -> None:
    good, bad, lone = f"{fresh}-good", f"{fresh}-bad", f"{fresh}-lone"
    spec = seed.TopicSpec(2, 3, {"min.insync.replicas": "2"})
    seed.create_topics(
        kafka3.bootstrap,
        {
            good: spec,
            f"{good}.dlq": seed.TopicSpec(2, 3, {"min.insync.replicas": "2", "retention.ms": "1209600000"}),
            bad: seed.TopicSpec(1, 3, {"min.insync.replicas": "1"}),
            lone: seed.TopicSpec(1, 1),
        },
    )
    old = int((time.time() - 3600) * 1000)
    seed.produce(kafka3.bootstrap, bad, 10, partition=0, timestamp=old)
    seed.produce(kafka3.bootstrap, good, 10, partition=0)
    with (
        Member(kafka3.bootstrap, f"{fresh}-late", bad, partitions=1) as late,
        Member(kafka3.bootstrap, f"{fresh}-late", bad, partitions=0),
        Member(kafka3.bootstrap, f"{fresh}-fine", good, partitions=2) as fine,
    ):
        until(lambda: _settled(kafka3.bootstrap, fresh, f"{fresh}-late", 2), "both members are in the group")
        late.commit({(bad, 0): 3})
        fine.commit({(good, 0): 3})
        report = judged(look(kafka3.bootstrap, fresh))
    assert found(report) == {
        ("kafka/group-lagging", f"{fresh}-late"),
        ("kafka/dlq-missing", f"{fresh}-late"),
        ("kafka/idle-members", f"{fresh}-late"),
        ("kafka/min-insync-unsafe", bad),
        ("kafka/replication-factor-low", lone),
        ("kafka/auto-create-topics", ""),
    }


def test_a_broker_away_is_an_offline_partition_and_gaps(kafka3: KafkaCluster, fresh: str) -> None:
    lone = f"{fresh}-lone"
    seed.create_topics(
        kafka3.bootstrap,
        {lone: seed.TopicSpec(3, 1), f"{fresh}-safe": seed.TopicSpec(3, 3, {"min.insync.replicas": "2"})},
    )
    whole = look(kafka3.bootstrap, fresh)
    assert ("kafka/offline-partition", lone) not in found(judged(whole))
    with kafka3.down(3):
        thin = look(kafka3.bootstrap, fresh, previous=whole)
        report = judged(whole, thin)
    assert ("kafka/offline-partition", lone) in found(report)
    assert ("kafka/offline-partition", f"{fresh}-safe") not in found(report)
    # Kafka 4 leaves it no in-sync replica, and tells apart who may lead.
    topic, eligible = thin.topics.items[lone], thin.eligible
    assert not isinstance(topic, Unknown)
    assert not isinstance(eligible, Unknown)
    away = topic.leader.index(-1)
    assert (topic.isr[away], eligible[lone]) == ((), topic.replicas)
    fixes = {mark.address.name: told.fix.text for mark, told in report.findings.items() if "offline" in mark.check}
    assert "have all records (broker 3)" in fixes[lone]


def test_too_few_rights_are_gaps_and_no_false_finding(kafka_secure: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka_secure.bootstrap, [f"{fresh}-a"])
    seed.commit_offsets(kafka_secure.bootstrap, f"{fresh}-g", {(f"{fresh}-a", 0): 0})
    bob = Security(
        protocol=Protocol.SASL_PLAINTEXT,
        mechanism=Mechanism.SCRAM_SHA_512,
        username="bob",
        password=Secret.literal("bob-secret"),
    )
    snapshot = look(kafka_secure.bootstrap_of("SASL_PLAINTEXT"), fresh, bob)
    report = judged(snapshot)
    assert not report.findings
    assert [u.why for u in snapshot.groups.blind] == [Why.DENIED]


def test_a_deleted_topic_does_not_come_back(kafka: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka.bootstrap, [f"{fresh}-a"])
    before = look(kafka.bootstrap, fresh)
    seed.delete_topics(kafka.bootstrap, [f"{fresh}-a"])
    for polls in (1, 2):
        before = look(kafka.bootstrap, fresh, previous=before)
        assert before.topics.absent[f"{fresh}-a"].polls == polls
    with seed.admin(kafka.bootstrap) as client:
        assert f"{fresh}-a" not in client.list_topics(timeout=10).topics


def test_hostile_group_names(kafka: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka.bootstrap, [f"{fresh}-a"])
    names = [f"{fresh} 'quoted' \"twice\"", f"{fresh}\nline", f"{fresh}/*/ä€", fresh + "x" * (249 - len(fresh))]
    for name in names:
        seed.commit_offsets(kafka.bootstrap, name, {(f"{fresh}-a", 0): 0})
    snapshot = look(kafka.bootstrap, fresh)
    assert set(names) == set(snapshot.groups.items)


def _settled(bootstrap: str, prefix: str, name: str, members: int) -> bool:
    group = look(bootstrap, prefix).groups.items.get(name)
    return (
        isinstance(group, Group)
        and group.state == "Stable"
        and not isinstance(group.members, Unknown)
        and len(group.members) == members
    )
