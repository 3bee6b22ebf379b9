"""What can be known of one Kafka cluster in one cycle.

Offsets come in bulk and are columns (checks/facts/offsets.py). Partitions of a topic are tuples, one place per partition: a check
reads them one topic at a time, and equal tuples let an unchanged topic stay the same object from poll to poll.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from checks.facts.address import Address
from checks.facts.features import Features
from checks.facts.offsets import NEVER, Committed, Ints, LogEnds, Lookups, Newest, OpenTransactions, Waits
from checks.facts.quotas import Quotas
from checks.facts.unknown import Listing, Unknown, Why


@dataclass(frozen=True, slots=True)
class Broker:
    id: int
    host: str
    port: int
    rack: str | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    id: str
    """The cluster id that the brokers agreed on: the same through every bootstrap address."""
    controller: int | None
    brokers: tuple[Broker, ...]
    """The brokers that are up, by id. One that is down is not here, but still in `Topic.replicas`."""
    operations: tuple[str, ...] | Unknown
    """What we may do to the cluster (DESCRIBE, DESCRIBE_CONFIGS, ...)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its partitions: place p of each tuple speaks of partition p."""

    name: str
    id: str
    """Base64, as Kafka's tools print it; empty where the broker has no topic ids (before 2.8)."""
    internal: bool
    leader: tuple[int, ...]
    """Broker id, or -1: nobody leads the partition, nothing can be written or read."""
    replicas: tuple[tuple[int, ...], ...]
    isr: tuple[tuple[int, ...], ...]
    """In-sync replicas. Of a partition without a leader it is the last known set; empty from Kafka 4.0 on, where
    `KafkaSnapshot.eligible` has those that may lead (KIP-966).
    """
    offline: tuple[tuple[int, ...], ...]
    """Replicas on brokers or disks that are down."""
    error: tuple[int, ...]
    """Kafka's error code of each partition's metadata, 0 if none; 5 (LEADER_NOT_AVAILABLE) goes with leader -1."""

    @property
    def replication_factor(self) -> int:
        """The smallest number of replicas that any partition has (they can differ after a manual reassignment)."""
        return min((len(replicas) for replicas in self.replicas), default=0)


class Setting(NamedTuple):
    value: str | None
    """As the broker writes it; None where it hides the value (sensitive ones)."""
    source: str
    """DYNAMIC_TOPIC_CONFIG, DYNAMIC_BROKER_CONFIG, DYNAMIC_DEFAULT_BROKER_CONFIG, STATIC_BROKER_CONFIG, DEFAULT_CONFIG."""


@dataclass(frozen=True, slots=True)
class _Settings:
    settings: Mapping[str, Setting]

    def value(self, key: str) -> str | Unknown:
        setting = self.settings.get(key)
        if setting is None or setting.value is None:
            return Unknown(Why.UNSUPPORTED, f"the broker does not tell {key}")
        return setting.value

    def number(self, key: str) -> int | Unknown:
        value = self.value(key)
        if isinstance(value, Unknown):
            return value
        try:
            return int(value)
        except ValueError:
            return Unknown(Why.UNSUPPORTED, f"{key} is {value!r}, not a whole number")


@dataclass(frozen=True, slots=True)
class TopicConfig(_Settings):
    """The configuration in force for one topic, wherever each value comes from."""

    def retention(self) -> float | Unknown | None:
        """Seconds after which a record may be deleted because of its age; None: never."""
        policy, kept = self.value("cleanup.policy"), self.number("retention.ms")
        if isinstance(policy, Unknown):
            return policy
        if "delete" not in policy:
            return None
        return kept if isinstance(kept, Unknown) else None if kept < 0 else kept / 1000


