"""Sampling of a real cluster: what confluent-kafka wrote is told in counts and hashes, and nothing of it is on disk."""

from confluent_kafka import Producer

from agent import snapshot as files
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.sampling import Sampling
from agent.collect.kafka.security import Security
from agent.config.model import read_endpoints
from checks import all_checks
from checks.facts import KafkaSnapshot, Sample, Unknown
from checks.limits import Limits
from checks.questions import Questions
from tests.live.broker import KafkaCluster
from tests.live.seed import TopicSpec, create_topics

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def look(bootstrap: str, glob: str, security: Security | None = None) -> KafkaSnapshot:
    settings = KafkaSettings(read_endpoints(bootstrap)[:1], security=security or Security(), sampling=Sampling((glob,)))
    return KafkaCollector(settings, Questions(all_checks(), Limits())).collect(None, 20.0)


def write(bootstrap: str, topic: str, codec: str, **more: object) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 50, **more})
    if "transactional.id" in more:
        producer.init_transactions(20)
        producer.begin_transaction()
    for i in range(200):
        key = f"private-{i % 7}" if i % 4 else None
        producer.produce(topic, b"a secret body" * 20, key, headers={"trace": b"hidden"})
    if "transactional.id" in more:
        producer.commit_transaction(20)
    assert not producer.flush(20)


def test_each_codec_and_no_body_or_key_on_disk(kafka: KafkaCluster, fresh: str) -> None:
    create_topics(kafka.bootstrap, {f"{fresh}-{codec}": TopicSpec(3) for codec in CODECS})
    for codec in CODECS:
        more = {"transactional.id": fresh} if codec == "zstd" else {"enable.idempotence": codec == "lz4"}
        write(kafka.bootstrap, f"{fresh}-{codec}", codec, **more)
    seen = look(kafka.bootstrap, f"{fresh}-*")
    assert not isinstance(seen.samples, Unknown)
    assert seen.samples.keys() == {f"{fresh}-{codec}" for codec in CODECS}
    for number, codec in enumerate(CODECS):
        sample = seen.samples[f"{fresh}-{codec}"]
        assert isinstance(sample, Sample), sample
        assert (sample.records, sample.keyless, sample.distinct) == (200, 50, 7)
        assert (sample.whole, sample.budget) == (True, 1_000_000)
        assert sample.headers == {"trace": 200}
        assert set(sample.batch_codec.tolist()) == {number}
        assert set(sample.batch_idempotent.tolist()) == {int(codec in ("lz4", "zstd"))}
    text = files.dumps([seen])
    assert not any(word in text for word in ("private-", "secret body", "hidden"))
    assert isinstance(files.loads(text)[0], KafkaSnapshot)
