from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, known
from checks.wording import shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def dlq_breaks_order(queue: QueueSettings) -> Iterator[Problem]:
    """A FIFO queue has a dead-letter queue, so a message that fails is overtaken by those behind it.

    Why: after the last receive the message is moved away, and the next of its group is delivered: with "create" in the
        dead-letter queue, "update" goes ahead. Moved back, it comes after them.
    How: a RedrivePolicy on a FIFO queue.
    Limits: none; where messages of a group don't depend on each other, switch it off for that queue.
    Silent when: the queue is a standard queue, which promises no order; a FIFO queue without a dead-letter queue.
    Source: Amazon SQS developer guide, "Using dead-letter queues": don't use one with a FIFO queue, if you don't want
        to break the exact order of messages or operations.
    """
    if not queue.fifo:
        return
    redrive = known(queue.redrive)
    if redrive is None:
        return
    name = redrive.dead_letter_arn.rpartition(":")[2]
    yield Problem(
        summary=f"FIFO queue {shown(queue.name)} gives up order: after {redrive.max_receive_count} receives "
        f"a message goes to {shown(name)}, and those behind it go on",
        evidence=(Seen("redrive.max_receive_count", redrive.max_receive_count, "receives"),),
        fix=Fix(
            "Decide what matters more. If the order does: let the consumer stop the group at a message that fails, and "
            "alert on it. If not: keep the dead-letter queue, and switch this check off for the queue.",
        ),
    )
