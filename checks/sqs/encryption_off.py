from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, known
from checks.wording import aws, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING)
def encryption_off(queue: QueueSettings) -> Iterator[Problem]:
    """The messages of a queue are not encrypted where they are stored.

    Why: somebody switched it off: new queues have been encrypted by default since 2022, at no price.
    How: SqsManagedSseEnabled is false, in so many words, and there is no KmsMasterKeyId.
    Limits: none.
    Silent when: the queue has a KMS key (SqsManagedSseEnabled is false then too), or the default. A server that does
        not tell the attribute: a Gap.
    Source: Amazon SQS developer guide, "Encryption at rest": server-side encryption with SQS-owned keys (SSE-SQS).
    """
    if known(queue.sse_sqs) or known(queue.kms_key):
        return
    yield Problem(
        summary=f"queue {shown(queue.name)} stores its messages unencrypted",
        evidence=(Seen("sse_sqs", False, "SqsManagedSseEnabled"),),
        fix=Fix(
            "Switch on encryption with SQS's own keys: it costs nothing, and neither producers nor consumers notice.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(queue.url)} --attributes SqsManagedSseEnabled=true",
                queue.arn,
                queue.endpoint,
            ),
        ),
    )
