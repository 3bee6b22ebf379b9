from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.wording import count, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def producer_not_idempotent(sample: Sample, topic: Topic, *, share: float = 0.5, enough: int = 20) -> Iterator[Problem]:
    """Most batches come from producers that are not idempotent.

    Why: such a producer writes a batch twice when an answer is lost, and out of order when one of several is sent again.
    How: the share of sampled batches without a producer id.
    Limits: `share`, 50 % by default; `enough`, 20 batches by default.
    Silent when: few batches were sampled; only some old clients write so.
    Source: KIP-679, idempotence is the Java producer's default since 3.0; article S96: acks=1 switches it off without a word.
    """
    total = sample.batch_idempotent.size
    plain = np.flatnonzero(sample.batch_idempotent == 0)
    if total < enough or plain.size <= share * total:
        return
    yield Problem(
        summary=f"{plain.size:,} of {count(total, 'sampled batch')} of topic {shown(topic.name)} "
        "come from producers that are not idempotent",
        evidence=(Seen(f"sample.batch_idempotent[{plain[0]}]", 0),),
        fix=Fix("Set enable.idempotence=true and acks=all in the producers; librdkafka has it off by default."),
    )
