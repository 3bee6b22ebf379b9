"""The IAM actions that the collector of queues uses, declared once: gaps, `mqcanary doctor` and the documentation read them here."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class When(StrEnum):
    """Who needs a right."""

    ALWAYS = "always"
    TAGS = "with `tags:` or `read_tags:`"
    ROLE = "with `role_arn:`"


@dataclass(frozen=True, slots=True)
class Right:
    """One IAM action."""

    action: str
    everywhere: bool
    """It can't be limited to some queues: IAM knows no resource for it."""
    sections: tuple[str, ...]
    """Fields of the snapshot that are Unknown without it."""
    cost: str
    """What is not seen without it, in words."""
    when: When = When.ALWAYS

    def on(self, name: str = "*") -> str:
        """`sqs:GetQueueUrl on orders`."""
        return f"{self.action} on {name}"


LIST_QUEUES = Right("sqs:ListQueues", True, ("queues",), "no queue is found, but those that the configuration names")
GET_QUEUE_ATTRIBUTES = Right("sqs:GetQueueAttributes", False, ("queues", "account"), "nothing of those queues is seen")
GET_QUEUE_URL = Right(
    "sqs:GetQueueUrl",
    False,
    ("others",),
    "queues that are named, dead-letter queues that were not chosen, and whether a queue that is gone was deleted",
)
LIST_SOURCES = Right(
    "sqs:ListDeadLetterSourceQueues",
    False,
    ("sources",),
    "whether a queue is a dead-letter queue, where not all are seen",
)
GET_RESOURCES = Right(
    "tag:GetResources",
    True,
    ("queues",),
    "no queue is found by its tags; with `read_tags:` findings on queues are gaps, as one of these tags may ignore them",
    When.TAGS,
)
ASSUME_ROLE = Right("sts:AssumeRole", False, ("account", "queues"), "nothing of that account is seen", When.ROLE)

RIGHTS = (LIST_QUEUES, GET_QUEUE_ATTRIBUTES, GET_QUEUE_URL, LIST_SOURCES, GET_RESOURCES, ASSUME_ROLE)
FREE = ("sts:GetCallerIdentity",)
"""Actions that ask for no right."""


def arn(region: str, account: str, name: str = "*") -> str:
    """Of queues; `*` where region or account are not known."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:sqs:{region}:{account}:{name}"


def statements(rights: Iterable[Right], queues: Iterable[str]) -> list[dict[str, Any]]:
    """IAM statements that allow these actions; those that can be limited are, to the ARNs of `queues`."""
    rights = list(rights)
    made = []
    if everywhere := [right.action for right in rights if right.everywhere]:
        made.append({"Effect": "Allow", "Action": everywhere, "Resource": "*"})
    if limited := [right.action for right in rights if not right.everywhere]:
        made.append({"Effect": "Allow", "Action": limited, "Resource": sorted(queues)})
    return made


def policy(made: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(made)}


def whole_policy() -> dict[str, Any]:
    """What a look at all queues of an account needs; queues chosen by tag and other accounts need one action more."""
    rights = [right for right in RIGHTS if right.when is When.ALWAYS]
    return policy(statements(rights, [arn("*", "123456789012")]))
