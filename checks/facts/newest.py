"""When the newest record of a topic was written."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from checks.facts.codes import refused
from checks.facts.kafka import KafkaSnapshot
from checks.facts.lags import remote_topics
from checks.facts.offsets import Rows
from checks.facts.unknown import Lazy, Unknown, Why

_UNSUPPORTED_VERSION = 35
_BEFORE_3_0 = Unknown(Why.UNSUPPORTED, "when the newest record of a topic was written: needs Kafka 3.0: KIP-734")


class Written(NamedTuple):
    """The record with the greatest timestamp of a topic."""

    partition: int
    ms: int
    """Its timestamp, since the epoch: the producer's, unless brokers set it (LogAppendTime)."""
    age: float
    """Seconds; below 0 where its time is not yet."""


class NewestRecords(Lazy):
    """The newest records of topics, as far as they were asked for."""

    def __init__(self, snapshot: KafkaSnapshot) -> None:
        self._snapshot = snapshot

    def of(self, topic: str) -> Written | Unknown | None:
        """None: no record of it has a time."""
        self.asked += 1
        told = self._snapshot.newest
        if isinstance(told, Unknown):
            return told
        rows = self._rows.get(topic)
        if rows is None:
            if topic in remote_topics(self._snapshot.topic_configs):
                why = "a look-up by time can hold up its brokers (KIP-1075), so none is made"
                return Unknown(Why.UNSUPPORTED, f"{topic} has remote storage: {why}")
            return Unknown(Why.OFF, f"nobody asked when the newest record of {topic} was written", "observe again")
        failed = rows[told.error[rows] != 0]
        if failed.size:
            code, partition = int(told.error[failed[0]]), int(told.partition[failed[0]])
            if code == _UNSUPPORTED_VERSION:
                return _BEFORE_3_0
            return refused(code, f"when the newest record of {topic}/{partition} was written")
        row = int(rows[told.timestamp[rows].argmax()])
        ms = int(told.timestamp[row])
        return Written(int(told.partition[row]), ms, self._snapshot.at - ms / 1000) if ms >= 0 else None

    @cached_property
    def _rows(self) -> Mapping[str, Rows]:
        told = self._snapshot.newest
        if isinstance(told, Unknown):
            return {}
        order = np.argsort(told.topic, kind="stable")
        bounds = np.searchsorted(told.topic[order], np.arange(len(told.topics) + 1)).tolist()
        rows = {name: order[bounds[i] : bounds[i + 1]] for i, name in enumerate(told.topics)}
        return {name: some for name, some in rows.items() if some.size}
