"""Log directories and reassignments: what lies on the brokers' disks, and what is being moved."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from agent.collect.kafka.connection import Question
from agent.collect.kafka.due import due
from agent.collect.kafka.rights import DESCRIBE_CLUSTER, command
from agent.collect.kafka.wire import Wire
from checks.facts import Cluster, LogDir, Reassignment, Storage, Topic, Unknown, Why
from checks.facts.codes import CLUSTER_DENIED, refused

DESCRIBE_LOG_DIRS = 35
EVERY = 60.0
"""Seconds after which a broker is asked again, more or less: the answer has a row for each replica, and disks fill slowly."""

GRANT = f"{DESCRIBE_CLUSTER.close()}: {command('User:NAME', [DESCRIBE_CLUSTER])}"
_DENIED = Unknown(
    Why.DENIED, "log directories, reassignments and the quorum are told only with DESCRIBE on the cluster", GRANT
)
_NO_TOTALS = Unknown(Why.UNSUPPORTED, "the broker does not tell how big its volumes are (needs Kafka 3.3: KIP-827)")
_SILENT = Unknown(Why.UNSUPPORTED, "the broker could not tell how big the volume is")


def denied(cluster: Cluster) -> Unknown | None:
    """Why none of them, nor the quorum, is asked for, if so; a broker that tells no rights is asked all the same."""
    if isinstance(cluster.operations, Unknown) or "DESCRIBE" in cluster.operations:
        return None
    return _DENIED


def holders(cluster: Cluster, topics: Mapping[str, Topic | Unknown]) -> list[int]:
    """The brokers that are up, and those that are away and still hold replicas."""
    holding = {b for topic in topics.values() if not isinstance(topic, Unknown) for p in topic.replicas for b in p}
    return sorted({b.id for b in cluster.brokers} | holding)


class _Told(NamedTuple):
    due: float
    """When it is asked again; minus infinity of one that did not come to this question, whatever kept it."""
    said: Storage | Unknown
    late: int = 0
    """How often in a row this very answer was too long in coming, of a broker that was there until then."""


class LogDirs:
    """Asks each broker about itself, and again when what it told is old."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._told: dict[str, _Told] = {}
        self._last: Mapping[str, Storage | Unknown] = {}

    def forget(self) -> None:
        """Another cluster answers now."""
        self._told, self._last = {}, {}

    def read(
        self, wire: Wire, cluster: Cluster, brokers: Sequence[int], at: float
    ) -> Mapping[str, Storage | Unknown] | Unknown:
        """Of `brokers`; the very same as before while none was asked again, or all said the same."""
        if (refusal := denied(cluster)) is not None:
            return refusal
        now = self._clock()
        asked = [b for b in brokers if (before := self._told.get(str(b))) is None or not _fresh(before, now)]
        questions = [(broker, _question(wire, broker, at)) for broker in asked]
        in_time = not wire.patience.over
        there = {broker for broker in asked if in_time and wire.version(broker, DESCRIBE_LOG_DIRS) >= 0}
        fresh = {
            str(broker): _Told(due(now, self._every), answer, self._lates(broker, answer))
            if broker in there
            else _Told(-inf, answer)
            for broker, answer in zip(asked, wire.put_all(questions), strict=True)
        }
        told = {str(broker): fresh.get(str(broker)) or self._told[str(broker)] for broker in brokers}
        self._told = told
        storage = {broker: one.said for broker, one in told.items()}
        if storage.keys() != self._last.keys() or any(said is not self._last[b] for b, said in storage.items()):
            self._last = storage
        return self._last

    def _lates(self, broker: int, answer: Storage | Unknown) -> int:
        before = self._told.get(str(broker))
        late = isinstance(answer, Unknown) and answer.why is Why.DEADLINE
        return (before.late if before else 0) + 1 if late else 0


def _fresh(before: _Told, now: float) -> bool:
    """Whether it need not be asked yet. One that was lost before it came to this question costs nothing to try; one that
    is always late with this answer would cost each look the time of an answer.
    """
    lost = isinstance(before.said, Unknown) and before.said.why in {Why.UNREACHABLE, Why.DEADLINE}
    return now < before.due and (not lost or before.late > 1)


def _question(wire: Wire, broker: int, at: float) -> Question:
    from kafka.protocol.admin import DescribeLogDirsRequest  # noqa: PLC0415 - the import costs 0.4 s

    totals = wire.version(broker, DESCRIBE_LOG_DIRS) >= 4
    return Question(
        DescribeLogDirsRequest,
        4,
        lambda: {"topics": None},
        lambda answer: _storage(answer, broker, at, totals=totals),
    )


def _storage(answer: Any, broker: int, at: float, *, totals: bool) -> Storage | Unknown:
    if error := getattr(answer, "error_code", 0):
        return refused(error, f"log directories of broker {broker}", GRANT if error == CLUSTER_DENIED else "")
    if not answer.results:
        # Before version 3 there is no error: who may not see them is told that there are none.
        return Unknown(Why.DENIED, f"broker {broker} tells nothing of its log directories", GRANT)
    index: dict[str, int] = {}
    rows: list[tuple[int, int, int, int, int]] = []
    for place, folder in enumerate(answer.results):
        for topic in folder.topics:
            i = index.setdefault(topic.name, len(index))
            rows += [(place, i, p.partition_index, p.partition_size, p.is_future_key) for p in topic.partitions]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T.copy()
    return Storage(
        tuple(_folder(folder, broker, totals=totals) for folder in answer.results),
        tuple(index),
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        at,
    )


def _folder(folder: Any, broker: int, *, totals: bool) -> LogDir | Unknown:
    if folder.error_code:
        return refused(folder.error_code, f"log directory {folder.log_dir} of broker {broker}")
    if not totals:
        return LogDir(folder.log_dir, _NO_TOTALS, _NO_TOTALS)
    return LogDir(
        folder.log_dir,
        folder.total_bytes if folder.total_bytes > 0 else _SILENT,
        folder.usable_bytes if folder.usable_bytes >= 0 else _SILENT,
    )


def read_reassignments(wire: Wire, cluster: Cluster) -> tuple[Reassignment, ...] | Unknown:
    """Those under way; the very same while they are. The controller knows them, and a broker of KRaft asks it."""
    from kafka.protocol.admin import ListPartitionReassignmentsRequest  # noqa: PLC0415 - as above

    if (refusal := denied(cluster)) is not None:
        return refusal
    milliseconds = 5000
    return wire.made(
        _reassignments, cluster.controller, ListPartitionReassignmentsRequest, 0, timeout_ms=milliseconds, topics=None
    )


def _reassignments(answer: Any) -> tuple[Reassignment, ...] | Unknown:
    if answer.error_code:
        return refused(answer.error_code, "reassignments", GRANT if answer.error_code == CLUSTER_DENIED else "")
    return tuple(
        Reassignment(topic.name, p.partition_index, tuple(p.adding_replicas), tuple(p.removing_replicas))
        for topic in sorted(answer.topics, key=lambda t: t.name)
        for p in sorted(topic.partitions, key=lambda p: p.partition_index)
    )
