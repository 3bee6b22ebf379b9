from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.sampled import demand_batches
from checks.wording import count, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def producer_not_idempotent(sample: Sample, topic: Topic, *, share: float = 0.5, enough: int = 20) -> Iterator[Problem]:
    """Most records come from producers that are not idempotent.

    Why: such a producer writes a batch twice when an answer is lost, and out of order when one of several is sent again.
    How: the share of the sampled records that lie in batches without a producer id.
    Limits: `share`, 50 %; `enough`, 20 batches, or 3 that hold 500 records: with less it is not judged.
    Silent when: only some old clients write so.
    Source: KIP-679, idempotence is the Java producer's default since 3.0; article S96: acks=1 switches it off without a word.
    """
    demand_batches(sample, topic, enough)
    plain = np.flatnonzero(sample.batch_idempotent == 0)
    some, total = int(sample.batch_records[plain].sum()), int(sample.batch_records.sum())
    if some <= share * total:
        return
    yield Problem(
        summary=f"{some:,} of {count(total, 'sampled record')} of topic {shown(topic.name)} come from producers that are not "
        f"idempotent, in {plain.size:,} of {count(sample.batch_records.size, 'batch')}",
        evidence=(Seen(f"sample.batch_idempotent[{plain[0]}]", 0),),
        fix=Fix("Set enable.idempotence=true and acks=all in the producers; librdkafka has it off by default."),
    )
