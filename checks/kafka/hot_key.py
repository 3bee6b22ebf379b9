from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.sampled import demand_records
from checks.wording import count, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def hot_key(sample: Sample, topic: Topic, *, share: float = 0.1, enough: int = 500) -> Iterator[Problem]:
    """One key has a large part of a topic's records, or there are no more keys than partitions.

    Why: by default all records of a key go to one partition and one consumer, and no partition added or consumer started makes
        that one faster. With few keys, chance alone says how many partitions have work at all.
    How: the most frequent key among all sampled records, times the share of the traffic that went to the partitions which
        were read: above `share` it is a warning, however many keys there are. Else the number of different keys, where most
        records have one: no more than partitions is info.
    Limits: `share`, 10 % of the records; `enough`, 500 sampled records: with less it is not judged.
    Silent when: the topic has one partition; no record has a key.
    Source: article S276-280, hot partitions; the limits are our own.
    """
    if len(topic.leader) < 2:
        return
    records = demand_records(sample, topic, enough)
    if not sample.key.size:
        return
    keys, place = np.unique(sample.key, return_inverse=True)
    totals = np.bincount(place, weights=sample.key_count, minlength=keys.size)
    top = int(totals.argmax())
    part = float(totals[top]) / records * sample.covered
    few = sample.distinct <= len(topic.leader)
    if part > share:
        row = int(np.where(place == top, sample.key_count, -1).argmax())
        yield Problem(
            summary=f"one key has about {100 * part:.1f} % of the records of topic {shown(topic.name)} ({int(totals[top]):,} of "
            f"{records:,} sampled)" + (f"; the sample has {count(sample.distinct, 'key')} in all" if few else ""),
            evidence=(Seen(f"sample.key_count[{row}]", int(sample.key_count[row]), "records"),),
            fix=Fix(
                "Look which key it is (the command prints it to your terminal alone). Spread it: a key with more values, or the "
                "same with a suffix where order allows.",
                f"mqcanary audit --kafka $BOOTSTRAP --sample {shell(topic.name)} --show-keys",
            ),
        )
    elif few and 2 * sample.keyless < records:
        used = np.unique(sample.key_partition).size
        yield Problem(
            summary=f"{count(records, 'sampled record')} of topic {shown(topic.name)} have only "
            f"{count(sample.distinct, 'key')}, on {used:,} of its {count(len(topic.leader), 'partition')}",
            evidence=(Seen("sample.distinct", sample.distinct, "keys"),),
            severity=Severity.INFO,
            key="few",
            fix=Fix(
                "Choose a key with more values: no more partitions than keys have work, unless producers choose them."
            ),
        )
