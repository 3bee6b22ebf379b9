from collections.abc import Iterable, Iterator, Mapping, Sequence

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Eligible, Topic, Unknown, known
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.CRITICAL, internal=True)
def offline_partition(topic: Topic, eligible: Eligible) -> Iterator[Problem]:
    """A partition has no leader: nothing can be written to it or read from it.

    Why: producers to the partition block and then fail, its consumers stand still, and with unclean election off
        (the default) it stays so until one of its in-sync replicas is back.
    How: the leader of each partition in Metadata is -1. Who may lead it without loss are its in-sync replicas; where none
        is left (Kafka 4.0 and later) its eligible leader replicas, as DescribeTopicPartitions tells them. Kafka's own topics
        too: without a leader of their part of __consumer_offsets groups can neither commit nor be described.
    Limits: none; told at once. Where neither is told the fix says so, and that is a gap beside it.
    Silent when: the partition has a leader, however few replicas follow it (under-replicated speaks of that).
    Source: Apache Kafka, OfflinePartitionsCount: "alert if value is greater than 0"; KIP-966, eligible leader replicas.
    """
    offline = [p for p, leader in enumerate(topic.leader) if leader < 0]
    if not offline:
        return
    told = eligible.of(topic.name) if any(not topic.isr[p] for p in offline) else ()
    may = {p: topic.isr[p] or (None if isinstance(told, Unknown) else told[p]) for p in offline}
    yield Problem(
        summary=f"{count(len(offline), 'partition')} of {len(topic.leader)} of topic {shown(topic.name)} without a "
        f"leader: {_places(offline)}",
        evidence=tuple(Seen(f"leader[{p}]", topic.leader[p]) for p in offline[:3]),
        fix=Fix(
            _advice(topic, may),
            f"kafka-topics.sh --bootstrap-server $BOOTSTRAP --describe --topic {shell(topic.name)}",
        ),
    )
    known(told)


def _advice(topic: Topic, may: Mapping[int, tuple[int, ...] | None]) -> str:
    """`may`: who may lead each partition without loss, None where that is not known."""
    advice = []
    if whole := {broker for brokers in may.values() for broker in brokers or ()}:
        advice.append(
            f"Bring back one of the replicas that have all records (broker {_ids(whole)}): read its log for why it left, start "
            "it, and watch the leader return. Unclean election gives up the records that only it has."
        )
    if bare := [p for p, brokers in may.items() if brokers == ()]:
        advice.append(
            f"No replica of partition {_places(bare)} is known to have all records: bring back all of them (broker "
            f"{_replicas(topic, bare)}), since whichever leads gives up what only the others have."
        )
    if unknown := [p for p, brokers in may.items() if brokers is None]:
        advice.append(
            f"Which replicas of partition {_places(unknown)} have all records is not known: bring back all of them (broker "
            f"{_replicas(topic, unknown)}) before an unclean election, which gives up the records that only another one has."
        )
    return " ".join(advice)


def _replicas(topic: Topic, partitions: Sequence[int]) -> str:
    return _ids({broker for p in partitions for broker in topic.replicas[p]})


def _places(partitions: Sequence[int]) -> str:
    return listed([str(p) for p in partitions], 8)


def _ids(brokers: Iterable[int]) -> str:
    return ", ".join(str(broker) for broker in sorted(brokers))
