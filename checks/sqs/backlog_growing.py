import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Backlog, DeadLettersOf, Queue, known, young
from checks.facts.offsets import Ints
from checks.wording import aws, count, rate, shell, shown, span

PARTS = 3
"""Windows that must each be fuller than the one before."""

SURE = 3.0
"""Standard errors by which the mean step from poll to poll must be above zero."""


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(10), clear={"least": 0.5})
def backlog_growing(
    queue: Queue, users: DeadLettersOf, backlog: Backlog, *, window: timedelta = minutes(15), least: int = 20
) -> Iterator[Problem]:
    """More messages are sent to a queue than its consumers finish, and it goes on.

    Why: each message waits longer than the one before, and at the end of the retention the oldest are deleted unread.
    How: messages visible and in flight together, poll by poll. The queue grows if each third of `window` is fuller than
        the third before (medians), if there are `least` more than at its beginning, and if the mean step from poll to
        poll exceeds its noise (three standard errors).
    Limits: `window`, 15 minutes by default; `least` messages, 20 by default, clears below half of it. Told after 10
        minutes more. A nightly batch that fills the queue for longer than that is declared by `off` or longer limits.
    Silent when: a batch came at once and does not grow any more; the messages were only received or came back after a
        visibility time-out, or they are still delayed; they were redriven from the dead-letter queue; consumers come
        now and then, and the queue was as deep before in the history; the queue holds dead letters (dlq-not-empty
        speaks of them); few messages.
    Source: article S506, queue depth is the canary of SQS. SQS counts lag by up to a minute.
    """
    if users.queues:
        return
    waiting = known(queue.visible) + known(queue.in_flight)
    if waiting < least:
        return
    first = _first(backlog, window)
    depth = backlog.visible + backlog.in_flight
    more = waiting - int(depth[first])
    if more < least or (depth[:first] >= waiting).any() or not _grows(depth[first:]):
        return
    if more - known(backlog.redriven(first)) < least:
        return
    yield _problem(queue, backlog, first, more)
    if users.others is not None:
        known(users.others)


def _first(backlog: Backlog, window: timedelta) -> int:
    """The poll that the window begins with."""
    at, seconds = backlog.at, window.total_seconds()
    first = int(np.searchsorted(at, at[-1] - seconds, side="right")) - 1 if at.size else -1
    if first < 0 or at.size - first <= PARTS or at[-1] - at[first] > 2 * seconds:
        reach = span(float(at[-1] - at[0])) if at.size else "0 s"
        seen = f"{count(at.size, 'poll')} in {reach} of history; {PARTS + 1} in {span(window)} decide"
        known(young(seen, seconds, PARTS + 1))
    return first


def _grows(depth: Ints) -> bool:
    steps = np.diff(depth)
    if float(steps.mean()) <= SURE * float(steps.std(ddof=1)) / math.sqrt(steps.size):
        return False
    levels = [float(np.median(part)) for part in np.array_split(depth, PARTS)]
    return all(low < high for low, high in pairwise(levels))


def _problem(queue: Queue, backlog: Backlog, first: int, more: int) -> Problem:
    seconds = float(backlog.at[-1] - backlog.at[first])
    visible, in_flight = int(backlog.visible[-1]), int(backlog.in_flight[-1])
    nobody = not backlog.in_flight[first:].any()
    received = "nothing was in flight at any poll" if nobody else f"{in_flight:,} of them are in flight"
    return Problem(
        summary=f"queue {shown(queue.name)} grows: {count(visible + in_flight, 'message')} not finished, {more:,} more "
        f"than {span(seconds)} ago ({rate(60 * more / seconds)} a minute); {received}",
        evidence=(Seen("visible", visible, "messages"), Seen("in_flight", in_flight, "messages")),
        fix=Fix(
            "Nobody seems to receive: start its consumers; if a Lambda function reads it, see that the mapping is enabled.",
            aws(f"lambda list-event-source-mappings --event-source-arn {shell(queue.arn)}", queue.arn),
        )
        if nobody
        else Fix(
            "See what slows its consumers (a call they wait for, errors that make messages come back), or run more of "
            "them; each may take ten messages at once.",
            aws(
                "sqs get-queue-attributes --attribute-names ApproximateNumberOfMessages "
                "ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesDelayed "
                f"--queue-url {shell(queue.url)}",
                queue.arn,
                queue.endpoint,
            ),
        ),
    )
