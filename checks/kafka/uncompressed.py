from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.sampled import demand_batches
from checks.wording import count, shown


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
    How: the share of the sampled bytes that lie in batches above `size` without a codec.
    Limits: `size`, 1,024 bytes; `share`, 50 %; `enough`, 20 batches of any size, or 3 that hold 500 records: with less it is not
        judged; `ignore`: names of topics whose bodies are compressed already (pictures, archives), which nobody can tell
        without reading them.
    Silent when: batches are small, where compression gains nothing; the topic is named in `ignore`.
    Source: article S94, compression; the limits are our own.
    """
    if topic.name in ignore:
        return
    demand_batches(sample, topic, enough)
    plain = np.flatnonzero((sample.batch_bytes > size) & (sample.batch_codec == 0))
    part = int(sample.batch_bytes[plain].sum()) / int(sample.batch_bytes.sum())
    if part <= share:
        return
    yield Problem(
        summary=f"{plain.size:,} of {count(sample.batch_bytes.size, 'sampled batch')} of topic {shown(topic.name)} are larger "
        f"than {size:,} bytes and not compressed: {100 * part:.0f} % of the sampled bytes",
        evidence=(Seen(f"sample.batch_codec[{plain[0]}]", 0),),
        fix=Fix("Set compression.type=zstd (or lz4, which costs less CPU) in the producers."),
    )
