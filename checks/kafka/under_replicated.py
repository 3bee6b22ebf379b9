from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Topic
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(15), together=True)
def under_replicated(topic: Topic) -> Iterator[Problem]:
    """A partition has fewer copies in step with its leader than it should have.

    Why: each copy that is missing is one lost broker less until records are lost or the partition stops; a broker that
        stays out of step is dead, out of disk, or too slow for what is written.
    How: the in-sync replicas of a partition against its replicas (Metadata).
    Limits: none; told after 15 minutes, so that a broker can restart in peace.
    Silent when: the partition has no leader (offline-partition speaks of that); replicas are being added to it: it
        has more of them than other partitions of the topic, as many in step as those have in all, and each missing
        one is up. A reassignment of every partition at once looks like replicas that don't keep up: Metadata does not
        tell them apart.
    Source: Apache Kafka, UnderReplicatedPartitions: "alert if value is greater than 0"; rolling restarts pass by.
    """
    missing = {p: _missing(topic, p) for p, leader in enumerate(topic.leader) if leader >= 0}
    short = [p for p, brokers in missing.items() if brokers]
    if not short:
        return
    away = sorted({b for p in short for b in missing[p] if b in topic.offline[p]})
    slow = sorted({b for p in short for b in missing[p] if b not in topic.offline[p]})
    single = [p for p in short if len(topic.isr[p]) == 1]
    alone = f"; {_places(single)} down to one copy" if single else ""
    yield Problem(
        summary=f"topic {shown(topic.name)} lacks copies of {count(len(short), 'partition')} of {len(topic.leader)}: "
        + " and ".join(_told(away, "offline") + _told(slow, "up but out of step"))
        + alone,
        evidence=tuple(
            Seen(f"isr[{p}]", topic.isr[p], "broker ids in sync")
            for p in sorted(short, key=lambda p: (len(topic.isr[p]), p))[:3]
        ),
        fix=Fix(
            _advice(away, slow),
            "kafka-topics.sh --bootstrap-server $BOOTSTRAP --describe --under-replicated-partitions "
            f"--topic {shell(topic.name)}",
        ),
    )


def _missing(topic: Topic, partition: int) -> tuple[int, ...]:
    """The replicas that are out of sync, less those that are only just being added."""
    replicas, isr = topic.replicas[partition], topic.isr[partition]
    missing = tuple(broker for broker in replicas if broker not in isr)
    usual = topic.replication_factor
    added = len(replicas) > usual and len(isr) >= usual and not set(missing) & set(topic.offline[partition])
    return () if added else missing


def _told(brokers: list[int], how: str) -> list[str]:
    if not brokers:
        return []
    names = listed([str(b) for b in brokers], 5)
    return [f"broker {names} is {how}" if len(brokers) == 1 else f"brokers {names} are {how}"]


def _places(partitions: list[int]) -> str:
    names = listed([str(p) for p in partitions], 5)
    return f"partition {names} is" if len(partitions) == 1 else f"partitions {names} are"


def _advice(away: list[int], slow: list[int]) -> str:
    advice = []
    if away:
        advice.append(
            f"Start broker {listed([str(b) for b in away], 5)}; if it runs, look in its log for a disk that failed."
        )
    if slow:
        advice.append(
            f"See why broker {listed([str(b) for b in slow], 5)} can't keep up: disk and network, a long garbage "
            "collection, ReplicaFetcherThread errors in its log; or whether a reassignment is under way "
            "(kafka-reassign-partitions.sh --list)."
        )
    return " ".join(advice)
