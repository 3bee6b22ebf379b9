"""Which checks a missing right blinds: from the facts that they take to the sections of the snapshot that those rest on."""

from collections.abc import Iterable, Mapping

from checks.check import Check
from checks.facts import (
    Account,
    Arrivals,
    Attendance,
    Backlog,
    BrokerConfig,
    BrokerConfigs,
    Cluster,
    Commits,
    DeadLetterQueue,
    DeadLettersOf,
    DeadLetterTopics,
    Depth,
    Disks,
    Eligible,
    Features,
    Group,
    HeldBack,
    Lag,
    Moves,
    NewestRecords,
    Now,
    PartitionSizes,
    Placement,
    Platform,
    Progress,
    Queue,
    QueueSettings,
    Quorum,
    Quotas,
    Readers,
    Rewinds,
    Sample,
    Topic,
    TopicConfig,
    TopicConfigs,
    TopicLogs,
    Widths,
)

_LOGS = frozenset({"ends", "topics"})
_LAG = frozenset({"groups", "committed", "ends", "lookups"})

SECTIONS: Mapping[type, frozenset[str]] = {
    Now: frozenset(),
    Cluster: frozenset({"cluster"}),
    Topic: frozenset({"topics"}),
    DeadLetterTopics: frozenset({"topics", "groups"}),
    Widths: frozenset({"topics"}),
    TopicConfig: frozenset({"topic_configs"}),
    TopicConfigs: frozenset({"topic_configs"}),
    BrokerConfig: frozenset({"broker_configs"}),
    BrokerConfigs: frozenset({"broker_configs"}),
    Sample: frozenset({"samples"}),
    Disks: frozenset({"storage"}),
    PartitionSizes: frozenset({"storage", "topics"}),
    Placement: frozenset({"topics"}),
    Platform: frozenset({"cluster"}),
    HeldBack: frozenset({"ends", "lookups"}),
    Moves: frozenset({"reassignments"}),
    Quorum: frozenset({"quorum"}),
    Features: frozenset({"features"}),
    Quotas: frozenset(),  # it only adds to what is found anyway
    Eligible: frozenset({"eligible"}),
    Arrivals: _LOGS,
    TopicLogs: _LOGS,
    NewestRecords: frozenset({"newest"}),
    Readers: frozenset({"groups", "committed"}),
    Group: frozenset({"groups"}),
    Lag: _LAG,
    Progress: _LAG | _LOGS,
    Commits: _LAG | _LOGS,
    Rewinds: _LAG | _LOGS,
    Attendance: frozenset({"groups"}),
    Account: frozenset({"account"}),
    Queue: frozenset({"queues"}),
    QueueSettings: frozenset({"queues"}),
    DeadLettersOf: frozenset({"queues", "sources"}),
    DeadLetterQueue: frozenset({"queues", "others"}),
    Depth: frozenset({"queues"}),
    Backlog: frozenset({"queues"}),
}
"""Of each kind of fact, the fields of the snapshot that it may rest on."""


def blinded(sections: Iterable[str], checks: Iterable[Check]) -> tuple[str, ...]:
    """The ids of the checks that may become gaps where these sections are not seen."""
    lost = frozenset(sections)
    return tuple(check.id for check in checks if any(lost & SECTIONS.get(kind, frozenset()) for kind in check.facts))
