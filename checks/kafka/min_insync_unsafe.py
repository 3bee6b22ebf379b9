from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Platform, Topic, TopicConfig, known
from checks.wording import shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def min_insync_unsafe(topic: Topic, config: TopicConfig, platform: Platform) -> Iterator[Problem]:
    """min.insync.replicas of a topic loses records or stops writers when one broker is away.

    Why: with 1, a producer with acks=all is told "written" when a single broker has the record, and loses it with that
        broker; with as many as there are replicas, every restart of a broker stops those producers.
    How: min.insync.replicas in force for the topic (DescribeConfigs) against its replication factor (Metadata).
    Limits: none; 2 of 3 replicas is what survives one lost broker.
    Silent when: the topic has one replica: then the replication factor is the matter, and its own check speaks;
        Redpanda, where a majority has each record before acks=all is answered, and Amazon MSK Serverless: neither lets one
        set it. (Express brokers of Amazon MSK answer the 2 of 3 that are fixed there.)
    Source: Apache Kafka documentation, min.insync.replicas: "a typical scenario would be to create a topic with a
        replication factor of 3, set min.insync.replicas to 2"; Amazon MSK, Express brokers' read-only configurations;
        Redpanda, "Configure Producers"; "Configuration for serverless clusters" of MSK.
    """
    factor = topic.replication_factor
    if factor < 2 or platform.fixes_durability:
        return
    least = known(config.number("min.insync.replicas"))
    if 1 < least < factor:
        return
    danger = "a record can be lost with one broker" if least <= 1 else "one broker away stops producers with acks=all"
    wanted = max(2, factor - 1)
    first = (
        "" if wanted < factor else "Raise the replication factor to 3 first: two copies allow no safe value. Then set"
    )
    yield Problem(
        summary=f"topic {shown(topic.name)} has min.insync.replicas {least} with {factor} replicas: {danger}",
        evidence=(Seen("config.min.insync.replicas", str(least), "replicas"),),
        fix=Fix(
            f"{first or 'Set'} min.insync.replicas to {wanted}.",
            # With two copies this very setting would stop producers with every restart of a broker.
            ""
            if first
            else "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics "
            f"--entity-name {shell(topic.name)} --add-config min.insync.replicas={wanted}",
        ),
    )
