"""What each right shows, on Kafka's own authorizer: what one may not see is unknown, and is never taken for nothing."""

import time
from collections import Counter

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.config.model import read_endpoints
from agent.secret import Secret
from checks.evaluate import evaluate
from checks.facts import (
    NEVER,
    Group,
    History,
    KafkaSnapshot,
    Lag,
    OpenTransactions,
    Quotas,
    Topic,
    TopicConfig,
    Unknown,
    Why,
    facts_of,
)
from checks.facts.codes import TOPIC_DENIED
from checks.kafka.group_lagging import group_lagging
from checks.limits import Limits
from checks.questions import Questions
from tests.live import seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.planting import transaction
from tests.live.process import until
from tests.live.test_command import newcomer  # noqa: F401 - a user without rights

HOUR = 3600


class Case:
    """A topic with ten records, an hour old, of which a group has read three; alice looks."""

    def __init__(self, kafka: KafkaCluster, name: str) -> None:
        self.kafka, self.name = kafka, name
        seed.create_topics(kafka.bootstrap, [name])
        seed.produce(kafka.bootstrap, name, 10, partition=0, timestamp=int((time.time() - HOUR) * 1000))
        seed.commit_offsets(kafka.bootstrap, name, {(name, 0): 3})

    def allow(self, kind: ResourceType, *operations: AclOperation) -> None:
        name = "kafka-cluster" if kind is ResourceType.BROKER else self.name
        seed.allow(self.kafka.bootstrap, "alice", kind, name, operations)

    def look(self, *scope: str) -> KafkaSnapshot:
        return self.collector(*scope).collect(None, 30)

    def collector(self, *scope: str) -> KafkaCollector:
        bootstrap = read_endpoints(self.kafka.bootstrap_of("SASL_PLAINTEXT"))
        security = Security(
            protocol=Protocol.SASL_PLAINTEXT,
            mechanism=Mechanism.PLAIN,
            username="alice",
            password=Secret.literal(self.kafka.users["alice"]),
        )
        settings = KafkaSettings(bootstrap, security=security, scope=scope)
        return KafkaCollector(settings, Questions([group_lagging], Limits()))

    def told(self, snapshot: KafkaSnapshot) -> str:
        """What is said of its lag."""
        history = History()
        history.append(snapshot)
        report = evaluate(facts_of(snapshot, history), [group_lagging], Limits())
        (finding,) = (found for place, found in report.findings.items() if place.address.name == self.name)
        return finding.summary

    def lag(self, snapshot: KafkaSnapshot) -> Lag:
        lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", self.name))
        assert isinstance(lag, Lag)
        return lag


@pytest.fixture
def case(kafka_secure: KafkaCluster, fresh: str, newcomer: str) -> Case:  # noqa: F811
    assert newcomer == "alice"
    return Case(kafka_secure, fresh)


def test_without_any_nothing_is_seen_and_nothing_is_gone(case: Case) -> None:
    snapshot = case.look()
    assert (dict(snapshot.topics.items), dict(snapshot.groups.items)) == ({}, {})
    assert snapshot.topics.blind
    assert snapshot.groups.blind
    named = case.look(case.name).groups.items[case.name]
    assert isinstance(named, Unknown)
    assert named.why is Why.DENIED


def test_describe_on_the_topic_alone_shows_no_group(case: Case) -> None:
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE)
    snapshot = case.look()
    assert isinstance(snapshot.topics.items[case.name], Topic)
    assert case.name not in snapshot.groups.items
    assert snapshot.groups.blind


def test_describe_on_the_group_alone_shows_no_lag(case: Case) -> None:
    """OffsetFetch leaves out what is committed on topics that one may not describe."""
    case.allow(ResourceType.GROUP, AclOperation.DESCRIBE)
    snapshot = case.look()
    assert isinstance(snapshot.groups.items[case.name], Group)
    assert case.lag(snapshot).topic.size == 0


def test_describe_on_both_gives_lag_in_records_and_in_seconds(case: Case) -> None:
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE)
    case.allow(ResourceType.GROUP, AclOperation.DESCRIBE)
    snapshot = case.look()
    lag = case.lag(snapshot)
    least, most = lag.waited()
    assert lag.lag.tolist() == [7]
    assert HOUR - 60 < least[0] <= most[0] < HOUR + 60
    config = snapshot.topic_configs[case.name]
    assert isinstance(config, Unknown)
    assert config.why is Why.DENIED
    assert isinstance(snapshot.storage, Unknown) or all(isinstance(one, Unknown) for one in snapshot.storage.values())