@dataclass(frozen=True, slots=True)
class BrokerConfig(_Settings):
    """The configuration in force on one broker."""


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    client_id: str
    host: str
    instance_id: str | None
    """group.instance.id of a static member."""
    assigned: Mapping[str, tuple[int, ...]] | Unknown
    """Topic to partitions."""
    subscribed: tuple[str, ...] | Unknown
    epoch: int | None = None
    """Of the newest assignment that it has taken up; None in a classic group, which has none."""
    target: Mapping[str, tuple[int, ...]] | None = None
    """What it is to own, where that is not what it owns: parts of it wait for members that have not given them up yet."""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    kind: str
    """classic, consumer (KIP-848), share (KIP-932), streams (KIP-1071)."""
    state: str
    """Empty, Stable, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Dead; of a streams
    group whose source topics are not as it needs them, NotReady.
    """
    protocol_type: str
    """consumer, connect, ...; empty for a group that only ever committed offsets."""
    coordinator: int | None
    members: tuple[Member, ...] | Unknown
    epoch: int | None = None
    """Grows with each change of members, subscriptions and topics (KIP-848); None in a classic group."""
    assignment_epoch: int | None = None
    """The group epoch that the target assignment was computed for."""

    @property
    def settled(self) -> bool:
        """What there is to read is dealt out, and each member has taken up its part. A share group calls itself Stable before."""
        return self.state == "Stable" and self.epoch == self.assignment_epoch and not self.behind()

    def behind(self) -> tuple[Member, ...]:
        """The members that have not taken up the newest assignment: what they are to give up nobody else is given."""
        if self.assignment_epoch is None or isinstance(self.members, Unknown):
            return ()
        return tuple(m for m in self.members if m.epoch is not None and m.epoch < self.assignment_epoch)

    @property
    def joined(self) -> bool:
        """Somebody has been a member: a group to which offsets were only ever committed has no protocol."""
        return bool(self.protocol_type) or self.kind != "classic"

    def assigned_topics(self) -> frozenset[str] | Unknown:
        """The topics that some member owns a partition of, or is to own one as soon as another one has given it up."""
        if isinstance(self.members, Unknown):
            return self.members
        topics: set[str] = set()
        for member in self.members:
            if isinstance(member.assigned, Unknown):
                return member.assigned
            for places in (member.assigned, member.target or {}):
                topics.update(topic for topic, partitions in places.items() if partitions)
        return frozenset(topics)


@dataclass(frozen=True, slots=True)
class LogDir:
    """A directory of one broker in which logs are kept, and the volume under it."""

    path: str
    total: int | Unknown
    """Bytes of the volume; Unknown before Kafka 3.3 (KIP-827)."""
    usable: int | Unknown
    """Bytes of it that are free, as far as the broker may use them."""


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """What lies on the disks of one broker: a row for each replica in each of its directories."""

    dirs: tuple[LogDir | Unknown, ...]
    """Unknown: that directory is offline."""
    topics: tuple[str, ...]
    dir: Ints
    """Index into `dirs`."""
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    size: Ints
    """Bytes of its segments."""
    future: Ints
    """1 for a replica that is being moved here from another directory, 0 otherwise."""
    at: float
    """When the broker first told so: it is asked less often than others, and kept while it says the same."""


@dataclass(frozen=True, slots=True)
class Reassignment:
    """A partition whose replicas are being moved."""

    topic: str
    partition: int
    adding: tuple[int, ...]
    removing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Voter:
    """A controller of the quorum, as the one that leads it saw it last."""

    id: int
    host: str
    """Empty before Kafka 3.9 (KIP-853)."""
    fetched: int
    """When it last asked for what is new, ms since the epoch by the leader's clock; NEVER: not since that one leads."""
    caught_up: int
    """When it last had all that the leader has, likewise."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """The controllers that keep the cluster's metadata (KRaft)."""

    leader: int
    voters: tuple[Voter, ...]
    """By id."""

    @property
    def now(self) -> int:
        """The time that it is for the leader, ms since the epoch: it has always just caught up with itself."""
        return max((max(voter.fetched, voter.caught_up) for voter in self.voters), default=NEVER)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the newest record batches of one topic show. Neither a key nor a body: counts and salted hashes.

    Each partition has as large a part in it as in what arrived at the topic, so that shares of the sample are shares of
    the traffic.
    """

    bytes: int
    """Of all answers."""
    budget: int | Unknown
    """Bytes that might be read; an older file does not say."""
    whole: bool | Unknown
    """Whether that was all that the topic holds: no budget reads more."""
    records: int | Unknown
    """Whose keys were looked at; without control records (markers of transactions). Unknown where batches are packed with
    something that can't be unpacked here: then nothing is known of keys and headers either.
    """
    keyless: int
    """Of them without a key."""
    distinct: int
    """Different keys among them."""
    arrived: int
    """Records that came to the topic within `window`."""
    window: float
    """Seconds before `at`; 0 where so few came that the whole log was looked at."""
    covered: float
    """Share of `arrived` that went to the partitions that could be read, 0 to 1."""
    key: Ints
    """Salted hash of a key: rows below are pairs of key and partition, of the most frequent keys and of those seen on
    several partitions. Hashes of two salts can't be compared.
    """
    key_partition: Ints
    key_count: Ints
    """Records with that key on that partition."""
    key_first: Ints
    """Timestamp of the first of them, ms since the epoch."""
    key_last: Ints
    """Of the last."""
    headers: Mapping[str, int]
    """Name of a header to how many records have it; the most frequent ones."""
    batch_partition: Ints
    """From here on: a row for each batch, newest last within its partition."""
    batch_offset: Ints
    """Of its first record."""
    batch_records: Ints
    batch_bytes: Ints
    """As stored, compressed or not."""
    batch_codec: Ints
    """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
    batch_idempotent: Ints
    """1 where the batch carries a producer id, 0 otherwise."""
    batch_first: Ints
    """Timestamp of its first record, ms since the epoch."""
    batch_last: Ints
    """The greatest timestamp in it."""
    at: float


