"""Sampling, for those who choose it: Fetch of the newest record batches of some topics.

Read uncommitted: what producers write is looked at, not what became of their transactions, and one that hangs would hide
all that is newer. Fetch creates no topic, joins no group and commits nothing; it needs READ on the topic.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

import numpy as np

from agent.collect.kafka.batches import Batch, Record, UnreadableError, batches, records
from agent.collect.kafka.connection import Question
from agent.collect.kafka.offsets import Places, ask
from agent.collect.kafka.rights import READ_TOPIC
from agent.collect.kafka.wire import Wire
from checks.facts import LogEnds, Sample, Topic, Unknown, Why
from checks.facts.codes import TOPIC_DENIED, refused
from checks.facts.offsets import Ints
from checks.wording import meant, shell

BUDGET = 1_000_000
"""Bytes of one topic in an hour."""
EVERY = 3600.0
AGAIN = 300.0
"""Seconds to the next try of a topic of which nothing could be read."""
_AT_ONCE = 64_000_000
"""Bytes in one look; topics beyond that have their turn in the next ones."""
_LOOKS = 60
"""Over how many looks an agent spreads its topics: half an hour of them, with one each 30 s."""
_RECORDS = 2000
"""Of one topic that are asked for, and so many more as its budget is larger than BUDGET."""
_KEYS = 20_000
"""Records of one topic whose keys are looked at, or twice those that are asked for: big batches may hold any number."""
_LEAST = 32_768
"""Bytes of an answer below which a partition is not worth asking."""
_ROWS = 200
_WINDOWS = (3600.0, 86400.0)


class Reading(NamedTuple):
    """One reading of one topic."""

    at: float
    size: int
    """Bytes that it took of the budget."""
    sample: Sample | Unknown


class Memory(Protocol):
    """The last readings of one cluster, which outlive the process: a restart spends no budget twice."""

    def get(self, topic: str) -> Reading | None: ...
    def put(self, topic: str, reading: Reading) -> None: ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """What to sample, and how much of it."""

    topics: tuple[str, ...]
    """Globs."""
    budget: int = BUDGET
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    keys: dict[str, Counter[bytes]] | None = field(default=None, repr=False)
    """Where keys themselves go, for a terminal; nowhere else."""
    memory: Memory | None = None
    """None: a command that looks once, and reads what it may at once."""

    def has(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.topics)


def vain(chosen: Iterable[tuple[Collection[str], Collection[str]]]) -> Mapping[str, str]:
    """Globs that choose no topic of any cluster, and what is to be done: each cluster's globs come with its topics."""
    used: dict[str, bool] = {}
    topics: set[str] = set()
    for globs, names in chosen:
        topics.update(names)
        for glob in globs:
            used[glob] = used.get(glob, False) or any(fnmatchcase(name, glob) for name in names)
    told = {}
    for glob in (glob for glob, found in used.items() if not found):
        guess = meant(glob.replace("*", ""), topics)
        mend = f"{guess} Else" if guess else "mend it, or"
        told[glob] = f"{mend} let its topic be looked at: DESCRIBE on it; --include, --exclude, topics: of the file"
    return told


@dataclass(slots=True)
class _Found:
    """What was read of one topic so far."""

    size: int = 0
    """Bytes of all answers."""
    records: int = 0
    keyless: int = 0
    keys: dict[tuple[bytes, int], list[int]] = field(default_factory=dict)
    """Key and partition: how many, first and last timestamp."""
    headers: Counter[str] = field(default_factory=Counter)
    rows: list[tuple[int, Batch]] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    cut: bool = False
    """Whether the topic holds more than was read."""
    keyed: int = _KEYS
    """Records whose keys are looked at."""
    failure: Unknown | None = None
    packed: Unknown | None = None
    """Why the records of a batch can't be read, though the batch itself can."""


