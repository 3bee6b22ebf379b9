"""A live member of a consumer group, on a thread of its own, that commits only what a test tells it to."""

import collections
import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.live.process import until

Partition = tuple[str, int]


class Member:
    """In a `with` block it has joined and has at least `partitions` partitions; it leaves at the end.

    It polls all the time, so that it stays in the group and answers rebalances, and keeps what it got for `consume`.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        *topics: str,
        protocol: str = "classic",
        partitions: int = 1,
        config: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.group = group
        self._wanted = partitions
        self._timeout = timeout
        self._bootstrap = bootstrap
        self._topics = topics
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "group.protocol": protocol,
            "client.id": "live-member",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,  # empty partitions must not hold up the one with messages
            "log_level": 0,
            # A classic member hears of a rebalance in the answer to a heartbeat; in the newer protocol the broker sets the pace.
            **({"heartbeat.interval.ms": 500} if protocol == "classic" else {}),
            **(config or {}),
        }
        self._lock = threading.Lock()
        self._got: collections.deque[Message] = collections.deque()
        self._assigned: frozenset[Partition] = frozenset()
        self._id = ""
        self._errors: list[str] = []
        self._orders: queue.Queue[tuple[list[TopicPartition], Future[None]]] = queue.Queue()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"member of {group}", daemon=True)

    # ── for tests ──

    @property
    def assignment(self) -> frozenset[Partition]:
        with self._lock:
            return self._assigned

    @property
    def member_id(self) -> str:
        with self._lock:
            return self._id

    def wait_assigned(self, partitions: int) -> None:
        """Until a rebalance has left it with exactly so many."""
        self._until(lambda: len(self.assignment) == partitions, f"has {partitions} partitions")

    def commit(
        self,
        offsets: Mapping[Partition, int],
        *,
        metadata: str = "",
        epochs: Mapping[Partition, int] | None = None,
    ) -> None:
        """`epochs`: of the last records that were read, which go with the offsets (KIP-320)."""
        told = epochs or {}
        rows = [
            TopicPartition(*place, offset, metadata=metadata, leader_epoch=told.get(place, -1))
            for place, offset in offsets.items()
        ]
        done: Future[None] = Future()
        self._orders.put((rows, done))
        done.result(self._timeout)

    def consume(self, n: int, *, commit: bool = True) -> list[Message]:
        """The next `n` messages, and the offsets after them committed."""
        taken: list[Message] = []

        def enough() -> bool:
            with self._lock:
                while self._got and len(taken) < n:
                    taken.append(self._got.popleft())
            return len(taken) == n

        self._until(enough, f"gets {n} messages")
        if commit:
            self.commit(after(taken), epochs=epochs(taken))
        return taken

    # ── life ──

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._until(self._joined, f"has joined with at least {self._wanted} partitions")
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(30)

    def _joined(self) -> bool:
        if self._wanted:
            return len(self.assignment) >= self._wanted
        # A member may have no partition to read: then only the coordinator can say that it is in.
        client = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})
        group = client.describe_consumer_groups([self.group])[self.group].result(10)
        return self.member_id in {member.member_id for member in group.members}

    def _until(self, probe: Callable[[], bool], what: str) -> None:
        def watched() -> bool:
            if not self._thread.is_alive():
                raise RuntimeError(f"a member of {self.group} is gone: {self._errors}")
            return probe()

        until(watched, f"a member of {self.group} {what}; errors: {self._errors}", timeout=self._timeout)

    def _run(self) -> None:
        """The only place that touches the consumer: a second thread beside a poll makes confluent-kafka hang for ever."""
        try:
            consumer = Consumer(self._config)
        except KafkaException as failure:
            self._errors.append(str(failure))
            return
        try:
            consumer.subscribe(list(self._topics))
            while not self._leave.is_set():
                message = consumer.poll(0.05)
                self._note(consumer, message)
                self._obey(consumer)
        except KafkaException as failure:
            self._errors.append(str(failure))
        finally:
            consumer.close()

    def _note(self, consumer: Consumer, message: Message | None) -> None:
        places = frozenset((row.topic, row.partition) for row in consumer.assignment())
        name = consumer.memberid() or ""
        with self._lock:
            self._id = name
            if places != self._assigned:
                self._assigned = places
                self._got = collections.deque(m for m in self._got if (m.topic(), m.partition()) in places)
            if message is not None and message.error():
                self._errors.append(str(message.error()))
            elif message is not None:
                self._got.append(message)

    def _obey(self, consumer: Consumer) -> None:
        with contextlib.suppress(queue.Empty):
            rows, done = self._orders.get_nowait()
            try:
                _commit(consumer, rows)
            except KafkaException as failure:
                done.set_exception(failure)
            else:
                done.set_result(None)


def _commit(consumer: Consumer, rows: list[TopicPartition]) -> None:
    """A commit that failed for one partition raises as one that failed for all."""
    for row in consumer.commit(offsets=rows, asynchronous=False) or []:
        if row.error:
            raise KafkaException(row.error)


def after(messages: list[Message]) -> dict[Partition, int]:
    result: dict[Partition, int] = {}
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        result[topic, partition] = max(result.get((topic, partition), 0), offset + 1)
    return result


def epochs(messages: list[Message]) -> dict[Partition, int]:
    """The leader epoch of the last message of each partition."""
    told = (((message.topic(), message.partition()), message.leader_epoch()) for message in messages)
    return {(topic, partition): epoch for (topic, partition), epoch in told if None not in (topic, partition, epoch)}
