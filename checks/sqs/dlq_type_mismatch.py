import json
from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, known
from checks.wording import aws, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def dlq_type_mismatch(queue: QueueSettings) -> Iterator[Problem]:
    """A FIFO queue redrives to a standard queue, or the reverse.

    Why: the two must be of one kind, else SQS can't move the message: what fails stays in the queue.
    How: the name of the RedrivePolicy's target ends in .fifo, and the queue's own does not, or the reverse.
    Limits: none.
    Silent when: both are FIFO, or both are standard; the target may be in another account, since its name tells its kind.
    Source: Amazon SQS developer guide, "Using dead-letter queues": the dead-letter queue of a FIFO queue must also be
        a FIFO queue, that of a standard queue a standard queue.
    """
    redrive = known(queue.redrive)
    if redrive is None:
        return
    name = redrive.dead_letter_arn.rpartition(":")[2]
    if name.endswith(".fifo") == queue.fifo:
        return
    mine, other = ("FIFO", "standard") if queue.fifo else ("standard", "FIFO")
    right = f"{name}.fifo" if queue.fifo else name.removesuffix(".fifo")
    arn = f"{redrive.dead_letter_arn.removesuffix(name)}{right}"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(redrive.max_receive_count)})
    kept = {"MessageRetentionPeriod": "1209600"} | ({"FifoQueue": "true"} if queue.fifo else {})
    create = f"sqs create-queue --queue-name {shell(right)} --attributes {shell(json.dumps(kept))}"
    point = (
        f"sqs set-queue-attributes --queue-url {shell(queue.url)} "
        f"--attributes {shell(json.dumps({'RedrivePolicy': policy}))}"
    )
    yield Problem(
        summary=f"{mine} queue {shown(queue.name)} redrives to {shown(name)}, a {other} queue",
        evidence=(Seen("redrive.dead_letter_arn", redrive.dead_letter_arn),),
        fix=Fix(
            f"Create a {mine} queue, {shown(right)}, and redrive to it.",
            f"{aws(create, arn, queue.endpoint)} && {aws(point, queue.arn, queue.endpoint)}",
        ),
    )
