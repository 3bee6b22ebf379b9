from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLetterTopics, NewestRecords, Readers, Topic, TopicLogs, Unknown, known
from checks.facts.letters import PATTERNS, holds_letters
from checks.newest import newest_of
from checks.whose import of_whom
from checks.wording import count, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, after=timedelta(days=7), together=True, newest=holds_letters)
def dlq_unread(
    topic: Topic,
    letters: DeadLetterTopics,
    logs: TopicLogs | Unknown,
    readers: Readers,
    newest: NewestRecords,
    *,
    patterns: tuple[str, ...] = PATTERNS,
) -> Iterator[Problem]:
    """Records lie in a dead-letter topic, and no group reads it.

    Why: a dead letter that nobody looks at is lost work, only later: retention deletes it, and nothing says so.
    How: the log of a topic that is named as one of `patterns` says is not empty, no group has a committed offset on it,
        and no member of a group owns a partition of it. Kafka forgets the offsets of a group without members after
        7 days (offsets.retention.minutes): for so long nobody has read it with a group. Brokers tell when its newest record
        was written, by its own timestamp (Kafka 3.0: KIP-734; ListOffsets, DESCRIBE); Kafka Connect keeps the original's.
    Limits: told once it was so for 7 days (`after`); the audit says it at once. `patterns`, with {topic} and {group}. Only
        info, since whoever reads it by hand leaves no trace: with partitions assigned by hand, or with a console consumer,
        whose groups are left out.
    Silent when: nothing lies in it; a group reads it, also one that is stopped or far behind (group-stopped and
        group-lagging judge that). A group that can't be seen, or is left out by choice, is a gap: it may be the reader.
    Source: article S496, a dead letter strategy needs somebody who reads them; KIP-186 and KIP-211, offsets expire.
    """
    found = letters.of(topic.name, patterns)
    if found is None:
        return
    log = known(known(logs).extent(topic.name))
    lying = log.end - log.start
    if not lying.any() or readers.of(topic.name):
        return
    if (hidden := readers.hidden(topic.name)) is not None:
        known(hidden)
    deleted = int(log.start.sum())
    order = np.argsort(-lying, kind="stable")[:3].tolist()
    last = newest_of(topic.name, newest)
    yield Problem(
        summary=f"{count(int(lying.sum()), 'record')} in dead-letter topic {shown(topic.name)}{of_whom(found)} and no group "
        "that reads it"
        + (f"; {last.words}" if last.words else "")
        + (f"; {deleted:,} before them are deleted already" if deleted else ""),
        evidence=(*(Seen(f"end[{p}]", int(log.end[p]), "offset") for p in order if lying[p]), *last.seen),
        fix=Fix(
            "Decide who looks at them and puts back what can be mended, with a group of its own, so that its lag shows what "
            "is left; or turn this check off for the topic where it is read by hand. The command shows how much lies there.",
            f"kafka-get-offsets.sh --bootstrap-server $BOOTSTRAP --topic {shell(topic.name)}",
        ),
    )
    if last.unknown is not None:
        known(last.unknown)
