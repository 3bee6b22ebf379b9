import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLettersOf, QueueSettings, Unknown, Why, known
from checks.facts.queues import DEAD_LETTER_NAMES
from checks.wording import aws, shell, shown

LONGEST_NAME = 80
"""Characters of a queue's name, by SQS."""


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def dlq_missing(
    queue: QueueSettings, users: DeadLettersOf, *, patterns: tuple[str, ...] = DEAD_LETTER_NAMES
) -> Iterator[Problem]:
    """A queue has no dead-letter queue.

    Why: a message that can't be processed is received again and again until its retention ends, and is then deleted
        without a trace; meanwhile it takes the consumers' time.
    How: no RedrivePolicy, and no queue's redrive policy names it as its target.
    Limits: `patterns` of names that mean a dead-letter queue, in any case.
    Silent when: the queue is the dead-letter queue of another queue. Its name is one of a dead-letter queue: a Gap,
        because SNS, Lambda and EventBridge use such queues too and are not read yet.
    Source: Amazon SQS developer guide, "Using dead-letter queues"; article S236.
    """
    if known(queue.redrive) is not None or users.queues:
        return
    name = queue.name.removesuffix(".fifo").lower()
    if any(fnmatchcase(name, pattern.lower()) for pattern in patterns):
        known(
            Unknown(
                Why.OFF,
                "its name is that of a dead-letter queue; whether SNS, Lambda or EventBridge use it is not read",
            )
        )
    if users.others is not None:
        known(users.others)
    suffix = ".fifo" if queue.fifo else ""
    dead = f"{queue.name.removesuffix('.fifo')[: LONGEST_NAME - len('-dlq.fifo')]}-dlq{suffix}"
    arn = f"{queue.arn.removesuffix(queue.name)}{dead}"
    kept = {"MessageRetentionPeriod": "1209600"} | ({"FifoQueue": "true"} if queue.fifo else {})
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})}
    create = f"sqs create-queue --queue-name {shell(dead)} --attributes {shell(json.dumps(kept))}"
    point = f"sqs set-queue-attributes --queue-url {shell(queue.url)} --attributes {shell(json.dumps(policy))}"
    yield Problem(
        summary=f"queue {shown(queue.name)} has no dead-letter queue",
        evidence=(Seen("redrive", None, "RedrivePolicy"),),
        fix=Fix(
            f"Create {shown(dead)} with a retention of 14 days, and let {shown(queue.name)} redrive to "
            "it after 5 receives.",
            f"{aws(create, queue.arn, queue.endpoint)} && {aws(point, queue.arn, queue.endpoint)}",
        ),
    )
