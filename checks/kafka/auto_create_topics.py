from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import BrokerConfigs, Cluster, Platform, Unknown, Why, known
from checks.wording import listed

_BY_FILE = "auto.create.topics.enable=false in server.properties and restart one broker after another", ""
_OFF = {
    Platform.MSK: (
        "auto.create.topics.enable=false in the cluster's configuration (aws kafka update-cluster-configuration)",
        "",
    ),
    Platform.CONFLUENT_CLOUD: (
        "auto.create.topics.enable=false, which dedicated clusters take",
        "confluent kafka cluster configuration update --config auto.create.topics.enable=false",
    ),
    Platform.REDPANDA: (
        "auto_create_topics_enabled to false",
        "rpk cluster config set auto_create_topics_enabled false",
    ),
}
"""How it is turned off, and the command for it."""


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def auto_create_topics(cluster: Cluster, configs: BrokerConfigs, platform: Platform) -> Iterator[Problem]:
    """Brokers create a topic as soon as somebody names one that is not there.

    Why: a mistyped name becomes a topic with the brokers' default partitions and replicas, which nobody reads, and
        a topic deleted on purpose comes back with the next request for it.
    How: auto.create.topics.enable of each broker (DescribeConfigs).
    Limits: none.
    Silent when: the cluster has one broker: development; Amazon MSK Serverless, where nobody can set it.
    Source: Apache Kafka documentation, auto.create.topics.enable (true by default); Confluent CLI, "kafka cluster configuration
        update"; Redpanda, which answers auto_create_topics_enabled under Kafka's name (config_response_utils.cc).
    """
    if len(cluster.brokers) < 2 or platform is Platform.MSK_SERVERLESS:
        return
    missing = Unknown(Why.UNSUPPORTED, "the configuration of a broker is not in the snapshot")
    found = {broker.id: configs.all.get(str(broker.id), missing) for broker in cluster.brokers}
    values = {
        broker: config if isinstance(config, Unknown) else config.value("auto.create.topics.enable")
        for broker, config in found.items()
    }
    on = [broker for broker, value in values.items() if value == "true"]
    if on:
        where, command = _OFF.get(platform, _BY_FILE)
        names = f"{'broker' if len(on) == 1 else 'brokers'} {listed([str(b) for b in on], 5)}"
        yield Problem(
            summary=f"{names} create{'s' if len(on) == 1 else ''} topics that somebody merely names",
            evidence=tuple(Seen(f"broker_configs[{b}].auto.create.topics.enable", "true") for b in on[:3]),
            fix=Fix(f"Create the topics that are needed on purpose; then set {where}.", command),
        )
    for value in values.values():
        known(value)
