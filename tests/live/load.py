"""A cluster at work: records that keep coming, and members that keep reading and committing them, each on a thread of its own."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.live import jars
from tests.live.broker import java
from tests.live.member import Member, after, epochs
from tests.live.process import Process, free_port, until
from tests.live.seed import Partition

_EVERY = 0.05
"""Seconds between two bursts of a producer."""


@contextmanager
def again(work: Callable[[], object], name: str, pause: float = 0.0) -> Iterator[None]:
    """Does `work` over and over while the block runs, `pause` seconds apart. What it raises is raised at the block's end."""
    over = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            while not over.is_set():
                work()
                over.wait(pause)
        except BaseException as failure:  # noqa: BLE001 - it is raised where somebody sees it
            raised.append(failure)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    except BaseException as failure:
        for one in raised:
            failure.add_note(f"{name} had ended before: {one!r}")
        raise
    finally:
        over.set()
        thread.join(60)
    if thread.is_alive():
        raise RuntimeError(f"{name} did not end")
    if raised:
        raise raised[0]


@contextmanager
def producing(bootstrap: str, topics: Mapping[str, int], rate: int = 300) -> Iterator[Mapping[Partition, int]]:
    """Writes `rate` records a second to topics with so many partitions, all alike.

    Yields the offset behind the last record that was acknowledged, by partition. All are at the block's end.
    """
    places = [(topic, partition) for topic, count in topics.items() for partition in range(count)]
    ends: dict[Partition, int] = {}
    errors: list[str] = []
    sent = 0

    def delivered(error: KafkaError | None, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error:
            errors.append(str(error))
        elif topic is not None and partition is not None and offset is not None:
            ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))

    config = {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
    producer = Producer(config)

    def burst() -> None:
        nonlocal sent
        for _ in range(max(1, round(rate * _EVERY))):
            topic, partition = places[sent % len(places)]
            sent += 1
            with suppress(BufferError):  # it waits for a leader
                producer.produce(topic, value=b"x", partition=partition, on_delivery=delivered)
        producer.poll(0)

    with again(burst, "producer", _EVERY):
        yield ends
    left = producer.flush(30)
    if left or errors:
        raise RuntimeError(f"{left} records are under way and {len(errors)} failed: {errors[:1]}")


@contextmanager
def reading(member: Member, n: int = 20) -> Iterator[None]:
    """A member takes `n` records after the other and commits them, never backwards. A broker may refuse a commit: the next one has it."""
    done: dict[Partition, int] = {}
    told: dict[Partition, int] = {}

    def take() -> None:
        taken = member.consume(n, commit=False)
        told.update(epochs(taken))
        for place, offset in after(taken).items():
            done[place] = max(offset, done.get(place, 0))
        mine = member.assignment
        with suppress(KafkaException):
            member.commit({place: offset for place, offset in done.items() if place in mine}, epochs=told)

    with again(take, f"reader of {member.group}"):
        yield


@contextmanager
def sinking(bootstrap: str, name: str, topic: str, folder: Path, tasks: int = 2) -> Iterator[Process]:
    """A worker of Kafka Connect, distributed, that writes a topic into a file. Its tasks are the members of the group connect-NAME,
    and it is itself the only one of the group NAME-workers, where workers share out connectors and tasks.
    """
    rest = f"http://127.0.0.1:{free_port()}"
    file = folder / "worker.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in _worker(bootstrap, f"{name}-workers", rest).items()))
    sink = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "tasks.max": str(tasks),
        "topics": topic,
        "file": str(folder / "sunk"),
    }
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    with Process("connect", java(main, str(file), heap="128m"), folder / "connect.log") as process:

        def created() -> bool:
            process.check()
            return _put(f"{rest}/connectors/{name}/config", sink)

        until(created, "the worker of Kafka Connect takes a connector", timeout=90, every=0.3)
        yield process


def _worker(bootstrap: str, group: str, rest: str) -> dict[str, str]:
    converter = "org.apache.kafka.connect.storage.StringConverter"
    topics = {
        f"{kind}.storage.{key}": value
        for kind in ("config", "offset", "status")
        for key, value in (("topic", f"{group}-{kind}"), ("replication.factor", "1"), ("partitions", "1"))
        if (kind, key) != ("config", "partitions")  # which has one anyway
    }
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        **topics,
        "key.converter": converter,
        "value.converter": converter,
        "offset.flush.interval.ms": "500",
        "plugin.path": str(jars.connectors()),
        "plugin.discovery": "service_load",
        "listeners": rest,
    }


def _put(url: str, body: Mapping[str, str]) -> bool:
    """Whether it was taken: while it starts nobody listens, and while workers share out their work it says 409."""
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), head, method="PUT")  # noqa: S310 - http, to 127.0.0.1
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return bool(answer.status in (200, 201))
    except urllib.error.HTTPError as error:
        if error.code in (404, 409, 500, 503):  # not yet
            return False
        raise RuntimeError(f"Kafka Connect does not take the connector: {error.read().decode()}") from None
    except OSError:
        return False
