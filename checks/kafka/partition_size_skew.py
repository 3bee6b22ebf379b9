from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import PartitionSizes, Topic, TopicConfig, Unknown, known
from checks.facts.offsets import Floats
from checks.wording import bytesize, listed, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(15), clear={"factor": 0.9, "least": 0.9})
def partition_size_skew(
    sizes: PartitionSizes,
    topic: Topic,
    config: TopicConfig | Unknown,
    *,
    factor: float = 3.0,
    least: int = 1024**3,
) -> Iterator[Problem]:
    """One partition of a topic holds far more bytes than the others.

    Why: the disk of its leader and followers fills first, moving it takes longest, and whoever reads the topic from its
        start waits for it. It is what a hot key, or a partitioner that prefers one partition, leaves behind.
    How: the bytes of the leader's replica of each partition (DescribeLogDirs), against the median of the other
        partitions.
    Limits: `factor`, 3 times that median; `least`, 1 GiB: less is a segment more or less, and no matter. Both clear
        below 0.9 of it.
    Silent when: the topic is compacted (sizes follow its keys, not its traffic); few bytes are kept; it has one
        partition. With tiered storage what lies on the brokers' own disks is compared. Partitions that were added hold
        less until retention has passed: most of the topic must be new for that to show here.
    Source: the catalogue of this project: 3 times the median is its own proposal; article S276-280, hot partitions.
    """
    if len(topic.leader) < 2 or (sizes.most < least and sizes.unknown is None):
        return
    big = _big(sizes, factor, least)
    if big:
        if "compact" in known(known(config).value("cleanup.policy")):
            return
        yield _problem(topic, sizes, big)
    if sizes.unknown is not None:
        known(sizes.unknown)


def _big(sizes: PartitionSizes, factor: float, least: int) -> dict[int, float]:
    """The partitions that are sure to be too big, the biggest first, each with the median of the others.

    What is not known counts as large as can be: whatever it is, they are.
    """
    told: Floats = np.where(sizes.bytes < 0, np.inf, sizes.bytes)
    order = np.argsort(-sizes.bytes, kind="stable")
    found = {}
    for p in order[sizes.bytes[order] >= least].tolist():
        middle = _median(np.sort(np.delete(told, p)))
        if sizes.bytes[p] > factor * middle:
            found[p] = middle
    return found


def _median(sizes: Floats) -> float:
    """Of sorted numbers, some of which may be infinite."""
    return float(sizes[(sizes.size - 1) // 2] + sizes[sizes.size // 2]) / 2


def _problem(topic: Topic, sizes: PartitionSizes, big: dict[int, float]) -> Problem:
    first, *_ = big
    names = listed([str(p) for p in big], 5)
    partitions = f"partition {names} holds" if len(big) == 1 else f"partitions {names} hold"
    held = sum(int(sizes.bytes[p]) for p in big)
    return Problem(
        summary=f"{partitions} {bytesize(held)} of topic {shown(topic.name)}; the median of the other partitions is "
        f"{bytesize(big[first])}",
        evidence=tuple(
            Seen(f"storage[{topic.leader[p]}].size[{p}]", int(sizes.bytes[p]), "bytes") for p in list(big)[:3]
        ),
        fix=Fix(
            "See whether it still grows faster than the others (kafka/hot-partition); if so, spread the key that fills it: "
            "a key with more values, or the same with a suffix where order allows. If it does not, retention will even "
            "it out. The command shows each replica's bytes.",
            f"kafka-log-dirs.sh --bootstrap-server $BOOTSTRAP --describe --topic-list {shell(topic.name)}",
        ),
    )
