"""ListOffsets: where each log begins and ends, and which record was the first after a point in time."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from agent.collect.kafka.connection import Question
from agent.collect.kafka.decoding import Offsets, list_offsets, list_offsets_request
from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, LogEnds, Lookups, Topic, Unknown, Why
from checks.facts.codes import LEADER_NOT_AVAILABLE, NOT_LEADER
from checks.facts.offsets import Codes, Epochs, Ints

_LATEST, _EARLIEST = -1, -2
_NETWORK_EXCEPTION = 13
_TIMED_OUT = 7
_LOST = {Why.DEADLINE: _TIMED_OUT, Why.DENIED: 58, Why.UNSUPPORTED: 35}
"""Kafka's own code for why nothing was answered, where it has one: REQUEST_TIMED_OUT, SASL_AUTHENTICATION_FAILED, UNSUPPORTED_VERSION."""
_BATCH, _SMALL = 5000, 1000
"""Partitions in a request; the fewer where a broker may have to read each of them from a disk."""
_FLEXIBLE = 6

Place = tuple[str, int]


class Places:
    """The partitions of some topics, a row for each: those of topic i from first[i] to first[i + 1]."""

    def __init__(self, topics: Mapping[str, Topic]) -> None:
        self.names = tuple(sorted(topics))
        counts = [len(topics[name].leader) for name in self.names]
        self.first: Ints = np.cumsum([0, *counts], dtype=np.int64)
        every = chain.from_iterable(topics[name].leader for name in self.names)
        self.leader: Ints = np.fromiter(every, dtype=np.int64, count=sum(counts))
        self._index = {name: i for i, name in enumerate(self.names)}

    def rows(self, topics: Iterable[str], counts: Sequence[int] | Ints, partition: Ints) -> Ints:
        """The row of each partition, of which so many belong to each topic; -1 where there is none."""
        index = np.repeat(np.array([self._index.get(name, -1) for name in topics], dtype=np.int64), counts)
        first, behind = self.first[index], self.first[index + 1]
        rows: Ints = np.where((index >= 0) & (partition >= 0) & (partition < behind - first), first + partition, -1)
        return rows

    def topics(self, rows: Ints) -> Ints:
        """Which topic each row belongs to."""
        found: Ints = np.searchsorted(self.first, rows, side="right") - 1
        return found


class Answers(NamedTuple):
    """One for each row that was asked for; the others hold an error as well."""

    error: Codes
    offset: Ints
    timestamp: Ints
    epoch: Epochs


def unanswered(size: int, error: int = 0) -> Answers:
    """Rows to be filled."""
    return Answers(
        np.full(size, error, dtype=np.int16),
        np.full(size, NEVER, dtype=np.int64),
        np.full(size, NEVER, dtype=np.int64),
        np.full(size, NEVER, dtype=np.int32),
    )


def read_ends(wire: Wire, topics: Mapping[str, Topic], at: float) -> LogEnds:
    """Log start, end and last stable offset of every partition of `topics`; `at`: now."""
    places = Places(topics)
    rows: Ints = np.arange(places.leader.size, dtype=np.int64)
    end = ask(wire, places, rows, _LATEST)
    start = ask(wire, places, rows, _EARLIEST)
    stable = ask(wire, places, rows, _LATEST, committed=True)
    return LogEnds(
        topics=places.names,
        first=places.first,
        start=start.offset,
        end=end.offset,
        stable=stable.offset,
        error=np.where(end.error != 0, end.error, np.where(start.error != 0, start.error, stable.error)),
        at=at,
        epoch=end.epoch,
    )


def read_lookups(
    wire: Wire,
    topics: Mapping[str, Topic],
    ages: Mapping[float, Iterable[Place]],
    unread: Mapping[Place, int],
    at: float,
) -> Lookups:
    """For each age in seconds and each place: the first record that is younger than it at `at`, which is now.

    `unread` has for each place the first offset that anybody has not read. Where none of what is unread is older than one
    age, none is older than a longer one: that is not asked any more.
    """
    places = Places({name: topics[name] for name in {topic for some in ages.values() for topic, _ in some}})
    wanted = np.full(places.leader.size, NEVER, dtype=np.int64)
    known = _rows(places, unread)
    wanted[known[known >= 0]] = np.array(list(unread.values()), dtype=np.int64)[known >= 0]
    asked: list[tuple[float, Ints, Answers]] = []
    old = np.ones(places.leader.size, dtype=np.bool_)
    for age in sorted(ages):
        rows = np.sort(_rows(places, ages[age]))
        rows = rows[(rows >= 0) & old[rows]]
        told = ask(wire, places, rows, int((at - age) * 1000))
        told = Answers(told.error[rows], told.offset[rows], told.timestamp[rows], told.epoch[rows])
        asked.append((age, rows, told))
        old[rows[(told.error == 0) & (told.offset >= 0) & (told.offset <= wanted[rows])]] = False
    every: Ints = np.concatenate([rows for _, rows, _ in asked]) if asked else np.zeros(0, dtype=np.int64)
    topic = places.topics(every)
    columns = [
        np.concatenate([getattr(told, name) for _, _, told in asked]) if asked else np.zeros(0, dtype=np.int64)
        for name in Answers._fields
    ]
    return Lookups(
        topics=places.names,
        topic=topic,
        partition=every - places.first[topic],
        age=np.repeat([age for age, _, _ in asked], [rows.size for _, rows, _ in asked]).astype(np.float64),
        offset=columns[1],
        timestamp=columns[2],
        error=columns[0].astype(np.int16),
        at=at,
    )


