from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, Size, check
from checks.facts import DeadLettersOf, Depth, Queue, Unknown, Why, known
from checks.facts.queues import DEAD_LETTER_NAMES
from checks.wording import aws, count, listed, shell, shown, span

SETTLED = 300.0
"""Seconds after which a count that has fallen is believed to have fallen."""


@check(kind=Kind.CONDITION, severity=Severity.WARNING, polls=2)
def dlq_not_empty(
    queue: Queue, users: DeadLettersOf, depth: Depth, *, allowed: int = 0, patterns: tuple[str, ...] = DEAD_LETTER_NAMES
) -> Iterator[Problem]:
    """Messages lie in a dead-letter queue.

    Why: each is work that was given up after its last receive, and it is deleted when the retention ends: on a
        standard queue that counts from when it was first sent.
    How: ApproximateNumberOfMessages above `allowed` in two polls in a row.
    Limits: `allowed` messages, 0 by default. Messages that arrive later are told again.
    Silent when: only one poll shows it: SQS reports one or two messages on an empty queue for a moment. A queue that
        only its name makes a dead-letter queue is a Gap.
    Source: Amazon SQS developer guide, ApproximateNumberOfMessages is eventually consistent.
    """
    visible = known(queue.visible)
    if visible <= allowed:
        return
    if not users.queues:
        name = queue.name.removesuffix(".fifo").lower()
        if users.others is not None:
            known(users.others)
        if any(fnmatchcase(name, pattern.lower()) for pattern in patterns):
            known(Unknown(Why.OFF, "its name is that of a dead-letter queue, but no queue redrives into it"))
        return
    if len(depth.visible) < 2:
        close = "another poll: --samples 2 --every 30s"
        known(Unknown(Why.YOUNG, f"{count(visible, 'message')} in one poll; a second one decides", close))
    if depth.visible[-2] <= allowed:
        return
    more = visible - depth.visible[0]
    growth = f"; {more:,} of them in the last {span(float(depth.at[-1] - depth.at[0]))}" if more > 0 else ""
    yield Problem(
        summary=f"{count(visible, 'message')} in dead-letter queue {shown(queue.name)} (of {listed(users.queues)}){growth}",
        evidence=(Seen("visible", visible, "messages"),),
        fix=Fix(
            "Find out why they failed (read a copy, not by hand in the console: a receive counts), mend the consumer, "
            "then move them back to their source.",
            aws(f"sqs start-message-move-task --source-arn {shell(queue.arn)}", queue.arn, queue.endpoint),
        ),
        size=Size(
            least=min(visible, int(depth.visible[-2])),
            most=int(depth.visible[np.searchsorted(depth.at, depth.at[-1] - SETTLED) :].max()),
        ),
    )
