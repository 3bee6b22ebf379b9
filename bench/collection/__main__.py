"""The tables: cost against size and against what changed, on a simulated cluster; with the word `real` also beside other clients
on an Apache Kafka of one broker, which needs Java and Maven; `big` is the same at 12,000 partitions, some minutes.
"""

import json
import math
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from bench.idle import cpu
from tests.live.process import Process, free_port, until

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
    """One Apache Kafka; two records in each partition, all of them read by all groups."""
    from tests.live import seed  # noqa: PLC0415 - needs confluent-kafka, as those below
    from tests.live.broker import KafkaCluster  # noqa: PLC0415

    with KafkaCluster(1, heap="768m") as kafka:
        names = [f"topic-{i:04}" for i in range(topics)]
        seed.create_topics(kafka.bootstrap, {"first": seed.TopicSpec(1, 1)})
        seed.commit_offsets(
            kafka.bootstrap, "first", {("first", 0): 0}
        )  # the coordinator works before it has much to do
        for start in range(0, topics, 500):  # a broker makes at most 10,000 partitions in a request
            some = names[start : start + 500]
            seed.create_topics(kafka.bootstrap, {name: seed.TopicSpec(partitions, 1) for name in some}, timeout=120)
        fill(kafka.bootstrap, names, partitions)
        read = {f"group-{i:04}": [names[(i * 7 + k) % topics] for k in range(each)] for i in range(groups)}
        commit(kafka.bootstrap, read, partitions, 2)
        broker = kafka.pid(1)
        print(f"\nReal Apache Kafka, one broker: {topics:,} topics, {groups:,} groups; median of 5 looks after 2.\n")
        print(
            "| client | group-partitions | first CPU s (wall) | CPU s (wall) | a tenth changed | broker's CPU s | MB | µs a row |"
        )
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for name in ("mqcanary", "mqcanary-lag", "confluent", "kafka-python"):
            with spoken("client", name, kafka.bootstrap) as client:
                first = looks(client, 2)[0]
                begun = cpu(broker)
                told = looks(client, 5)
                theirs = (cpu(broker) - begun) / 5
                changed = []
                for turn in range(3):
                    tenth = dict(list(read.items())[turn :: len(read) // (len(read) // 10)])
                    commit(kafka.bootstrap, tenth, partitions, 1)
                    changed += looks(client, 1)
                    commit(kafka.bootstrap, tenth, partitions, 2)
                    looks(client, 1)
                rows, mine = int(told[-1]["rows"]), middle(told, "cpu")
                print(
                    f"| {name} | {rows:,} | {first['cpu']:.2f} ({first['wall']:.2f}) | {mine:.3f} ({middle(told, 'wall'):.2f}) "
                    f"| {middle(changed, 'cpu'):.2f} | {theirs:.2f} | {told[-1]['mb']:.0f} | {mine / rows * 1e6:.1f} |",
                    flush=True,
                )
        daemon(kafka.bootstrap)


def fill(bootstrap: str, topics: Sequence[str], partitions: int) -> None:
    from confluent_kafka import Producer  # noqa: PLC0415 - for the real one alone

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "queue.buffering.max.messages": 1_000_000})
    for name in topics:
        for partition in range(partitions):
            for _ in range(2):
                producer.produce(name, value=b"x", partition=partition)
    if producer.flush(120):
        raise RuntimeError("not everything was written")


def commit(bootstrap: str, read: Mapping[str, Sequence[str]], partitions: int, offset: int) -> None:
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition  # noqa: PLC0415 - as above

    from tests.live import seed  # noqa: PLC0415

    client = seed.admin(bootstrap)
    for group, some in read.items():
        places = [TopicPartition(topic, p, offset) for topic in some for p in range(partitions)]
        (told,) = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        told.result()


def daemon(bootstrap: str, every: int = 10, looks: int = 6) -> None:
    """The whole agent: collect, judge with every check, keep, and serve each group-partition to whoever scrapes."""
    port = free_port()
    lines = [f"every: {every}s", f"listen: {{address: '127.0.0.1:{port}', partitions: all}}"]
    lines += ["kafka:", f"  - {{name: big, bootstrap: '{bootstrap}'}}"]
    with tempfile.TemporaryDirectory(prefix="mqcanary-bench-") as made:
        folder = Path(made)
        (folder / "mqcanary.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--log", "json"]
        words = ["--config", str(folder / "mqcanary.yaml"), "--state", str(folder / "state")]
        pause, most, sizes = threading.Event(), 0.0, []
        with Process("mqcanary", [*command, *words], folder / "log") as agent:
            until(lambda: agent.check() or '"started"' in agent.log.read_text("utf-8"), "the agent starts")
            pause.wait(2 * every)
            begun = cpu(agent.pid)
            for _ in range(looks):
                pause.wait(every)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    sizes.append(answer.read().count(b"\n"))
                most = max(most, peak(agent.pid))
            agent.check()
            spent = (cpu(agent.pid) - begun) / looks
    print(
        f"\nThe agent, a look every {every} s and a scrape after each: {spent:.2f} CPU s for both, {most:.0f} MB at most, "
        f"{sizes[-1]:,} lines of metrics."
    )


def peak(pid: int) -> float:
    """Megabytes that a process had in memory at most."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    simulated()
    if "real" in sys.argv[1:]:
        real()
    if "big" in sys.argv[1:]:
        real(3000, 4, 2000, 13)
