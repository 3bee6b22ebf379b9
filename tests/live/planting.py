"""Estates for the audit: what a table says of topics, groups and queues becomes real, and lives on between two polls."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any, Self, TypeVar

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewTopic

from tests.live import seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.process import until
from tests.live.sqs import ACCOUNT, REGION, SqsServer

FORTNIGHT = 14 * 86400
WEEK = 7 * 86400

PRODUCERS: Mapping[str, Mapping[str, Any]] = {
    "batches": {"enable.idempotence": True, "linger.ms": 20},
    "singles": {"enable.idempotence": True, "batch.num.messages": 1},
    "pairs": {"enable.idempotence": True, "batch.num.messages": 2},
    "old": {"enable.idempotence": False, "batch.num.messages": 1},
}


@dataclasses.dataclass(frozen=True)
class Records:
    """`n` records on each of `partitions`; `key` may have {i} in it, `age` is in seconds, `by` one of PRODUCERS."""

    n: int
    partitions: tuple[int, ...] = (0,)
    key: str | None = "{i}"
    size: int = 10
    age: float = 0.0
    by: str = "batches"


@dataclasses.dataclass(frozen=True)
class Topic:
    """Three replicas of which two must be in step, unless it says otherwise; `dev`: on the cluster of one broker."""

    partitions: int = 1
    config: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replicas: tuple[int, ...] = ()
    """Broker ids of each partition, where that matters."""
    holds: tuple[Records, ...] = ()
    each: tuple[Records, ...] = ()
    """What is written before each later poll."""
    once: tuple[Records, ...] = ()
    """What is written before the second poll alone."""
    deleted: int = 0
    """The first records of partition 0, deleted when its groups have committed."""
    grown: int = 0
    """Partitions after its groups have joined."""
    undecided: Records | None = None
    """Written in a transaction that is neither committed nor aborted."""
    dev: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """A group with so many members. Without any it is one that never had one: its offsets were set from outside."""

    topic: str
    at: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Committed offsets by partition."""
    members: int = 1
    stays: bool = True
    """Else its members leave after their commit."""
    each: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """How far it goes on before each later poll."""
    once: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """And before the second poll alone."""
    last: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """And before the last one alone."""


@dataclasses.dataclass(frozen=True)
class Queue:
    """Encrypted, kept for a week, TLS alone, five receives before the dead-letter queue, unless it says otherwise."""

    dead_letters: str | None = "sound-dlq"
    receives: int = 5
    retention: int = WEEK
    encrypted: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"SqsManagedSseEnabled": "true"})
    policy: tuple[Mapping[str, Any], ...] = ({"Effect": "Deny", "tls": "false"},)
    """Statements; `tls` stands for a condition on aws:SecureTransport, all else that is missing for everybody and everything."""
    delay: int = 0
    holds: int = 0
    in_flight: int = 0
    """So many of them were received and are not deleted."""
    each: int = 0
    last: int = 0
    """What is sent before the last poll alone."""
    gone: bool = False
    """Deleted as soon as others redrive to it."""


@dataclasses.dataclass(frozen=True)
class Told:
    """What is planted elsewhere, in words."""

    how: str


Thing = Topic | Group | Queue | Told
Things = Mapping[str, Thing]
T = TypeVar("T", bound=Thing)


