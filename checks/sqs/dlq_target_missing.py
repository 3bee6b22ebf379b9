from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLetterQueue, QueueSettings, RedrivePolicy, known
from checks.wording import aws, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def dlq_target_missing(queue: QueueSettings, dead: DeadLetterQueue | None) -> Iterator[Problem]:
    """A queue's redrive policy points at a queue that does not exist.

    Why: SQS can't move a message that failed too often: it stays in the queue, is received again and again, and is
        deleted when its retention ends. The queue looks as if it had a dead-letter queue.
    How: the target of the RedrivePolicy was asked for by name, and SQS answered that there is no such queue.
    Limits: none.
    Silent when: the dead-letter queue is there. It belongs to another account or region, or may not be looked at: a
        Gap, since nothing proves that it is missing.
    Source: Amazon SQS developer guide, "Using dead-letter queues": the target must exist, and SQS does not watch over it.
    """
    if dead is None or dead.queue is not None:
        return
    redrive = known(queue.redrive)
    if not isinstance(redrive, RedrivePolicy):
        return
    name = redrive.dead_letter_arn.rpartition(":")[2]
    fifo = ',"FifoQueue":"true"' if name.endswith(".fifo") else ""
    attributes = f'{{"MessageRetentionPeriod":"1209600"{fifo}}}'
    yield Problem(
        summary=f"queue {shown(queue.name)} redrives to {shown(name)}, which does not exist",
        evidence=(Seen("redrive.dead_letter_arn", redrive.dead_letter_arn),),
        fix=Fix(
            f"Create {shown(name)} anew, with a retention of 14 days, or point the redrive policy at a queue that exists.",
            aws(
                f"sqs create-queue --queue-name {shell(name)} --attributes {shell(attributes)}",
                redrive.dead_letter_arn,
                queue.endpoint,
            ),
        ),
    )
