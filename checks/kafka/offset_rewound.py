from collections.abc import Iterator
from datetime import timedelta

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Group, Lag, Rewind, Rewinds, known
from checks.wording import count, listed, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING)
def offset_rewound(
    group: Group, lag: Lag, rewinds: Rewinds | None, *, window: timedelta = minutes(15)
) -> Iterator[Problem]:
    """A consumer group was put back: it reads again what it had read.

    Why: whatever it does, it does once more: mails, payments, rows. A consumer whose offset no log holds any more goes
        back to the log's start (auto.offset.reset=earliest), and one that commits late what it read early goes back a
        little; so does a group whose offsets Kafka itself lost.
    How: the committed offset of a partition is below that of an earlier poll, and was so at the poll before too.
    Limits: told for `window` after it happened, 15 minutes by default, or until the group is where it was. Info where
        nobody was in the group then: kafka-consumer-groups.sh --reset-offsets needs it so, and is a decision.
    Silent when: the offsets only grow; one poll alone shows less; the topic was deleted and created again. Where brokers
        do not tell topic ids (before 2.8) such a topic looks the same: a Gap.
    Source: Apache Kafka documentation, auto.offset.reset and kafka-consumer-groups.sh --reset-offsets; KIP-122.
    """
    if rewinds is None:
        return
    found, unclear = rewinds.found(window.total_seconds())
    if found:
        yield _problem(group, lag, found)
    for hole in (unclear, lag.failed()):
        if hole is not None:
            known(hole)


def _problem(group: Group, lag: Lag, found: list[Rewind]) -> Problem:
    worst = max(found, key=lambda one: (one.before - one.after, -one.row))
    topic, partition = lag.place(worst.row)
    topics = sorted({lag.place(one.row)[0] for one in found})
    records = sum(one.before - one.after for one in found)
    now = int(lag.committed[worst.row])
    where = f"partition {partition} of {shown(topic)}" if len(found) == 1 else listed(topics)
    most = (
        "" if len(found) == 1 else f" in {count(len(found), 'partition')}, most of them in {shown(topic)}/{partition}"
    )
    deliberate = all(one.empty for one in found)
    return Problem(
        summary=f"group {shown(group.name)} was put back on {where} by {count(records, 'offset')}{most}, from "
        f"{worst.before:,} to {worst.after:,}, less than {span(worst.seconds)} ago; it stands at {now:,}"
        + ("; nobody was in it then, so somebody did it" if deliberate else ""),
        evidence=(Seen(f"committed[{topic}/{partition}]", now, "offset"),),
        severity=Severity.INFO if deliberate else None,
        fix=Fix(
            "If it was meant so, it ends by itself. Else look in the members' logs for offset resets (OffsetOutOfRange, "
            '"Resetting offset") and for commits that came late, and whether what the group does may be done twice.',
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}",
        ),
    )
