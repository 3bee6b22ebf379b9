"""A fact that could not be observed is a value of its own: never a zero, never an empty list, never a pass."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Generic, NamedTuple, NoReturn, TypeVar

from checks.wording import printable

T = TypeVar("T")


class Why(StrEnum):
    """Why a fact is not known."""

    DENIED = "denied"
    UNREACHABLE = "unreachable"
    UNSUPPORTED = "unsupported"
    DEADLINE = "deadline"
    YOUNG = "young"
    """Not observed for long enough yet: another poll closes it."""
    OFF = "off"
    """Not asked for."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that was not observed.

    Its truth value raises, so that `if fact:` can't mistake it for a value.
    """

    why: Why
    detail: str
    """In words, fit for one line: what is not printable in it is escaped."""
    close: str = ""
    """What a person does to make it known, as a sentence or a command."""
    last: object = None
    """The last good value, for pages and metrics, never for checks."""
    last_at: float | None = None

    def __post_init__(self) -> None:
        # It quotes names that anybody may choose, and goes to terminals, to Slack and into logs.
        if not (self.detail.isprintable() and self.close.isprintable()):
            object.__setattr__(self, "detail", printable(self.detail))
            object.__setattr__(self, "close", printable(self.close))

    def __bool__(self) -> NoReturn:
        raise TypeError(f"an Unknown is neither true nor false ({self.why}: {self.detail}); ask known() first")


@lru_cache(maxsize=1 << 10)  # said of every topic while an agent is young
def young(seen: str, seconds: float, polls: int = 2) -> Unknown:
    """History is too short for a question: it has to reach `seconds` back, in at least so many polls."""
    every = max(1, min(30, int(seconds / polls)))
    samples = max(polls, math.ceil(seconds / every)) + 1
    return Unknown(Why.YOUNG, seen, f"more polls: --samples {samples} --every {every}s")


class Unobserved(Exception):  # noqa: N818 - not an error of ours: it becomes a Gap
    """Raised by `known()`; the evaluator turns it into a Gap."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.detail)
        self.unknown = unknown


def known(value: T | Unknown) -> T:
    """The value, where there is one: the only way out of `T | Unknown`.

    Raises:
        Unobserved: there is none.
    """
    if isinstance(value, Unknown):
        raise Unobserved(value)
    return value


class Lazy:
    """A fact that is computed when it is asked for. `asked` counts how often: what was not asked has decided nothing."""

    FOLLOWS: ClassVar[type | None] = None
    """The kind of fact with which it is known or not; None: by itself."""
    asked = 0


class Absence(NamedTuple):
    """Asked for by name, and answered "not found"."""

    since: float
    """When that was first answered, in seconds since the epoch."""
    polls: int
    """How many polls in a row answered so. One can be a stale answer; two prove that it is gone."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """What a list call and the calls by name have shown."""

    items: Mapping[str, T | Unknown]
    blind: tuple[Unknown, ...] = ()
    """Not empty: the list may leave things out, and absence from `items` proves nothing."""
    absent: Mapping[str, Absence] = field(default_factory=dict)
    """Names that were asked for one by one and are not there."""
    excluded: int = 0
    """How many were seen and left out, because the configuration says so."""
    left_out: frozenset[str] = frozenset()
    """Those of them that are left out by choice; what platforms make, and nobody includes, is not among them."""

    def exists(self, name: str) -> bool | Unknown:
        """Whether there is one of this name; Unknown where only a blind list speaks against it."""
        if name in self.items or name in self.left_out:
            return True
        if name in self.absent or not self.blind:
            return False
        return self.blind[0]

    def unjudged(self, what: str, close: str) -> Unknown | None:
        """Why something that one of `what` (topics, groups) does is not known: some were left out by choice."""
        if not self.left_out:
            return None
        one, more = min(self.left_out), len(self.left_out) - 1
        return Unknown(Why.OFF, f"{what} are left out by choice: {one}{f' and {more:,} more' if more else ''}", close)
