import json
from collections.abc import Iterator, Sequence

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Cluster, Platform, Topic
from checks.wording import shell, shown

_AT_ONCE = 20
"""Partitions that one command gives more replicas: it is there to be pasted, and copies burden the brokers."""


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def replication_factor_low(topic: Topic, cluster: Cluster, platform: Platform, *, target: int = 3) -> Iterator[Problem]:
    """A topic has fewer replicas than it takes to lose a broker safely.

    Why: with one replica a lost broker is lost data and an offline partition; with two, a broker that is away for
        maintenance leaves a single copy.
    How: the smallest number of replicas of any partition (Metadata) against `target`.
    Limits: `target` replicas, 3 by default.
    Silent when: the cluster has fewer brokers than `target` and the topic is already on all of them: no setting of
        the topic can mend that. Redpanda takes odd numbers only: there one replica on two brokers is all that can be.
    Source: Amazon MSK best practices: "a replication factor of 3"; Apache Kafka operations guide; Redpanda, "Topic
        Configuration Properties", for its own command.
    """
    possible = min(target, len(cluster.brokers))
    if platform is Platform.REDPANDA:
        possible -= 1 - possible % 2
    low = [p for p, replicas in enumerate(topic.replicas) if len(replicas) < possible]
    if not low:
        return
    factor = topic.replication_factor
    some = "" if len(low) == len(topic.replicas) else f" in {len(low)} of {len(topic.replicas)} partitions"
    yield Problem(
        summary=f"topic {shown(topic.name)} has replication factor {factor}, below {possible}{some}",
        evidence=tuple(Seen(f"replicas[{p}]", topic.replicas[p], "broker ids") for p in low[:3]),
        fix=_by_rpk(topic, possible) if platform is Platform.REDPANDA else _fix(topic, cluster, possible, low),
    )


def _by_rpk(topic: Topic, wanted: int) -> Fix:
    """Redpanda places the copies by itself."""
    return Fix(
        f"Give every partition {wanted} replicas.",
        f"rpk topic alter-config {shell(topic.name)} --set replication.factor={wanted}",
    )


def _fix(topic: Topic, cluster: Cluster, wanted: int, low: Sequence[int]) -> Fix:
    first = low[:_AT_ONCE]
    rest = f" The command begins with {len(first)} of {len(low)} partitions." if len(first) < len(low) else ""
    rows = [{"topic": topic.name, "partition": p, "replicas": _placed(topic, cluster, wanted, p)} for p in first]
    plan = json.dumps({"version": 1, "partitions": rows}, separators=(",", ":"), ensure_ascii=False)
    return Fix(
        f"Give every partition {wanted} replicas, at 50 MB/s so that clients do not suffer. When the copies are there, "
        f"--verify in place of --execute and --throttle lifts that limit.{rest}",
        f"echo {shell(plan)} > reassign.json && kafka-reassign-partitions.sh --bootstrap-server $BOOTSTRAP "
        "--reassignment-json-file reassign.json --throttle 50000000 --execute",
    )


def _placed(topic: Topic, cluster: Cluster, wanted: int, partition: int) -> list[int]:
    """The brokers it has, so that nothing moves, and more: of other racks first, of others for the next partition."""
    racks = {broker.id: broker.rack for broker in cluster.brokers}
    placed = list(topic.replicas[partition])
    free = [broker for broker in racks if broker not in placed]
    free = [free[(partition + i) % len(free)] for i in range(len(free))]
    while len(placed) < wanted:
        taken = {racks.get(broker) for broker in placed} - {None}
        best = min(free, key=lambda broker: racks[broker] in taken)
        placed.append(best)
        free.remove(best)
    return placed
