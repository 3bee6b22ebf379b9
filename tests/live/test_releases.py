"""An older Apache Kafka: everything that the newest one tells is read there as well, as far as it has it."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from checks import all_checks
from checks.facts import (
    Cluster,
    Features,
    Group,
    History,
    KafkaSnapshot,
    Lag,
    Newest,
    Quotas,
    Topic,
    TopicConfig,
    Unknown,
    Why,
    facts_of,
)
from checks.limits import Limits
from checks.questions import Questions
from tests.live import jars, referee, seed, zookeeper
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.zookeeper import ZooKeeperKafka

HOUR = 3600


@pytest.fixture(scope="module", params=["3.9.1", zookeeper.RELEASE])
def older(java: None, request: pytest.FixtureRequest) -> Iterator[KafkaCluster | ZooKeeperKafka]:
    try:
        jars.classpath(request.param)
    except jars.MissingToolError as missing:  # the newest release's may be there already
        pytest.skip(str(missing))
    with ZooKeeperKafka() if request.param == zookeeper.RELEASE else KafkaCluster(release=request.param) as cluster:
        yield cluster


def look(kafka: KafkaCluster | ZooKeeperKafka) -> KafkaSnapshot:
    return KafkaCollector(KafkaSettings(kafka.endpoints), Questions(all_checks(), Limits())).collect(None, 60)


def by_name(kafka: KafkaCluster | ZooKeeperKafka, fresh: str) -> None:
    """3.9 has the question about KIP-848 groups and answers UNSUPPORTED_VERSION to it, as long as they are switched off."""
    scoped = KafkaSettings(kafka.endpoints, scope=(f"{fresh}-late", f"{fresh}-nobody"))
    groups = KafkaCollector(scoped, Questions((), Limits())).collect(None, 60).groups
    assert isinstance(groups.items[f"{fresh}-late"], Group)
    assert set(groups.absent) == {f"{fresh}-nobody"}


def test_it_is_read_as_a_new_one(older: KafkaCluster | ZooKeeperKafka, fresh: str) -> None:
    seed.create_topics(older.bootstrap, {fresh: seed.TopicSpec(2, 1, {"min.insync.replicas": "1"})})
    seed.produce(older.bootstrap, fresh, 10, partition=0, timestamp=int((time.time() - HOUR) * 1000))
    seed.produce(older.bootstrap, fresh, 4, partition=1)
    seed.create_topics(older.bootstrap, {f"{fresh}.dlq": seed.TopicSpec(2, 1)})
    for partition, age in ((0, 3 * HOUR), (0, HOUR), (0, 2 * HOUR), (1, 4 * HOUR)):
        seed.produce(older.bootstrap, f"{fresh}.dlq", 1, partition=partition, timestamp=int((time.time() - age) * 1000))
    seed.commit_offsets(older.bootstrap, f"{fresh}-late", {(fresh, 0): 3, (fresh, 1): 4})
    with Member(older.bootstrap, f"{fresh}-live", fresh, partitions=2):
        snapshot = look(older)
    assert isinstance(snapshot.cluster, Cluster)
    assert snapshot.cluster.id
    topic, config = snapshot.topics.items[fresh], snapshot.topic_configs[fresh]
    assert isinstance(topic, Topic)
    assert bool(topic.id) == isinstance(older, KafkaCluster), "topics have had ids since 2.8"
    assert isinstance(config, TopicConfig)
    assert config.value("min.insync.replicas") == "1"
    assert not isinstance(snapshot.storage, Unknown)
    assert not any(isinstance(disk, Unknown) for disk in snapshot.storage.values())
    features = snapshot.features
    if isinstance(older, KafkaCluster):
        assert isinstance(features, Features)
        supported = features.supported["1"]
        assert isinstance(supported, dict)
        assert (features.finalized["metadata.version"], supported["metadata.version"]) == (21, 21)
    else:
        assert features is None, "nothing is finalized"
    quotas = snapshot.quotas
    if isinstance(older, KafkaCluster):
        assert quotas == Quotas({}, None, users=False)
    else:
        assert isinstance(quotas, Unknown)
        assert (quotas.why, quotas.detail[-26:]) == (Why.UNSUPPORTED, "(needs Kafka 2.6: KIP-546)")
    live = snapshot.groups.items[f"{fresh}-live"]
    assert isinstance(live, Group)
    assert isinstance(live.members, tuple)
    assert (live.kind, live.state, live.members[0].assigned) == ("classic", "Stable", {fresh: (0, 1)})
    by_name(older, fresh)
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", f"{fresh}-late"))
    assert isinstance(lag, Lag)
    theirs = referee.offsets(older.bootstrap, f"{fresh}-late")
    assert {(f"{fresh}-late", *lag.place(row)): int(lag.lag[row]) for row in range(lag.topic.size)} == {
        place: row.lag for place, row in theirs.items()
    }
    least, most = lag.waited()
    assert np.allclose([least[0], most[0]], HOUR, atol=60)
    assert isinstance(snapshot.newest, Newest)
    mine = np.flatnonzero(snapshot.newest.topic == snapshot.newest.topics.index(f"{fresh}.dlq"))
    ages = snapshot.at - snapshot.newest.timestamp[mine] / 1000
    if isinstance(older, KafkaCluster):
        assert snapshot.newest.offset[mine].tolist() == [1, 0]
        assert np.allclose(ages, [HOUR, 4 * HOUR], atol=60)
    else:
        assert snapshot.newest.error[mine].tolist() == [35, 35], "KIP-734 came with 3.0"