def test_describe_configs_adds_how_topics_are_set(case: Case) -> None:
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    config = case.look().topic_configs[case.name]
    assert isinstance(config, TopicConfig)
    assert config.value("min.insync.replicas") == "1"


def test_describe_on_the_cluster_makes_the_list_of_groups_whole_and_shows_disks(case: Case) -> None:
    case.allow(ResourceType.BROKER, AclOperation.DESCRIBE)
    snapshot = case.look()
    assert case.name in snapshot.groups.items
    assert not snapshot.groups.blind
    assert not isinstance(snapshot.storage, Unknown)
    assert not any(isinstance(one, Unknown) for one in snapshot.storage.values())


def test_describe_configs_on_the_cluster_shows_the_quota_that_keeps_a_group_from_catching_up(case: Case) -> None:
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE)
    case.allow(ResourceType.GROUP, AclOperation.DESCRIBE)
    case.kafka.limit("--entity-type", "clients", "--entity-name", case.name, rate=2**20)
    case.kafka.limit("--entity-type", "users", "--entity-name", case.name, rate=7)
    with Member(case.kafka.bootstrap, case.name, case.name, config={"client.id": case.name}):
        nothing = case.look()
        case.allow(ResourceType.BROKER, AclOperation.DESCRIBE)
        for snapshot in (nothing, case.look()):
            assert isinstance(snapshot.quotas, Unknown)
            assert snapshot.quotas.why is Why.DENIED
            assert case.told(snapshot).endswith(" unread records in 1 partition")
        case.allow(ResourceType.BROKER, AclOperation.DESCRIBE_CONFIGS)

        def known() -> KafkaSnapshot | None:
            snapshot = case.look()
            return snapshot if snapshot.quotas == Quotas({case.name: 2**20}, None, users=True) else None

        seen = until(known, "the broker knows both quotas")
        limit = f"client id {case.name} may read at most 1.0 MiB/s from each broker by quota"
        assert case.told(seen).endswith(f" in 1 partition; {limit}, unless a quota of its user goes before")


def test_a_quota_of_requests_is_told_by_the_brokers_and_counted(case: Case) -> None:
    """A hundredth of a per cent of a thread: a real broker says so in its answers, and reads nothing more for as long."""
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE)
    case.allow(ResourceType.GROUP, AclOperation.DESCRIBE)
    with case.kafka.slowed("--entity-type", "users", "--entity-name", "alice", percentage=0.01):

        def held() -> Counter[str] | None:
            collector = case.collector()
            begun = time.monotonic()
            collector.collect(None, 30)
            told = collector.calls.throttles()
            assert sum(told.values()) / 1000 < 30 * len(case.kafka.brokers) + 30
            return told if told and time.monotonic() - begun > 1 else None

        told = until(held, "a broker throttles")
    assert all(milliseconds > 0 for milliseconds in told.values())
    assert set(told) <= {f"{host}:{port}" for host, port in read_endpoints(case.kafka.bootstrap_of("SASL_PLAINTEXT"))}


def test_read_adds_the_producer_of_an_open_transaction_and_describe_on_its_id_whose_it_is(case: Case) -> None:
    case.allow(ResourceType.TOPIC, AclOperation.DESCRIBE)
    with transaction(case.kafka.bootstrap, case.name, age=HOUR):

        def held() -> OpenTransactions:
            told = case.look().transactions
            assert isinstance(told, OpenTransactions)
            assert (told.topics, told.partition.tolist(), told.offset.tolist()) == ((case.name,), [0], [10])
            return told

        denied = held()
        assert (denied.producer.tolist(), denied.owner, denied.error.tolist()) == ([NEVER], ("",), [TOPIC_DENIED])
        assert HOUR - 60 < denied.at - denied.until[0] / 1000 < HOUR + 60
        case.allow(ResourceType.TOPIC, AclOperation.READ)
        known = held()
        assert known.producer[0] >= 0
        assert (known.owner, known.error.tolist(), known.started.tolist()) == (("",), [0], [NEVER])
        case.allow(ResourceType.TRANSACTIONAL_ID, AclOperation.DESCRIBE)
        owned = held()
        assert owned.owner == (case.name,)
        assert abs(owned.at - owned.started[0] / 1000) < 60, "when it began, and not the time of its record"

    def over() -> bool:
        told = case.look().transactions
        return isinstance(told, OpenTransactions) and told.topic.size == 0

    until(over, "nobody holds it open")
