"""The tables: cost against size and against what changed, on a simulated cluster; with the word `real` also beside other clients
on an Apache Kafka of one broker, which needs Java and Maven.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from bench.idle import cpu

HERE = Path(__file__).parent.parent.parent
SIZES = ((30, 120, 20, 13), (300, 1200, 200, 13), (3000, 12_000, 2000, 13), (3000, 35_000, 1500, 9))
"""Topics, partitions, groups, topics that each group reads."""


class Spoken:
    """A process that is spoken to a line at a time."""

    def __init__(self, module: str, *words: str) -> None:
        command = [sys.executable, "-m", f"bench.collection.{module}", *words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.ends = process.communicate
        self.into, self.out = cast("TextIO", process.stdin), cast("TextIO", process.stdout)

    def hear(self) -> str:
        return self.out.readline().strip()

    def say(self, line: str) -> str:
        print(line, file=self.into, flush=True)
        return self.hear()


@contextmanager
def spoken(module: str, *words: str) -> Iterator[Spoken]:
    one = Spoken(module, *words)
    try:
        yield one
    finally:
        one.ends()


def looks(client: Spoken, count: int, cluster: Spoken | None = None, change: str = "") -> list[dict[str, Any]]:
    told = []
    for _ in range(count):
        if cluster is not None and change:
            cluster.say(change)
        told.append(json.loads(client.say("look")))
    return told


def middle(told: Sequence[dict[str, Any]], what: str) -> float:
    return float(sorted(one[what] for one in told)[len(told) // 2])


def simulated() -> None:
    print("CPU seconds of one look of mqcanary, with the questions of every check; peak resident memory.\n")
    print("| topics | partitions | groups | group-partitions | first | nothing changed | a tenth | all | MB |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    sizes: list[tuple[int, float]] = []
    for topics, partitions, groups, each in SIZES:
        words = [str(number) for number in (topics, partitions, groups, each)]
        with spoken("served", *words) as cluster, spoken("client", "mqcanary", cluster.hear()) as client:
            first = looks(client, 1)
            looks(client, 2)  # what is asked once or twice
            same, tenth, every = (looks(client, 3, cluster, change) for change in ("", "tenth", "all"))
            rows = int(every[-1]["rows"])
            sizes.append((rows, middle(every, "cpu")))
            cells = [f"{middle(told, 'cpu'):.2f}" for told in (first, same, tenth, every)]
            print(
                f"| {topics:,} | {partitions:,} | {groups:,} | {rows:,} | {' | '.join(cells)} | {every[-1]['mb']:.0f} |",
                flush=True,
            )
    (small, low), (big, high) = sizes[0], sizes[-1]
    print(f"\nCost grows with the power {math.log(high / low) / math.log(big / small):.2f} of the size.")


def real(topics: int = 500, partitions: int = 4, groups: int = 500, each: int = 13) -> None:
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition  # noqa: PLC0415 - for the real one alone

    from tests.live import seed  # noqa: PLC0415
    from tests.live.broker import KafkaCluster  # noqa: PLC0415

    with KafkaCluster(1) as kafka:
        names = [f"topic-{i:04}" for i in range(topics)]
        seed.create_topics(kafka.bootstrap, {"first": seed.TopicSpec(1, 1)})
        seed.commit_offsets(
            kafka.bootstrap, "first", {("first", 0): 0}
        )  # the coordinator works before it has much to do
        seed.create_topics(kafka.bootstrap, {name: seed.TopicSpec(partitions, 1) for name in names})
        read = {f"group-{i:04}": [names[(i * 7 + k) % topics] for k in range(each)] for i in range(groups)}
        client = seed.admin(kafka.bootstrap)
        for group, some in read.items():
            places = [TopicPartition(topic, p, 0) for topic in some for p in range(partitions)]
            (told,) = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
            told.result()
        broker = kafka.pid(1)
        print(f"\nReal Apache Kafka, one broker: {topics} topics, {groups} groups; median of 5 looks after 2.\n")
        print("| client | group-partitions | first CPU s | CPU s | broker's CPU s | wall s | MB | µs a row |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for name in ("mqcanary", "mqcanary-lag", "confluent", "kafka-python"):
            with spoken("client", name, kafka.bootstrap) as client:
                first = looks(client, 2)[0]["cpu"]
                begun = cpu(broker)
                told = looks(client, 5)
                theirs = (cpu(broker) - begun) / 5
                rows, mine = int(told[-1]["rows"]), middle(told, "cpu")
                print(
                    f"| {name} | {rows:,} | {first:.2f} | {mine:.3f} | {theirs:.3f} | {middle(told, 'wall'):.2f} | {told[-1]['mb']:.0f} "
                    f"| {mine / rows * 1e6:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    simulated()
    if "real" in sys.argv[1:]:
        real()
