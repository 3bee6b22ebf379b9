"""ListOffsets: where each log begins and ends, and which record was the first after a point in time."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, LogEnds, Lookups, Topic, Unknown, Why
from checks.facts.codes import LEADER_NOT_AVAILABLE, NOT_LEADER

_LATEST, _EARLIEST = -1, -2
_NETWORK_EXCEPTION = 13
_DEADLINE = 7
_BATCH = 5000
_KEPT = 1000
"""Places whose answers are kept for the next look; beyond that they move anyway, and would be a quarter of a kilobyte each."""

Place = tuple[str, int]
Answer = tuple[int, int, int]
"""Error code, offset, timestamp."""


def read_ends(wire: Wire, topics: Mapping[str, Topic]) -> LogEnds:
    """Log start, end and last stable offset of every partition of `topics`."""
    names = sorted(topics)
    places = [(name, p) for name in names for p in range(len(topics[name].leader))]
    at = time.time()
    end = ask(wire, topics, dict.fromkeys(places, _LATEST))
    start = ask(wire, topics, dict.fromkeys(places, _EARLIEST))
    stable = ask(wire, topics, dict.fromkeys(places, _LATEST), committed=True)
    counts = [len(topics[name].leader) for name in names]
    table = np.array(
        [
            (
                start[place][1],
                end[place][1],
                stable[place][1],
                end[place][0] or start[place][0] or stable[place][0],
            )
            for place in places
        ],
        dtype=np.int64,
    ).reshape(len(places), 4)
    return LogEnds(
        topics=tuple(names),
        first=np.cumsum([0, *counts]).astype(np.int64),
        start=table[:, 0].copy(),
        end=table[:, 1].copy(),
        stable=table[:, 2].copy(),
        error=table[:, 3].astype(np.int16),
        at=at,
    )


def read_lookups(
    wire: Wire, topics: Mapping[str, Topic], ages: Mapping[float, Iterable[Place]], unread: Mapping[Place, int]
) -> Lookups:
    """For each age in seconds and each place: the first record younger than it.

    `unread` has for each place the first offset that anybody has not read. Where none of what is unread is older than one
    age, none is older than a longer one: that is not asked any more.
    """
    names: dict[str, int] = {}
    rows: list[tuple[int, int, int, int, int]] = []
    asked: list[float] = []
    at = time.time()
    young: set[Place] = set()
    for age in sorted(ages):
        moment = int((at - age) * 1000)
        places = sorted(set(ages[age]) - young)
        answers = ask(wire, topics, dict.fromkeys(places, moment))
        for topic, partition in places:
            error, offset, timestamp = answers[topic, partition]
            rows.append((names.setdefault(topic, len(names)), partition, offset, timestamp, error))
            asked.append(age)
            if not error and 0 <= offset <= unread[topic, partition]:
                young.add((topic, partition))
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return Lookups(
        topics=tuple(names),
        topic=table[:, 0].copy(),
        partition=table[:, 1].copy(),
        age=np.array(asked, dtype=np.float64),
        offset=table[:, 2].copy(),
        timestamp=table[:, 3].copy(),
        error=table[:, 4].astype(np.int16),
        at=at,
    )


def ask(
    wire: Wire, topics: Mapping[str, Topic], wanted: Mapping[Place, int], *, committed: bool = False
) -> dict[Place, Answer]:
    """One answer for every place, an error code where it was not answered. Each leader is asked for its own."""
    answers: dict[Place, Answer] = {}
    leaders: dict[int, list[Place]] = {}
    for place in wanted:
        leader = topics[place[0]].leader[place[1]]
        if leader < 0:
            answers[place] = (LEADER_NOT_AVAILABLE, NEVER, NEVER)
        else:
            leaders.setdefault(leader, []).append(place)
    for leader, places in leaders.items():
        for start in range(0, len(places), _BATCH):
            _ask_leader(wire, leader, places[start : start + _BATCH], wanted, committed, answers)
    return answers


def _ask_leader(
    wire: Wire,
    leader: int,
    places: Sequence[Place],
    wanted: Mapping[Place, int],
    committed: bool,
    answers: dict[Place, Answer],
) -> None:
    from kafka.protocol.consumer import ListOffsetsRequest  # noqa: PLC0415 - the import costs 0.4 s

    topic_kind = ListOffsetsRequest.ListOffsetsTopic
    partition_kind = topic_kind.ListOffsetsPartition
    moments = [wanted[place] for place in places]

    def fields() -> dict[str, Any]:
        by_topic: dict[str, list[Any]] = {}
        for (topic, partition), moment in zip(places, moments, strict=True):
            request = partition_kind(
                partition_index=partition, current_leader_epoch=-1, timestamp=moment, max_num_offsets=1
            )
            by_topic.setdefault(topic, []).append(request)
        return {
            "replica_id": -1,
            "isolation_level": 1 if committed else 0,
            "topics": [topic_kind(name=name, partitions=partitions) for name, partitions in by_topic.items()],
        }

    told: dict[Place, Answer] | Unknown
    if len(places) <= _KEPT:
        slot = (committed, places[0], moments[0])
        told = wire.again(_answers, leader, ListOffsetsRequest, 7, slot, (places, moments), fields)
    else:
        answer = wire.ask(leader, ListOffsetsRequest, 7, **fields())
        told = answer if isinstance(answer, Unknown) else _answers(answer)
    failure = _DEADLINE if isinstance(told, Unknown) and told.why is Why.DEADLINE else _NETWORK_EXCEPTION
    answers.update(dict.fromkeys(places, (failure, NEVER, NEVER)))
    if not isinstance(told, Unknown):
        answers.update(told)


def _answers(answer: Any) -> dict[Place, Answer]:
    return {
        (topic.name, p.partition_index): (0, p.offset, p.timestamp)
        if not p.error_code
        else (p.error_code, NEVER, NEVER)
        for topic in answer.topics
        for p in topic.partitions
    }


def moved(ends: LogEnds) -> frozenset[str]:
    """Topics some partition of which was asked of a broker that does not lead it any more."""
    stale = np.flatnonzero(np.isin(ends.error, (NOT_LEADER, 74, 76)))
    index = np.searchsorted(ends.first, stale, side="right") - 1
    return frozenset(ends.topics[i] for i in index.tolist())
