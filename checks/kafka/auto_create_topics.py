from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import BrokerConfigs, Cluster, Unknown, Why, known
from checks.wording import listed


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def auto_create_topics(cluster: Cluster, configs: BrokerConfigs) -> Iterator[Problem]:
    """Brokers create a topic as soon as somebody names one that is not there.

    Why: a mistyped name becomes a topic with the brokers' default partitions and replicas, which nobody reads, and
        a topic deleted on purpose comes back with the next request for it.
    How: auto.create.topics.enable of each broker (DescribeConfigs).
    Limits: none.
    Silent when: the cluster has one broker: development.
    Source: Apache Kafka documentation, auto.create.topics.enable (true by default).
    """
    if len(cluster.brokers) < 2:
        return
    missing = Unknown(Why.UNSUPPORTED, "the configuration of a broker is not in the snapshot")
    found = {broker.id: configs.all.get(str(broker.id), missing) for broker in cluster.brokers}
    values = {
        broker: config if isinstance(config, Unknown) else config.value("auto.create.topics.enable")
        for broker, config in found.items()
    }
    on = [broker for broker, value in values.items() if value == "true"]
    if on:
        names = f"{'broker' if len(on) == 1 else 'brokers'} {listed([str(b) for b in on], 5)}"
        yield Problem(
            summary=f"{names} create{'s' if len(on) == 1 else ''} topics that somebody merely names",
            evidence=tuple(Seen(f"broker_configs[{b}].auto.create.topics.enable", "true") for b in on[:3]),
            fix=Fix(
                "Create the topics that are needed on purpose; then set auto.create.topics.enable=false in "
                "server.properties (on Amazon MSK in the cluster's configuration) and restart one broker after another."
            ),
        )
    for value in values.values():
        known(value)
