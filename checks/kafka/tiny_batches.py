from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.sampled import demand_batches
from checks.wording import rate, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def tiny_batches(
    sample: Sample, topic: Topic, *, records: int = 2, per_second: float = 100.0, enough: int = 20
) -> Iterator[Problem]:
    """A busy topic is written in batches of one or two records.

    Why: each batch is a request's work for producer, broker and followers, and so small ones do not compress.
    How: the median of records in the sampled batches, and the records that came in the last hour or day.
    Limits: `records`, 2; `per_second`, 100, where fewer than 2,000 in a day are none at all; `enough`, 20 batches: with less it
        is not judged, unless 3 hold 500 records, which are not tiny.
    Silent when: few records arrive; a topic whose records can't wait 5 ms: switch it off there.
    Source: article S92-93, batching; linger.ms is 5 by default since Kafka 4.0 (KIP-1030); the limits are our own.
    """
    if sample.window <= 0 or sample.arrived <= per_second * sample.window:
        return
    demand_batches(sample, topic, enough)
    if sample.batch_records.size < enough:
        return
    median = float(np.median(sample.batch_records))
    if median > records:
        return
    yield Problem(
        summary=f"batches of topic {shown(topic.name)} hold {median:g} records (median of {sample.batch_records.size:,}), "
        f"though {rate(sample.arrived / sample.window)} arrive each second",
        evidence=(Seen("sample.arrived", sample.arrived, "records"),),
        fix=Fix(
            "Set linger.ms=5 or more and leave batch.size at 16384 or above in the producers; never flush() each record."
        ),
    )
