from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Platform, Topic, TopicConfig, known
from checks.wording import shell, shown

_NEVER = 2**63 - 1
_KEYS = {"flush.messages": "records", "flush.ms": "ms"}


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def flush_interval_set(topic: Topic, config: TopicConfig, platform: Platform) -> Iterator[Problem]:
    """A topic forces its records to disk at intervals that somebody set.

    Why: each forced flush stalls writers of the partition for as long as the disk takes. Records are safe because other
        brokers have them, not because one disk has.
    How: flush.messages and flush.ms in force for the topic that are neither the default nor as good as never.
    Limits: none.
    Silent when: nobody set them; the topic has one replica, so that its disk is all it has; Redpanda, which flushes
        each record before it answers acks=all: there flush.ms is how long write caching may put that off; Amazon MSK
        Serverless, where nobody can set it.
    Source: Apache Kafka documentation, flush.messages: "we recommend you not set this and use replication for
        durability". The article (S102) counts on the disk. Redpanda, "Configure Producers".
    """
    if topic.replication_factor < 2 or platform.fixes_durability:
        return
    found = {}
    for key in _KEYS:
        value = known(config.number(key))
        if value < _NEVER and config.settings[key].source != "DEFAULT_CONFIG":
            found[key] = value
    if not found:
        return
    own = [key for key in found if config.settings[key].source == "DYNAMIC_TOPIC_CONFIG"]
    yield Problem(
        summary=f"topic {shown(topic.name)} forces records to disk: "
        + " and ".join(f"{key} is {value:,}" for key, value in found.items()),
        evidence=tuple(Seen(f"config.{key}", str(value), _KEYS[key]) for key, value in found.items()),
        fix=Fix(
            "Leave flushing to the system, and have three replicas with min.insync.replicas 2."
            + ("" if own else " It comes from log.flush.interval.* of the brokers: take it out there."),
            "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics "
            f"--entity-name {shell(topic.name)} --delete-config {','.join(own)}"
            if own
            else "",
        ),
    )
