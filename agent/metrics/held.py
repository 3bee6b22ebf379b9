"""What can't be seen at the moment is served as it was last seen, for a while."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Span(NamedTuple):
    """When this is, and how far back one goes."""

    then: float
    """When that was seen which the former rendering shows as known, seconds since the epoch."""
    now: float
    ttl: float
    """Seconds for which something is served that can't be seen any more."""

    @property
    def least(self) -> float:
        """What was seen before this is served no longer."""
        return self.now - self.ttl


class Held(NamedTuple, Generic[T]):
    """Values by name: those of now, and those of what can't be seen now."""

    items: Mapping[str, T]
    old: Mapping[str, tuple[T, float]]
    """The value and when it was seen; empty nearly always."""

    def all(self) -> Mapping[str, T]:
        return {**self.items, **{name: value for name, (value, _) in self.old.items()}} if self.old else self.items

    @property
    def oldest(self) -> float:
        return min((at for _, at in self.old.values()), default=inf)


def held(items: Mapping[str, T], unseen: Iterable[str], before: Held[T] | None, span: Span) -> Held[T]:
    """`items` are known; those of `unseen` are what they were in `before`, if that is not too long ago."""
    old: dict[str, tuple[T, float]] = {}
    if before is None:
        return Held(items, old)
    for name in unseen:
        value = (before.items[name], span.then) if name in before.items else before.old.get(name)
        if value is not None and value[1] >= span.least:
            old[name] = value
    return Held(items, old)
