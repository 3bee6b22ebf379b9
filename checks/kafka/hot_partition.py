from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Arrivals, Topic, Unknown, Why, known, young
from checks.facts.logs import Windows
from checks.facts.offsets import Rows
from checks.wording import listed, rate, shell, shown, span

PARTS = 3
"""Windows in a row that must show it."""

SURE = 3.0
"""Standard deviations above the fair share: chance puts a window there once in some hundred, three in a row never."""


@check(kind=Kind.CONDITION, severity=Severity.WARNING, clear={"factor": 0.8, "critical_share": 0.9})
def hot_partition(
    topic: Topic,
    arrivals: Arrivals | Unknown,
    *,
    window: timedelta = minutes(10),
    factor: float = 2.0,
    critical_share: float = 0.8,
    batch: int = 200,
) -> Iterator[Problem]:
    """One partition gets far more of a topic's records than the others.

    Why: a partition has one reader in each group and one leader: however many consumers run, the topic is no faster
        than the one that has this partition, and more members or brokers do not help.
    How: what was added to each log in each third of `window`. A partition is hot that took in all three more than
        `factor` times the fair share (or `critical_share` of everything), and `factor` times the median of the others.
    Limits: `factor`, 2 by default, clears below 0.8 of it. From `critical_share` of the records on, 80 % by default,
        it is critical. `batch`, 200 records: so many may go to one partition in a row by chance (sticky batches of
        producers without keys), so shares count only from where they exceed that chance.
    Silent when: few records arrive, so that batches make the shares; one burst went to one partition; some partitions
        are idle and the others even; the topic has one partition.
    Source: article S276-280, hot partitions: one of them receives 80 % while others sit idle; KIP-480 and KIP-794, sticky
        partitioning. No z-score: among n partitions it can't exceed the root of n - 1.
    """
    if len(topic.leader) < 2:
        return
    if isinstance(arrivals, Unknown) and arrivals.why is Why.YOUNG:
        arrivals = young(arrivals.detail, window.total_seconds(), PARTS + 1)
    windows = known(known(arrivals).windows(window.total_seconds(), PARTS))
    hot = _hot(windows, factor, critical_share, batch)
    if hot.size:
        yield _problem(topic, windows, hot, known(arrivals), critical_share)


def _hot(windows: Windows, factor: float, critical_share: float, batch: int) -> Rows:
    """The partitions, the fullest first."""
    records = windows.records
    if not records.any():
        return np.zeros(0, dtype=np.intp)
    total = records.sum(axis=1, keepdims=True)
    fair = total / records.shape[1]
    above = (records > factor * fair) | ((records >= critical_share * total) & (total > 0))
    chance = SURE * np.sqrt(fair * batch)
    found = np.flatnonzero((above & (records > fair + chance)).all(axis=0))
    others = [np.median(np.delete(records, p, axis=1), axis=1) for p in found.tolist()]
    sure = [p for p, usual in zip(found.tolist(), others, strict=True) if (records[:, p] > factor * usual).all()]
    whole = records.sum(axis=0)
    return np.array(sorted(sure, key=lambda p: -whole[p]), dtype=np.intp)


def _problem(topic: Topic, windows: Windows, hot: Rows, arrivals: Arrivals, critical_share: float) -> Problem:
    seconds, whole = float(windows.seconds.sum()), windows.records.sum(axis=0)
    share = whole[hot] / whole.sum()
    first = int(hot[0])
    partitions = f"partition {first} takes" if hot.size == 1 else f"partitions {listed([str(p) for p in hot], 5)} take"
    return Problem(
        summary=f"{partitions} {100 * share.sum():.0f} % of what is written to topic {shown(topic.name)}: "
        f"{rate(whole[hot].sum() / seconds)} of {rate(whole.sum() / seconds)} records/s in {span(seconds)}; "
        f"a fair share would be {100 * hot.size / whole.size:.0f} %",
        evidence=tuple(Seen(f"end[{p}]", int(arrivals.ends[-1, p]), "offset") for p in hot[:3].tolist()),
        severity=Severity.CRITICAL if share[0] >= critical_share else None,
        fix=Fix(
            "Find the key that fills it (the command counts the keys of 1,000 new records); spread it: a key with more "
            "values, or the same with a suffix where order allows. Then see whether its readers keep up "
            "(kafka/lag-on-one-partition).",
            f"kafka-console-consumer.sh --bootstrap-server $BOOTSTRAP --topic {shell(topic.name)} --partition {first} "
            "--offset latest --max-messages 1000 --timeout-ms 30000 --property print.key=true "
            "--property print.value=false | sort | uniq -c | sort -rn | head",
        ),
    )
