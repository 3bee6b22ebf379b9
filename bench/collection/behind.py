"""What it costs to tell how long every group is behind: records of a day in each partition, every group somewhere among them."""

import random
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from bench.collection.spoken import looks, spoken
from bench.idle import cpu
from tests.live import seed
from tests.live.broker import KafkaCluster

RECORDS = 30
"""In each partition; more towards now."""
HEAD = (
    "group-partitions behind",
    "at different offsets",
    "told within 1 s or 1 %",
    "first look, CPU s (wall)",
    "nothing changed",
    "all read on, told",
    "broker's CPU s, the first look",
)
Place = tuple[str, int]


def behind(topics: int, partitions: int, groups: int, each: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time
    with KafkaCluster(1, heap="768m") as kafka:
        names = [f"topic-{i:04}" for i in range(topics)]
        for start in range(0, topics, 500):  # a broker makes at most 10,000 partitions in a request
            some = {name: seed.TopicSpec(partitions, 1, {"retention.ms": "-1"}) for name in names[start : start + 500]}
            seed.create_topics(kafka.bootstrap, some, timeout=120)
        write(kafka.bootstrap, names, partitions, chance)
        reads = {f"group-{i:04}": [names[(i * 7 + k) % topics] for k in range(each)] for i in range(groups)}
        stands = {
            group: {(topic, p): chance.randrange(1, RECORDS - 1) for topic in read for p in range(partitions)}
            for group, read in reads.items()
        }
        commit(kafka.bootstrap, stands)
        print(f"\nHow long groups are behind, by look-ups by time; {topics:,} topics, {groups:,} groups.\n")
        print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
        rows, different = sum(map(len, stands.values())), len(unlike(stands))
        with spoken("client", "mqcanary-seconds", kafka.bootstrap) as client:
            before = cpu(kafka.pid(1))
            (first,) = looks(client, 1)
            theirs = cpu(kafka.pid(1)) - before
            (still,) = looks(client, 1)
            for places in stands.values():
                for place, offset in places.items():
                    places[place] = min(RECORDS - 1, offset + chance.randrange(3))
            commit(kafka.bootstrap, stands)
            (moved,) = looks(client, 1)
        share = moved["rows"] / len(unlike(stands))
        cells = (f"{rows:,}", f"{different:,}", f"{first['rows']:,}", f"{first['cpu']:.2f} ({first['wall']:.2f})")
        more = (f"{still['cpu']:.2f}", f"{moved['cpu']:.2f}, {share:.0%}", f"{theirs:.2f}")
        print(f"| {' | '.join((*cells, *more))} |", flush=True)


def unlike(stands: Mapping[str, Mapping[Place, int]]) -> set[tuple[Place, int]]:
    return {(place, offset) for places in stands.values() for place, offset in places.items()}


def write(bootstrap: str, names: Sequence[str], partitions: int, chance: random.Random) -> None:
    config = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "queue.buffering.max.messages": 1_000_000}
    producer, now = Producer(config), time.time()
    for name in names:
        for partition in range(partitions):
            for age in sorted((chance.random() ** 3 * 86_400 for _ in range(RECORDS)), reverse=True):
                producer.produce(name, value=b"x", partition=partition, timestamp=round((now - age) * 1000))
        producer.poll(0)
    if producer.flush(300):
        raise RuntimeError("not everything was written")


def commit(bootstrap: str, stands: Mapping[str, Mapping[Place, int]]) -> None:
    client = seed.admin(bootstrap)
    for group, offsets in stands.items():
        places = [TopicPartition(topic, p, offset) for (topic, p), offset in offsets.items()]
        (told,) = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        told.result()
