"""The state of a simulated cluster: plain data that its owner may alter while it is served.

Every request reads it anew. Single assignments need no care; for a change of several, hold `SimulatedCluster.lock`.
"""

import uuid
from array import array
from collections.abc import Callable, Container, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

from agent.demo.cluster.records import Point
from agent.demo.cluster.writing import PLAIN, Writing

NOBODY = -1
"""The leader of a partition without one; the committed offset of a partition without one."""

ANONYMOUS = "ANONYMOUS"
"""The principal of a connection without SASL."""

READ, DESCRIBE, DESCRIBE_CONFIGS = 3, 8, 10
TOPIC_OPERATIONS = frozenset({READ, 4, 5, 6, 7, DESCRIBE, DESCRIBE_CONFIGS, 11})
GROUP_OPERATIONS = frozenset({3, 6, DESCRIBE})
CLUSTER_OPERATIONS = frozenset({5, 7, DESCRIBE, 9, DESCRIBE_CONFIGS, 11, 12})

_NO_ID = uuid.UUID(int=0)

_FEATURES = {"metadata.version": 30, "group.version": 1, "transaction.version": 2, "kraft.version": 1}
"""Kafka 4.3 has more, and they work alike."""

# A timeline is a sketch: old points go when a long demonstration has made this many.
_MOST_POINTS = 512


