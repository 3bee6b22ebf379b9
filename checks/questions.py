"""What the checks need to have asked at collection time, because no later look can tell it."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple

from checks.check import Check
from checks.facts import Address, Group
from checks.limits import Limits


class Asked(NamedTuple):
    """Is something unread that is older than this?"""

    ages: frozenset[float]
    """Seconds."""
    shares: frozenset[float]
    """Of the time for which its topic keeps a record."""


class Questions:
    """The checks' questions about groups and topics, with the limits in force for it.

    `clear`: also with the clear limits, where somebody keeps what fires; without an answer it would never end.
    """

    def __init__(self, checks: Sequence[Check], limits: Limits, *, clear: bool = False) -> None:
        self._limits = limits
        self._clear = clear
        self._checks = [check for check in checks if check.subject.kind is Group and (check.names or check.asks)]
        self._newest = [check for check in checks if check.newest is not None]

    def asked(self, address: Address) -> Asked:
        """How old are the records that the group has not read?"""
        ages: set[float] = set()
        shares: set[float] = set()
        for check in self._checks:
            ruling = self._limits.of(check, address)
            if ruling.off:
                continue
            for values in (ruling.values, ruling.clear)[: 1 + self._clear]:
                for name in check.asks:
                    value = values[name]
                    if isinstance(value, timedelta):
                        ages.add(value.total_seconds())
                    elif isinstance(value, float):
                        shares.add(value)
        return Asked(frozenset(ages), frozenset(shares))

    def topics(self, address: Address, group: Group) -> frozenset[str]:
        """Names of topics: does each exist?"""
        names: set[str] = set()
        for check in self._checks:
            ruling = self._limits.of(check, address)
            if check.names is not None and not ruling.off:
                names.update(check.names(group, **ruling.values))
        return frozenset(names)

    def newest(self, cluster: Address, topics: Collection[str]) -> frozenset[str]:
        """Of these topics those of which it is asked when their newest record was written."""
        wanted: set[str] = set()
        for check in self._newest:
            everywhere = self._limits.everywhere(check)
            for name in topics:
                ruling = everywhere or self._limits.of(check, cluster.under("topics", name))
                if (
                    name not in wanted
                    and not ruling.off
                    and check.newest is not None
                    and check.newest(name, **ruling.values)
                ):
                    wanted.add(name)
        return frozenset(wanted)
