from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Cluster, Topic
from checks.wording import shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def replication_factor_low(topic: Topic, cluster: Cluster, *, target: int = 3) -> Iterator[Problem]:
    """A topic has fewer replicas than it takes to lose a broker safely.

    Why: with one replica a lost broker is lost data and an offline partition; with two, a broker that is away for
        maintenance leaves a single copy.
    How: the smallest number of replicas of any partition (Metadata) against `target`.
    Limits: `target` replicas, 3 by default.
    Silent when: the cluster has fewer brokers than `target` and the topic is already on all of them: no setting of
        the topic can mend that.
    Source: Amazon MSK best practices: "a replication factor of 3"; Apache Kafka operations guide.
    """
    possible = min(target, len(cluster.brokers))
    low = [p for p, replicas in enumerate(topic.replicas) if len(replicas) < possible]
    if not low:
        return
    factor = topic.replication_factor
    some = "" if len(low) == len(topic.replicas) else f" in {len(low)} of {len(topic.replicas)} partitions"
    yield Problem(
        summary=f"topic {shown(topic.name)} has replication factor {factor}, below {possible}{some}",
        evidence=tuple(Seen(f"replicas[{p}]", topic.replicas[p], "broker ids") for p in low[:3]),
        fix=Fix(
            f"Give every partition {possible} replicas: list the wanted brokers for each partition in a JSON file "
            "and let Kafka copy them, throttled.",
            f"""echo '{{"version":1,"topics":[{{"topic":"{topic.name}"}}]}}' > topics.json && """
            "kafka-reassign-partitions.sh --bootstrap-server $BOOTSTRAP --topics-to-move-json-file topics.json "
            f"--broker-list {','.join(str(b.id) for b in cluster.brokers)} --generate",
        ),
    )