class Source:
    """Where the value of a configuration comes from, in DescribeConfigs' numbers."""

    TOPIC = 1
    DYNAMIC_BROKER = 2
    DYNAMIC_DEFAULT_BROKER = 3
    STATIC_BROKER = 4
    DEFAULT = 5


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration value with its origin; a sensitive one is answered as null."""

    value: str | None
    source: int = Source.DEFAULT
    sensitive: bool = False
    read_only: bool = False


@dataclass(slots=True)
class Broker:
    """`host` and `port` are what the broker advertises, not where it listens; a fenced one is not listed."""

    id: int
    host: str = "127.0.0.1"
    port: int = 0
    rack: str | None = None
    fenced: bool = False
    refuses: bool = False
    """Credentials that are right elsewhere."""
    configs: dict[str, Config] = field(default_factory=dict)
    log_dir: str = "/var/lib/kafka/data"
    total_bytes: int = 500_000_000_000
    usable_bytes: int = 400_000_000_000
    features: dict[str, int] = field(default_factory=lambda: dict(_FEATURES))
    """The highest level of each feature that it supports; the lowest is 0, or 7 of metadata.version."""


@dataclass(slots=True)
class Voter:
    """A controller of the quorum, which is no broker; the first one leads. None: never, since that one leads."""

    id: int
    silent: float | None = 0.0
    """Seconds since it last fetched."""
    behind: float | None = 0.0
    """Seconds since it last had all."""


@dataclass(slots=True)
class Partition:
    """Offsets are those of the next record: `log_end` of the log, `last_stable` (None: the same) of the committed part."""

    leader: int
    replicas: tuple[int, ...] = ()
    isr: tuple[int, ...] = ()
    eligible: tuple[int, ...] | None = ()
    """Eligible leader replicas (KIP-966); None: not told."""
    offline: tuple[int, ...] = ()
    adding: tuple[int, ...] = ()
    removing: tuple[int, ...] = ()
    leader_epoch: int = 0
    log_start: int = 0
    log_end: int = 0
    last_stable: int | None = None
    points: list[Point] = field(default_factory=list)

    def append(self, count: int, at: float) -> None:
        """Adds `count` records, the last written at `at` (seconds since 1970), evenly since the one before."""
        if count > 0:
            self.log_end += count
            self.points.append(Point(self.log_end - 1, round(at * 1000)))
            del self.points[:-_MOST_POINTS]


@dataclass(slots=True)
class Topic:
    """`partitions[i]` is partition i. `configs` are its own; the rest it has from `Model.topic_defaults`."""

    name: str
    partitions: list[Partition]
    internal: bool = False
    configs: dict[str, Config] = field(default_factory=dict)
    record_bytes: int = 100
    """For the sizes on disk; what a Fetch shows is as `writing` says."""
    writing: Writing = PLAIN
    id: uuid.UUID = _NO_ID

    def __post_init__(self) -> None:
        if self.id == _NO_ID:
            self.id = uuid.uuid5(uuid.NAMESPACE_OID, self.name)


class Commits(MutableMapping[tuple[str, int], int]):
    """Committed offsets, {(topic, partition): offset}, 8 bytes each; `topics` has one array per topic, -1 where none is."""

    __slots__ = ("topics",)

    def __init__(self, offsets: Mapping[tuple[str, int], int] | None = None) -> None:
        self.topics: dict[str, array[int]] = {}
        self.update(offsets or {})

    def __getitem__(self, key: tuple[str, int]) -> int:
        offsets = self.topics.get(key[0], ())
        if not 0 <= key[1] < len(offsets) or offsets[key[1]] == NOBODY:
            raise KeyError(key)
        return offsets[key[1]]

    def __setitem__(self, key: tuple[str, int], offset: int) -> None:
        offsets = self.topics.setdefault(key[0], array("q"))
        missing = key[1] + 1 - len(offsets)
        if missing > 0:
            offsets.extend([NOBODY] * missing)
        offsets[key[1]] = offset

    def __delitem__(self, key: tuple[str, int]) -> None:
        self[key]  # raises
        self.topics[key[0]][key[1]] = NOBODY

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for topic, offsets in self.topics.items():
            yield from ((topic, partition) for partition, offset in enumerate(offsets) if offset != NOBODY)

    def __len__(self) -> int:
        return sum(len(offsets) - offsets.count(NOBODY) for offsets in self.topics.values())


Assignment = dict[str, tuple[int, ...]]


@dataclass(slots=True)
class Member:
    """`assignment` is {topic: partitions}; `target` (None: the same) exists in the consumer and streams protocols, `regex` in
    the consumer protocol only.
    """

    id: str
    client_id: str = "client"
    host: str = "/127.0.0.1"
    subscription: tuple[str, ...] = ()
    assignment: Assignment = field(default_factory=dict)
    target: Assignment | None = None
    instance_id: str | None = None
    rack: str | None = None
    regex: str | None = None
    epoch: int = 1
    classic: bool = False


@dataclass(slots=True)
class Group:
    """`listed_by` overrides who lists it: real clusters let two brokers do so while a coordinator moves."""

    id: str
    coordinator: int
    kind: Literal["classic", "consumer", "share", "streams"] = "classic"
    state: str = "Empty"
    members: list[Member] = field(default_factory=list)
    committed: Commits = field(default_factory=Commits)
    """Of a share group the first offsets that it has not finished with."""
    epochs: dict[tuple[str, int], int] = field(default_factory=dict)
    """Leader epochs that were committed with them; a place that is not here has none, as clients commit that tell none."""
    finished: dict[tuple[str, int], int] = field(default_factory=dict)
    """Of a share group: how many records behind that it has finished with."""
    protocol_type: str = "consumer"
    assignor: str = "range"
    epoch: int = 1
    assignment_epoch: int = 1
    listed_by: set[int] | None = None

    def lists(self, broker: int) -> bool:
        return broker in (self.listed_by if self.listed_by is not None else {self.coordinator})


@dataclass(frozen=True, slots=True)
class AllBut:
    """Contains every name but these."""

    names: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        return name not in self.names


def all_but(*names: str) -> AllBut:
    return AllBut(frozenset(names))


@dataclass(frozen=True, slots=True)
class Rights:
    """What a principal may: DESCRIBE `topics`, `groups`, the `cluster`; DESCRIBE_CONFIGS of topics and of the cluster.

    `more` says whether it has every other operation too, as a superuser has: that shows in authorized operations. Without
    it the principal may READ the topics in `read` alone.
    """

    topics: Container[str] = AllBut()
    groups: Container[str] = AllBut()
    cluster: bool = True
    topic_configs: Container[str] = AllBut()
    cluster_configs: bool = True
    more: bool = True
    read: Container[str] = ()

    def on_topic(self, topic: str) -> frozenset[int]:
        found = self._of(TOPIC_OPERATIONS, describe=topic in self.topics, configs=topic in self.topic_configs)
        return found | {READ} if topic in self.read else found

    def on_group(self, group: str) -> frozenset[int]:
        return self._of(GROUP_OPERATIONS, describe=group in self.groups, configs=False)

    def on_cluster(self) -> frozenset[int]:
        return self._of(CLUSTER_OPERATIONS, describe=self.cluster, configs=self.cluster_configs)

    def _of(self, operations: frozenset[int], *, describe: bool, configs: bool) -> frozenset[int]:
        special = ({DESCRIBE} if describe else set()) | ({DESCRIBE_CONFIGS} if configs else set())
        others = operations - {DESCRIBE, DESCRIBE_CONFIGS} if self.more else frozenset()
        return (operations & special) | others


@dataclass(slots=True)
class Model:
    """The whole cluster. `clock` gives seconds since 1970 and is the only time there is.

    `rights` is by principal (`ANONYMOUS` without SASL); who is not in it may do everything. `users` is {name: password, or
    token of OAUTHBEARER}; not empty, every connection must authenticate. `versions` lowers what is advertised, {API key: highest version, or
    None for an API that this broker never heard of}.
    """

    brokers: dict[int, Broker] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    clock: Callable[[], float] = lambda: 0.0
    cluster_id: str = "simulated-cluster-0001"
    controller: int = 0
    voters: list[Voter] = field(default_factory=lambda: [Voter(101), Voter(102), Voter(103)])
    features: dict[str, int] = field(default_factory=lambda: _FEATURES | {"kraft.version": 0})
    """The finalized level of each feature; empty as with ZooKeeper."""
    quotas: dict[tuple[tuple[str, str | None], ...], dict[str, float]] = field(default_factory=dict)
    """Values by entity: pairs of kind (user, client-id, ip) and name, None: the default one."""
    topic_defaults: dict[str, Config] = field(default_factory=dict)
    auto_create_topics: bool = True
    offsets_topic: bool = True
    """Whether there is __consumer_offsets. It is told to who asks for it by name, and made for who asks for a coordinator."""
    rights: dict[str, Rights] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    versions: dict[int, int | None] = field(default_factory=dict)

    def add_topic(self, name: str, partitions: int, replication: int = 1, **configs: str) -> Topic:
        """A new topic whose leaders go round the brokers; configuration names are written with underscores."""
        ids = sorted(self.brokers)
        first = len(self.topics)
        rows = []
        for index in range(partitions):
            replicas = tuple(ids[(first + index + k) % len(ids)] for k in range(min(replication, len(ids))))
            rows.append(Partition(replicas[0], replicas, replicas))
        own = {key.replace("_", "."): Config(value, Source.TOPIC) for key, value in configs.items()}
        self.topics[name] = Topic(name, rows, configs=own)
        return self.topics[name]

    def add_group(self, name: str, committed: Mapping[tuple[str, int], int] | None = None, **more: object) -> Group:
        """A new group on the broker that `coordinator_of` names; `more` are fields of Group."""
        self.groups[name] = Group(name, self.coordinator_of(name), committed=Commits(committed), **more)  # type: ignore[arg-type]
        return self.groups[name]

    def coordinator_of(self, group: str) -> int:
        """The group's coordinator; for one that does not exist, where it would be."""
        if group in self.groups:
            return self.groups[group].coordinator
        ids = sorted(self.brokers)
        return ids[crc32(group.encode()) % len(ids)]

    def move_coordinator(self, group: str, broker: int) -> None:
        """From now on the former one says NOT_COORDINATOR, and FindCoordinator names the new one."""
        self.groups[group].coordinator = broker

    def move_leader(self, topic: str, partition: int, broker: int) -> None:
        """From now on the former one says NOT_LEADER_OR_FOLLOWER; `NOBODY` leaves the partition without a leader."""
        moved = self.topics[topic].partitions[partition]
        moved.leader = broker
        moved.leader_epoch += 1

    def fence(self, broker: int) -> None:
        """What the controller does about a dead broker: unlisted, out of every ISR, its partitions led by who is left."""
        self.brokers[broker].fenced = True
        for topic in self.topics.values():
            for partition in topic.partitions:
                if broker not in partition.replicas:
                    continue
                partition.offline = (*partition.offline, broker)
                left = tuple(node for node in partition.isr if node != broker)
                # The last in-sync replica stays in the ISR: without it the partition is offline.
                partition.isr = left or partition.isr
                if partition.leader == broker:
                    partition.leader = left[0] if left else NOBODY
                    partition.leader_epoch += 1

    def unfence(self, broker: int) -> None:
        """The broker is back and has caught up; leaders stay where they are, unless there is none."""
        self.brokers[broker].fenced = False
        for topic in self.topics.values():
            for partition in topic.partitions:
                if broker not in partition.offline:
                    continue
                partition.offline = tuple(node for node in partition.offline if node != broker)
                in_sync = {*partition.isr, broker}
                partition.isr = tuple(node for node in partition.replicas if node in in_sync)
                if partition.leader == NOBODY:
                    partition.leader = broker
                    partition.leader_epoch += 1
