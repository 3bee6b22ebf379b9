from collections.abc import Iterator, Mapping

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Moves, Topic, Unknown, known
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(15), together=True, internal=True)
def under_replicated(topic: Topic, moves: Moves | Unknown) -> Iterator[Problem]:
    """A partition has fewer copies in step with its leader than it should have.

    Why: each copy that is missing is one lost broker less until records are lost or the partition stops; a broker that
        stays out of step is dead, out of disk, or too slow for what is written.
    How: the in-sync replicas of a partition against its replicas (Metadata), less those that a reassignment is only
        just adding (ListPartitionReassignments). Kafka's own topics too.
    Limits: none; told after 15 minutes, so that a broker can restart in peace.
    Silent when: the partition has no leader (offline-partition speaks of that); what is missing is being added to it
        and is up. Where reassignments are not told that is a gap, and a partition is told of nevertheless unless it looks
        like being moved: it has more replicas than others of the topic, and as many in step as those have in all.
    Source: Apache Kafka, UnderReplicatedPartitions: "alert if value is greater than 0"; rolling restarts pass by.
    """
    if topic.isr == topic.replicas:
        return
    missing = {p: _missing(topic, p) for p, leader in enumerate(topic.leader) if leader >= 0}
    if not any(missing.values()):
        return
    settled = {p: _settled(topic, p, brokers, moves) for p, brokers in missing.items()}
    if any(settled.values()):
        yield _problem(topic, settled)
    known(moves)


def _problem(topic: Topic, missing: Mapping[int, tuple[int, ...]]) -> Problem:
    short = [p for p, brokers in missing.items() if brokers]
    away = sorted({b for p in short for b in missing[p] if b in topic.offline[p]})
    slow = sorted({b for p in short for b in missing[p] if b not in topic.offline[p]})
    single = [p for p in short if len(topic.isr[p]) == 1]
    alone = f"; {_places(single)} down to one copy" if single else ""
    return Problem(
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
    isr = topic.isr[partition]
    return tuple(broker for broker in topic.replicas[partition] if broker not in isr)


def _settled(topic: Topic, partition: int, missing: tuple[int, ...], moves: Moves | Unknown) -> tuple[int, ...]:
    """Those of `missing` that are not only just being added."""
    if not missing:
        return ()
    offline = topic.offline[partition]
    if isinstance(moves, Unknown):
        usual = topic.replication_factor
        more = len(topic.replicas[partition]) > usual and len(topic.isr[partition]) >= usual
        return () if more and not set(missing) & set(offline) else missing
    move = moves.of(topic.name).get(partition)
    return missing if move is None else tuple(b for b in missing if b not in move.adding or b in offline)


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
