"""What the checks of groups show of a partition that they speak of."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

import numpy as np

from checks.check import Seen
from checks.facts import Lag, Progress, Unknown
from checks.facts.lag import near, records, waits_of
from checks.facts.offsets import NEVER, Rows
from checks.wording import span


def surely(lag: Lag) -> Rows:
    """Rows that surely hold an unread record."""
    return np.flatnonzero(records(lag.committed, lag.lag))


def late(lag: Lag, age: timedelta, among: Rows, progress: Progress | Unknown) -> tuple[Rows, Unknown | None]:
    """Which of the rows `among` hold an unread record older than `age`, and why that is not known of some, if so.

    By look-ups by time, and by history: what came later than its timestamp says is not late, and where look-ups say nothing
    what was seen to be there for so long is.
    """
    asked = lag.older_than(age.total_seconds(), among)
    if isinstance(progress, Unknown):
        return asked.rows, asked.unknown
    rows = asked.rows[progress.bound[asked.rows] >= age.total_seconds()]
    if asked.unknown is None or lag.shared:
        return rows, asked.unknown
    there = progress.least[asked.open] >= age.total_seconds()  # of what is deleted nothing is open
    left = asked.open[~there & (progress.bound[asked.open] >= age.total_seconds())]
    found: Rows = np.sort(np.append(rows, asked.open[there]))
    return found, lag.why_open(left, age.total_seconds()) if left.size else None


def unread(lag: Lag, row: int, older: timedelta | None = None) -> Iterator[Seen]:
    """Where the group stands in a row of its Lag, where the log ends, and what was answered about its age."""
    topic, partition = lag.place(row)
    yield Seen(f"committed[{topic}/{partition}]", int(lag.committed[row]), "offset")
    yield Seen(f"end[{partition}]", int(lag.end[row]), "offset", ("topics", topic))
    if older is None:
        return
    told = ((age, int(offsets[row])) for age, offsets in sorted(lag.answers.items()) if age >= older.total_seconds())
    for age, first in islice((one for one in told if one[1] >= NEVER), 1):
        unit = f"offset of the first record younger than {age:.12g} s, -1: there is none"
        yield Seen(f"lookups[{partition}@{age:.12g}]", first, unit, ("topics", topic))


class Wait(NamedTuple):
    """How long the oldest unread record is there."""

    seconds: float
    exact: bool
    """To a second or a hundredth; otherwise it is more than so."""
    seen: tuple[Seen, ...]
    """Empty where not the record's own timestamp says so."""

    def __str__(self) -> str:
        return span(self.seconds) if self.exact else f"more than {span(self.seconds)}"


def oldest(lag: Lag, rows: Rows, age: timedelta, progress: Progress | Unknown) -> Wait:
    """Of these rows, each of which has a record that is older than `age`."""
    told, least = (column[rows] for column in waits_of(lag, progress))
    waits = np.fmax(np.where(np.isnan(told), least, told), age.total_seconds())
    first = int(waits.argmax())
    seconds = float(waits[first])
    return Wait(seconds, not np.isnan(told).any(), tuple(_by_time(lag, int(rows[first]), seconds)))


def _by_time(lag: Lag, row: int, seconds: float) -> Iterator[Seen]:
    """The time of a row's first unread record, where it is what makes the wait so many seconds long: exact, or the latest it can be."""
    least, most = (column[row] for column in lag.waited())
    if least <= seconds <= most:
        topic, partition = lag.place(row)
        offset, until = max(int(lag.committed[row]), int(lag.start[row])), int(lag.until[row]) / 1000
        known = near(np.array(least), np.array(most))
        unit = f"seconds since the epoch, of the first unread record{'' if known else ' at the latest'}"
        yield Seen(f"waits[{partition}@{offset}]", until, unit, ("topics", topic))
