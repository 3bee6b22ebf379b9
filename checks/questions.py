"""What the checks need to have asked at collection time, because no later look can tell it."""

from collections.abc import Sequence
from datetime import timedelta

from checks.check import Check
from checks.facts import Address, Group
from checks.limits import Limits


class Questions:
    """The checks' questions about one group, with the limits in force for it.

    `clear`: also with the clear limits, where somebody keeps what fires; without an answer it would never end.
    """

    def __init__(self, checks: Sequence[Check], limits: Limits, *, clear: bool = False) -> None:
        self._limits = limits
        self._clear = clear
        self._checks = [check for check in checks if check.subject.kind is Group and (check.names or _has_age(check))]

    def ages(self, address: Address) -> frozenset[float]:
        """Ages in seconds: does the group hold an unread record that is older?"""
        ages: set[float] = set()
        for check in self._checks:
            ruling = self._limits.of(check, address)
            if ruling.off:
                continue
            for values in (ruling.values, ruling.clear)[: 1 + self._clear]:
                asked = (values[spec.name] for spec in check.limits.values() if spec.age)
                ages.update(value.total_seconds() for value in asked if isinstance(value, timedelta))
        return frozenset(ages)

    def topics(self, address: Address, group: Group) -> frozenset[str]:
        """Names of topics: does each exist?"""
        names: set[str] = set()
        for check in self._checks:
            ruling = self._limits.of(check, address)
            if check.names is not None and not ruling.off:
                names.update(check.names(group, **ruling.values))
        return frozenset(names)


def _has_age(check: Check) -> bool:
    return any(spec.age for spec in check.limits.values())
