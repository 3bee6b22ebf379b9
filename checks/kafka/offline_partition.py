from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Topic
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.CRITICAL)
def offline_partition(topic: Topic) -> Iterator[Problem]:
    """A partition has no leader: nothing can be written to it or read from it.

    Why: producers to the partition block and then fail, its consumers stand still, and with unclean election off
        (the default) it stays so until one of its in-sync replicas is back.
    How: the leader of each partition in Metadata is -1.
    Limits: none; told at once.
    Silent when: the partition has a leader, however few replicas follow it (under-replicated speaks of that).
    Source: Apache Kafka, OfflinePartitionsCount: "alert if value is greater than 0".
    """
    offline = [p for p, leader in enumerate(topic.leader) if leader < 0]
    if not offline:
        return
    waiting = sorted({broker for p in offline for broker in topic.isr[p] or topic.replicas[p]})
    brokers = ", ".join(str(broker) for broker in waiting)
    yield Problem(
        summary=f"{count(len(offline), 'partition')} of {len(topic.leader)} of topic {shown(topic.name)} without a "
        f"leader: {listed([str(p) for p in offline], 8)}",
        evidence=tuple(Seen(f"leader[{p}]", topic.leader[p]) for p in offline[:3]),
        fix=Fix(
            f"Bring back one of the in-sync replicas (broker {brokers}): read its log for why it left, start it, and "
            "watch the leader return. Unclean election gives up the records that only it has.",
            f"kafka-topics.sh --bootstrap-server $BOOTSTRAP --describe --topic {shell(topic.name)}",
        ),
    )
