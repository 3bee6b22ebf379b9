from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLettersOf, QueueSettings, known
from checks.wording import aws, shell, shown

DEFAULT = 4 * 86400
LONGER = 7 * 86400
"""A week: still shorter than a dead-letter queue may keep messages."""


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def retention_default(queue: QueueSettings, users: DeadLettersOf) -> Iterator[Problem]:
    """A queue keeps messages for 4 days, the default: probably nobody has chosen that.

    Why: consumers that stop on the evening before a long weekend may lose messages before anybody is back.
    How: MessageRetentionPeriod is the default, 345,600 s. SQS does not tell whether somebody set it.
    Limits: none; where 4 days are meant, switch it off for that queue.
    Silent when: any other retention; the queue is the dead-letter queue of another (dlq-retention-short judges it).
    Source: Amazon SQS API reference, SetQueueAttributes: MessageRetentionPeriod, 4 days by default, 14 at most.
    """
    if known(queue.retention) != DEFAULT or users.queues:
        return
    if users.others is not None:
        known(users.others)
    yield Problem(
        summary=f"queue {shown(queue.name)} keeps messages 4 d, the default",
        evidence=(Seen("retention", queue.retention, "s"),),
        fix=Fix(
            "Choose how long consumers may be down; a longer retention costs nothing. Keep it shorter than that of the "
            "dead-letter queue. If 4 days are meant, switch this check off for the queue.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(queue.url)} --attributes MessageRetentionPeriod={LONGER}",
                queue.arn,
                queue.endpoint,
            ),
        ),
    )
