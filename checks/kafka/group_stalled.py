from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks import reconciling
from checks.check import Fix, Kind, Problem, Severity, check, minutes
from checks.facts import Commits, Group, Lag, Unknown, known, young
from checks.facts.commits import NOBODY, Standing
from checks.facts.lag import OUT_OF_ORDER
from checks.unread import unread
from checks.wording import count, listed, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, clear={"window": 0.5})
def group_stalled(
    group: Group, lag: Lag, commits: Commits, *, window: timedelta = minutes(10), least: int = 2
) -> Iterator[Problem]:
    """A consumer group has members and unread records, and none of its offsets on a topic moves.

    Why: its members are there, so nothing restarts them and nobody is paged; meanwhile nothing of the topic is done.
        A call that never returns, a record that fails again and again, or a dead lock looks like this.
    How: the committed offsets of every poll in the history. Counted is from the first poll that shows records to read
        and members to read them; Kafka does not tell when an offset was committed, only that it is where it was.
        Whose epoch is behind the assignment's (KIP-848) is named: what that member is to give up goes to nobody before.
    Limits: `window`, 10 minutes by default, and never less than the group usually takes between two moves and two
        polls more. `least` records on some partition, 2 by default: behind a transaction one always stays.
    Silent when: some offset on the topic moves; the group commits seldom and always did; nobody is in the group;
        nobody is assigned to the topic any more (an old subscription); the records belong to a transaction that is
        still open; the topic was created anew. While a classic group rebalances it does not say who reads what, and how a
        share group moves that has something left is not known: a Gap.
    Source: article S494-496, a committed offset far below the log end; KIP-62, members are in the group as long as their
        heartbeats come, whatever became of what they read.
    """
    if group.state in NOBODY or (lag.read and least > 0):
        return
    if lag.shared:
        known(OUT_OF_ORDER)
    standing = _standing(lag, commits, window, least)
    if standing:
        owned = known(group.assigned_topics())
        seen = {name: one for name, one in standing.items() if name in owned}
        long = {name: one for name, one in seen.items() if not isinstance(one, Unknown) and _long(one, window)}
        if long:
            yield _problem(group, lag, long)
        for name, one in seen.items():
            if name not in long:
                known(one if isinstance(one, Unknown) else _young(name, one, window))
    if (failed := lag.unknown()) is not None:
        known(failed)


def _standing(lag: Lag, commits: Commits, window: timedelta, least: int) -> dict[str, Standing | Unknown]:
    """The topics on which the group has stood still for long enough, or of which that is not known."""
    found: dict[str, Standing | Unknown] = {}
    for topic in commits.waiting(least):
        standing = commits.standing(topic, least)
        if standing is None:
            continue
        if not isinstance(standing, Unknown):
            if not _long(standing, window):
                if not standing.open:
                    continue
            elif standing.seconds < commits.usual(topic, standing.since) + 2 * standing.poll:
                continue
        found[lag.topics[topic]] = standing
    return found


def _long(standing: Standing, window: timedelta) -> bool:
    return standing.seconds >= window.total_seconds()


def _young(topic: str, standing: Standing, window: timedelta) -> Unknown:
    told = f"no offset on {topic} moved in {span(standing.seconds)} of history; {span(window)} decide"
    return young(told, window.total_seconds())


def _problem(group: Group, lag: Lag, still: dict[str, Standing]) -> Problem:
    longest = max(still.values(), key=lambda standing: standing.seconds)
    rows = lag.on(still.keys(), np.flatnonzero(lag.lag > 0))
    worst = rows[np.argsort(-lag.lag[rows], kind="stable")][:2]
    members = known(group.members)
    return Problem(
        summary=f"group {shown(group.name)} stands still on {listed(sorted(still))}: no offset moved for "
        f"{'at least ' if longest.open else ''}{span(longest.seconds)}, "
        f"{count(int(lag.lag[rows].sum()), 'unread record')} in {count(rows.size, 'partition')}, "
        f"though {count(len(members), 'member')} {'is' if len(members) == 1 else 'are'} in the group"
        f"{reconciling.waiting(group)}",
        evidence=(*(seen for row in worst.tolist() for seen in unread(lag, row)), *reconciling.seen(group)),
        fix=Fix(
            reconciling.MEND
            if group.behind()
            else "Its members are alive and blocked: look in their logs and thread dumps (jcmd PID Thread.print) for a call "
            "that never returns or a record that fails again and again; then restart them.",
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --group {shell(group.name)}",
        ),
    )
