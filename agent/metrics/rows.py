"""The partitions of one group in columns, as they are and, where that can't be seen, as they last were."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.metrics.held import Span
from checks.facts import NEVER, Arrivals, Facts, KafkaSnapshot, Lag, Progress, Unknown
from checks.facts.lag import waits_of
from checks.facts.offsets import Ints, Rows

Floats = npt.NDArray[np.float64]


class Presence(NamedTuple):
    """Which topics are there."""

    snapshot: KafkaSnapshot
    anew: AbstractSet[str]
    """Known to have been created anew since the former look."""

    def there(self, topic: str) -> bool:
        """Whether it may be there: what is gone is not unknown."""
        topics, ends = self.snapshot.topics, self.snapshot.ends
        if topic in topics.absent:
            return False
        return topic in topics.items or isinstance(ends, Unknown) or topic in ends.rows

    def same(self, topic: str) -> bool:
        """Whether what was true of it at the former look may be true still."""
        return topic not in self.anew and self.there(topic)


class Places(NamedTuple):
    """A row for each partition of a group's Lag."""

    topics: tuple[str, ...]
    topic: Ints
    """Index into `topics`."""
    partition: Ints
    committed: Ints
    lag: Ints
    waits: Floats
    """Seconds that its oldest unread record has been waiting: 0 where all is read, NaN where not known."""
    proven: Floats
    """Seconds that it waits at least; NaN where nothing is proven."""
    seen: Floats | None = None
    """None: all of this look. Else when each row was seen: infinite for this look, NaN for what is not known at all."""

    @property
    def oldest(self) -> float:
        """When the oldest row was seen that is not of this look; infinite where there is none."""
        return inf if self.seen is None else float(np.fmin.reduce(self.seen, initial=inf))


class Row(NamedTuple):
    """One partition."""

    partition: int
    committed: int
    lag: int
    waits: float
    proven: float
    seen: float


def _seen(places: Places) -> Floats:
    return np.full(places.topic.size, inf) if places.seen is None else places.seen


def by_topic(places: Places) -> Iterator[tuple[str, list[Row]]]:
    """Topics by name, each with its partitions in order."""
    found: list[list[Row]] = [[] for _ in places.topics]
    columns = (places.partition, places.committed, places.lag, places.waits, places.proven, _seen(places))
    rows = map(Row._make, zip(*(column.tolist() for column in columns), strict=True))
    for topic, row in zip(places.topic.tolist(), rows, strict=True):
        found[topic].append(row)
    for name, some in sorted(zip(places.topics, found, strict=True)):
        if some:
            some.sort()
            yield name, some


def places_of(facts: Facts, name: str, lag: Lag, before: Places | None, span: Span, topics: Presence) -> Places:
    """Of a group whose lag is known, at least in parts."""
    progress = facts.get(Progress, facts.address.under("groups", name))
    told, least = waits_of(lag, progress)
    proven = _proven(facts, lag, told, least)
    made = Places(lag.topics, lag.topic, lag.partition, lag.committed, lag.lag, told, proven)
    if lag.read or not lag.error.any():
        return made
    seen = np.where(lag.error == 0, inf, np.nan)
    made = made._replace(seen=seen)
    return made if before is None else _filled(made, seen, before, span, topics)


def read_places(lag: Lag) -> Places:
    """Of a group that has read everything."""
    waits = np.where(lag.lag == 0, 0.0, np.nan)
    return Places(lag.topics, lag.topic, lag.partition, lag.committed, lag.lag, waits, waits)


def aged(before: Places, span: Span, topics: Presence) -> Places:
    """Nothing of it can be seen now. Columns of its own: those of a look are a part of what holds all groups."""
    seen = _seen(before)
    then = np.where(np.isinf(seen), span.then, seen)
    lost = np.array([not topics.same(topic) for topic in before.topics], dtype=bool)[before.topic]
    then = np.where(lost | (then < span.least), np.nan, then)
    known = ~np.isnan(then)
    waits = np.where(known, before.waits, np.nan)
    return Places(
        before.topics,
        before.topic.copy(),
        before.partition.copy(),
        np.where(known, before.committed, NEVER),
        np.where(known, before.lag, NEVER),
        waits,
        waits if before.proven is before.waits else np.where(known, before.proven, np.nan),
        then,
    )


def _filled(now: Places, seen: Floats, before: Places, span: Span, topics: Presence) -> Places:
    """The rows that are not seen are what they were before, in columns that are no part of a look. Takes `seen`."""
    holes = np.flatnonzero(np.isnan(seen))
    old = aged(before, span, topics)
    rows = _rows_in(old, now, holes)
    holes, rows = holes[rows >= 0], rows[rows >= 0]
    lag, waits = now.lag.copy(), now.waits.copy()
    proven = waits if now.proven is now.waits and old.proven is old.waits else now.proven.copy()
    for column, former in ((lag, old.lag), (waits, old.waits), (proven, old.proven), (seen, _seen(old))):
        column[holes] = former[rows]
    committed = now.committed
    if (committed[holes] == NEVER).any():
        committed = committed.copy()
        committed[holes] = np.where(committed[holes] == NEVER, old.committed[rows], committed[holes])
    return Places(now.topics, now.topic, now.partition, committed, lag, waits, proven, seen)


def _rows_in(old: Places, now: Places, rows: Rows) -> Rows:
    """For each of these rows of `now` the one of `old`, -1 where it has none."""
    if (
        old.topics == now.topics
        and np.array_equal(old.topic, now.topic)
        and np.array_equal(old.partition, now.partition)
    ):
        return rows
    pairs = zip((old.topics[i] for i in old.topic.tolist()), old.partition.tolist(), strict=True)
    index = {place: row for row, place in enumerate(pairs)}
    wanted = zip((now.topics[i] for i in now.topic[rows].tolist()), now.partition[rows].tolist(), strict=True)
    return np.array([index.get(place, -1) for place in wanted], dtype=np.intp)


def _proven(facts: Facts, lag: Lag, told: Floats, least: Floats) -> Floats:
    """`told`, and where that is not known what look-ups by time and the span of history prove, NaN if nothing."""
    late = np.flatnonzero(np.isnan(told) & (lag.lag > 0) & ~lag.gone)
    if not late.size or lag.shared:
        return told
    proven = least[late]
    for age, offsets in lag.answers.items():
        proven = np.where(lag.older(offsets[late], age, late), np.fmax(proven, age), proven)
    places = lag.topic[late]
    for topic in np.unique(places).tolist():
        arrivals = facts.get(Arrivals, facts.address.under("topics", lag.topics[topic]))
        if not isinstance(arrivals, Arrivals):
            continue
        mine = np.flatnonzero(places == topic)
        before = lag.first[late[mine]] < arrivals.ends[0][lag.partition[late[mine]]]
        proven[mine] = np.where(before, np.fmax(proven[mine], arrivals.at[-1] - arrivals.at[0]), proven[mine])
    told = told.copy()
    told[late] = proven
    return told
