from collections.abc import Iterator
from fnmatch import fnmatchcase

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic, known
from checks.wording import count, shown

ALL, NONE = 0.95, 0.05


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def unkeyed_producer(
    sample: Sample,
    topic: Topic,
    *,
    enough: int = 100,
    partitions: int = 3,
    ignore: tuple[str, ...] = ("*log*", "*metric*", "*trace*", "*telemetry*"),
) -> Iterator[Problem]:
    """Records without a key on a topic with several partitions.

    Why: records without a key go to any partition, so that two of one order or customer may be read in the wrong order. Where
        only some have none, one of the producers forgot it.
    How: the share of keyless records among the sampled ones: 5 to 95 % is a mixture and a warning, above it is info.
    Limits: `enough`, 100 sampled records by default; `partitions`, 3: with fewer the topic is left out; `ignore`: globs of
        topics whose order nobody needs, those of logs, metrics, traces and telemetry by default.
    Silent when: less than 5 % have no key; the topic is one of logs or metrics; it has few partitions or few records.
    Source: article, keys and partitions (S216, S276); the shares are our own.
    """
    if len(topic.leader) < partitions or any(fnmatchcase(topic.name, glob) for glob in ignore):
        return
    records = known(sample.records)
    if records < enough or sample.keyless < NONE * records:
        return
    whole = sample.keyless > ALL * records
    yield Problem(
        summary=f"{sample.keyless:,} of {count(records, 'sampled record')} of topic {shown(topic.name)} have no key"
        + (", so that no order is kept" if whole else ": one producer sets it and another does not"),
        evidence=(Seen("sample.keyless", sample.keyless, "records"), Seen("sample.records", records, "records")),
        severity=Severity.INFO if whole else None,
        fix=Fix(
            "Set as the key what has to stay in order (the id of the order, of the customer) in every producer of the topic; "
            "where order does not matter, name the topic in `ignore` of this check."
        ),
    )
