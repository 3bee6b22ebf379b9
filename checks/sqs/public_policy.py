import json
from collections.abc import Iterator, Sequence

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import QueueSettings, Unknown, Why, known
from checks.policy import Condition, Statement, policy_with, statements
from checks.wording import aws, listed, shell, shown

WHO = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
}
"""Keys that say who, or from where."""

ANYBODY_CAN = {
    "aws:currenttime",
    "aws:epochtime",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:tokenissuetime",
    "aws:useragent",
}
"""Keys that anybody can meet: they narrow nothing."""

SERVICE = {"aws:principalisawsservice", "aws:viaawsservice"}
"""In a Deny they only spare AWS's own services."""

POSITIVE = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
NEGATIVE = {
    "stringnotequals",
    "stringnotequalsignorecase",
    "stringnotlike",
    "arnnotequals",
    "arnnotlike",
    "notipaddress",
}
EVERYTHING = {"*", "0.0.0.0/0", "::/0", "arn:*", "arn:aws:*", "arn:*:*:*:*:*", "arn:aws:*:*:*:*"}

ACTIONS = ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:SetQueueAttributes")
"""What hurts, if anybody may do it."""


@check(kind=Kind.CONFIGURATION, severity=Severity.CRITICAL)
def public_policy(queue: QueueSettings) -> Iterator[Problem]:
    """Anybody in the world may use a queue.

    Why: whoever learns its address can send messages that your consumers take for their own, or read and delete yours.
    How: a statement of the queue's policy allows a wildcard principal ("*", or all but some) to send, receive, delete,
        purge or change the queue, and no condition says who or from where.
    Limits: none.
    Silent when: the statement denies; a condition narrows it (aws:SourceArn, aws:PrincipalOrgID, aws:SourceVpce, ...);
        another statement denies everyone outside. A condition on the time, on TLS or on the user agent narrows nothing,
        nor does one with IfExists or a value of "*". A policy that can't be read, or a condition on a key that is not
        known here: a Gap.
    Source: Amazon SQS developer guide, "Security best practices": make sure that queues aren't publicly accessible.
    """
    text = known(queue.policy)
    told = known(statements(text))
    unsure: Unknown | None = None
    for statement in told:
        hurts = [action for action in ACTIONS if statement.covers(action)]
        if not (statement.allow and statement.everyone and hurts and statement.about(queue.arn)):
            continue
        narrow = _narrows(statement.conditions)
        if narrow is True or _shut_out(told, hurts, queue.arn):
            continue
        if isinstance(narrow, Unknown):
            unsure = narrow
            continue
        yield _problem(queue, text, told, statement)
    if unsure is not None:
        known(unsure)


def _narrows(conditions: Sequence[Condition]) -> bool | Unknown:
    """Whether what is allowed to everyone is allowed to some only: all conditions must hold, so that one suffices."""
    strange = ""
    for operator, key, values in conditions:
        # "IfExists", "ForAllValues:" hold where the key is missing, as it is for a stranger.
        plain = operator.removeprefix("foranyvalue:")
        if key == "aws:sourceip":
            plain = plain.removesuffix("ifexists")
        if key in WHO:
            if plain in POSITIVE and not EVERYTHING.intersection(values):
                return True
        elif key not in ANYBODY_CAN:
            strange = key
    return (
        Unknown(Why.UNSUPPORTED, f"whether a condition on {strange} narrows its policy is not known")
        if strange
        else False
    )


def _shut_out(told: Sequence[Statement], actions: Sequence[str], arn: str) -> bool:
    """Whether other statements deny each of the actions to everyone outside."""
    outside = [s for s in told if not s.allow and s.everyone and s.about(arn) and _but_some(s.conditions)]
    return all(any(statement.covers(action) for statement in outside) for action in actions)


def _but_some(conditions: Sequence[Condition]) -> bool:
    """Whether a Deny under these conditions hits all but some."""
    return all(
        (key in WHO and operator.removesuffix("ifexists") in NEGATIVE and not EVERYTHING.intersection(values))
        or key in SERVICE
        for operator, key, values in conditions
    )


def _problem(queue: QueueSettings, text: str | None, told: Sequence[Statement], statement: Statement) -> Problem:
    owner = queue.arn.split(":")[4]
    partition = queue.arn.split(":")[1]
    mended = {key: value for key, value in statement.body.items() if key not in ("NotPrincipal", "Principal")}
    mended["Principal"] = {"AWS": f"arn:{partition}:iam::{owner}:root"}
    policy = policy_with(text, [mended if one is statement else one.body for one in told])
    key, principal = statement.principal
    return Problem(
        summary=f"anybody may use queue {shown(queue.name)}: {shown(statement.label)} of its policy allows "
        f"{listed(statement.actions)} to {'everyone' if key == 'Principal' else f'all but {shown(principal)}'}",
        evidence=(Seen(f"policy.Statement[{statement.place}].{key}", principal),),
        fix=Fix(
            "Name who may. If only your own account uses the queue, this command says so; if a topic of SNS or a bucket "
            "sends to it, allow that service instead, with aws:SourceArn as a condition. The command writes the "
            "whole policy.",
            aws(
                f"sqs set-queue-attributes --queue-url {shell(queue.url)} "
                f"--attributes {shell(json.dumps({'Policy': policy}))}",
                queue.arn,
                queue.endpoint,
            ),
        ),
        key=f"statement {statement.body.get('Sid') or statement.place}",
    )
