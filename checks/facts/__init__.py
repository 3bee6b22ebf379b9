"""What can be known. No I/O, no clock, no logging, no randomness: values only."""

from checks.facts.address import Address
from checks.facts.history import History, Snapshot
from checks.facts.kafka import (
    NEVER,
    Broker,
    BrokerConfig,
    Cluster,
    Committed,
    Group,
    KafkaSnapshot,
    LogEnds,
    Lookups,
    Member,
    Setting,
    Topic,
    TopicConfig,
    unseen_kafka,
)
from checks.facts.lag import Lag, Late, Progress
from checks.facts.queues import DeadLetterQueue, DeadLettersOf, Depth
from checks.facts.sqs import Account, Queue, RedrivePolicy, SqsSnapshot, unseen_sqs
from checks.facts.target import Facts, Now, TopicNames, absence, facts_of
from checks.facts.unknown import Absence, Listing, Unknown, Unobserved, Why, known

__all__ = [
    "NEVER",
    "Absence",
    "Account",
    "Address",
    "Broker",
    "BrokerConfig",
    "Cluster",
    "Committed",
    "DeadLetterQueue",
    "DeadLettersOf",
    "Depth",
    "Facts",
    "Group",
    "History",
    "KafkaSnapshot",
    "Lag",
    "Late",
    "Listing",
    "LogEnds",
    "Lookups",
    "Member",
    "Now",
    "Progress",
    "Queue",
    "RedrivePolicy",
    "Setting",
    "Snapshot",
    "SqsSnapshot",
    "Topic",
    "TopicConfig",
    "TopicNames",
    "Unknown",
    "Unobserved",
    "Why",
    "absence",
    "facts_of",
    "known",
    "unseen_kafka",
    "unseen_sqs",
]
