"""A cluster at work: records that keep coming, and members that keep reading and committing them, each on a thread of its own."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.live import jars
from tests.live.broker import java
from tests.live.member import Member, after, epochs
from tests.live.process import Process, free_port
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
    """A worker of Kafka Connect that writes a topic into a file: its tasks are the members of the group connect-NAME."""
    converter = "org.apache.kafka.connect.storage.StringConverter"
    worker = {
        "bootstrap.servers": bootstrap,
        "key.converter": converter,
        "value.converter": converter,
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "500",
        "plugin.path": str(jars.connectors()),
        "plugin.discovery": "service_load",
        "listeners": f"http://127.0.0.1:{free_port()}",
    }
    sink = {
        "name": name,
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "tasks.max": str(tasks),
        "topics": topic,
        "file": str(folder / "sunk"),
    }
    files = []
    for kind, properties in (("worker", worker), ("sink", sink)):
        files.append(folder / f"{kind}.properties")
        files[-1].write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    main = "org.apache.kafka.connect.cli.ConnectStandalone"
    with Process("connect", java(main, *map(str, files), heap="128m"), folder / "connect.log") as process:
        yield process
