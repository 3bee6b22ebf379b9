"""The attributes of a queue, typed. What the server leaves out is Unknown, never a default."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from checks.facts import Queue, RedrivePolicy, Unknown, Why
from checks.facts.sqs import ABSENT_ATTRIBUTE

T = TypeVar("T")

_NO_TAGS = Unknown(Why.OFF, "tags were not asked for")


_AWS = re.compile(r"(sqs(-fips)?\.[a-z0-9-]+|([a-z0-9-]+\.)?queue)\.(amazonaws\.com(\.cn)?|api\.aws)")


def elsewhere(url: str) -> str:
    """An address of SQS as commands may show it, without credentials; empty where it is AWS's own, which they find."""
    parts = urlsplit(url)
    if _AWS.fullmatch(parts.hostname or ""):
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def typed(name: str, url: str, attributes: Mapping[str, str], at: float, endpoint: str = "") -> Queue:
    """The queue that GetQueueAttributes described at `at`; `endpoint` as `elsewhere` tells it.

    Raises:
        KeyError: there is no QueueArn.
        ValueError: a number is none.
    """

    def told(key: str, read: Callable[[str], T]) -> T | Unknown:
        return read(attributes[key]) if key in attributes else ABSENT_ATTRIBUTE

    return Queue(
        name=name,
        url=url,
        arn=attributes["QueueArn"],
        endpoint=endpoint,
        fifo=name.endswith(".fifo"),
        visible=told("ApproximateNumberOfMessages", int),
        in_flight=told("ApproximateNumberOfMessagesNotVisible", int),
        delayed=told("ApproximateNumberOfMessagesDelayed", int),
        retention=told("MessageRetentionPeriod", float),
        visibility_timeout=told("VisibilityTimeout", float),
        receive_wait=told("ReceiveMessageWaitTimeSeconds", float),
        delay=told("DelaySeconds", float),
        max_bytes=told("MaximumMessageSize", int),
        created=told("CreatedTimestamp", float),
        modified=told("LastModifiedTimestamp", float),
        redrive=_redrive(attributes.get("RedrivePolicy")),
        redrive_allow=attributes.get("RedriveAllowPolicy"),
        sse_sqs=told("SqsManagedSseEnabled", lambda text: text == "true"),
        kms_key=attributes.get("KmsMasterKeyId"),
        policy=attributes.get("Policy"),
        deduplication_scope=attributes.get("DeduplicationScope"),
        throughput_limit=attributes.get("FifoThroughputLimit"),
        tags=_NO_TAGS,
        at=at,
    )


def _redrive(text: str | None) -> RedrivePolicy | Unknown | None:
    if not text:
        return None
    try:
        policy = json.loads(text)
        arn, receives = policy["deadLetterTargetArn"], int(policy["maxReceiveCount"])
        whole = len(arn.split(":")) == 6
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        whole = False
    return (
        RedrivePolicy(arn, receives)
        if whole
        else Unknown(Why.UNSUPPORTED, f"its RedrivePolicy can't be read: {text[:80]!r}")
    )
