from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Cluster, Placement, Platform, Unknown, Why, known
from checks.facts.logs import Flags
from checks.facts.offsets import Ints
from checks.wording import listed

FEWEST = 3
"""Brokers: with two, one that is away leaves no choice."""

SERIOUS = 1.5
"""Times the mean: from there on a warning."""


@check(kind=Kind.CONDITION, severity=Severity.INFO, after=minutes(30), clear={"factor": 0.97, "least": 0.8})
def broker_imbalance(
    cluster: Cluster, placement: Placement, platform: Platform, *, factor: float = 1.10, least: int = 5
) -> Iterator[Problem]:
    """One broker has more partitions than its share.

    Why: leaders serve all writes and most reads, replicas take disk and network: the fullest broker is slow or full first,
        while others have room; and when it fails, more moves at once.
    How: the leaders and the replicas of each broker (Metadata of the topics that are looked at), against the mean of the
        brokers that have any. Partitions are counted, not their bytes or their traffic.
    Limits: `factor`, 1.10 times the mean, and at least `least` partitions above it, 5 by default: on small clusters a tenth
        is less than one partition. Clear below 0.97 and 0.8 of them. A warning from 1.5 times the mean on. Told after 30
        minutes: preferred leaders are elected every 5 minutes (auto.leader.rebalance.enable).
    Silent when: fewer than 3 brokers have partitions; Confluent Cloud and Amazon MSK Serverless place them by themselves, and
        nobody else can. A broker without any was only just added, or holds no data: it is not
        counted. While a partition has no leader or a replica is away or out of step it is a gap: leaders have moved for a
        reason (a restart, a reassignment), and come back.
    Source: Cruise Control, replica.count.balance.threshold and leader.replica.count.balance.threshold, 1.10; Apache Kafka
        documentation, "Balancing leadership"; "Kafka Cluster Types in Confluent Cloud"; "What is MSK Serverless?".
    """
    if platform.keeps_brokers:
        return
    if placement.unknown is not None:
        known(placement.unknown)
    if placement.brokers.size < FEWEST:
        return
    if placement.unsettled:
        known(
            Unknown(
                Why.YOUNG, f"leaders may be elsewhere for a while: {placement.unsettled}", "a look once that is over"
            )
        )
    for key, counts in (("replicas", placement.replicas), ("leaders", placement.leaders)):
        fullest = int(np.argmax(counts))
        if _above(counts, factor, least)[fullest]:
            yield _problem(cluster, placement, key, fullest, elect=not _above(placement.preferred, factor, least).any())


def _above(counts: Ints, factor: float, least: int) -> Flags:
    mean = counts.mean()
    above: Flags = (counts > factor * mean) & (counts >= mean + least)
    return above


def _problem(cluster: Cluster, placement: Placement, key: str, fullest: int, *, elect: bool) -> Problem:
    counts = placement.replicas if key == "replicas" else placement.leaders
    broker, has, mean = int(placement.brokers[fullest]), int(counts[fullest]), float(counts.mean())
    places = placement.held_by(broker, 2) if key == "replicas" else placement.led_by(broker, 2)
    what = (
        f"has {has:,} of {counts.sum():,} replicas"
        if key == "replicas"
        else f"leads {has:,} of {counts.sum():,} partitions"
    )
    what += " that are looked at" if placement.left_out else ""
    least = int(placement.brokers[int(np.argmin(counts))])
    return Problem(
        key=key,
        summary=f"broker {broker} {what}, {has / mean:.2f} times the mean of {placement.brokers.size} brokers; broker {least} "
        f"the fewest, {int(counts.min()):,}",
        evidence=tuple(
            Seen(f"replicas[{p}]", replicas, "broker ids", ("topics", name))
            if key == "replicas"
            else Seen(f"leader[{p}]", broker, "broker id", ("topics", name))
            for name, p, replicas in places
        ),
        severity=Severity.WARNING if has > SERIOUS * mean else None,
        fix=_elect() if key == "leaders" and elect else _move(cluster, placement, broker),
    )


def _elect() -> Fix:
    return Fix(
        "Let the preferred replicas lead again: they are spread evenly. With auto.leader.rebalance.enable brokers do so by "
        "themselves every five minutes.",
        "kafka-leader-election.sh --bootstrap-server $BOOTSTRAP --election-type preferred --all-topic-partitions",
    )


def _move(cluster: Cluster, placement: Placement, broker: int) -> Fix:
    empty = [str(one.id) for one in cluster.brokers if one.id not in placement.brokers]
    new = f" Broker {listed(empty, 5)} {'has' if len(empty) == 1 else 'have'} none yet." if empty else ""
    return Fix(
        f"Move replicas away from broker {broker}, with a throttle, and let the first of each partition's replicas be on "
        f"different brokers (Cruise Control does both; else kafka-reassign-partitions.sh).{new} The command says whether "
        "something is being moved already.",
        "kafka-reassign-partitions.sh --bootstrap-server $BOOTSTRAP --list",
    )
