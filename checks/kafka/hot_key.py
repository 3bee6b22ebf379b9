from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic, known
from checks.wording import count, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def hot_key(sample: Sample, topic: Topic, *, share: float = 0.1, enough: int = 500) -> Iterator[Problem]:
    """One key has a large part of a topic's records, or there are no more keys than partitions.

    Why: all records of a key go to one partition and one consumer, and no partition added or consumer started makes that one
        faster. With as few keys as partitions some partitions stay empty.
    How: the most frequent key among the sampled records, times the share of the traffic that went to the partitions which
        were read; and the number of different keys.
    Limits: `share`, 10 % by default; `enough`, 500 sampled records by default.
    Silent when: few records were sampled; the topic has one partition; no record has a key.
    Source: article S276-280, hot partitions; the limits are our own.
    """
    if len(topic.leader) < 2:
        return
    records = known(sample.records)
    if records < enough or not sample.key.size:
        return
    keys, place = np.unique(sample.key, return_inverse=True)
    totals = np.bincount(place, weights=sample.key_count, minlength=keys.size)
    top = int(totals.argmax())
    part = float(totals[top]) / records * sample.covered
    of = f"of {count(records, 'sampled record')} of topic {shown(topic.name)}"
    if sample.distinct <= len(topic.leader):
        yield Problem(
            summary=f"{count(sample.distinct, 'key')} {of}, which has {len(topic.leader)} partitions: some can only be idle",
            evidence=(Seen("sample.distinct", sample.distinct, "keys"),),
            severity=Severity.INFO,
            key="few",
            fix=Fix("Choose a key with more values: no more consumers than keys ever have work."),
        )
    elif part > share:
        row = int(np.where(place == top, sample.key_count, -1).argmax())
        yield Problem(
            summary=f"one key has {100 * part:.1f} % ({int(totals[top]):,}) {of}",
            evidence=(Seen(f"sample.key_count[{row}]", int(sample.key_count[row]), "records"),),
            fix=Fix(
                "Look which key it is (the command prints it to your terminal alone). Spread it: a key with more values, or the "
                "same with a suffix where order allows.",
                f"mqcanary audit --kafka $BOOTSTRAP --sample {shell(topic.name)} --show-keys",
            ),
        )