class Sampler:
    """Samples of one cluster: each topic is read at most once in an hour, later where an answer was larger than its budget."""

    def __init__(self, sampling: Sampling, clock: Callable[[], float] = time.time) -> None:
        self._sampling = sampling
        self._clock = clock
        self._readings: dict[str, Reading] = {}

    def look(self, wire: Wire, topics: Mapping[str, Topic], ends: LogEnds | Unknown) -> dict[str, Sample | Unknown]:
        """A sample of each of `topics` that is chosen: the very same as before until it is time for another."""
        chosen = sorted(name for name in topics if self._sampling.has(name))
        now, spent, turns = self._clock(), 0, self._turns(len(chosen))
        found: dict[str, Sample | Unknown] = {}
        for name in sorted(chosen, key=lambda name: self._reading(name, now).at):
            reading = self._reading(name, now)
            if self._due(reading) > now:
                found[name] = reading.sample
            elif wire.patience.over and reading is _NEVER:
                found[name] = Unknown(Why.DEADLINE, "no time was left to sample its records")
            elif wire.patience.over or not turns or spent >= _AT_ONCE:
                found[name] = reading.sample
            else:
                turns -= 1
                self._keep(name, Reading(now, self._sampling.budget, _BEGUN))  # also if this is the last that it does
                size, found[name] = self._sample(wire, name, topics[name], ends, now)
                self._keep(name, Reading(now, size, found[name]))
                spent += size
        return {name: found[name] for name in chosen}

    def _turns(self, topics: int) -> int:
        """How many of them are read in one look."""
        return topics if self._sampling.memory is None else -(-topics // _LOOKS)

    def _reading(self, name: str, now: float) -> Reading:
        """The last one of a topic."""
        if name not in self._readings:
            memory = self._sampling.memory
            kept = memory.get(name) if memory is not None else None
            # What could not be read is tried anew by a new life: somebody may have mended it.
            self._readings[name] = kept if kept is not None and kept.size and kept.at <= now else _NEVER
        return self._readings[name]

    def _due(self, reading: Reading) -> float:
        wait = EVERY * max(1.0, reading.size / self._sampling.budget) if reading.size else AGAIN
        return reading.at + wait

    def _keep(self, name: str, reading: Reading) -> None:
        self._readings[name] = reading
        if self._sampling.memory is not None:
            self._sampling.memory.put(name, reading)

    def _sample(
        self, wire: Wire, name: str, topic: Topic, ends: LogEnds | Unknown, now: float
    ) -> tuple[int, Sample | Unknown]:
        """How many bytes were read, and what they show."""
        if isinstance(ends, Unknown):
            return 0, ends
        window, arrived = _arrived(wire, name, topic, ends, now)
        total = int(arrived.sum())
        budget = self._sampling.budget
        wanted = _RECORDS * max(1.0, budget / BUDGET)
        seen = _Found(keyed=max(_KEYS, round(2 * wanted)))
        order = [int(p) for p in np.argsort(-arrived, kind="stable") if arrived[p] > 0][: max(1, budget // _LEAST)]
        rows = ends.rows[name]
        start, end = ends.start[rows], ends.end[rows]
        # Also where a log's end is not known, or nothing came for a day, there may be more.
        seen.cut = bool(len(order) < np.count_nonzero((end != start) | (ends.error[rows] != 0)))
        leaders: dict[int, list[int]] = {}
        for p in order:
            leaders.setdefault(topic.leader[p], []).append(p)
        for leader, partitions in leaders.items():
            left = budget - seen.size
            if left < _LEAST and seen.size:
                seen.cut = True
                break
            asked = [
                (
                    p,
                    max(int(start[p]), int(end[p]) - max(1, round(wanted * arrived[p] / total))),
                    max(_LEAST, int(budget * arrived[p] / total)),
                )
                for p in partitions
            ]
            seen.cut |= any(offset > start[p] for p, offset, _ in asked)
            self._fetch(wire, leader, name, asked, left, seen)
        if seen.failure is not None and (not seen.read or seen.failure.why is Why.UNSUPPORTED):
            return seen.size, seen.failure
        if seen.packed is not None:  # a part of the keys would pass for the whole
            seen.keys, seen.headers, seen.keyless = {}, Counter(), 0
        elif self._sampling.keys is not None:
            told: Counter[bytes] = Counter()
            for (key, _), (number, _, _) in seen.keys.items():
                told[key] += number
            self._sampling.keys[name] = told
        covered = float(arrived[sorted(seen.read)].sum() / total) if total else 1.0
        seen.cut |= seen.failure is not None
        return seen.size, _made(seen, self._sampling, total, window, covered, now)

    def _fetch(
        self, wire: Wire, leader: int, name: str, asked: Sequence[tuple[int, int, int]], most: int, seen: _Found
    ) -> None:
        from kafka.protocol.consumer import FetchRequest  # noqa: PLC0415 - the import costs 0.4 s

        topic_kind = FetchRequest.FetchTopic
        partition_kind = topic_kind.FetchPartition
        wanted = [
            partition_kind(
                partition=p,
                current_leader_epoch=-1,
                fetch_offset=offset,
                last_fetched_epoch=-1,
                log_start_offset=-1,
                partition_max_bytes=size,
            )
            for p, offset, size in asked
        ]
        limits, before = {p: size for p, _, size in asked}, seen.size
        # Version 12 is the last that names topics. Epoch -1: no session, nothing is kept for us by the broker.
        fields = {
            "replica_id": -1,
            "max_wait_ms": 0,
            "min_bytes": 0,
            "max_bytes": max(most, _LEAST),
            "isolation_level": 0,
            "session_id": 0,
            "session_epoch": -1,
            "topics": [topic_kind(topic=name, partitions=wanted)],
            "forgotten_topics_data": [],
            "rack_id": "",
        }
        told = wire.put(Question(FetchRequest, 12, lambda: fields, partial(_told, name), once=True), leader)
        if isinstance(told, Unknown):
            seen.failure = told
            return
        for index, error, data in told:
            seen.size += len(data)
            limit = limits.pop(index, None)
            if limit is None:
                continue  # a broker may say what nobody asked for, or say it twice
            # A broker fills what it may send to the last byte and cuts a batch for it, or leaves out one that is too large.
            seen.cut |= not 0 < len(data) < limit or seen.size - before >= most
            if error:
                close = f"{READ_TOPIC.close(name)}: {_GRANT} --topic {shell(name)}"
                seen.failure = refused(error, f"records of topic {name}", close if error == TOPIC_DENIED else "")
                continue
            try:
                _read(name, index, data, seen)
            except UnreadableError as unreadable:
                seen.failure = Unknown(Why.UNSUPPORTED, f"records of topic {name}: {unreadable}")
        if limits and seen.failure is None:
            seen.failure = Unknown(
                Why.UNREACHABLE,
                f"broker {leader} gave a strange answer to Fetch: not all of topic {name} that was asked for",
            )


def _told(name: str, answer: Any) -> list[tuple[int, int, bytes]] | Unknown:
    """Of each partition its number, its error and its batches."""
    if answer.error_code:
        return refused(answer.error_code, f"records of {name}")
    return [
        (p.partition_index, p.error_code, bytes(p.records or b""))
        for told in answer.responses
        if told.topic == name
        for p in told.partitions
    ]


_NEVER = Reading(0.0, 0, Unknown(Why.YOUNG, "its turn to be sampled has not come", "more polls"))
_BEGUN = Unknown(Why.YOUNG, "its last sampling did not come to an end", "the next one: each topic has one an hour")
_GRANT = "kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:NAME --operation Read"


def _read(topic: str, partition: int, data: bytes, seen: _Found) -> None:
    """
    Raises:
        UnreadableError: a batch is none. One whose records are packed with something unknown is still a batch.
    """
    for batch in batches(data):
        seen.read.add(partition)
        if batch.control:
            continue
        seen.rows.append((partition, batch._replace(data=b"")))
        if seen.records >= seen.keyed or seen.packed is not None:
            continue
        try:
            for record in records(batch):
                _count(record, partition, seen)
        except UnreadableError as error:
            seen.packed = Unknown(Why.UNSUPPORTED, f"keys of topic {topic}: {error}")


def _count(record: Record, partition: int, seen: _Found) -> None:
    seen.records += 1
    seen.headers.update({name[:100] for name in record.headers})
    if record.key is None:
        seen.keyless += 1
        return
    row = seen.keys.setdefault((record.key, partition), [0, record.timestamp, record.timestamp])
    row[0] += 1
    row[1], row[2] = min(row[1], record.timestamp), max(row[2], record.timestamp)


def _arrived(wire: Wire, name: str, topic: Topic, ends: LogEnds, now: float) -> tuple[float, Ints]:
    """Records that came to each partition in the last hour; of a quiet topic in a day; of a silent one ever, with 0 seconds."""
    rows = ends.rows[name]
    start, end = ends.start[rows], ends.end[rows]
    whole: Ints = np.where((ends.error[rows] == 0) & (np.array(topic.leader) >= 0), end - start, 0)
    for window in _WINDOWS:
        told = ask(wire, Places({name: topic}), np.flatnonzero(whole), int((now - window) * 1000))
        good = (told.error == 0) & (told.offset >= 0)
        arrived = np.where(good, np.clip(end - told.offset, 0, whole), 0)
        if arrived.sum() >= _RECORDS:
            return window, arrived
    return 0.0, whole


def _made(seen: _Found, sampling: Sampling, arrived: int, window: float, covered: float, at: float) -> Sample:
    places: dict[bytes, dict[int, list[int]]] = {}
    for (key, partition), row in seen.keys.items():
        places.setdefault(key, {})[partition] = row
    heavy = sorted(places, key=lambda key: (-sum(row[0] for row in places[key].values()), key))
    kept = dict.fromkeys([*heavy[:_ROWS], *[key for key in heavy if len(places[key]) > 1][:_ROWS]])
    pairs = [(_hashed(key, sampling.salt), p, *row) for key in kept for p, row in sorted(places[key].items())]
    keys = np.array(pairs, dtype=np.int64).reshape(len(pairs), 5)
    rows = sorted(seen.rows, key=lambda row: (row[0], row[1].offset))
    columns = [(p, b.offset, b.records, b.size, b.codec, int(b.idempotent), b.first, b.last) for p, b in rows]
    table = np.array(columns, dtype=np.int64).reshape(len(columns), 8)
    names: tuple[str, ...] = ("partition", "offset", "records", "bytes", "codec", "idempotent", "first", "last")
    more: dict[str, Any] = {f"batch_{column}": table[:, i].copy() for i, column in enumerate(names)}
    for i, column in enumerate(("key", "key_partition", "key_count", "key_first", "key_last")):
        more[column] = keys[:, i].copy()
    return Sample(
        bytes=seen.size,
        budget=sampling.budget,
        whole=not seen.cut,
        records=seen.records if seen.packed is None else seen.packed,
        keyless=seen.keyless,
        distinct=len(places),
        arrived=arrived,
        window=window,
        covered=covered,
        headers=dict(seen.headers.most_common(50)),
        at=at,
        **more,
    )


def _hashed(key: bytes, salt: bytes) -> int:
    return int.from_bytes(blake2b(key, key=salt, digest_size=8).digest(), "big", signed=True)
