from collections.abc import Iterator
from operator import lt

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Topic, TopicConfig, Unknown, known
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.CRITICAL, after=minutes(1), internal=True)
def under_min_isr(topic: Topic, config: TopicConfig | Unknown) -> Iterator[Problem]:
    """A partition has fewer copies in step than min.insync.replicas asks for: it takes no record with acks=all.

    Why: producers with acks=all (the default since Kafka 3.0) get NotEnoughReplicas, retry and give up; what
        transactions and consumer offsets of such partitions need is not written either.
    How: the in-sync replicas of each partition (Metadata) against min.insync.replicas in force for the topic
        (DescribeConfigs), or its number of replicas, if that is smaller. Kafka's own topics too: groups can't commit then.
    Limits: none; told after a minute, which a restart of one broker does not reach where a copy is to spare.
    Silent when: copies are missing and enough are left (under-replicated speaks of that); the partition has no leader
        (offline-partition); it has fewer replicas than min.insync.replicas and all of them are in step.
    Source: Apache Kafka, UnderMinIsrPartitionCount: "alert if value is greater than 0".
    """
    if not any(map(lt, map(len, topic.isr), map(len, topic.replicas))):
        return
    wanted = known(known(config).number("min.insync.replicas"))
    sizes = zip(topic.leader, topic.isr, topic.replicas, strict=True)
    short = [p for p, (leader, isr, all_) in enumerate(sizes) if leader >= 0 and len(isr) < min(wanted, len(all_))]
    if not short:
        return
    missing = sorted({broker for p in short for broker in topic.replicas[p] if broker not in topic.isr[p]})
    yield Problem(
        summary=f"{count(len(short), 'partition')} of {len(topic.leader)} of topic {shown(topic.name)} "
        f"{'takes' if len(short) == 1 else 'take'} no records with acks=all: fewer copies in step than the {wanted} that "
        f"min.insync.replicas asks for ({listed([str(p) for p in short], 8)})",
        evidence=(
            *(Seen(f"isr[{p}]", topic.isr[p], "broker ids in sync") for p in short[:3]),
            Seen("config.min.insync.replicas", str(wanted), "replicas"),
        ),
        fix=Fix(
            f"Bring broker {listed([str(b) for b in missing], 5)} back into step: start it, or see what slows it (its "
            "log, disk, network). Lowering min.insync.replicas lets producers write at once, at the risk of losing "
            "records with the next broker.",
            f"kafka-topics.sh --bootstrap-server $BOOTSTRAP --describe --under-min-isr-partitions --topic {shell(topic.name)}",
        ),
    )
