import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Sample, Topic
from checks.sampled import demand_records
from checks.wording import count, shown

ALL, NONE = 0.95, 0.05
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""`app`, `log`: of app-log, app.log, app_LOG and appLog; not of catalog."""


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def unkeyed_producer(
    sample: Sample,
    topic: Topic,
    *,
    enough: int = 100,
    partitions: int = 3,
    ignore: tuple[str, ...] = (),
    words: tuple[str, ...] = ("log", "logs", "metric", "metrics", "trace", "traces", "telemetry"),
) -> Iterator[Problem]:
    """Records without a key on a topic with several partitions.

    Why: unless its producer chooses the partition, a record without a key goes to any, so that two of one order or customer may
        be read in the wrong order. Where only some have none, it may have been forgotten.
    How: the share of keyless records among the sampled ones: 5 to 95 % is a mixture and a warning, above it is info.
    Limits: `enough`, 100 sampled records: with less it is not judged; `partitions`, 3: with fewer the topic is left out; topics
        whose order nobody needs: `ignore`, globs of their names, none by default; `words`, of which one is a word of the name
        by itself: log, logs, metric, metrics, trace, traces, telemetry.
    Silent when: less than 5 % have no key; the topic is one of logs or metrics by a word of its name (app-log and appLog, not
        catalog); it has few partitions.
    Source: article, keys and partitions (S216, S276); the shares are our own.
    """
    if len(topic.leader) < partitions or any(fnmatchcase(topic.name, glob) for glob in ignore):
        return
    if {word.lower() for word in _WORD.findall(topic.name)} & {*words}:
        return
    records = demand_records(sample, topic, enough)
    if sample.keyless < NONE * records:
        return
    whole = sample.keyless > ALL * records
    yield Problem(
        summary=f"{sample.keyless:,} of {count(records, 'sampled record')} of topic {shown(topic.name)} have no key"
        + ("" if whole else ", the others have one"),
        evidence=(Seen("sample.keyless", sample.keyless, "records"), Seen("sample.records", records, "records")),
        severity=Severity.INFO if whole else None,
        fix=Fix(
            "Set as the key what has to stay in order (the id of the order, of the customer) in every producer of the topic; "
            "where order does not matter, name the topic in `ignore` of this check."
        ),
    )
