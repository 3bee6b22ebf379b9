from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Backlog, DeadLettersOf, Queue, known, young
from checks.wording import aws, count, shell, shown, span

POLLS = 3

FLICKER = 2
"""Messages by which the count of a queue goes down and up by itself; 1 % of a large one."""


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(10), polls=POLLS, clear={"least": 0.0})
def consumers_absent(
    queue: Queue, users: DeadLettersOf, backlog: Backlog, *, window: timedelta = minutes(10), least: int = 5
) -> Iterator[Problem]:
    """Messages are sent to a queue, and nobody receives them.

    Why: its consumers are stopped, or receive from another queue, or may not: nothing is worked off until somebody looks.
    How: in every poll of `window`, three at least, nothing was in flight; the messages that wait have become `least`
        more, and never fewer from one poll to the next.
    Limits: `least` messages more, 5 by default; what was told lasts until messages are received or become fewer.
        `window`, 10 minutes by default. Told after 10 minutes more.
    Silent when: messages are delayed and not yet to be received; the queue is a dead-letter queue; consumers come now
        and then, and the queue was as deep before in the history; the messages were redriven; few messages.
    Source: Amazon SQS developer guide: a message is in flight from its receive until it is deleted or its visibility
        time-out ends. Counts lag by up to a minute.
    """
    if users.queues:
        return
    visible, in_flight = known(queue.visible), known(queue.in_flight)
    if not visible or visible < least or in_flight:
        return
    at, depth = backlog.at, backlog.visible
    first = min(int(np.searchsorted(at, at[-1] - window.total_seconds())), at.size - POLLS) if at.size else -1
    if first < 0 or at[-1] - at[first] > 2 * window.total_seconds():
        known(young(f"{count(at.size, 'poll')} with nothing in flight; {POLLS} in {span(window)} decide", 60, POLLS))
    if backlog.in_flight[first:].any() or (depth[:first] > visible).any():
        return
    more = visible - int(depth[first])
    if more < least or int(np.diff(depth[first:]).min()) < -max(FLICKER, visible // 100):
        return
    if more - known(backlog.redriven(first)) < least:
        return
    yield Problem(
        summary=f"nobody receives from queue {shown(queue.name)}: {count(visible, 'message')} waiting, {more:,} more than "
        f"{span(float(at[-1] - at[first]))} ago, and none in flight in {at.size - first} polls",
        evidence=(Seen("visible", visible, "messages"), Seen("in_flight", in_flight, "messages")),
        fix=Fix(
            "Start its consumers, and see that they name this queue and may receive from it; if a Lambda function reads "
            "it, see that the mapping is enabled.",
            aws(f"lambda list-event-source-mappings --event-source-arn {shell(queue.arn)}", queue.arn),
        ),
    )
    if users.others is not None:
        known(users.others)
