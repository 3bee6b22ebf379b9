from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic, known
from checks.sampled import demand_records, too_small
from checks.wording import count, shown

_KEYLESS = 100


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def key_on_many_partitions(sample: Sample, topic: Topic, *, enough: int = 6) -> Iterator[Problem]:
    """Records of one key arrive on two partitions at the same time.

    Why: order holds within a partition alone. Producers that hash keys in different ways (the Java client murmur2, librdkafka
        CRC32 by default) split a key, and what was written in order is read in any.
    How: among the most frequent sampled keys, those with at least `enough` records that came to exactly two partitions by
        turns: the times from first to last overlap.
    Limits: `enough`, 6 records of a key: where no key has so many, it is not judged; 100 sampled records show that none has
        a key.
    Silent when: a key moved once, as when partitions were added; most such keys are on three partitions or more: then the
        partition is chosen by something else on purpose; the topic has two partitions, where the two look alike.
    Source: librdkafka's `partitioner` (consistent_random) against Java's murmur2 of the default partitioner.
    """
    if len(topic.leader) < 3:
        return
    if not sample.key.size:
        demand_records(sample, topic, _KEYLESS)
        return
    records = known(sample.records)
    keys, place = np.unique(sample.key, return_inverse=True)
    several = np.bincount(place, minlength=keys.size)
    totals = np.bincount(place, weights=sample.key_count, minlength=keys.size)
    often = totals >= enough
    if not often.any():
        seen = f"topic {shown(topic.name)}: no key came {enough:,} times in {count(records, 'sampled record')}"
        known(too_small(sample, seen, enough / float(totals.max())))
    two = [
        rows
        for key in np.flatnonzero(often & (several == 2)).tolist()
        if _overlap(sample, rows := np.flatnonzero(place == key).tolist())
    ]
    if not two or int((often & (several > 2)).sum()) > len(two):
        return
    first, second = two[0]
    yield Problem(
        summary=f"{count(len(two), 'key')} of topic {shown(topic.name)} "
        + ("is" if len(two) == 1 else "are")
        + f" written to two partitions at the same time, one of them to {sample.key_partition[first]} and "
        f"{sample.key_partition[second]}, in {count(records, 'sampled record')}",
        evidence=tuple(
            Seen(f"sample.key_partition[{row}]", int(sample.key_partition[row]), "partition") for row in (first, second)
        ),
        fix=Fix(
            "Make all producers of the topic hash alike: set partitioner=murmur2_random in those that use librdkafka "
            "(confluent-kafka for Python, Go, .NET) where others use the Java client."
        ),
    )


def _overlap(sample: Sample, rows: list[int]) -> bool:
    first, last = sample.key_first[rows], sample.key_last[rows]
    return bool(first.max() <= last.min())
