"""What can be known. No I/O, no clock, no logging, no randomness: values only."""

from checks.facts.address import Address
from checks.facts.attendance import Attendance, Away
from checks.facts.commits import Before, Commits, Pace, Standing
from checks.facts.derived import facts_of
from checks.facts.eligible import Eligible
from checks.facts.features import Features
from checks.facts.history import History, Snapshot
from checks.facts.kafka import (
    NOT_SAMPLED,
    Broker,
    BrokerConfig,
    Cluster,
    Group,
    KafkaSnapshot,
    LogDir,
    Member,
    Quorum,
    Reassignment,
    Sample,
    Setting,
    Storage,
    Topic,
    TopicConfig,
    Voter,
    unseen_kafka,
)
from checks.facts.lag import Lag, Late, Progress
from checks.facts.letters import DeadLetterTopics, Letters
from checks.facts.logs import Arrivals, Extent, Logs, TopicLogs, Windows
from checks.facts.newest import NewestRecords, Written
from checks.facts.offsets import NEVER, Committed, LogEnds, Lookups, Newest, OpenTransactions, Waits
from checks.facts.placement import Placement
from checks.facts.platform import Platform
from checks.facts.queues import Backlog, DeadLetterQueue, DeadLettersOf, Depth
from checks.facts.quotas import Quotas
from checks.facts.readers import Readers
from checks.facts.rewinds import Rewind, Rewinds
from checks.facts.settings import BrokerConfigs, TopicConfigs, Widths
from checks.facts.sqs import Account, Queue, QueueSettings, RedrivePolicy, SqsSnapshot, unseen_sqs
from checks.facts.storage import Disk, Disks, Moves, PartitionSizes
from checks.facts.target import Facts, Now, absence
from checks.facts.transactions import HeldBack
from checks.facts.unknown import Absence, Lazy, Listing, Unknown, Unobserved, Why, known, young

__all__ = [
    "NEVER",
    "NOT_SAMPLED",
    "Absence",
    "Account",
    "Address",
    "Arrivals",
    "Attendance",
    "Away",
    "Backlog",
    "Before",
    "Broker",
    "BrokerConfig",
    "BrokerConfigs",
    "Cluster",
    "Commits",
    "Committed",
    "DeadLetterQueue",
    "DeadLetterTopics",
    "DeadLettersOf",
    "Depth",
    "Disk",
    "Disks",
    "Eligible",
    "Extent",
    "Facts",
    "Features",
    "Group",
    "HeldBack",
    "History",
    "KafkaSnapshot",
    "Lag",
    "Late",
    "Lazy",
    "Letters",
    "Listing",
    "LogDir",
    "LogEnds",
    "Logs",
    "Lookups",
    "Member",
    "Moves",
    "Newest",
    "NewestRecords",
    "Now",
    "OpenTransactions",
    "Pace",
    "PartitionSizes",
    "Placement",
    "Platform",
    "Progress",
    "Queue",
    "QueueSettings",
    "Quorum",
    "Quotas",
    "Readers",
    "Reassignment",
    "RedrivePolicy",
    "Rewind",
    "Rewinds",
    "Sample",
    "Setting",
    "Snapshot",
    "SqsSnapshot",
    "Standing",
    "Storage",
    "Topic",
    "TopicConfig",
    "TopicConfigs",
    "TopicLogs",
    "Unknown",
    "Unobserved",
    "Voter",
    "Waits",
    "Why",
    "Widths",
    "Windows",
    "Written",
    "absence",
    "facts_of",
    "known",
    "unseen_kafka",
    "unseen_sqs",
    "young",
]
