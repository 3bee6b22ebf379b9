"""Transactions that have been open for long, topic by topic."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from checks.facts.offsets import NEVER, Floats, Ints, LogEnds, OpenTransactions
from checks.facts.unknown import Unknown


@dataclass(frozen=True, slots=True, eq=False)
class HeldBack:
    """The partitions of one topic on which an open transaction keeps records back, a row for each."""

    topic: str
    partition: Ints
    offset: Ints
    """Where the transaction begins: the last stable offset."""
    end: Ints
    """Log end offset."""
    until: Ints
    """Its first record is not younger, ms since the epoch; NEVER where that is not known."""
    producer: Ints
    owner: tuple[str, ...]
    started: Ints
    """When it began by its coordinator, ms since the epoch; NEVER where none tells."""
    at: float

    @property
    def age(self) -> Floats:
        """Seconds since the first record of each at least, by its timestamp, which is the producer's: it may be copied from an
        older record. NaN where it has none.
        """
        return np.where(self.until >= 0, np.maximum(0.0, self.at - self.until / 1000), np.nan)


def held_back(open_: OpenTransactions | Unknown, ends: LogEnds | Unknown) -> Mapping[str, HeldBack]:
    """By topic, only those with such a partition."""
    if isinstance(open_, Unknown) or isinstance(ends, Unknown):
        return {}
    end = np.append(ends.end, NEVER)[ends.rows_of(open_.topics, open_.topic, open_.partition)]
    found: dict[str, HeldBack] = {}
    for i, name in enumerate(open_.topics):
        rows = np.flatnonzero(open_.topic == i)
        found[name] = HeldBack(
            topic=name,
            partition=open_.partition[rows],
            offset=open_.offset[rows],
            end=end[rows],
            until=open_.until[rows],
            producer=open_.producer[rows],
            started=open_.started[rows],
            owner=tuple(open_.owner[row] for row in rows.tolist()),
            at=open_.at,
        )
    return found


_NONE: Ints = np.zeros(0, dtype=np.int64)
NOTHING_HELD = HeldBack("", _NONE, _NONE, _NONE, _NONE, _NONE, (), _NONE, 0.0)
"""Of a topic without one."""
