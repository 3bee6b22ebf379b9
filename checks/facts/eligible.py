"""Who may lead a partition that has lost all its in-sync replicas."""

from collections.abc import Mapping

from checks.facts.target import in_snapshot
from checks.facts.unknown import Lazy, Unknown

Brokers = tuple[int, ...]


class Eligible(Lazy):
    """The eligible leader replicas (KIP-966) of topics with a partition that has neither a leader nor an in-sync replica."""

    def __init__(self, told: Mapping[str, tuple[Brokers, ...] | Unknown] | Unknown) -> None:
        self._told = told

    def of(self, topic: str) -> tuple[Brokers, ...] | Unknown:
        """Those of one topic, by partition: each has all records that were acknowledged by enough replicas."""
        self.asked += 1
        told = self._told
        return told if isinstance(told, Unknown) else in_snapshot(told, topic, "who may lead topic")
