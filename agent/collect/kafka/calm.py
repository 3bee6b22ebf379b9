"""Groups that stay as they are: those that have read everything, and commit nothing, are described less often."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from agent.collect.kafka.due import due
from agent.collect.kafka.groups import Listed
from checks.facts import Committed, Group, Unknown

EVERY = 150.0
"""Seconds after which one is described again, more or less. Its state is listed in each look."""
_SETTLED = {"Stable", "Empty"}


class _Known(NamedTuple):
    listed: Listed
    group: Group
    committed: Committed
    due: float
    calm: bool
    """It has read everything, and its offsets did not move since the look before."""


class Calm:
    """`clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._spared: dict[str, Group] = {}
        self._at = 0.0

    def spared(self, listed: Mapping[str, Listed]) -> dict[str, Group]:
        """Those that need no description now. One that is listed with another state, kind or coordinator does."""
        now, before = self._clock(), self._at
        if now < before:  # the clock was put back
            self._known.clear()
        self._at = now
        self._spared = {
            name: known.group
            for name, known in self._known.items()
            if known.calm and now < known.due and listed.get(name) == known.listed
        }
        return self._spared

    def keep(
        self,
        listed: Mapping[str, Listed],
        groups: Mapping[str, Group | Unknown],
        committed: Mapping[str, Committed | Unknown],
        read: Collection[str],
    ) -> None:
        """What a look has shown; `read`: which groups have read everything."""
        now, before, self._known = self._clock(), self._known, {}
        for name, one in listed.items():
            group, offsets, known = groups.get(name), committed.get(name), before.get(name)
            if isinstance(group, Group) and isinstance(offsets, Committed) and one.state in _SETTLED:
                again = known.due if known is not None and name in self._spared else due(now, EVERY)
                still = known is not None and known.committed is offsets and known.group == group
                self._known[name] = _Known(one, group, offsets, again, still and name in read)

    def forget(self) -> None:
        self._known.clear()
