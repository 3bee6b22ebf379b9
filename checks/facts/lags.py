"""Committed offsets, log ends and look-ups by time joined to the Lag of each group: for all groups of a snapshot at once."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from checks.facts.codes import LEFT_OUT, NOT_SHOWN, UNKNOWN_TOPIC
from checks.facts.kafka import Group, KafkaSnapshot, TopicConfig
from checks.facts.lag import AHEAD, NOT_ASKED, REFUSED, Lag
from checks.facts.offsets import NEVER, Codes, Committed, Epochs, Ints, LogEnds, Lookups, Rows, Waits
from checks.facts.unknown import Unknown, Why

_NOT_COLLECTED = Unknown(Why.UNSUPPORTED, "its committed offsets are not in the snapshot")


def lags_of(
    snapshot: KafkaSnapshot, groups: Iterable[Group], answers: Mapping[float, Ints] | None = None
) -> dict[str, Lag | Unknown]:
    """The lag of each of these groups; `answers` come from `answers_of()`."""
    lags: dict[str, Lag | Unknown] = {}
    known: list[tuple[Group, Committed]] = []
    for group in groups:
        committed = snapshot.committed.get(group.name, _NOT_COLLECTED)
        if isinstance(committed, Unknown):
            lags[group.name] = committed
        elif isinstance(snapshot.ends, Unknown):
            lags[group.name] = snapshot.ends
        else:
            known.append((group, committed))
    if known and not isinstance(snapshot.ends, Unknown):
        lags |= _joined(snapshot, known, snapshot.ends, answers or {})
    return lags


class _Rows:
    """The rows of some groups, one group behind the other, in columns as a Lag has them."""

    def __init__(self, ends: LogEnds, parts: Sequence[tuple[tuple[str, ...], Ints, Ints, Ints, Codes]]) -> None:
        sizes = [topic.size for _, topic, _, _, _ in parts]
        self.bounds = np.cumsum([0, *sizes]).tolist()
        self.topic = np.concatenate([part[1] for part in parts])
        self.partition = np.concatenate([part[2] for part in parts])
        self.committed = np.concatenate([part[3] for part in parts])
        self.error = np.concatenate([part[4] for part in parts])
        topics = list(chain.from_iterable(part[0] for part in parts))
        begins = np.cumsum([0, *(len(part[0]) for part in parts)])[:-1]
        self.place = self.topic + np.repeat(begins, sizes)
        """Index into the topics of all parts, one behind the other."""
        # A place that the log ends do not have reads the sentinel row that is appended to every column.
        self.log: Rows = ends.rows_of(topics, self.place, self.partition)


def _joined(
    snapshot: KafkaSnapshot, known: Sequence[tuple[Group, Committed]], ends: LogEnds, answers: Mapping[float, Ints]
) -> dict[str, Lag]:
    parts = [(c.topics, c.topic, c.partition, c.offset, c.error) for _, c in known]
    rows = _Rows(ends, parts)
    if wider := _uncommitted(ends, [group for group, _ in known], rows):
        for i in wider:
            parts[i] = _with_assigned(*known[i])
        rows = _Rows(ends, parts)
    end, start, stable = (np.append(column, NEVER)[rows.log] for column in (ends.end, ends.start, ends.stable))
    refused = np.append(ends.error, np.int16(UNKNOWN_TOPIC))[rows.log]
    if (beside := np.flatnonzero(rows.log == ends.end.size)).size:
        names = list(chain.from_iterable(part[0] for part in parts))
        place, which = np.unique(rows.place[beside], return_inverse=True)
        refused[beside] = np.array([_unseen(snapshot, ends, names[i]) for i in place.tolist()], dtype=np.int16)[which]
    error = np.where(rows.error != 0, rows.error, refused).astype(np.int16)
    seen = (error == 0) & (rows.committed >= 0) & (end >= 0)
    lag = np.where(seen & (rows.committed <= end), end - rows.committed, NEVER)
    unclear = (lag > 0) | (error != 0) | ((rows.committed > end) & (end != NEVER))
    for i, (_, committed) in enumerate(known):
        if not isinstance(committed.left, Unknown):
            mine = slice(rows.bounds[i], rows.bounds[i] + committed.left.size)
            lag[mine] = np.where(seen[mine], committed.left, NEVER)
            unclear[mine] = (lag[mine] != 0) | (error[mine] != 0)
    leaders = ends.epoch if isinstance(ends.epoch, Unknown) else np.append(ends.epoch, np.int32(NEVER))[rows.log]
    unread = np.append(0, np.cumsum(unclear))[rows.bounds]
    told = {age: np.append(offsets, NOT_ASKED)[rows.log] for age, offsets in answers.items() if unread[-1]}
    remote = remote_topics(snapshot.topic_configs)
    since, until = (np.full(lag.size, NEVER, dtype=np.int64) for _ in range(2))
    if not isinstance(snapshot.waits, Unknown):
        behind = np.flatnonzero(lag > 0)
        begin = np.maximum(rows.committed, start)[behind]
        since[behind], until[behind] = waited_from(snapshot.waits, ends, rows.log[behind], begin)
        for i, (_, committed) in enumerate(known):
            if committed.shared:  # what another group waits for at that very offset is not what this one does
                since[rows.bounds[i] : rows.bounds[i + 1]] = until[rows.bounds[i] : rows.bounds[i + 1]] = NEVER
    ahead = _from_the_future(snapshot.lookups)
    lags: dict[str, Lag] = {}
    for i, ((group, committed), part) in enumerate(zip(known, parts, strict=True)):
        mine = slice(rows.bounds[i], rows.bounds[i + 1])
        lag_of = Lag(
            topics=part[0],
            topic=part[1],
            partition=part[2],
            committed=part[3],
            start=start[mine],
            end=end[mine],
            stable=stable[mine],
            lag=lag[mine],
            error=error[mine],
            epoch=_epochs(committed, part[1].size),
            leader_epoch=leaders if isinstance(leaders, Unknown) else leaders[mine],
            since=since[mine],
            until=until[mine],
            answers={age: column[mine] for age, column in told.items()},
            remote=_rows_on(remote, part[0], part[1]),
            at=ends.at,
            asked=ends.at if isinstance(snapshot.lookups, Unknown) else snapshot.lookups.at,
            shared=committed.shared,
            read=bool(unread[i] == unread[i + 1]),
            ahead=ahead,
        )
        lags[group.name] = lag_of.alone() if lag_of.read else lag_of
    return lags


def _unseen(snapshot: KafkaSnapshot, ends: LogEnds, topic: str) -> int:
    """The code of a partition whose log ends were not asked for."""
    if topic in ends.rows or topic in snapshot.topics.absent:
        return UNKNOWN_TOPIC
    return LEFT_OUT if topic in snapshot.topics.left_out else NOT_SHOWN


def waited_from(waits: Waits, ends: LogEnds, log: Rows, begin: Ints) -> tuple[Ints, Ints]:
    """`since` and `until` of Waits for the first record from each offset on, `log` being the rows of its partitions; NEVER
    where nobody asked about that very offset.
    """
    since, until = (np.full(log.size, NEVER, dtype=np.int64) for _ in range(2))
    if not log.size or not waits.offset.size:
        return since, until
    place: Ints = ends.rows_of(waits.topics, waits.topic, waits.partition)
    order = np.lexsort((waits.offset, place))
    place, offset = place[order], waits.offset[order]
    low = np.searchsorted(place, log, "left")
    stop = np.searchsorted(place, log, "right")
    last, high = offset.size - 1, stop
    while (low < high).any():  # a bisection of each row's own stretch
        middle = (low + high) // 2
        below = (low < high) & (offset[np.minimum(middle, last)] < begin)
        low, high = np.where(below, middle + 1, low), np.where(below | (low >= high), high, middle)
    found = (low < stop) & (offset[np.minimum(low, last)] == begin)
    told = order[low[found]]
    since[found], until[found] = waits.since[told], waits.until[told]
    return since, until


def _epochs(committed: Committed, size: int) -> Epochs | Unknown:
    """Those that were committed, and none for the rows behind."""
    told = committed.epoch
    if isinstance(told, Unknown) or told.size == size:
        return told
    return np.append(told, np.full(size - told.size, NEVER, dtype=np.int32))


def _uncommitted(ends: LogEnds, groups: Sequence[Group], rows: _Rows) -> list[int]:
    """Which groups have a member that owns a partition that nobody has committed yet, or may have one."""
    owner: list[int] = []
    names: list[str] = []
    owned: list[tuple[int, ...]] = []
    for i, group in enumerate(groups):
        for member in () if isinstance(group.members, Unknown) else group.members:
            if not isinstance(member.assigned, Unknown):
                owner += [i] * len(member.assigned)
                names += member.assigned
                owned += member.assigned.values()
    if not owned:
        return []
    sizes = np.array([len(partitions) for partitions in owned], dtype=np.int64)
    who: Ints = np.repeat(np.array(owner, dtype=np.int64), sizes)
    partition = np.fromiter(chain.from_iterable(owned), dtype=np.int64, count=int(sizes.sum()))
    row = ends.rows_of(names, np.repeat(np.arange(len(names)), sizes), partition)
    width = ends.end.size + 1
    wanted = who * width + row
    there = np.sort(np.repeat(np.arange(len(groups)), np.diff(rows.bounds)) * width + rows.log)
    found = np.append(there, -1)[np.searchsorted(there, wanted)] == wanted
    return sorted(set(who[(row == ends.end.size) | ~found].tolist()))


def _with_assigned(group: Group, committed: Committed) -> tuple[tuple[str, ...], Ints, Ints, Ints, Codes]:
    """The committed rows, and behind them those that a member owns and nobody has committed yet."""
    topics = list(committed.topics)
    topic, partition, offset, error = committed.topic, committed.partition, committed.offset, committed.error
    places = {name: i for i, name in enumerate(topics)}
    seen = set(zip(topic.tolist(), partition.tolist(), strict=True))
    more: list[tuple[int, int]] = []
    for member in () if isinstance(group.members, Unknown) else group.members:
        if isinstance(member.assigned, Unknown):
            continue
        for name, partitions in member.assigned.items():
            place = places.setdefault(name, len(topics))
            if place == len(topics):
                topics.append(name)
            more += [(place, p) for p in partitions if (place, p) not in seen]
    if more:
        added = np.array(sorted(set(more)), dtype=np.int64)
        topic = np.append(topic, added[:, 0])
        partition = np.append(partition, added[:, 1])
        offset = np.append(offset, np.full(len(added), NEVER, dtype=np.int64))
        error = np.append(error, np.zeros(len(added), dtype=np.int16))
    return tuple(topics), topic, partition, offset, error


def remote_topics(configs: Mapping[str, TopicConfig | Unknown]) -> frozenset[str]:
    """Those with remote storage (KIP-405), of which nobody asks by time: that can hold up their brokers (KIP-1075)."""
    return frozenset(name for name, config in configs.items() if _is_remote(config))


def _is_remote(config: object) -> bool:
    setting = config.settings.get("remote.storage.enable") if isinstance(config, TopicConfig) else None
    return setting is not None and setting.value == "true"


def sparse_topics(names: Iterable[str], configs: Mapping[str, TopicConfig | Unknown]) -> frozenset[str]:
    """Of these topics those that may be compacted, as far as is known: their logs have holes."""
    return frozenset(name for name in names if _may_be_compacted(configs.get(name)))


def _may_be_compacted(config: TopicConfig | Unknown | None) -> bool:
    policy = config.value("cleanup.policy") if isinstance(config, TopicConfig) else None
    return not isinstance(policy, str) or "compact" in policy


def _rows_on(remote: frozenset[str], topics: tuple[str, ...], topic: Ints) -> Rows:
    if not remote or remote.isdisjoint(topics):
        return _NONE
    return np.flatnonzero(np.isin(topic, [i for i, name in enumerate(topics) if name in remote]))


_NONE: Rows = np.zeros(0, dtype=np.intp)


_SKEW = 60.0
"""Seconds by which clocks of producers may be ahead of ours."""


def answers_of(ends: LogEnds, lookups: Lookups) -> dict[float, Ints]:
    """Look-ups by age as columns over the rows of `ends`: offset, NEVER, NOT_ASKED, AHEAD, or REFUSED less an error code."""
    answers: dict[float, Ints] = {}
    first = np.array([ends.rows[t].start if t in ends.rows else -1 for t in lookups.topics], dtype=np.int64)
    for age in np.unique(lookups.age).tolist():
        chosen = np.flatnonzero(lookups.age == age)
        chosen = chosen[first[lookups.topic[chosen]] >= 0]
        column = np.full(ends.end.size, NOT_ASKED, dtype=np.int64)
        rows = first[lookups.topic[chosen]] + lookups.partition[chosen]
        error = lookups.error[chosen].astype(np.int64)
        ahead = _ahead(lookups)[chosen]
        column[rows] = np.where(error != 0, REFUSED - error, np.where(ahead, AHEAD, lookups.offset[chosen]))
        answers[age] = column
    return answers


def _ahead(lookups: Lookups) -> npt.NDArray[np.bool_]:
    ahead: npt.NDArray[np.bool_] = np.logical_and(lookups.error == 0, lookups.timestamp > (lookups.at + _SKEW) * 1000)
    return ahead


def _from_the_future(lookups: Lookups | Unknown) -> Mapping[tuple[str, int], tuple[int, int]]:
    """By topic and partition the first record of it that look-ups met, if its time is yet to come: offset and time."""
    if isinstance(lookups, Unknown):
        return {}
    rows = np.flatnonzero(_ahead(lookups))
    rows = rows[np.argsort(-lookups.offset[rows], kind="stable")]  # the first one is what stays
    places = zip(
        [lookups.topics[i] for i in lookups.topic[rows].tolist()], lookups.partition[rows].tolist(), strict=True
    )
    return dict(
        zip(places, zip(lookups.offset[rows].tolist(), lookups.timestamp[rows].tolist(), strict=True), strict=True)
    )
