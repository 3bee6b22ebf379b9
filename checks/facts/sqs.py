"""What can be known of the queues of one account and region in one cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter

from checks.facts.address import Address
from checks.facts.unknown import Absence, Listing, Unknown, Why

ABSENT_ATTRIBUTE = Unknown(Why.UNSUPPORTED, "the server does not tell this attribute")


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    region: str


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    dead_letter_arn: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What somebody set about one queue, typed: what checks of a configuration ask for. The same object while it is the same."""

    name: str
    url: str
    arn: str
    fifo: bool
    retention: float | Unknown
    """MessageRetentionPeriod, seconds."""
    visibility_timeout: float | Unknown
    """Seconds."""
    receive_wait: float | Unknown
    """ReceiveMessageWaitTimeSeconds."""
    delay: float | Unknown
    """DelaySeconds."""
    max_bytes: int | Unknown
    created: float | Unknown
    modified: float | Unknown
    redrive: RedrivePolicy | Unknown | None
    """Where messages go that were received too often; None: nowhere."""
    redrive_allow: str | Unknown | None
    """RedriveAllowPolicy, JSON as AWS writes it; None: not set (any queue of the account may use it)."""
    sse_sqs: bool | Unknown
    """SqsManagedSseEnabled."""
    kms_key: str | Unknown | None
    policy: str | Unknown | None
    """The access policy, JSON as AWS writes it."""
    deduplication_scope: str | None
    throughput_limit: str | None
    tags: Mapping[str, str] | Unknown
    endpoint: str = field(default="", kw_only=True)
    """Where SQS was asked, if not at AWS's own address: a URL without credentials, for commands."""


@dataclass(frozen=True, slots=True)
class Queue(QueueSettings):
    """The attributes of one queue. Counts are approximate: SQS says they lag by about a minute."""

    visible: int | Unknown
    """ApproximateNumberOfMessages."""
    in_flight: int | Unknown
    """ApproximateNumberOfMessagesNotVisible."""
    delayed: int | Unknown
    """ApproximateNumberOfMessagesDelayed."""
    at: float
    """When the attributes were read."""


SETTINGS = attrgetter(*(field.name for field in fields(QueueSettings)))
"""The settings of a queue, as a tuple that can be compared."""


@dataclass(frozen=True, slots=True)
class SqsSnapshot:
    """The queues of one account and region, one cycle. Always produced: what failed is Unknown where it failed."""

    target: str
    at: float
    account: Account | Unknown
    queues: Listing[Queue]
    """The queues that were chosen, by name."""
    others: Mapping[str, Queue | Unknown]
    """By ARN: redrive targets that were not chosen. Unknown where they may not be looked at (other accounts)."""
    sources: Mapping[str, tuple[str, ...] | Unknown]
    """Queue name to the names of the queues that redrive into it, as ListDeadLetterSourceQueues told.

    Asked only where the redrive policies of `queues` alone can't prove that there is none.
    """
    missing: Mapping[str, Absence] = field(default_factory=dict)
    """By ARN: redrive targets of this account and region that were asked for by name and are not there."""

    @property
    def address(self) -> Address:
        return Address("sqs", self.target)


def unseen_sqs(target: str, at: float, unknown: Unknown) -> SqsSnapshot:
    """The snapshot of an account and region of which nothing could be observed."""
    return SqsSnapshot(target, at, unknown, Listing({}, (unknown,)), {}, {})