class Estate:
    """What was planted so far. In a `with` block; members leave at its end, queues go, topics stay with their cluster."""

    def __init__(self, cluster: KafkaCluster, dev: KafkaCluster, sqs: SqsServer) -> None:
        self._clusters = {False: cluster, True: dev}
        self._sqs = sqs.client()
        self._things: dict[str, Thing] = {}
        self._turns = count()
        self._producers: dict[tuple[bool, str], Producer] = {}
        self._members: dict[str, Member] = {}
        self._at: dict[str, dict[int, int]] = {}
        self._urls: dict[str, str] = {}
        self._flickered: set[str] = set()
        self._lent: list[str] = []
        """Topics on the cluster that others use too."""
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        for url in self._urls.values():
            self._sqs.delete_queue(QueueUrl=url)
        if self._lent:
            seed.delete_topics(self._clusters[True].bootstrap, self._lent)

    def plant(self, things: Things) -> None:
        things = {name: thing for name, thing in things.items() if not isinstance(thing, Told)}
        self._things.update(things)
        topics = _all(things, Topic)
        self._create(topics)
        self._write({name: topic.holds for name, topic in topics.items()})
        self._begin({name: topic.undecided for name, topic in topics.items() if topic.undecided})
        self._gather(_all(things, Group))
        self._change(topics)
        self._queue(_all(things, Queue))

    def live(self, step: int, steps: int) -> None:
        """What goes on between two polls; `step` from 1 to `steps`."""
        topics = _all(self._things, Topic)
        self._write({name: (*t.each, *(t.once if step == 1 else ())) for name, t in topics.items()})
        for name, group in _all(self._things, Group).items():
            moves = [group.each, group.once if step == 1 else {}, group.last if step == steps else {}]
            if any(moves):
                for partition, more in (pair for move in moves for pair in move.items()):
                    self._at[name][partition] += more
                self._commit(name, group)
        for name, queue in _all(self._things, Queue).items():
            if name in self._flickered:  # in the audit before
                self._sqs.purge_queue(QueueUrl=self._urls[name])
                self._flickered.remove(name)
            self._send(name, queue.each)
            if queue.last and step == steps:
                self._send(name, queue.last)
                self._flickered.add(name)

    def settle(self) -> None:
        """Wait until every replica is in step, and each partition led by the first of them: a broker came back."""

        def settled() -> bool:
            seen = self._clusters[False].metadata().topics.values()
            partitions = [p for topic in seen for p in topic.partitions.values()]
            return all(p.leader == p.replicas[0] and len(p.isrs) == len(p.replicas) for p in partitions)

        until(settled, "every replica is in step, and the first of them leads")

    # ── Kafka ──

    def _create(self, topics: Mapping[str, Topic]) -> None:
        for dev, cluster in self._clusters.items():
            mine = {name: topic for name, topic in topics.items() if topic.dev == dev}
            if not mine:
                continue
            with seed.admin(cluster.bootstrap) as client:
                made = client.create_topics(
                    [self._new(name, topic) for name, topic in mine.items()], operation_timeout=30
                )
                for future in made.values():
                    future.result(60)
                self._lent += mine if dev else ()

                def led(wanted: Mapping[str, Topic] = mine) -> bool:
                    seen = client.list_topics(timeout=10).topics
                    return all(
                        name in seen and all(len(p.isrs) == len(p.replicas) for p in seen[name].partitions.values())
                        for name in wanted
                    )

                until(led, f"{len(mine)} topics are led and in sync")

    def _new(self, name: str, topic: Topic) -> NewTopic:
        """By itself Kafka begins each topic at a broker that it draws: by chance one would lead too much."""
        config = {"min.insync.replicas": "1" if topic.dev else "2", **topic.config}
        places = [list(topic.replicas)] * topic.partitions
        if not topic.replicas:
            brokers = list(self._clusters[topic.dev].brokers)
            turns = [next(self._turns) % len(brokers) for _ in range(topic.partitions)]
            places = [brokers[turn:] + brokers[:turn] for turn in turns]
        return NewTopic(name, topic.partitions, replica_assignment=places, config=config)

    def _write(self, records: Mapping[str, tuple[Records, ...]]) -> None:
        """Every delivery is checked."""
        failed: list[str] = []
        topics = _all(self._things, Topic)
        now = round(1000 * time.time())
        for name, many in records.items():
            for one in many:
                producer, written = self._producer(topics[name].dev, one.by), now - round(1000 * one.age)
                for i in range(one.n):
                    for partition in one.partitions:
                        producer.produce(
                            name,
                            b"x" * one.size,
                            None if one.key is None else one.key.format(i=i),
                            partition=partition,
                            timestamp=written + i // 100,
                            on_delivery=lambda error, _: failed.append(str(error)) if error else None,
                        )
        left = sum(producer.flush(30) for producer in self._producers.values())
        if left or failed:
            raise RuntimeError(f"{left} records are under way and {len(failed)} failed: {failed[:1]}")

    def _begin(self, records: Mapping[str, Records]) -> None:
        for name, one in records.items():
            self._open.enter_context(transaction(self._clusters[False].bootstrap, name, one.n, one.age, 1000))

    def _producer(self, dev: bool, by: str) -> Producer:
        if (dev, by) not in self._producers:
            servers = {"bootstrap.servers": self._clusters[dev].bootstrap, "acks": "all", "log_level": 0}
            self._producers[dev, by] = Producer(servers | PRODUCERS[by])
        return self._producers[dev, by]

    def _gather(self, groups: Mapping[str, Group]) -> None:
        """The first members join at the same time, the others when every group has its coordinator."""
        servers = self._clusters[False].bootstrap
        calm = {"fetch.wait.max.ms": 2000}  # they only have to be there
        first = {
            name: Member(servers, name, group.topic, config=calm) for name, group in groups.items() if group.members
        }
        more = [
            Member(servers, name, group.topic, partitions=0, config=calm)
            for name, group in groups.items()
            for _ in range(1, group.members)
        ]
        self._members |= first
        with ThreadPoolExecutor(16) as pool:
            for joining in (first.values(), more):
                list(pool.map(self._open.enter_context, joining))
        for name, group in groups.items():
            self._at[name] = dict(group.at)
            self._commit(name, group)
        for name, group in groups.items():
            if group.members and not group.stays:
                self._members[name].leave()

    def _change(self, topics: Mapping[str, Topic]) -> None:
        servers = self._clusters[False].bootstrap
        seed.delete_records(servers, {(name, 0): topic.deleted for name, topic in topics.items() if topic.deleted})
        seed.add_partitions(servers, {name: topic.grown for name, topic in topics.items() if topic.grown})

    def _commit(self, name: str, group: Group) -> None:
        offsets = {(group.topic, partition): offset for partition, offset in self._at[name].items()}
        if not offsets:
            return
        if group.members:
            self._members[name].commit(offsets)
        else:
            seed.commit_offsets(self._clusters[False].bootstrap, name, offsets)

    # ── SQS ──

    def _queue(self, queues: Mapping[str, Queue]) -> None:
        for name, queue in sorted(queues.items(), key=lambda pair: pair[1].dead_letters is not None):
            made = self._sqs.create_queue(QueueName=name, Attributes=_attributes(name, queue))
            self._urls[name] = made["QueueUrl"]
            self._send(name, queue.holds)
            for _ in range(queue.in_flight):
                self._sqs.receive_message(QueueUrl=self._urls[name], VisibilityTimeout=3600)
        for name in [name for name, queue in queues.items() if queue.gone]:
            self._sqs.delete_queue(QueueUrl=self._urls.pop(name))

    def _send(self, name: str, number: int) -> None:
        for first in range(0, number, 10):
            entries = [{"Id": str(i), "MessageBody": "x"} for i in range(min(10, number - first))]
            self._sqs.send_message_batch(QueueUrl=self._urls[name], Entries=entries)


