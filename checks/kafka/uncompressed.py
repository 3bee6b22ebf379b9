from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.wording import shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def uncompressed(
    sample: Sample,
    topic: Topic,
    *,
    size: int = 1024,
    share: float = 0.5,
    enough: int = 20,
    ignore: tuple[str, ...] = (),
) -> Iterator[Problem]:
    """Large batches are stored and sent without compression.

    Why: text shrinks to a third or less, on disk, in replication and to each consumer.
    How: the share of batches above `size` that have no codec.
    Limits: `size`, 1,024 bytes; `share`, 50 %; `enough`, 20 such batches; `ignore`: names of topics whose bodies are
        compressed already (pictures, archives), which nobody can tell without reading them.
    Silent when: batches are small, where compression gains nothing; the topic is named in `ignore`.
    Source: article S94, compression; the limits are our own.
    """
    if topic.name in ignore:
        return
    large = sample.batch_bytes > size
    plain = np.flatnonzero(large & (sample.batch_codec == 0))
    total = int(large.sum())
    if total < enough or plain.size <= share * total:
        return
    yield Problem(
        summary=f"{plain.size:,} of {total:,} sampled batches above {size:,} bytes of topic {shown(topic.name)} are not "
        "compressed",
        evidence=(Seen(f"sample.batch_codec[{plain[0]}]", 0),),
        fix=Fix("Set compression.type=zstd (or lz4, which costs less CPU) in the producers."),
    )