NOT_SAMPLED = Unknown(
    Why.OFF, "no records of it were sampled", "sample it: mqcanary audit --sample GLOB, or sample: {topics: [...]}"
)
_NOT_ASKED = Unknown(Why.OFF, "it was not asked for")


@dataclass(frozen=True, slots=True)
class KafkaSnapshot:
    """One cluster, one cycle. Always produced: what failed is Unknown where it failed."""

    target: str
    at: float
    cluster: Cluster | Unknown
    topics: Listing[Topic]
    topic_configs: Mapping[str, TopicConfig | Unknown]
    broker_configs: Mapping[str, BrokerConfig | Unknown]
    groups: Listing[Group]
    committed: Mapping[str, Committed | Unknown]
    ends: LogEnds | Unknown
    lookups: Lookups | Unknown
    storage: Mapping[str, Storage | Unknown] | Unknown = _NOT_ASKED
    """By id of the broker, as text: of each that is up, and of each that is away and still holds replicas."""
    reassignments: tuple[Reassignment, ...] | Unknown = _NOT_ASKED
    quorum: Quorum | Unknown | None = _NOT_ASKED
    """None: there is none, as with ZooKeeper."""
    features: Features | Unknown | None = _NOT_ASKED
    """None: nothing is finalized, as with ZooKeeper and before Kafka 2.7."""
    quotas: Quotas | Unknown = _NOT_ASKED
    eligible: Mapping[str, tuple[tuple[int, ...], ...] | Unknown] | Unknown = _NOT_ASKED
    """By topic and partition, the replicas that may lead it without loss of records: only of topics with a partition that has
    neither a leader nor an in-sync replica.
    """
    waits: Waits | Unknown = _NOT_ASKED
    newest: Newest | Unknown = _NOT_ASKED
    """Of the topics of which a check wants it."""
    transactions: OpenTransactions | Unknown = _NOT_ASKED
    samples: Mapping[str, Sample | Unknown] | Unknown = NOT_SAMPLED
    """By topic, only those that were chosen."""

    @property
    def address(self) -> Address:
        return Address("kafka", self.target)


def unseen_kafka(target: str, at: float, unknown: Unknown) -> KafkaSnapshot:
    """The snapshot of a cluster of which nothing could be observed."""
    return KafkaSnapshot(
        target=target,
        at=at,
        cluster=unknown,
        topics=Listing({}, (unknown,)),
        topic_configs={},
        broker_configs={},
        groups=Listing({}, (unknown,)),
        committed={},
        ends=unknown,
        lookups=unknown,
        storage=unknown,
        reassignments=unknown,
        quorum=unknown,
        features=unknown,
        quotas=unknown,
        eligible=unknown,
        waits=unknown,
        newest=unknown,
        transactions=unknown,
        samples=unknown,
    )
