import json
from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, known
from checks.wording import aws, count, shell, shown

ENOUGH = 5


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def max_receive_count_low(queue: QueueSettings, *, least: int = 2) -> Iterator[Problem]:
    """A message goes to the dead-letter queue after its first failure.

    Why: one restart, one time-out of a database, one receive whose answer got lost, and a sound message becomes a dead
        letter: somebody has to move it back by hand.
    How: maxReceiveCount of the RedrivePolicy below `least`.
    Limits: `least` receives, 2 by default. Where a task must not be tried twice, 1 is right: set `least` to 1 there.
    Silent when: there is no redrive policy (dlq-missing speaks of it), or messages are tried again.
    Source: Amazon SQS developer guide, "Using dead-letter queues": with a low value, such as 1, any failure to receive
        a message moves it to the dead-letter queue.
    """
    redrive = known(queue.redrive)
    if redrive is None or redrive.max_receive_count >= least:
        return
    policy = json.dumps({"deadLetterTargetArn": redrive.dead_letter_arn, "maxReceiveCount": str(max(ENOUGH, least))})
    yield Problem(
        summary=f"queue {shown(queue.name)} gives a message up after {count(redrive.max_receive_count, 'receive')}",
        evidence=(Seen("redrive.max_receive_count", redrive.max_receive_count, "receives"),),
        fix=Fix(
            f"Let it be received {max(ENOUGH, least)} times, if its consumer may do the same message twice.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(queue.url)} "
                f"--attributes {shell(json.dumps({'RedrivePolicy': policy}))}",
                queue.arn,
                queue.endpoint,
            ),
        ),
    )
