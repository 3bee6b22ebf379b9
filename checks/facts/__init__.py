"""What can be known. No I/O, no clock, no logging, no randomness: values only."""

from checks.facts.address import Address
from checks.facts.commits import Commits, Pace, Standing
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
from checks.facts.logs import Arrivals, Logs, Windows
from checks.facts.queues import Backlog, DeadLetterQueue, DeadLettersOf, Depth
from checks.facts.sqs import Account, Queue, RedrivePolicy, SqsSnapshot, unseen_sqs
from checks.facts.target import Facts, Now, TopicNames, absence, facts_of
from checks.facts.unknown import Absence, Lazy, Listing, Unknown, Unobserved, Why, known, young

__all__ = [
    "NEVER",
    "Absence",
    "Account",
    "Address",
    "Arrivals",
    "Backlog",
    "Broker",
    "BrokerConfig",
    "Cluster",
    "Commits",
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
    "Lazy",
    "Listing",
    "LogEnds",
    "Logs",
    "Lookups",
    "Member",
    "Now",
    "Pace",
    "Progress",
    "Queue",
    "RedrivePolicy",
    "Setting",
    "Snapshot",
    "SqsSnapshot",
    "Standing",
    "Topic",
    "TopicConfig",
    "TopicNames",
    "Unknown",
    "Unobserved",
    "Why",
    "Windows",
    "absence",
    "facts_of",
    "known",
    "unseen_kafka",
    "unseen_sqs",
    "young",
]
