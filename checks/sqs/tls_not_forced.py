import json
from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, known
from checks.policy import Statement, policy_with, statements
from checks.wording import aws, shell, shown

ACTIONS = ("sqs:SendMessage", "sqs:ReceiveMessage")
"""Those that carry messages."""


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True)
def tls_not_forced(queue: QueueSettings) -> Iterator[Problem]:
    """A queue's policy does not refuse requests without TLS.

    Why: SDKs use TLS by themselves, but a client with an http:// endpoint sends messages in the clear, and nothing
        stops it.
    How: no statement of the queue's policy denies everyone to send and to receive where aws:SecureTransport is false.
    Limits: none.
    Silent when: the policy has that statement, for the two actions or for all. A policy that can't be read: a Gap.
    Source: Amazon SQS developer guide, "Security best practices": enforce encryption of data in transit.
    """
    text = known(queue.policy)
    told = known(statements(text))
    refuse = [statement for statement in told if _refuses(statement, queue.arn)]
    if all(any(statement.covers(action) for statement in refuse) for action in ACTIONS):
        return
    deny = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = policy_with(text, [*(statement.body for statement in told), deny])
    yield Problem(
        summary=f"queue {shown(queue.name)} accepts requests without TLS",
        evidence=(Seen("policy", text),),
        fix=Fix(
            "Add a statement to its policy that denies everyone what does not come over TLS. The command "
            "writes the whole policy: audit again first, if it has changed since.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(queue.url)} "
                f"--attributes {shell(json.dumps({'Policy': policy}))}",
                queue.arn,
                queue.endpoint,
            ),
        ),
    )


def _refuses(statement: Statement, arn: str) -> bool:
    if statement.allow or not statement.everyone or not statement.about(arn) or len(statement.conditions) != 1:
        return False
    ((operator, key, values),) = statement.conditions
    # The key is in every request, so that ...IfExists changes nothing.
    plain = operator.removesuffix("ifexists") in ("bool", "stringequals", "stringequalsignorecase")
    return plain and key == "aws:securetransport" and tuple(value.lower() for value in values) == ("false",)
