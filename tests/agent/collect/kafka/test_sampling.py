"""Sampling: what is asked, how much is read, what is kept of it, and when it is read again."""

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import snapshot as files
from agent.collect.kafka import batches, connection
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.sampling import BUDGET, Reading, Sampling
from agent.demo.cluster import ANONYMOUS, NOBODY, Model, Rights, SimulatedCluster, Writing, brokers
from agent.store.samples import Samples, salt
from checks import all_checks
from checks.facts import KafkaSnapshot, Sample, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

FETCH = 1
HOUR = 3600.0
KEY, BODY = b"customer-4711", b"a secret body"


@pytest.fixture
def model() -> Model:
    """Topics a, b and c of two partitions with 3,000 young records in each."""
    made = brokers(2)
    made.clock = time.time
    for name in ("a", "b", "c"):
        topic = made.add_topic(name, 2, 2)
        topic.writing = Writing(key=lambda _, offset: None if offset % 4 else KEY, batch=50, body=BODY * 20)
        for partition in topic.partitions:
            partition.append(3000, time.time() - 60)
    return made


@pytest.fixture
def cluster(model: Model) -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model) as running:
        yield running


class Hours:
    """A clock that stands still until somebody turns it."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def collector(cluster: SimulatedCluster, sampling: Sampling | None, clock: Hours | None = None) -> KafkaCollector:
    settings = KafkaSettings(cluster.endpoints, "prod", sampling=sampling)
    return KafkaCollector(settings, Questions(all_checks(), Limits()), clock or Hours())


def sampled(seen: KafkaSnapshot, topic: str = "a") -> Sample:
    assert not isinstance(seen.samples, Unknown)
    found = seen.samples[topic]
    assert isinstance(found, Sample), found
    return found


def hole(seen: KafkaSnapshot, topic: str = "a") -> Unknown:
    assert not isinstance(seen.samples, Unknown)
    found = seen.samples[topic]
    assert isinstance(found, Unknown)
    return found


def test_without_it_no_record_is_asked_for(cluster: SimulatedCluster) -> None:
    seen = collector(cluster, None).collect(None, 10)
    assert isinstance(seen.samples, Unknown)
    assert seen.samples.why is Why.OFF
    assert not cluster.asked(FETCH)


@pytest.mark.parametrize("budget", [100_000, 400_000])
def test_what_is_asked_only_reads_and_keeps_to_its_bytes(cluster: SimulatedCluster, budget: int) -> None:
    sample = sampled(collector(cluster, Sampling(("a",), budget)).collect(None, 10))
    assert {request.api for request in cluster.requests} <= connection.ALLOWED
    asked = [request.fields for request in cluster.asked(FETCH)]
    assert {topic["topic"] for fields in asked for topic in fields["topics"]} == {"a"}
    assert asked[0]["max_bytes"] <= budget
    parts = [
        row["partition_max_bytes"] for fields in asked for topic in fields["topics"] for row in topic["partitions"]
    ]
    assert sum(parts) <= budget
    assert all((fields["session_epoch"], fields["replica_id"]) == (-1, -1) for fields in asked)
    assert 0 < sample.bytes <= budget
    assert 0 < sample.records <= 2100
    assert not any(request.fields["allow_auto_topic_creation"] for request in cluster.asked(3))


def test_a_larger_budget_reads_more_until_there_is_no_more(cluster: SimulatedCluster) -> None:
    small, default, all_of_it = (
        sampled(collector(cluster, Sampling(("a",), budget)).collect(None, 10))
        for budget in (100_000, BUDGET, 4 * BUDGET)
    )
    assert (small.budget, small.whole, default.whole) == (100_000, False, False)
    assert small.records < default.records < all_of_it.records
    assert (all_of_it.records, all_of_it.whole) == (6000, True)


def test_what_has_no_leader_may_hold_more(model: Model, cluster: SimulatedCluster) -> None:
    model.move_leader("a", 0, NOBODY)
    sample = sampled(collector(cluster, Sampling(("a",), 4 * BUDGET)).collect(None, 10))
    assert (sample.records, sample.whole) == (3000, False)


def test_neither_keys_nor_bodies_nor_the_salt_are_in_a_snapshot_or_on_disk(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    mine = salt(tmp_path)
    sampling = Sampling(("*",), salt=mine, memory=Samples(tmp_path, "prod"))
    seen = collector(cluster, sampling).collect(None, 10)
    assert sampled(seen).distinct == 1
    secrets = (KEY, BODY, mine, mine.hex().encode(), base64.b64encode(mine))
    held = [files.dumps([seen]).encode(), repr(sampling).encode()]
    held += [path.read_bytes() for path in (tmp_path / "samples").iterdir()]
    assert not any(secret in text for secret in secrets for text in held)
    kept = Samples(tmp_path, "prod").get("a")
    assert kept is not None
    assert not any(secret in repr(kept).encode() for secret in secrets)


def test_a_salt_belongs_to_a_state_directory_and_to_its_user_alone(tmp_path: Path, cluster: SimulatedCluster) -> None:
    mine = salt(tmp_path)
    assert (len(mine), salt(tmp_path)) == (32, mine)
    assert (tmp_path / "salt").stat().st_mode & 0o777 == 0o600
    (tmp_path / "salt").write_bytes(b"cut")
    assert salt(tmp_path) not in (mine, b"cut")
    assert [path.name for path in tmp_path.iterdir()] == ["salt"]
    one, other = (sampled(collector(cluster, Sampling(("a",))).collect(None, 10)) for _ in range(2))
    assert set(one.key.tolist()).isdisjoint(other.key.tolist()), "a fresh one for each look without a state directory"


def test_the_budget_of_an_hour_holds_over_polls_and_a_restart(cluster: SimulatedCluster, tmp_path: Path) -> None:
    clock, memory = Hours(), Samples(tmp_path, "prod")
    sampling = Sampling(("a",), 400_000, salt(tmp_path), memory=memory)
    first = collector(cluster, sampling, clock)
    seen = first.collect(None, 10)
    spent = len(cluster.asked(FETCH))
    clock.now += HOUR / 2
    again = first.collect(seen, 10)
    assert sampled(again) is sampled(seen)
    second = collector(cluster, replace(sampling, memory=Samples(tmp_path, "prod")), clock)
    after = second.collect(None, 10)
    assert files.encode(sampled(after)) == files.encode(sampled(seen))
    assert len(cluster.asked(FETCH)) == spent
    clock.now += HOUR / 2 + 1
    assert sampled(second.collect(after, 10)).at == clock.now
    assert len(cluster.asked(FETCH)) > spent
    clock.now -= 30 * 24 * HOUR
    assert sampled(collector(cluster, sampling, clock).collect(None, 10)).at == clock.now, "a clock that was wrong"


def test_what_is_spent_is_written_before_it_is_read(cluster: SimulatedCluster) -> None:
    told: list[tuple[int, int]] = []

    class Witness:
        def get(self, _: str) -> None:
            return None

        def put(self, _: str, reading: Reading) -> None:
            told.append((reading.size, len(cluster.asked(FETCH))))

    sample = sampled(collector(cluster, Sampling(("a",), 200_000, memory=Witness())).collect(None, 10))
    assert told == [(200_000, 0), (sample.bytes, len(cluster.asked(FETCH)))]


def test_many_topics_have_their_turns_and_none_is_left_out(cluster: SimulatedCluster, tmp_path: Path) -> None:
    one = collector(cluster, Sampling(("*",), 300_000, memory=Samples(tmp_path, "prod")))
    seen, read = None, []
    for _ in range(4):
        seen = one.collect(seen, 10)
        assert not isinstance(seen.samples, Unknown)
        read.append({name for name, sample in seen.samples.items() if isinstance(sample, Sample)})
        assert all(s.why is Why.YOUNG for s in seen.samples.values() if isinstance(s, Unknown))
    assert [len(names) for names in read] == [1, 2, 3, 3]


def test_who_may_not_read_a_topic_has_a_gap_that_names_the_right(cluster: SimulatedCluster, tmp_path: Path) -> None:
    cluster.model.rights[ANONYMOUS] = Rights(more=False, read={"b"})
    seen = collector(cluster, Sampling(("a", "b"))).collect(None, 10)
    assert hole(seen).why is Why.DENIED
    assert hole(seen).close.startswith("grant READ on topic a: kafka-acls.sh")
    assert hole(seen).close.endswith("--operation Read --topic a")
    assert sampled(seen, "b").records
    sampling = Sampling(("a",), memory=Samples(tmp_path, "prod"))
    one = collector(cluster, sampling)
    one.collect(None, 10)
    spent = len(cluster.asked(FETCH))
    one.collect(seen, 10)
    assert len(cluster.asked(FETCH)) == spent, "a refusal is not asked for again at once"
    cluster.model.rights = {}
    assert sampled(collector(cluster, sampling).collect(None, 10)).records, "but by a new life"


@pytest.mark.parametrize(
    ("codec", "lost", "told"),
    [
        (6, "", "keys of topic a: its batches are packed with codec 6, which is not known here"),
        (2, "snappy", "keys of topic a: snappy can't unpack the batch at offset"),
    ],
)
def test_a_codec_that_is_not_known_hides_keys_and_no_batch(
    cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch, codec: int, lost: str, told: str
) -> None:
    topic = cluster.model.topics["a"]
    topic.writing = replace(topic.writing, codec=codec, producer_id=5)
    if lost:
        monkeypatch.setattr(batches, "_CODECS", {**batches._CODECS, codec: (lost, _missing)})
    sample = sampled(collector(cluster, Sampling(("a",))).collect(None, 10))
    assert isinstance(sample.records, Unknown)
    assert sample.records.why is Why.UNSUPPORTED
    assert sample.records.detail.startswith(told)
    assert (sample.distinct, sample.keyless, sample.key.size, dict(sample.headers)) == (0, 0, 0, {})
    assert set(sample.batch_codec.tolist()) == {codec}
    assert set(sample.batch_idempotent.tolist()) == {1}


def _missing(_: bytes) -> bytes:
    raise ImportError
