from collections.abc import Iterator

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Attendance, Commits, Group, Lag, TopicConfigs, Unknown, known
from checks.facts.commits import NOBODY
from checks.facts.lag import records
from checks.facts.offsets import Rows
from checks.wording import count, listed, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.CRITICAL, polls=2)
def records_lost(
    group: Group, lag: Lag, commits: Commits, attendance: Attendance, configs: TopicConfigs
) -> Iterator[Problem]:
    """Records were deleted before a consumer group had read them.

    Why: they are gone, and nothing fails: where auto.offset.reset is latest, the default of most clients, the group goes
        on at the log's end and leaves out what is still there as well.
    How: the committed offset lies below the log start offset (OffsetFetch, ListOffsets), and did so at the poll before:
        a member may be ahead of what it last committed. How many is what lies between; gaps that compaction and
        transactions left in the log count in. Deletion goes by whole segments, older than retention.ms or beyond
        retention.bytes.
    Limits: none. Info where nobody was in the group and nothing of it moved in all of history (an abandoned group), or
        where the topic deletes nothing by age or size, so that somebody deleted these records (DeleteRecords).
    Silent when: everything from the committed offset on is still there; nothing was ever committed; it is a share group;
        one offset alone is gone, which behind a transaction is its marker (the very first of a log is surely a record).
        A group that goes on between two polls is not seen: kafka/lag-near-retention speaks before.
    Source: Apache Kafka documentation, log retention and auto.offset.reset; KIP-107, DeleteRecords moves the log start.
    """
    if lag.read or lag.shared:  # most of them: nothing is below the log start, nothing failed
        return
    gone = np.where(lag.committed >= 0, lag.start - lag.committed, 0)
    lost = np.flatnonzero((lag.error == 0) & records(lag.committed, gone))
    if lost.size:
        before = known(commits.before())
        seen = lost[before.start[lost] > lag.committed[lost]]
        unseen = lost[before.start[lost] < 0]
        if seen.size:
            yield from _told(group, lag, seen, attendance, configs)
        if unseen.size:
            known(commits.unlike(int(unseen[0])))
    if (failed := lag.failed()) is not None:
        known(failed)


def _told(group: Group, lag: Lag, rows: Rows, attendance: Attendance, configs: TopicConfigs) -> Iterator[Problem]:
    away = attendance.away()
    if group.state in NOBODY and away.open and not away.moved:
        idle = f"nobody has been in it for at least {span(away.seconds)}, and nothing of it moves"
        yield _problem(group, lag, rows, Severity.INFO, idle)
        return
    topics = {lag.topics[topic] for topic in np.unique(lag.topic[rows]).tolist()}
    expires = {name: _expires(configs, name) for name in sorted(topics)}
    by_hand = not any(isinstance(one, Unknown) or one for one in expires.values())
    told = "its topic deletes nothing by age or size, so somebody deleted them" if by_hand else ""
    yield _problem(group, lag, rows, Severity.INFO if by_hand else None, told)
    if not any(one is True for one in expires.values()):
        for one in expires.values():
            known(one)


def _expires(configs: TopicConfigs, topic: str) -> bool | Unknown:
    """Whether the topic deletes records by itself."""
    config = configs.of(topic)
    if isinstance(config, Unknown):
        return config
    policy, time, size = config.value("cleanup.policy"), config.number("retention.ms"), config.number("retention.bytes")
    for one in (policy, time, size):
        if isinstance(one, Unknown):
            return one
    return "delete" in str(policy) and (time != -1 or size != -1)


def _problem(group: Group, lag: Lag, rows: Rows, severity: Severity | None, idle: str) -> Problem:
    gone = lag.start[rows] - lag.committed[rows]
    rows = rows[np.argsort(-gone, kind="stable")]
    topics = sorted({lag.topics[topic] for topic in lag.topic[rows].tolist()})
    topic, partition = lag.place(int(rows[0]))
    where = "" if rows.size == 1 else f" in {count(rows.size, 'partition')}"
    read, start = int(lag.committed[rows[0]]), int(lag.start[rows[0]])
    return Problem(
        summary=f"group {shown(group.name)} lost up to {count(int(gone.sum()), 'record')} of {listed(topics)}{where}, "
        f"deleted before they were read: partition {partition} of {shown(topic)} was read to {read:,} and now begins at "
        f"{start:,}" + (f"; {idle}" if idle else ""),
        evidence=tuple(seen for row in rows[:2].tolist() for seen in _seen(lag, row)),
        severity=severity,
        fix=_fix(group, lag, rows),
    )


def _seen(lag: Lag, row: int) -> Iterator[Seen]:
    topic, partition = lag.place(row)
    yield Seen(f"committed[{topic}/{partition}]", int(lag.committed[row]), "offset")
    yield Seen(f"start[{partition}]", int(lag.start[row]), "offset", ("topics", topic))


def _fix(group: Group, lag: Lag, rows: Rows) -> Fix:
    if group.state not in NOBODY:
        return Fix(
            "What was deleted is gone from Kafka. Add members, or give the topic a longer retention.ms at once, before more "
            "is deleted; and see in the members' logs whether auto.offset.reset took them to the log's end.",
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}",
        )
    topic = lag.topics[lag.topic[rows[0]]]
    here = sorted(lag.partition[rows[lag.topic[rows] == lag.topic[rows[0]]]].tolist())
    places = f"{topic}:{','.join(map(str, here))}"
    return Fix(
        "What was deleted is gone from Kafka. Before its members start again, put the group to what is left (--dry-run "
        "shows it, --execute does it): with auto.offset.reset=latest they would leave that out as well. Delete the group "
        "if nobody needs it.",
        f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --reset-offsets --to-earliest --group {shell(group.name)} "
        f"--topic {shell(places)} --dry-run",
    )
