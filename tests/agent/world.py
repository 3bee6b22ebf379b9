"""A world that is watched: a cluster whose producers and consumers run at known speeds, and queues. It is put into
snapshots as the collectors make them, at any time, and as large as need be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from checks import all_checks
from checks.check import Check, Tier
from checks.facts import (
    NEVER,
    Account,
    Address,
    Broker,
    Cluster,
    Committed,
    Group,
    KafkaSnapshot,
    Listing,
    LogEnds,
    Lookups,
    Queue,
    Setting,
    SqsSnapshot,
    Topic,
    TopicConfig,
    Unknown,
    Why,
    unseen_kafka,
)
from checks.facts.offsets import Floats, Ints
from checks.limits import Limits
from checks.questions import Questions
from tests.checks.examples import ACCOUNT, BLIND, TLS_ONLY, member, queue

PROD = Address("kafka", "prod")
QUEUES = Address("sqs", "prod")
AWAY = Unknown(Why.UNREACHABLE, "no broker answers at b1:9092, b2:9092, b3:9092")
BROKERS = (1, 2, 3)
SAFE = TopicConfig(
    {
        "min.insync.replicas": Setting("2", "STATIC_BROKER_CONFIG"),
        "cleanup.policy": Setting("compact", "DYNAMIC_TOPIC_CONFIG"),
    }
)


def checks() -> tuple[Check, ...]:
    """Those that the daemon runs."""
    return tuple(check for check in all_checks() if check.tier is Tier.DEFAULT)


def names(word: str, count: int) -> list[str]:
    """In the order in which brokers list them."""
    return [f"{word}-{n:05d}" for n in range(count)]


@dataclass
class Kafka:
    """`read` names topics of `width` partitions, each read by one member of a group of the same name; `unread` others, of
    one partition. Each is written at `rate` records a second, and read at `speed` while its group is Stable.
    """

    read: Sequence[str]
    unread: Sequence[str] = ()
    width: int = 3
    rate: float = 1.0
    speed: float = 10.0
    at: float = 0.0
    lean: bool = False
    """Partition 0 of every topic has its first replica on broker 1; else they go round the brokers."""
    up: frozenset[int] = frozenset(BROKERS)
    """The brokers that are."""
    answers: bool = True
    states: dict[str, str] = field(default_factory=dict)
    """Of the groups that are not Stable."""

    def __post_init__(self) -> None:
        self.topics = tuple(sorted((*self.read, *self.unread)))
        self.width_of = dict.fromkeys(self.unread, 1) | dict.fromkeys(self.read, self.width)
        self.first = np.cumsum([0, *(self.width_of[name] for name in self.topics)]).astype(np.int64)
        bounds = self.first.tolist()
        self.place = {name: slice(bounds[i], bounds[i + 1]) for i, name in enumerate(self.topics)}
        size = bounds[-1]
        self.end: Floats = np.full(size, 1000.0)
        self.rates: Floats = np.full(size, self.rate)
        self.committed: Floats = self.end.copy()
        self.speeds: Floats = np.full(size, self.speed)
        self.before: list[tuple[float, Floats]] = [(self.at, self.end)]
        questions = Questions(all_checks(), Limits(), clear=True)
        self.ages = sorted(questions.asked(PROD.under("groups", "any")).ages)
        self._members: dict[tuple[str, str], Group] = {}
        self._clusters: dict[frozenset[int], Cluster] = {}
        self._described: dict[frozenset[int], dict[str, Topic]] = {}
        self._committed: dict[str, Committed] = {}

    # ── what happens ──

    def pass_time(self, at: float) -> None:
        """Everybody writes and reads until `at`, as far as a leader takes it and a member is there."""
        seconds, self.at = at - self.at, at
        lives = len(self.up) > 0
        self.end = self.end + self.rates * seconds * lives
        working = self.speeds.copy()
        for name in self.states:
            working[self.place[name]] = 0.0
        self.committed = np.minimum(self.end, self.committed + working * seconds * lives)
        self.before.append((at, self.end))
        horizon = at - max(self.ages)
        while len(self.before) > 1 and self.before[1][0] <= horizon:
            del self.before[0]

    def stop(self, name: str, partition: int | None = None) -> None:
        """The member goes on, and what it reads does not: all of it, or one partition."""
        self.speeds[self._rows(name, partition)] = 0.0

    def go_on(self, name: str, partition: int | None = None) -> None:
        self.speeds[self._rows(name, partition)] = self.speed

    def _rows(self, name: str, partition: int | None) -> slice | int:
        return self.place[name] if partition is None else self.place[name].start + partition

    # ── what is seen of it ──

    def snapshot(self) -> KafkaSnapshot:
        if not self.answers or not self.up:
            return unseen_kafka(PROD.target, self.at, AWAY)
        end, committed = self.end.astype(np.int64), self.committed.astype(np.int64)
        ends = LogEnds(
            self.topics, self.first, np.zeros_like(end), end, end, np.zeros(end.size, dtype=np.int16), self.at
        )
        return KafkaSnapshot(
            target=PROD.target,
            at=self.at,
            cluster=self._cluster(),
            topics=Listing(self._topics(), (BLIND,)),
            topic_configs=dict.fromkeys(self.topics, SAFE),
            broker_configs={},
            groups=Listing({name: self._group(name) for name in self.read}),
            committed={name: self._offsets(name, committed) for name in self.read},
            ends=ends,
            lookups=self._lookups(end, committed),
        )

    def _cluster(self) -> Cluster:
        """The same object while the same brokers are there."""
        if self.up not in self._clusters:
            brokers = tuple(Broker(i, f"b{i}", 9092) for i in sorted(self.up))
            self._clusters[self.up] = Cluster("c1", min(self.up), brokers, ("DESCRIBE",))
        return self._clusters[self.up]

    def _topics(self) -> dict[str, Topic]:
        if self.up not in self._described:
            self._described[self.up] = {name: self._topic(name) for name in self.topics}
        return self._described[self.up]

    def _topic(self, name: str) -> Topic:
        first, count = 0 if self.lean else self.place[name].start, len(BROKERS)
        replicas = tuple(tuple((first + p + i) % count + 1 for i in range(count)) for p in range(self.width_of[name]))
        alive = tuple(tuple(b for b in brokers if b in self.up) for brokers in replicas)
        quorum = len(self.up) >= 2  # min.insync.replicas: a single one that came back leads what it led before
        leader = tuple(
            there[0] if there and (quorum or brokers[0] in self.up) else -1
            for brokers, there in zip(replicas, alive, strict=True)
        )
        return Topic(
            name=name,
            id=f"id-{name}",
            internal=False,
            leader=leader,
            replicas=replicas,
            isr=alive,
            offline=tuple(tuple(b for b in brokers if b not in self.up) for brokers in replicas),
            error=tuple(5 if broker < 0 else 0 for broker in leader),
        )

    def _group(self, name: str) -> Group:
        state = self.states.get(name, "Stable")
        if (name, state) not in self._members:
            owns = {name: tuple(range(self.width))} if state == "Stable" else {}
            members = () if state == "Empty" else (member(f"{name}-1", owns),)
            self._members[name, state] = Group(name, "classic", state, "consumer", 1, members)
        return self._members[name, state]

    def _offsets(self, name: str, committed: Ints) -> Committed:
        offsets = committed[self.place[name]]
        before = self._committed.get(name)
        if before is None or not np.array_equal(before.offset, offsets):
            partition = np.arange(self.width, dtype=np.int64)
            codes = np.zeros(self.width, dtype=np.int16)
            self._committed[name] = Committed((name,), np.zeros_like(partition), partition, offsets, codes, self.at)
        return self._committed[name]

    def _lookups(self, end: Ints, committed: Ints) -> Lookups:
        """For every partition that somebody lags on and every age that the checks ask for."""
        is_read = np.zeros(end.size, dtype=bool)
        for name in self.read:
            is_read[self.place[name]] = True
        rows = np.flatnonzero(is_read & (end > committed))
        topic = np.searchsorted(self.first, rows, side="right") - 1
        offset = np.concatenate([self._younger(age, end)[rows] for age in self.ages])
        return Lookups(
            self.topics,
            np.tile(topic, len(self.ages)),
            np.tile(rows - self.first[topic], len(self.ages)),
            np.repeat(np.array(self.ages), rows.size),
            offset,
            np.where(offset == NEVER, NEVER, 0),
            np.zeros(offset.size, dtype=np.int16),
            self.at,
        )

    def _younger(self, age: float, end: Ints) -> Ints:
        """The first record that is younger than `age`: where the log ended then."""
        then = next((ends for at, ends in reversed(self.before) if at <= self.at - age), self.before[0][1])
        first = then.astype(np.int64)
        return np.where(first < end, first, NEVER)


@dataclass
class Sqs:
    """Queues with a dead-letter queue each, which is called `NAME-dlq`; all of them are empty at first."""

    sources: Sequence[str]
    at: float = 0.0
    gone: set[str] = field(default_factory=set)
    """Queues that can't be looked at."""
    answers: bool = True

    def __post_init__(self) -> None:
        made: Iterable[Queue] = (
            one
            for name in self.sources
            for one in (
                queue(name, redrive=f"{name}-dlq", retention=604800.0, access=TLS_ONLY),
                queue(f"{name}-dlq", retention=1209600.0, access=TLS_ONLY),
            )
        )
        self.queues: dict[str, Queue] = {one.name: one for one in made}

    def pass_time(self, at: float) -> None:
        self.at = at

    def fill(self, name: str, more: int = 1) -> None:
        """So many more messages lie in a queue."""
        one = self.queues[name]
        assert isinstance(one.visible, int)
        self.queues[name] = replace(one, visible=one.visible + more)

    def empty(self, name: str) -> None:
        self.queues[name] = replace(self.queues[name], visible=0)

    def snapshot(self) -> SqsSnapshot:
        denied = Unknown(Why.DENIED, "access denied", "allow sqs:GetQueueAttributes")
        items: Mapping[str, Queue | Unknown] = {
            name: denied if name in self.gone else replace(one, at=self.at) for name, one in self.queues.items()
        }
        return SqsSnapshot(QUEUES.target, self.at, Account(ACCOUNT, "us-east-1"), Listing(items), {}, {})
