"""What the checks of groups show of a partition that they speak of."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Seen
from checks.facts import Lag
from checks.facts.kafka import Rows


def surely(lag: Lag) -> Rows:
    """Rows that surely hold an unread record.

    Behind a transaction its marker stays as the last offset; only a log's very first offset is surely a record.
    """
    return np.flatnonzero((lag.lag > 1) | ((lag.lag == 1) & (lag.committed == 0)))


def unread(lag: Lag, row: int, older: timedelta | None = None) -> Iterator[Seen]:
    """Where the group stands in a row of its Lag, where the log ends, and what was answered about its age."""
    topic, partition = lag.place(row)
    yield Seen(f"committed[{topic}/{partition}]", int(lag.committed[row]), "offset")
    yield Seen(f"end[{partition}]", int(lag.end[row]), "offset", ("topics", topic))
    if older is None:
        return
    for age in sorted(a for a in lag.answers if a >= older.total_seconds())[:1]:
        first = int(lag.answers[age][row])
        unit = f"offset of the first record younger than {age:.12g} s, -1: there is none"
        yield Seen(f"lookups[{partition}@{age:.12g}]", first, unit, ("topics", topic))
