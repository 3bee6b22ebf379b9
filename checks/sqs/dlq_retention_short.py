from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLetterQueue, QueueSettings, known
from checks.wording import aws, shell, shown, span

LONGEST = 14 * 86400


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def dlq_retention_short(queue: QueueSettings, dead: DeadLetterQueue | None) -> Iterator[Problem]:
    """A dead-letter queue keeps messages no longer than the queue they come from.

    Why: on a standard queue the move keeps the time of the first send, so a message that spent its days in the source
        is deleted from the dead-letter queue soon after it arrives, unread.
    How: MessageRetentionPeriod of the queue and of the target of its RedrivePolicy.
    Limits: none.
    Silent when: the queues are FIFO: there the move starts the retention anew. The dead-letter queue belongs to
        somebody else and can't be read: a Gap. It does not exist (dlq-target-missing speaks of it).
    Source: Amazon SQS developer guide, "Using dead-letter queues": set the retention of a dead-letter queue longer
        than that of its source.
    """
    if dead is None or dead.queue is None or queue.fifo:
        return
    source, target = known(queue.retention), known(dead.queue.retention)
    if target > source:
        return
    possible = source < LONGEST
    yield Problem(
        summary=f"dead-letter queue {shown(dead.queue.name)} keeps messages {span(target)}, its source "
        f"{shown(queue.name)} {span(source)}",
        evidence=(
            Seen("retention", source, "s"),
            Seen("retention", target, "s", ("queues", dead.queue.name)),
        ),
        fix=Fix(
            "Let the dead-letter queue keep messages for 14 days, the longest there is."
            if possible
            else "Both keep messages for 14 days, the longest there is: shorten the source's retention to what its "
            "consumers really need. SQS deletes at once what is older than that.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(dead.queue.url)} "
                f"--attributes MessageRetentionPeriod={LONGEST}",
                dead.queue.arn,
                dead.queue.endpoint,
            )
            if possible
            else "",
        ),
    )
