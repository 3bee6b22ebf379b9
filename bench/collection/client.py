"""One client in a process of its own: collects each time a line comes in, and prints what that cost.

mqcanary        everything it reads, with the questions of every check
mqcanary-lag    the same without the questions of checks, log directories and reassignments
mqcanary-seconds  that, and its rows are the offsets of which it tells how long they wait, to a second or a hundredth
confluent       confluent-kafka's AdminClient: groups, members, committed offsets, log start and end
kafka-python    kafka-python's public admin calls: the same
kafka-consumer-groups  Kafka's own command, a process for each look: groups, members, committed offsets, log ends
"""

import gc
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.cli import GARBAGE


def mqcanary(bootstrap: str, *, whole: bool, seconds: bool = False) -> Callable[[], int]:
    import numpy as np  # noqa: PLC0415 - each client pays its own imports

    from agent.collect.kafka.collector import KafkaCollector, KafkaSettings  # noqa: PLC0415
    from checks import all_checks  # noqa: PLC0415
    from checks.facts import KafkaSnapshot, Unknown  # noqa: PLC0415
    from checks.limits import Limits  # noqa: PLC0415
    from checks.questions import Questions  # noqa: PLC0415

    # Not read_endpoints(): the configuration's modules would be 11 MB of what is measured here.
    endpoints = tuple((host, int(port)) for host, port in (one.rsplit(":", 1) for one in bootstrap.split(",")))
    settings = KafkaSettings(endpoints, "bench", scope=() if whole else ("*",))
    collector = KafkaCollector(settings, Questions(all_checks() if whole else (), Limits()))
    before: KafkaSnapshot | None = None

    def collect() -> int:
        nonlocal before
        before = collector.collect(before, 120.0)
        waits = before.waits
        if seconds and not isinstance(waits, Unknown):
            narrow = (waits.until - waits.since) / 1000 <= np.maximum(1, (waits.at - waits.until / 1000) / 99)
            return int(((waits.since >= 0) & narrow).sum())
        return sum(0 if isinstance(one, Unknown) else one.offset.size for one in before.committed.values())

    return collect


def confluent(bootstrap: str) -> Callable[[], int]:
    from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicPartition  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient, OffsetSpec  # noqa: PLC0415

    admin = AdminClient({"bootstrap.servers": bootstrap})

    def collect() -> int:
        groups = [group.group_id for group in admin.list_consumer_groups(request_timeout=60).result().valid]
        for future in admin.describe_consumer_groups(groups, request_timeout=60).values():
            future.result()
        rows = 0
        for start in range(0, len(groups), 200):  # it asks for one group in a request
            asked = [
                admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=60)[group]
                for group in groups[start : start + 200]
            ]
            rows += sum(len(one.result().topic_partitions) for one in asked)
        topics = admin.list_topics(timeout=60).topics
        places = [TopicPartition(name, p) for name, topic in topics.items() for p in topic.partitions]
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):
            for start in range(0, len(places), 2000):  # more at once is slower for each
                wanted = dict.fromkeys(places[start : start + 2000], spec)
                level = IsolationLevel.READ_UNCOMMITTED
                for future in admin.list_offsets(wanted, isolation_level=level, request_timeout=60).values():
                    future.exception()  # one that has just moved is an error of its own
        return rows

    return collect


def kafka_python(bootstrap: str) -> Callable[[], int]:
    from kafka import KafkaAdminClient, TopicPartition  # noqa: PLC0415
    from kafka.admin import OffsetSpec  # noqa: PLC0415

    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=60_000)

    def collect() -> int:
        groups = [group["group_id"] for group in admin.list_groups()]
        admin.describe_groups(groups)
        rows = sum(len(told) for told in admin.list_group_offsets(dict.fromkeys(groups)).values())
        topics = admin.describe_topics()
        places = [TopicPartition(t["name"], p["partition_index"]) for t in topics for p in t["partitions"]]
        for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST):
            admin.list_partition_offsets(dict.fromkeys(places, spec))
        return rows

    return collect


def command(bootstrap: str) -> Callable[[], int]:
    from tests.live.broker import java  # noqa: PLC0415

    name = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    words = ("--bootstrap-server", bootstrap, "--describe", "--all-groups", "--timeout", "60000")
    argv = java(name, *words, heap="512m")

    def collect() -> int:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        return len(re.findall(rb"^\S+ +\S+ +\d+ +\d+ ", done.stdout, re.MULTILINE))

    return collect


CLIENTS: Mapping[str, Callable[[str], Callable[[], int]]] = {
    "mqcanary": lambda bootstrap: mqcanary(bootstrap, whole=True),
    "mqcanary-lag": lambda bootstrap: mqcanary(bootstrap, whole=False),
    "mqcanary-seconds": lambda bootstrap: mqcanary(bootstrap, whole=False, seconds=True),
    "confluent": confluent,
    "kafka-python": kafka_python,
    "kafka-consumer-groups": command,
}


def used() -> float:
    """CPU seconds so far, with those of children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def peak(pid: int | str = "self") -> float:
    """Megabytes that a process had in memory at most; not of getrusage, where the process that started it counts as well."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main() -> None:
    gc.set_threshold(*GARBAGE)
    collect = CLIENTS[sys.argv[1]](sys.argv[2])
    for _ in sys.stdin:
        cpu, wall = used(), time.perf_counter()
        rows = collect()
        told: dict[str, Any] = {"rows": rows, "cpu": used() - cpu, "wall": time.perf_counter() - wall}
        told["mb"] = max(peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
