"""What goes wrong on purpose: switched on and off while the cluster runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True, eq=False, kw_only=True)
class Fault:
    """One disturbance, for requests of `api` (a key; None: of any) to `broker` (an id; None: to any).

    `error` is a Kafka error code: said of the one `group`, `topic` (with `partition`: of that one), `resource` (type and
    name, as in DescribeConfigs) or in FindCoordinator of the group `coordinator`; with none of these, of everything in the
    response. `delay` is in seconds; requests behind it on the connection wait too. `stall` never answers and leaves the
    connection open. `drop` closes the connection instead of an answer, `cut` after so many bytes of one. With `reset` these end it
    by a reset (RST), as a process that is killed or a firewall does, instead of an orderly end. `throttle_ms` is what the response
    says of quotas; for so long nothing more is read from the connection. `times` requests are hit, then no more (None: all).

    Works as a context manager that ends with `off()`.
    """

    api: int | None = None
    broker: int | None = None
    error: int = 0
    group: str | None = None
    topic: str | None = None
    partition: int | None = None
    resource: tuple[int, str] | None = None
    coordinator: str | None = None
    delay: float = 0.0
    stall: bool = False
    drop: bool = False
    cut: int | None = None
    reset: bool = False
    throttle_ms: int = 0
    times: int | None = None
    active: bool = True

    def off(self) -> None:
        self.active = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.off()

    def hits(self, api: int, broker: int) -> bool:
        return self.active and self.api in (None, api) and self.broker in (None, broker)

    def spend(self) -> None:
        if self.times is not None:
            self.times -= 1
            self.active = self.times > 0


@dataclass(slots=True)
class ItemErrors:
    """Error codes of one response, by what they are said of; `everything` holds where nothing narrower does."""

    everything: int = 0
    groups: dict[str, int] = field(default_factory=dict)
    topics: dict[str, int] = field(default_factory=dict)
    partitions: dict[tuple[str, int], int] = field(default_factory=dict)
    resources: dict[tuple[int, str], int] = field(default_factory=dict)
    coordinators: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Self:
        errors = cls()
        for fault in faults:
            if not fault.error:
                continue
            if fault.topic is not None and fault.partition is not None:
                errors.partitions[fault.topic, fault.partition] = fault.error
            elif fault.topic is not None:
                errors.topics[fault.topic] = fault.error
            elif fault.group is not None:
                errors.groups[fault.group] = fault.error
            elif fault.resource is not None:
                errors.resources[fault.resource] = fault.error
            elif fault.coordinator is not None:
                errors.coordinators[fault.coordinator] = fault.error
            else:
                errors.everything = fault.error
        return errors

    def group(self, name: str) -> int:
        return self.groups.get(name, self.everything)

    def topic(self, name: str) -> int:
        return self.topics.get(name, self.everything)

    def resource(self, kind: int, name: str) -> int:
        return self.resources.get((kind, name), self.everything)

    def coordinator(self, group: str) -> int:
        return self.coordinators.get(group, self.everything)

    def partition(self, topic: str, partition: int) -> int:
        """The partition's own error, else its topic's."""
        if self.partitions:
            own = self.partitions.get((topic, partition))
            if own is not None:
                return own
        return self.topic(topic)
