from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks import reconciling, throttled
from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Group, Lag, Progress, Quotas, Unknown, known
from checks.facts.commits import NOBODY
from checks.facts.lag import Trend
from checks.facts.offsets import Rows
from checks.unread import Wait, late, oldest, surely, unread
from checks.wording import count, listed, rate, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(15), clear={"slo": 0.8}, ages=("slo",))
def group_lagging(
    group: Group, lag: Lag, progress: Progress | Unknown, quotas: Quotas | Unknown, *, slo: timedelta = minutes(3)
) -> Iterator[Problem]:
    """A consumer group is further behind, in time, than its service level allows.

    Why: whoever waits for what the group produces waits that long; and a group that keeps falling behind loses
        records when retention catches up with it.
    How: for every lagging partition the broker is asked for the first record younger than `slo` (ListOffsets by
        time); if the committed offset lies below it, something unread is older, and more such look-ups find the time of
        the first unread record, to a second or a hundredth. Exact on the first poll, with DESCRIBE alone. Whether the
        group is gaining (then it is only info) comes from the polls before. Whose epoch is behind the assignment's (KIP-848)
        is named: what that member is to give up goes to nobody before. A quota that its client ids have, or all have by
        default (consumer_byte_rate), is told where DESCRIBE_CONFIGS on the cluster and Kafka 2.6 tell it (KIP-546): whoever is
        held up by one does not catch up with more members of the same id. Who stands right at the last stable offset, with more
        behind it, waits for an open transaction, and not for its members: that is told, with where it begins.
    Limits: `slo`, 3 minutes by default; clears below 0.8 of it. Told after 15 minutes. Records are never a limit.
    Silent when: the topic is idle and read to its end; a stable group has nobody assigned to the topic any more (an
        old subscription); history shows that the records arrived later than their timestamps say (backfills,
        mirrors); a single offset alone is so old: behind a transaction its marker stays there for ever, and without reading
        nobody can tell it from a record; it is told with the next record that waits so long.
        On topics with remote storage no look-up is made: a Gap.
    Source: KIP-32 and KIP-79 (offsets by timestamp); article S494-496: consumer lag is the metric to watch.
    """
    if lag.read:
        return
    lagging = surely(lag)
    if lagging.size and group.settled:
        owned = known(group.assigned_topics())
        lagging = lag.on(owned, lagging)
    rows, untold = late(lag, slo, lagging, progress)
    if rows.size:
        wait = oldest(lag, rows, slo, progress)
        yield _problem(group, lag, rows, slo, wait, quotas)
        yield _problem(group, lag, rows, slo, wait, quotas, known(known(progress).trend(rows)))
    for hole in (untold, lag.unknown()):
        if hole is not None:
            known(hole)


def _problem(
    group: Group,
    lag: Lag,
    rows: Rows,
    slo: timedelta,
    wait: Wait,
    quotas: Quotas | Unknown,
    trend: Trend | None = None,
) -> Problem:
    topics, by_quota = lag.named(rows), throttled.allowed(group, quotas)
    records = int(lag.lag[rows].sum())
    moves, held = "", rows[(lag.committed[rows] == lag.stable[rows]) & (lag.stable[rows] < lag.end[rows])]
    if trend is not None:
        rates = f"{rate(trend.consumed)} records/s read, {rate(trend.produced)} written, over {span(trend.span)}"
        moves = f"; gaining ({rates})" if trend.gaining else f"; not gaining ({rates})"
        if trend.gaining:
            moves += f", caught up in about {span(records / (trend.consumed - trend.produced))}"
    return Problem(
        summary=f"group {shown(group.name)} is {wait} behind on {listed(topics)}: "
        f"{count(records, 'unread record')} in {count(rows.size, 'partition')}{moves}{_held(lag, held)}{reconciling.waiting(group)}"
        f"{by_quota.words}",
        evidence=(
            *wait.seen,
            *by_quota.seen,
            *(seen for row in _worst(lag, rows) for seen in unread(lag, row, slo)),
            *(_stable(lag, row) for row in held[:1].tolist()),
            *reconciling.seen(group),
        ),
        severity=Severity.INFO if trend is not None and trend.gaining else None,
        fix=_ends_it(lag, held)
        if held.size == rows.size and group.state not in NOBODY
        else Fix(
            "No member is running: start the consumers of this group."
            if group.state == "Empty"
            else reconciling.MEND
            if group.behind()
            else "See whether its members are busy, blocked or failing (their logs, the service they call); if they "
            "are busy, add members up to the number of partitions." + (throttled.MEND if by_quota.words else ""),
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}",
        ),
    )


def _held(lag: Lag, held: Rows) -> str:
    """That an open transaction keeps the group where it is, to follow a summary; empty where none does."""
    if not held.size:
        return ""
    topic, partition = lag.place(int(held[0]))
    more = f" (and {count(held.size - 1, 'more partition')})" if held.size > 1 else ""
    return (
        f"; an open transaction holds back {shown(topic)}/{partition} from offset {int(lag.stable[held[0]]):,} on{more} from "
        "readers of committed records"
    )


def _stable(lag: Lag, row: int) -> Seen:
    topic, partition = lag.place(row)
    return Seen(f"stable[{partition}]", int(lag.stable[row]), "offset", ("topics", topic))


def _ends_it(lag: Lag, held: Rows) -> Fix:
    topic, partition = lag.place(int(held[0]))
    return Fix(
        "Its members have read all that they may: what is behind belongs to a transaction that is still open, or waits behind "
        "it. See whether its producer still lives, and restart it: it then aborts what it left.",
        f"kafka-transactions.sh --bootstrap-server $BOOTSTRAP describe-producers --topic {shell(topic)} --partition {partition}",
    )


def _worst(lag: Lag, rows: Rows) -> list[int]:
    order = np.argsort(-lag.lag[rows], kind="stable")
    return [int(row) for row in rows[order][:2]]
