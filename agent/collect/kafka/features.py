"""Which levels of features (KIP-584) the brokers support, and which the cluster uses. Every broker tells both to anybody."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agent.collect.kafka.configs import EVERY
from agent.collect.kafka.connection import Question
from agent.collect.kafka.due import due
from agent.collect.kafka.probe import CLIENT_ID
from agent.collect.kafka.wire import Wire
from checks.facts import Features, Unknown
from checks.facts.codes import refused


class Levels(NamedTuple):
    """As one broker tells them."""

    supported: Mapping[str, int]
    """The highest ones."""
    finalized: Mapping[str, int]
    epoch: int
    """The greater it is, the later was `finalized` true; -1: it does not know yet."""


class FeatureLevels:
    """Asks each broker, and again when what it told is old: an upgrade takes longer."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._told: dict[int, tuple[float, Levels | Unknown]] = {}
        """When each is asked again, and what it said."""
        self._last: Features | None = None

    def forget(self) -> None:
        """Another cluster answers now."""
        self._told, self._last = {}, None

    def read(self, wire: Wire, brokers: Sequence[int]) -> Features | Unknown | None:
        """The very same as before while it is equal. None: nothing is finalized, as with ZooKeeper and before Kafka 2.7."""
        now = self._clock()
        told = {b: before for b in brokers if (before := self._told.get(b)) is not None and _fresh(now, before)}
        asked = [b for b in brokers if b not in told]
        answers = wire.put_all([(b, question(levels_of)) for b in asked])
        told |= {b: (due(now, self._every), answer) for b, answer in zip(asked, answers, strict=True)}
        self._told = told
        levels = {b: told[b][1] for b in brokers}
        known = [one for one in levels.values() if not isinstance(one, Unknown)]
        if not known:
            return next((one for one in levels.values() if isinstance(one, Unknown)), None)
        finalized = max(known, key=lambda one: one.epoch).finalized
        if not finalized:
            return None
        features = Features(
            finalized, {str(b): one if isinstance(one, Unknown) else one.supported for b, one in levels.items()}
        )
        if features != self._last:
            self._last = features
        return self._last


def _fresh(now: float, before: tuple[float, Levels | Unknown]) -> bool:
    return now < before[0] and not isinstance(before[1], Unknown)


def question(make: Callable[[Any], Any]) -> Question:
    """From version 4 on it tells of features that may be at level 0 too."""
    from kafka.protocol.metadata import ApiVersionsRequest  # noqa: PLC0415 - the import costs 0.4 s

    return Question(
        ApiVersionsRequest, 4, lambda: {"client_software_name": CLIENT_ID, "client_software_version": "0.1.0"}, make
    )


def levels_of(answer: Any) -> Levels | Unknown:
    """Of an answer before version 3: none."""
    if answer.error_code:
        return refused(answer.error_code, "the levels of features")
    return Levels(
        {one.name: one.max_version for one in answer.supported_features or ()},
        {one.name: one.max_version_level for one in answer.finalized_features or ()},
        answer.finalized_features_epoch,
    )
