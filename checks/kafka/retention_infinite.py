from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Topic, TopicConfig, known
from checks.wording import shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def retention_infinite(topic: Topic, config: TopicConfig) -> Iterator[Problem]:
    """A topic keeps every record for ever.

    Why: it grows until the disks of its brokers are full; and what must be deleted by law never is.
    How: retention.ms and retention.bytes are both -1, and cleanup.policy does not compact (DescribeConfigs).
    Limits: none. An event store that keeps everything by design is declared by turning the check off for it.
    Silent when: the topic is compacted, or bounded by size; remote storage takes its old segments; it is named
        *-repartition, as Kafka Streams names topics whose records it deletes itself once it has read them.
    Source: Apache Kafka documentation, retention.ms: "if set to -1, no time limit is applied".
    """
    if topic.name.endswith("-repartition") or known(config.number("retention.ms")) != -1:
        return
    if "compact" in known(config.value("cleanup.policy")) or known(config.number("retention.bytes")) != -1:
        return
    # A broker that does not know the key (before Kafka 3.6) has no remote storage.
    if "remote.storage.enable" in config.settings and known(config.value("remote.storage.enable")) == "true":
        return
    yield Problem(
        summary=f"topic {shown(topic.name)} keeps every record for ever",
        evidence=(Seen("config.retention.ms", "-1", "ms"), Seen("config.retention.bytes", "-1", "bytes")),
        fix=Fix(
            "Decide how long its records are needed (the command says 30 days: older ones are deleted); or turn this "
            "check off for a topic that is an archive by design, and watch its disks.",
            "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics "
            f"--entity-name {shell(topic.name)} --add-config retention.ms=2592000000",
        ),
    )
