from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks import reconciling, throttled
from checks.check import Fix, Kind, Problem, Severity, check, minutes
from checks.facts import Group, Lag, Progress, Quotas, Unknown, known
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
        held up by one does not catch up with more members of the same id.
    Limits: `slo`, 3 minutes by default; clears below 0.8 of it. Told after 15 minutes. Records are never a limit.
    Silent when: the topic is idle and read to its end; a stable group has nobody assigned to the topic any more (an
        old subscription); history shows that the records arrived later than their timestamps say (backfills,
        mirrors); a partition's last offset alone is unread, if it is one record alone that waits: behind a transaction its
        marker stays there for ever, and without reading nobody can tell it from a record; the next record is told with it.
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
        draining = known(known(progress).draining())
        yield _problem(group, lag, rows, slo, wait, quotas, draining, known(progress))
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
    draining: bool | None = None,
    progress: Progress | None = None,
) -> Problem:
    topics, by_quota = lag.named(rows), throttled.allowed(group, quotas)
    records = int(lag.lag[rows].sum())
    trend = ""
    if draining is not None and progress is not None:
        rates = (
            f"{rate(progress.consumed)} records/s read, {rate(progress.produced)} written, over {span(progress.span)}"
        )
        trend = f"; gaining ({rates})" if draining else f"; not gaining ({rates})"
        if draining:
            trend += f", caught up in about {span(records / (progress.consumed - progress.produced))}"
    return Problem(
        summary=f"group {shown(group.name)} is {wait} behind on {listed(topics)}: "
        f"{count(records, 'unread record')} in {count(rows.size, 'partition')}{trend}{reconciling.waiting(group)}"
        f"{by_quota.words}",
        evidence=(
            *wait.seen,
            *by_quota.seen,
            *(seen for row in _worst(lag, rows) for seen in unread(lag, row, slo)),
            *reconciling.seen(group),
        ),
        severity=Severity.INFO if draining else None,
        fix=Fix(
            "No member is running: start the consumers of this group."
            if group.state == "Empty"
            else reconciling.MEND
            if group.behind()
            else "See whether its members are busy, blocked or failing (their logs, the service they call); if they "
            "are busy, add members up to the number of partitions." + (throttled.MEND if by_quota.words else ""),
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}",
        ),
    )


def _worst(lag: Lag, rows: Rows) -> list[int]:
    order = np.argsort(-lag.lag[rows], kind="stable")
    return [int(row) for row in rows[order][:2]]
