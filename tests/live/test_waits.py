"""Lag in seconds on a real broker, on the first look: against producers whose records' times are known."""

import itertools
import random
import re
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from confluent_kafka import Producer

from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from checks import all_checks
from checks.evaluate import evaluate
from checks.facts import History, Lag, Newest, facts_of
from checks.kafka.dlq_unread import dlq_unread
from checks.limits import Limits
from checks.questions import Questions
from tests.live.broker import KafkaCluster
from tests.live.seed import Partition, TopicSpec, commit_offsets, create_topics

FOR_EVER = {"retention.ms": "-1"}
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SHAPES: dict[str, Callable[[random.Random, int, int], list[int]]] = {
    "constant": lambda _, n, span: [-span + i * span // n for i in range(n)],
    "bursty": lambda r, n, span: sorted(
        start + r.randrange(50)
        for start in (-r.randrange(1000, span) for _ in range(max(1, n // 40)))
        for _ in range(40)
    )[-n:],
    "idle": lambda r, n, span: sorted(-r.randrange(span * 6 // 10, span) for _ in range(n)),
}


def write(bootstrap: str, topic: str, logs: Sequence[Sequence[int]], **options: str) -> Producer:
    """Records with these timestamps, ms since the epoch: those of partition i from logs[i]."""
    # Idempotent: what it sends again after a time-out would come behind what it sent later.
    config = {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": "true", "log_level": 0}
    producer = Producer({**config, **options})
    if "transactional.id" in options:
        producer.init_transactions()
        producer.begin_transaction()
    for partition, log in enumerate(logs):
        for at in log:
            while True:
                try:
                    producer.produce(topic, value=b"x", partition=partition, timestamp=at)
                    break
                except BufferError:
                    producer.poll(0.1)
    if "transactional.id" in options:
        producer.commit_transaction()
    assert producer.flush(60) == 0
    return producer


def waited(kafka: KafkaCluster, group: str) -> dict[Partition, tuple[float, float]]:
    """When the first unread record of each partition was written, seconds since the epoch: not before, not after."""
    settings = KafkaSettings(kafka.endpoints, groups=Choice(include=(group,)))
    snapshot = KafkaCollector(settings, Questions((), Limits())).collect(None, 60)
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", group))
    assert isinstance(lag, Lag)
    least, most = lag.waited()
    return {lag.place(row): (lag.at - most[row], lag.at - least[row]) for row in np.flatnonzero(lag.lag > 0).tolist()}


def within_a_second_or_a_hundredth(
    kafka: KafkaCluster, fresh: str, sizes: Sequence[int], spans: Sequence[int] = (MINUTE, HOUR, DAY, 3 * DAY)
) -> None:
    dice, now = random.Random(11), int(time.time() * 1000)  # noqa: S311 - no secret
    kinds = itertools.product(SHAPES.values(), spans, sizes)
    logs = [[now + at for at in shape(dice, size, span)] for shape, span, size in kinds]
    create_topics(kafka.bootstrap, {fresh: TopicSpec(len(logs), 1, FOR_EVER)})
    write(kafka.bootstrap, fresh, logs)
    offsets = {(fresh, i): dice.randrange(len(log)) for i, log in enumerate(logs)}
    commit_offsets(kafka.bootstrap, fresh, offsets)
    found = waited(kafka, fresh)
    assert found.keys() == offsets.keys()
    end = time.time()
    wrong = {}
    for (topic, i), (earliest, latest) in found.items():
        truth = logs[i][offsets[topic, i]] / 1000
        if abs((earliest + latest) / 2 - truth) > max(1.0, (end - truth) / 100):
            wrong[i] = (truth - earliest, latest - truth)
        # The collector's clock stands still while it asks: the ends are as near to each other as to the truth.
        assert earliest - 1 <= truth <= latest + 1
    assert not wrong


def test_seconds_of_lag_are_within_a_second_or_a_hundredth(kafka: KafkaCluster, fresh: str) -> None:
    """Constant, bursty and idle producers; 20 to 2,000 records; a minute to three days."""
    within_a_second_or_a_hundredth(kafka, fresh, (20, 200, 2000))


@pytest.mark.soak
def test_seconds_of_lag_of_a_million_records(kafka: KafkaCluster, fresh: str) -> None:
    """A million in all, and in each log of a constant, a bursty and an idle producer over a day."""
    within_a_second_or_a_hundredth(kafka, fresh, (1_000_000 // 12,))
    within_a_second_or_a_hundredth(kafka, f"{fresh}-long", (1_000_000,), (DAY,))


def test_the_marker_of_a_transaction_counts_as_a_record_of_its_end(kafka: KafkaCluster, fresh: str) -> None:
    """It takes an offset, and a group may stand on it: brokers answer with it as with any record."""
    now = int(time.time() * 1000)
    create_topics(kafka.bootstrap, {fresh: TopicSpec(1, 1, FOR_EVER)})
    write(kafka.bootstrap, fresh, [[now - 2 * HOUR] * 3], **{"transactional.id": fresh})
    ended = time.time()
    commit_offsets(kafka.bootstrap, fresh, {(fresh, 0): 3})
    ((earliest, latest),) = waited(kafka, fresh).values()
    assert now / 1000 - 2 <= earliest <= latest <= ended + 2


def test_the_newest_of_dead_letters_is_told_with_its_time(kafka: KafkaCluster, fresh: str) -> None:
    """Whatever order they came in, packed or not, in a transaction or not; and asked again only when a log has moved."""
    now, name = int(time.time() * 1000), f"{fresh}.dlq"
    create_topics(kafka.bootstrap, {name: TopicSpec(4, 1, FOR_EVER)})
    dice = random.Random(5)  # noqa: S311 - no secret
    logs = [[now - dice.randrange(DAY) for _ in range(n)] for n in (1, 500, 500)]
    write(kafka.bootstrap, name, logs[:2])
    write(kafka.bootstrap, name, [[], [], logs[2]], **{"compression.type": "lz4", "linger.ms": "50"})
    bootstrap = tuple((host, int(port)) for host, port in (b.split(":") for b in kafka.bootstrap.split(",")))
    collector = KafkaCollector(
        KafkaSettings(bootstrap, topics=Choice(include=(name,))), Questions(all_checks(), Limits())
    )
    first = collector.collect(None, 60)
    assert isinstance(first.newest, Newest)
    assert (first.newest.topics, first.newest.partition.tolist()) == ((name,), [0, 1, 2])
    assert first.newest.timestamp.tolist() == [max(log) for log in logs]
    assert first.newest.offset.tolist() == [log.index(max(log)) for log in logs]
    assert collector.collect(None, 60).newest is first.newest
    write(kafka.bootstrap, name, [[], [], [], [now - HOUR]], **{"transactional.id": fresh})
    report = evaluate(facts_of(snapshot := collector.collect(None, 60), History()), [dlq_unread], Limits())
    assert isinstance(snapshot.newest, Newest)
    # The marker that ends the transaction has a time, too: that of its end.
    assert (snapshot.newest.offset[3], snapshot.newest.timestamp[3] >= now - 1000) == (1, True)
    (finding,) = report.findings.values()
    assert re.search(r"; the newest of \d+ s ago$", finding.summary)
