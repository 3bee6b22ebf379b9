"""Whole clusters in one call: a small healthy one, or a big one for measurements."""

from array import array
from collections.abc import Callable

from agent.demo.cluster.model import Broker, Commits, Config, Group, Member, Model, Partition, Source, Topic
from agent.demo.cluster.records import Point

_DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "flush.messages": "9223372036854775807",
    "flush.ms": "9223372036854775807",
    "max.message.bytes": "1048588",
    "min.insync.replicas": "1",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "unclean.leader.election.enable": "false",
}


def brokers(count: int) -> Model:
    """An empty cluster of `count` brokers, numbered from 1, with Kafka's own defaults for topics."""
    model = Model(controller=1, topic_defaults={name: Config(value) for name, value in _DEFAULTS.items()})
    for number in range(1, count + 1):
        configs = {
            "node.id": Config(str(number), Source.STATIC_BROKER, read_only=True),
            "auto.create.topics.enable": Config("true"),
            "default.replication.factor": Config("1"),
            "offsets.retention.minutes": Config("10080"),
            "ssl.keystore.password": Config("never shown", Source.STATIC_BROKER, sensitive=True),
        }
        model.brokers[number] = Broker(number, rack=f"rack-{number}", configs=configs)
    return model


def estate(
    *,
    topics: int,
    partitions: int,
    groups: int,
    topics_per_group: int = 10,
    nodes: int = 3,
    replication: int = 3,
    members: int = 1,
    consumer_every: int = 0,
    records: int = 1_000_000,
    lag: int = 100,
    retention: float = 3600.0,
    clock: Callable[[], float] = lambda: 0.0,
) -> Model:
    """A healthy cluster: `partitions` in all, evenly over `topics`; each group reads `topics_per_group` of them whole.

    Names are topic-00000, group-00000 and so on. Each log has `records` records, written evenly over the last `retention`
    seconds before `clock()`, and each group is `lag` behind. Every `consumer_every`-th group speaks the consumer protocol
    (0: none). `members` share a group's partitions round robin by topic.
    """
    model = brokers(nodes)
    model.clock = clock
    now = round(clock() * 1000)
    since, until = Point(0, now - round(retention * 1000)), Point(records - 1, now)
    ids = sorted(model.brokers)
    spread = [tuple(ids[(first + k) % nodes] for k in range(min(replication, nodes))) for first in range(nodes)]
    each, rest = divmod(partitions, topics)
    for number in range(topics):
        name = f"topic-{number:05}"
        rows = []
        for index in range(each + (number < rest)):
            replicas = spread[(number + index) % nodes]
            # What is the same everywhere is one object, what a test may append to is not.
            rows.append(Partition(replicas[0], replicas, replicas, log_end=records, points=[since, until]))
        model.topics[name] = Topic(name, rows)
    names = list(model.topics)
    for number in range(groups):
        name = f"group-{number:05}"
        read = [names[(number * topics_per_group + k) % topics] for k in range(min(topics_per_group, topics))]
        committed = Commits()
        for topic in read:
            committed.topics[topic] = array("q", [max(0, records - lag)]) * len(model.topics[topic].partitions)
        crew = [
            Member(f"{name}-{m}", client_id=f"client-{m}", host=f"/10.0.0.{m + 1}", subscription=tuple(read))
            for m in range(members)
        ]
        for k, topic in enumerate(read if crew else ()):
            crew[k % members].assignment[topic] = tuple(range(len(model.topics[topic].partitions)))
        consumer = bool(consumer_every) and number % consumer_every == 0
        model.groups[name] = Group(
            name,
            model.coordinator_of(name),
            kind="consumer" if consumer else "classic",
            state="Stable" if crew else "Empty",
            members=crew,
            committed=committed,
            assignor="uniform" if consumer else "range",
        )
    return model
