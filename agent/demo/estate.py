"""What the demo looks at: a small cluster in good order, whose topics are written and whose groups keep up."""

from collections.abc import Callable

from agent.demo.cluster import Config, Member, Model, SimulatedCluster, Source, brokers

TICK = 0.2
"""Seconds of the story between two writes to each partition; as far behind are those who keep up."""

_WRITTEN = {"orders": (40, 40, 40, 40), "payments": (20, 20, 20), "clicks": (600, 600, 600, 600)}
"""Records per second of the story, by partition."""
_READERS = {"order-processor": "orders", "payments-app": "payments", "clickstream": "clicks"}


def cluster_model(clock: Callable[[], float]) -> Model:
    """Three brokers, three topics, three groups; nothing that a check would speak of."""
    model = brokers(3)
    model.clock = clock
    now = clock()
    for broker in model.brokers.values():
        broker.configs["auto.create.topics.enable"] = Config("false", Source.STATIC_BROKER)
        broker.configs["default.replication.factor"] = Config("3", Source.STATIC_BROKER)
    for name, rates in _WRITTEN.items():
        topic = model.add_topic(name, len(rates), 3, min_insync_replicas="2")
        model.add_topic(f"{name}.dlq", 1, 3, min_insync_replicas="2", retention_ms=str(14 * 86_400_000))
        for partition, rate in zip(topic.partitions, rates, strict=True):
            partition.append(rate * 600, now)
            partition.points.insert(0, type(partition.points[0])(0, round((now - 600) * 1000)))
    for group, name in _READERS.items():
        count = len(_WRITTEN[name])
        members = [
            Member(
                f"{group}-{n + 1}",
                client_id=f"{group}-{n + 1}",
                host=f"/10.0.4.{10 + n}",
                subscription=(name,),
                assignment={name: (n,)},
            )
            for n in range(count)
        ]
        read = {(name, n): model.topics[name].partitions[n].log_end for n in range(count)}
        model.add_group(group, read, state="Stable", members=members)
    return model


class Traffic:
    """What is written and read; the verbs of the story change how. `pace`: seconds of ours to one of the story's.

    It goes by the clock alone: before every answer what happened since the one before is made up for, so that logs grow
    evenly however busy the machine is.
    """

    def __init__(self, cluster: SimulatedCluster, pace: float = 1.0) -> None:
        self._cluster, self._pace = cluster, pace
        self._rates = {name: tuple(map(float, rates)) for name, rates in _WRITTEN.items()}
        self._owed = {(name, n): 0.0 for name, rates in _WRITTEN.items() for n in range(len(rates))}
        self._hanging: set[tuple[str, str, int]] = set()
        self._stopped: set[int] = set()
        self._last = cluster.model.clock()
        cluster.meanwhile = self._go_on

    # ── what the story does ──

    def write(self, topic: str, *rates: float) -> None:
        """So many records per second of the story to each partition."""
        with self._cluster.lock:
            self._go_on()
            self._rates[topic] = rates

    def hang(self, group: str, topic: str, partition: int) -> None:
        """Whoever reads the partition reads nothing more."""
        with self._cluster.lock:
            self._go_on()
            self._hanging.add((group, topic, partition))

    def restart(self, group: str) -> None:
        """Its members read again, and have caught up at once."""
        with self._cluster.lock:
            self._hanging = {one for one in self._hanging if one[0] != group}

    def stop_broker(self, broker: int) -> None:
        model = self._cluster.model
        with self._cluster.lock:
            model.fence(broker)
            for group in model.groups.values():
                if group.coordinator == broker:
                    group.coordinator = next(b.id for b in model.brokers.values() if not b.fenced)
        self._cluster.stop_broker(broker)
        self._stopped.add(broker)

    def start_broker(self, broker: int) -> None:
        self._stopped.discard(broker)
        self._cluster.start_broker(broker)
        model = self._cluster.model
        with self._cluster.lock:
            model.unfence(broker)
            for name, topic in model.topics.items():
                for n, partition in enumerate(topic.partitions):
                    if partition.replicas[0] == broker:  # auto.leader.rebalance.enable: it leads again what it led
                        model.move_leader(name, n, broker)

    def cut(self) -> None:
        """Nobody reaches the cluster; what goes on inside it goes on."""
        for broker in self._cluster.model.brokers:
            self._cluster.stop_broker(broker)

    def reconnect(self) -> None:
        for broker in self._cluster.model.brokers.keys() - self._stopped:
            self._cluster.start_broker(broker)

    # ── what goes on by itself ──

    def _go_on(self) -> None:
        model = self._cluster.model
        now = model.clock()
        since = (now - self._last) / self._pace
        if since < TICK:
            return
        self._last = now
        for name, rates in self._rates.items():
            for n, (partition, rate) in enumerate(zip(model.topics[name].partitions, rates, strict=True)):
                whole, self._owed[name, n] = divmod(self._owed[name, n] + rate * since, 1.0)
                partition.append(int(whole), now)
        for group, name in _READERS.items():
            committed = model.groups[group].committed
            for n, (partition, rate) in enumerate(zip(model.topics[name].partitions, self._rates[name], strict=True)):
                if (group, name, n) not in self._hanging:
                    # What was written last waits a little, as a record waits for the next poll.
                    committed[name, n] = max(committed[name, n], partition.log_end - int(rate * TICK))