def _rows(places: Places, some: Iterable[Place]) -> Ints:
    """-1 for a place that they do not have."""
    pairs = list(some)
    partition = np.fromiter((partition for _, partition in pairs), dtype=np.int64, count=len(pairs))
    return places.rows((topic for topic, _ in pairs), np.ones(len(pairs), dtype=np.int64), partition)


def ask(
    wire: Wire,
    places: Places,
    rows: Ints,
    moment: int | Ints,
    *,
    committed: bool = False,
    arrived: dict[int, list[float]] | None = None,
) -> Answers:
    """Columns over all rows of `places`, with an answer for those of `rows`. Each leader is asked for its own.

    `moment` in milliseconds since the epoch, or one of Kafka's special values, for all or for each of `rows`; `committed`:
    as one sees it who reads only what transactions have committed. With `arrived`, which gets when each leader's answers came,
    they are asked in smaller portions.
    """
    answers = unanswered(places.leader.size, _NETWORK_EXCEPTION)
    leaders = places.leader[rows]
    asked: list[Ints] = []
    questions: list[tuple[int | None, Question]] = []
    portion = _BATCH if arrived is None else _SMALL
    for leader in np.unique(leaders).tolist():
        its = leaders == leader
        mine, moments = rows[its], moment if isinstance(moment, int) else moment[its]
        if leader < 0:
            answers.error[mine] = LEADER_NOT_AVAILABLE
            continue
        for start in range(0, mine.size, portion):
            some = mine[start : start + portion]
            when = moments if isinstance(moments, int) else moments[start : start + portion]
            asked.append(some)
            question = _question(places, some, when, committed=committed)
            questions.append((leader, question if arrived is None else _timed(question, leader, arrived)))
    told = wire.put_all(questions)
    for some, (node, _), one in zip(asked, questions, told, strict=True):
        if isinstance(one, Unknown):
            answers.error[some] = _lost(wire, node, one.why)
        else:
            _fill(answers, places, one)
    return answers


def _timed(question: Question, leader: int, arrived: dict[int, list[float]]) -> Question:
    def noted(read: Callable[[Any], Any], body: Any) -> Any:
        arrived.setdefault(leader, []).append(time.monotonic())
        return read(body)

    return question._replace(make=partial(noted, question.make), read=partial(noted, list_offsets))


def _lost(wire: Wire, leader: int | None, why: Why) -> int:
    """The code of what this leader did not answer."""
    code = _LOST.get(why, _NETWORK_EXCEPTION)
    return wire.held(leader) or code if code == _TIMED_OUT else code


def _fill(answers: Answers, places: Places, told: Offsets) -> None:
    at = places.rows(told.topics, told.counts, told.partition)
    known = at >= 0  # a broker may say what nobody asked for
    at, good = at[known], told.error[known] == 0
    answers.error[at] = told.error[known]
    answers.offset[at] = np.where(good, told.offset[known], NEVER)
    answers.timestamp[at] = np.where(good, told.timestamp[known], NEVER)
    answers.epoch[at] = np.where(good, told.epoch[known], NEVER)


def _question(places: Places, rows: Ints, moment: int | Ints, *, committed: bool) -> Question:
    from kafka.protocol.consumer import ListOffsetsRequest  # noqa: PLC0415 - the import costs 0.4 s

    index = places.topics(rows)
    some, begins = np.unique(index, return_index=True)
    names = [places.names[i] for i in some.tolist()]
    counts = np.diff([*begins.tolist(), rows.size])
    partition = rows - places.first[index]
    ends = isinstance(moment, int) and moment in (_LATEST, _EARLIEST)
    return Question(
        ListOffsetsRequest,
        7,
        partial(_fields, names, begins, partition, moment, committed=committed),
        _of_answer,
        read=list_offsets,
        write=lambda: list_offsets_request(names, counts, partition, moment, committed=committed),
        since=_FLEXIBLE,
        slot=(committed, moment, int(rows[0])) if ends else None,
        once=not ends,
        what=(names, partition.tobytes()),
    )


def _fields(
    names: Sequence[str], begins: Ints, partition: Ints, moment: int | Ints, *, committed: bool
) -> Mapping[str, Any]:
    """The question for brokers before the flexible versions."""
    from kafka.protocol.consumer import ListOffsetsRequest  # noqa: PLC0415 - as above

    topic_kind = ListOffsetsRequest.ListOffsetsTopic
    one = partial(topic_kind.ListOffsetsPartition, current_leader_epoch=-1, max_num_offsets=1)
    moments = np.broadcast_to(moment, partition.shape)
    rows = [
        [one(partition_index=p, timestamp=at) for p, at in zip(part.tolist(), when.tolist(), strict=True)]
        for part, when in zip(np.split(partition, begins[1:]), np.split(moments, begins[1:]), strict=True)
    ]
    return {
        "replica_id": -1,
        "isolation_level": int(committed),
        "topics": [topic_kind(name=name, partitions=some) for name, some in zip(names, rows, strict=True)],
    }


def _of_answer(answer: Any) -> Offsets:
    rows = [
        (p.partition_index, p.offset, p.timestamp, p.error_code, p.leader_epoch)
        for topic in answer.topics
        for p in topic.partitions
    ]
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return Offsets(
        tuple(topic.name for topic in answer.topics),
        [len(topic.partitions) for topic in answer.topics],
        table[:, 0],
        table[:, 1],
        table[:, 2],
        table[:, 3].astype(np.int16),
        table[:, 4].astype(np.int32),
    )


def moved(ends: LogEnds) -> frozenset[str]:
    """Topics some partition of which was asked of a broker that does not lead it any more."""
    stale = np.flatnonzero(np.isin(ends.error, (NOT_LEADER, 74, 76)))
    index = np.searchsorted(ends.first, stale, side="right") - 1
    return frozenset(ends.topics[i] for i in index.tolist())
