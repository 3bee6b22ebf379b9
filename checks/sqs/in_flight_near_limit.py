from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Queue, known
from checks.wording import aws, shell, shown


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(5), clear={"share": 0.9})
def in_flight_near_limit(queue: Queue, *, quota: int = 120_000, share: float = 0.8) -> Iterator[Problem]:
    """So many messages of a queue are in flight that soon no more can be received.

    Why: at the quota a standard queue answers OverLimit, or nothing to a long poll, and a FIFO queue gives no messages
        and no error: consumers look idle while messages wait.
    How: ApproximateNumberOfMessagesNotVisible against `share` of `quota`.
    Limits: `share` of `quota`, 0.8 of 120,000 by default, clears below 0.9 of that; set `quota` where AWS has raised
        yours. Told after 5 minutes.
    Silent when: many messages wait, but few are in flight; the quota was raised and declared.
    Source: Amazon SQS developer guide, "Quotas": 120,000 messages in flight, standard and FIFO queues alike.
    """
    in_flight = known(queue.in_flight)
    if in_flight < share * quota:
        return
    full = in_flight >= quota
    yield Problem(
        summary=f"queue {shown(queue.name)} has {in_flight:,} messages in flight, {in_flight / quota:.0%} of its "
        f"{quota:,}" + ("; consumers get no more" if full else ""),
        evidence=(Seen("in_flight", in_flight, "messages"),),
        fix=Fix(
            "See that consumers delete what they have finished, and that the visibility time-out is not much longer than "
            "the work takes; then ask AWS for a higher quota.",
            aws(
                "sqs get-queue-attributes --attribute-names VisibilityTimeout ApproximateNumberOfMessagesNotVisible "
                f"--queue-url {shell(queue.url)}",
                queue.arn,
                queue.endpoint,
            ),
        ),
        severity=Severity.CRITICAL if full else None,
    )
