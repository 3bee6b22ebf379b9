"""When the newest record of a log was written: what ListOffsets answers to -3 (KIP-734), with DESCRIBE on its topic.

It costs a broker more than where a log ends. Before Kafka 3.8 it compares what it keeps in memory of each segment; since then
it also looks the record up: a place in an index, and the batch that is found behind it is read and unpacked. So it is asked
of those logs alone of which a check wants it, and again only when one has moved.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from agent.collect.kafka.offsets import Places, ask
from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, Address, KafkaSnapshot, Newest, Topic, Unknown
from checks.facts.codes import UNSUPPORTED_VERSION
from checks.facts.lags import remote_topics
from checks.facts.offsets import Codes, Ints
from checks.questions import Questions

_NEWEST = -3
_LIST_OFFSETS, _SINCE = 2, 7
_COLUMNS = ("topic", "partition", "offset", "timestamp", "error")


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What was told, and of which logs: as long as those do not move it is true."""

    newest: Newest
    ids: Sequence[str]
    """Of its topics."""
    start: Ints
    end: Ints


class Recency:
    """Asks look after look. `questions` says of which topics."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._names: AbstractSet[str] = frozenset()
        self._wanted: frozenset[str] = frozenset()
        self._kept: _Kept | None = None

    def forget(self) -> None:
        """Another cluster answers now: what it calls alike is not the same where topics have no ids."""
        self._kept = None

    def read(self, wire: Wire, snapshot: KafkaSnapshot, topics: Mapping[str, Topic]) -> Newest | Unknown:
        """The very same as before while no log has moved."""
        ends = snapshot.ends
        if isinstance(ends, Unknown):
            return ends
        wanted = self._chosen(snapshot.address, snapshot.topics.items.keys()) - remote_topics(snapshot.topic_configs)
        places = Places({name: topics[name] for name in wanted if name in topics and name in ends.rows})
        row = np.arange(places.leader.size)
        topic = places.topics(row)
        partition = row - places.first[topic]
        log = ends.rows_of(places.names, topic, partition)
        start, end = (np.append(column, NEVER)[log] for column in (ends.start, ends.end))
        ids = [topics[name].id for name in places.names]
        offset, timestamp = (np.full(row.size, NEVER, dtype=np.int64) for _ in range(2))
        error = np.zeros(row.size, dtype=np.int16)
        holds = (start >= 0) & (end > start)
        left = holds.copy()
        if (kept := self._kept) is not None:
            old, new = _still(kept, places, ids, start, end)
            offset[new], timestamp[new] = kept.newest.offset[old], kept.newest.timestamp[old]
            left[new] = False
        if left.any():
            _ask(wire, places, np.flatnonzero(left), error, offset, timestamp)
            # Brokers look at whole segments, also at what is deleted of them.
            none = left & ((timestamp < 0) | (offset < start))
            offset[none] = timestamp[none] = NEVER
        some = np.flatnonzero(holds)
        told = Newest(places.names, topic[some], partition[some], offset[some], timestamp[some], error[some])
        if kept is not None and _equal(told, kept.newest):
            told = kept.newest
        self._kept = _Kept(told, ids, start[some], end[some])
        return told

    def _chosen(self, cluster: Address, names: AbstractSet[str]) -> frozenset[str]:
        """Asked of the limits anew only where there are other names."""
        if names != self._names:
            self._names, self._wanted = frozenset(names), self._questions.newest(cluster, names)
        return self._wanted


def _still(kept: _Kept, places: Places, ids: Sequence[str], start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Rows of what was told that are true yet, and which rows of now they are."""
    names, then = kept.newest.topics, kept.newest
    now: dict[str, str] = dict(zip(places.names, ids, strict=True))
    same = np.array([now.get(name) == kept.ids[i] for i, name in enumerate(names)], dtype=np.bool_)
    row = places.rows([names[i] for i in then.topic.tolist()], np.ones(then.topic.size, dtype=np.int64), then.partition)
    # Where none had a time it may be that the record had not come to all replicas, and is not told before.
    good = np.flatnonzero((row >= 0) & same[then.topic] & (then.error == 0) & (then.timestamp >= 0))
    there = row[good]
    unmoved = (kept.end[good] == end[there]) & (
        (kept.start[good] == start[there]) | (then.offset[good] >= start[there])
    )
    return good[unmoved], there[unmoved]


def _ask(wire: Wire, places: Places, rows: Ints, error: Codes, offset: Ints, timestamp: Ints) -> None:
    """Writes what is answered into these rows of the columns."""
    leader = places.leader[rows]
    brokers = [broker for broker in np.unique(leader).tolist() if broker >= 0]
    old = np.isin(leader, [broker for broker in brokers if 0 <= wire.version(broker, _LIST_OFFSETS) < _SINCE])
    error[rows[old]] = UNSUPPORTED_VERSION
    able = rows[~old]
    if able.size:
        told = ask(wire, places, able, _NEWEST)
        error[able], offset[able], timestamp[able] = told.error[able], told.offset[able], told.timestamp[able]


def _equal(new: Newest, old: Newest) -> bool:
    return new.topics == old.topics and all(np.array_equal(getattr(new, name), getattr(old, name)) for name in _COLUMNS)
