"""Transactions that keep records from readers: where a log's last stable offset stands still, since when, and who holds it.

DESCRIBE on topics shows where and since when; READ also which producer, and DESCRIBE on transactional ids who that is.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from agent.collect.kafka.connection import Question
from agent.collect.kafka.waits import Unread
from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, LogEnds, OpenTransactions, Topic, Unknown, Waits
from checks.facts.lags import waited_from
from checks.facts.offsets import Rows

OLD = 300.0
"""Seconds after which a transaction is worth asking whose it is: most end within one."""
MOST = 200
"""Partitions about which that is asked in a look, the oldest first."""
_NOT_ASKED = 7
"""REQUEST_TIMED_OUT: whose it is was not answered."""


def standing(ends: LogEnds, before: LogEnds | None, remote: AbstractSet[str]) -> Unread:
    """Where something is written behind the last stable offset, and that did not move since the look before.

    Partitions whose topic has remote storage are left out: a look-up by time can hold up their brokers.
    """
    row = np.flatnonzero((ends.error == 0) & (ends.stable >= 0) & (ends.stable < ends.end))
    topic = np.searchsorted(ends.first, row, side="right") - 1
    if before is not None:
        then = before.rows_of(ends.topics, topic, row - ends.first[topic])
        row = row[np.append(before.stable, NEVER)[then] == ends.stable[row]]
    if remote:
        names = [ends.topics[i] for i in (np.searchsorted(ends.first, row, side="right") - 1).tolist()]
        row = row[np.array([name not in remote for name in names], dtype=np.bool_)]
    return Unread(row, ends.stable[row])


def read_open(
    wire: Wire, topics: Mapping[str, Topic], brokers: Sequence[int], held: Unread, ends: LogEnds, waits: Waits | Unknown
) -> OpenTransactions | Unknown:
    """What `standing` found, with its times from `waits`."""
    if isinstance(waits, Unknown):
        return waits
    index = np.searchsorted(ends.first, held.row, side="right") - 1
    partition = held.row - ends.first[index]
    used, topic = np.unique(index, return_inverse=True)
    since, until = waited_from(waits, ends, held.row, held.offset)
    size = held.row.size
    found = OpenTransactions(
        topics=tuple(ends.topics[i] for i in used.tolist()),
        topic=topic.astype(np.int64),
        partition=partition,
        offset=held.offset,
        since=since,
        until=until,
        producer=np.full(size, NEVER, dtype=np.int64),
        owner=("",) * size,
        started=np.full(size, NEVER, dtype=np.int64),
        error=np.full(size, _NOT_ASKED, dtype=np.int16),
        at=waits.at,
    )
    old = np.flatnonzero((until >= 0) & (waits.at - until / 1000 >= OLD))
    old = old[np.argsort(until[old], kind="stable")][:MOST]
    return _owned(wire, topics, brokers, found, old) if old.size else found


def _owned(
    wire: Wire, topics: Mapping[str, Topic], brokers: Sequence[int], found: OpenTransactions, old: Rows
) -> OpenTransactions:
    """With the producers of these rows, and the transactional ids of those."""
    producer, error = found.producer.copy(), found.error.copy()
    places = {(found.topics[found.topic[row]], int(found.partition[row])): int(row) for row in old.tolist()}
    asked: dict[int, list[tuple[str, int]]] = {}
    for topic, partition in places:
        asked.setdefault(topics[topic].leader[partition], []).append((topic, partition))
    leaders = [leader for leader in asked if leader >= 0]
    for told in wire.put_all([(leader, _producers_question(asked[leader])) for leader in leaders]):
        for (topic, partition), (code, active) in ({} if isinstance(told, Unknown) else told).items():
            row = places.get((topic, partition))
            if row is not None:
                error[row] = code
                producer[row] = active.get(int(found.offset[row]), NEVER)
    ids = sorted(set(producer[producer >= 0].tolist()))
    owners = _owners(wire, brokers, ids) if ids else {}
    owner, begun = zip(*(owners.get(one, ("", NEVER)) for one in producer.tolist()), strict=True)
    started = np.array(begun, dtype=np.int64)
    # One that nobody holds open any more was decided meanwhile, and the offset is about to move.
    left = np.flatnonzero((error != 0) | (producer >= 0))
    columns = {name: getattr(found, name)[left] for name in ("topic", "partition", "offset", "since", "until")}
    return replace(
        found,
        **columns,
        producer=producer[left],
        owner=tuple(owner[i] for i in left.tolist()),
        started=started[left],
        error=error[left],
    )


def _producers_question(places: Sequence[tuple[str, int]]) -> Question:
    from kafka.protocol.admin import DescribeProducersRequest  # noqa: PLC0415 - the import costs 0.4 s

    by_topic: dict[str, list[int]] = {}
    for topic, partition in places:
        by_topic.setdefault(topic, []).append(partition)
    kind = DescribeProducersRequest.TopicRequest
    fields = {"topics": [kind(name=name, partition_indexes=some) for name, some in by_topic.items()]}
    return Question(DescribeProducersRequest, 0, lambda: fields, _producers)


def _producers(answer: Any) -> dict[tuple[str, int], tuple[int, dict[int, int]]]:
    """By partition the error, and the producers by where their transaction begins."""
    return {
        (topic.name, p.partition_index): (
            p.error_code,
            {one.current_txn_start_offset: one.producer_id for one in p.active_producers or ()},
        )
        for topic in answer.topics
        for p in topic.partitions
    }


def _owners(wire: Wire, brokers: Sequence[int], ids: list[int]) -> dict[int, tuple[str, int]]:
    """By producer its transactional id, and when its transaction began (ms, NEVER if that is not told), as far as their
    coordinators, which may be any broker, show them.
    """
    from kafka.protocol.admin import DescribeTransactionsRequest, ListTransactionsRequest  # noqa: PLC0415 - as above

    fields = {"state_filters": [], "producer_id_filters": ids}
    question = Question(ListTransactionsRequest, 0, lambda: fields, _listed)
    listed = wire.put_all([(broker, question) for broker in brokers])
    owned = {b: mine for b, mine in zip(brokers, listed, strict=True) if not isinstance(mine, Unknown) and mine}
    asked = {broker: {"transactional_ids": list(mine.values())} for broker, mine in owned.items()}
    answers = wire.put_all(
        [
            (broker, Question(DescribeTransactionsRequest, 0, partial(dict, one), _begun))
            for broker, one in asked.items()
        ]
    )
    begun = {name: at for told in answers if not isinstance(told, Unknown) for name, at in told.items()}
    return {producer: (name, begun.get(name, NEVER)) for mine in owned.values() for producer, name in mine.items()}


def _listed(answer: Any) -> dict[int, str]:
    """The transactional id of each producer."""
    if answer.error_code:
        return {}
    return {one.producer_id: str(one.transactional_id) for one in answer.transaction_states}


def _begun(answer: Any) -> dict[str, int]:
    """When each transaction began, where that is told."""
    return {
        one.transactional_id: one.transaction_start_time_ms
        for one in answer.transaction_states
        if not one.error_code and one.transaction_start_time_ms > 0
    }