@contextmanager
def transaction(
    bootstrap: str, name: str, records: int = 1, age: float = 0.0, timeout: int = 900_000
) -> Iterator[None]:
    """One that is open in the block, with records on partition 0 of a topic; its transactional id is the topic's name."""
    servers = {"bootstrap.servers": bootstrap, "transactional.id": name, "log_level": 0}
    producer = Producer(servers | {"transaction.timeout.ms": timeout})
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(records):
        producer.produce(name, b"x", partition=0, timestamp=round(1000 * (time.time() - age)))
    if left := producer.flush(30):
        raise RuntimeError(f"{left} records of a transaction are under way")
    yield
    with suppress(KafkaException):  # its coordinator may be on a broker that died
        producer.abort_transaction(10)


def arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def _all(things: Things, kind: type[T]) -> dict[str, T]:
    return {name: thing for name, thing in things.items() if isinstance(thing, kind)}


def _attributes(name: str, queue: Queue) -> dict[str, str]:
    told = {"MessageRetentionPeriod": str(queue.retention), "DelaySeconds": str(queue.delay), **queue.encrypted}
    if name.endswith(".fifo"):
        told["FifoQueue"] = "true"
    if queue.policy:
        statements = [_statement(name, one) for one in queue.policy]
        told["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if queue.dead_letters is not None:
        redrive = {"deadLetterTargetArn": arn(queue.dead_letters), "maxReceiveCount": str(queue.receives)}
        told["RedrivePolicy"] = json.dumps(redrive)
    return told


def _statement(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(one)
    tls = given.pop("tls", None)
    made = {"Principal": "*", "Action": "sqs:*", "Resource": arn(name), **given}
    return made if tls is None else made | {"Condition": {"Bool": {"aws:SecureTransport": tls}}}
