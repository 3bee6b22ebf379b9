"""Clients beside each other on one Apache Kafka; two records in each partition, all of them read by all groups."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from bench.collection import exporters
from bench.collection.change import some
from bench.collection.spoken import looks, middle, spoken
from bench.idle import cpu
from tests.live import seed
from tests.live.broker import KafkaCluster

LOOKS = {"mqcanary": 5, "mqcanary-lag": 5, "confluent": 5, "kafka-python": 5, "kafka-consumer-groups": 1}
"""How often each client looks while nothing changes; Kafka's own command is a new process for each, and takes 20 s when big."""
HEAD = (
    "client",
    "group-partitions",
    "first CPU s (wall)",
    "CPU s (wall)",
    "a tenth changed",
    "broker's CPU s",
    "MB",
    "µs a row",
)


def real(
    topics: int = 500, partitions: int = 4, groups: int = 500, each: int = 13, *, every: int = 10, klag: Path | None
) -> None:
    """`every`: seconds between the looks of the exporters; `klag`: klag-exporter's program, if it is there."""
    with KafkaCluster(1, heap="768m") as kafka:
        names = [f"topic-{i:04}" for i in range(topics)]
        seed.create_topics(kafka.bootstrap, {"first": seed.TopicSpec(1, 1)})
        seed.commit_offsets(
            kafka.bootstrap, "first", {("first", 0): 0}
        )  # the coordinator works before it has much to do
        for start in range(0, topics, 500):  # a broker makes at most 10,000 partitions in a request
            part = names[start : start + 500]
            seed.create_topics(kafka.bootstrap, {name: seed.TopicSpec(partitions, 1) for name in part}, timeout=120)
        fill(kafka.bootstrap, names, partitions, 2)
        read = {f"group-{i:04}": [names[(i * 7 + k) % topics] for k in range(each)] for i in range(groups)}
        ends = dict.fromkeys(names, 2)
        commit(kafka.bootstrap, read, partitions, ends)
        turns = count()

        def change() -> None:
            """A tenth of the groups reads on."""
            chosen, written = some(read, 0.1, next(turns))
            fill(kafka.bootstrap, sorted(written), partitions, 1)
            ends.update((topic, ends[topic] + 1) for topic in written)
            commit(kafka.bootstrap, {name: read[name] for name in chosen}, partitions, ends)

        print(
            f"\nReal Apache Kafka, one broker: {topics:,} topics, {groups:,} groups; the median of what follows two looks.\n"
        )
        print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
        for name in LOOKS:
            print(row(name, kafka, change), flush=True)
        exporters.table(kafka.bootstrap, kafka.pid(1), change, every, klag)


def row(name: str, kafka: KafkaCluster, change: Callable[[], None]) -> str:
    often, broker = LOOKS[name], kafka.pid(1)
    with spoken("client", name, kafka.bootstrap) as client:
        first = looks(client, 2 if often > 1 else 1)[0]
        begun = cpu(broker)
        told = looks(client, often)
        theirs = (cpu(broker) - begun) / often
        changed = []
        for _ in range(4 if often > 1 else 2):
            change()
            changed += looks(client, 1)
    rows, mine = int(told[-1]["rows"]), middle(told, "cpu")
    cells = (name, f"{rows:,}", f"{first['cpu']:.2f} ({first['wall']:.2f})", f"{mine:.3f} ({middle(told, 'wall'):.2f})")
    more = (middle(changed, "cpu"), theirs)
    return f"| {' | '.join(cells)} | {more[0]:.2f} | {more[1]:.2f} | {told[-1]['mb']:.0f} | {mine / rows * 1e6:.1f} |"


def fill(bootstrap: str, topics: Sequence[str], partitions: int, records: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "queue.buffering.max.messages": 1_000_000})
    for name in topics:
        for partition in range(partitions):
            for _ in range(records):
                producer.produce(name, value=b"x", partition=partition)
    if producer.flush(120):
        raise RuntimeError("not everything was written")


def commit(bootstrap: str, read: Mapping[str, Sequence[str]], partitions: int, ends: Mapping[str, int]) -> None:
    client = seed.admin(bootstrap)
    for group, topics in read.items():
        places = [TopicPartition(topic, p, ends[topic]) for topic in topics for p in range(partitions)]
        (told,) = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        told.result()
