"""What the evaluator asks of a target, and how its answers are looked up: each computed at most once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from checks.facts.address import Address
from checks.facts.history import Snapshot
from checks.facts.unknown import Absence, Listing, Unknown, Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Now:
    """The time of the observation, seconds since the epoch: a fact of checks whose verdict ages."""

    at: float


class Facts(Protocol):
    """What the evaluator asks. Speaks of one target; every answer is computed at most once."""

    @property
    def address(self) -> Address: ...
    @property
    def at(self) -> float: ...
    @property
    def unseen(self) -> Unknown | None:
        """Why nothing of the target could be observed, if so."""
        ...

    @property
    def look(self) -> object:
        """Stands for these facts, and for no others."""
        ...

    @property
    def former(self) -> object:
        """Stands for the facts of the look before, if what follows from those could be taken from there."""
        ...

    def same(self, kind: type) -> bool:
        """Whether every fact of this kind is the very object that the facts of `former` have, for the very same resources.

        Of a kind that is computed when it is asked for: whether it is known as it was.
        """
        ...

    def subjects(self, kind: type) -> Iterator[Address]:
        """The resources of this kind, known or not."""
        ...

    def get(self, kind: type[T], at: Address) -> T | Unknown:
        """One fact about one resource."""
        ...

    def column(self, kind: type, subject: type) -> Sequence[object]:
        """The facts of `kind` about all `subjects(subject)`, in their order: what a dozen checks ask for is gathered once."""
        ...

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:
        """Why there are resources without this kind of fact, where that was not asked for: one answer for all of them, which
        are no subjects, and the kind of their address.
        """
        ...

    def listings(self) -> Mapping[str, Listing[object]]:
        """The lists by kind of address: `topics`, `groups`, `queues`."""
        ...


Provider = Callable[[Any, str], object]


class Base:
    """Answers from a table of providers, one for each kind of fact; remembers each answer.

    The table is the class's: facts that held closures over themselves would be freed by the garbage collector alone.
    """

    SUBJECTS: Mapping[type, str]
    PROVIDERS: Mapping[type, Provider]
    snapshot: Snapshot

    def __init__(self) -> None:
        self._told: defaultdict[type, dict[str, object]] = defaultdict(dict)
        self._subjects: dict[type, tuple[Address, ...]] = {}
        self._columns: dict[tuple[type, type], Sequence[object]] = {}
        self._now = Now(self.snapshot.at)
        self._address = self.snapshot.address
        self._look = object()
        self._before: object = None
        self._same: dict[type, bool] = {}

    @property
    def look(self) -> object:
        return self._look

    @property
    def former(self) -> object:
        return self._before

    def same(self, kind: type) -> bool:
        return self._same.get(kind, False)

    @property
    def address(self) -> Address:
        return self._address

    @property
    def at(self) -> float:
        return self.snapshot.at

    def listings(self) -> Mapping[str, Listing[object]]:
        raise NotImplementedError

    def subjects(self, kind: type) -> Iterator[Address]:
        if kind not in self._subjects:
            self._subjects[kind] = tuple(self.named(kind))
        return iter(self._subjects[kind])

    def named(self, kind: type) -> Iterator[Address]:
        """As `subjects`, made anew; a dozen checks ask for the same."""
        place = self.SUBJECTS.get(kind)
        if place is None:
            return
        if not place:
            yield self.address
            return
        for name in self.listings()[place].items:
            yield self.address.under(place, name)

    def column(self, kind: type, subject: type) -> Sequence[object]:
        made = self._columns.get((kind, subject))
        if made is None:
            told, provider = self._told[kind], self.PROVIDERS.get(kind)
            if provider is None or told:
                made = [self.get(kind, address) for address in self.subjects(subject)]
            else:  # nothing of the kind was asked yet: as `get` for each, without the way there
                names = [address.name for address in self.subjects(subject)]
                made = [provider(self, name) for name in names]
                told.update(zip(names, made, strict=True))
            self._columns[kind, subject] = made
        return made

    def get(self, kind: type[T], at: Address) -> T | Unknown:
        told = self._told[kind]
        try:  # most were asked before; asked first whether they were, all would pay twice
            return told[at.name]  # type: ignore[return-value]
        except KeyError:
            provider = self.PROVIDERS.get(kind)
            fact = told[at.name] = _not_here(kind) if provider is None else provider(self, at.name)
            return fact  # type: ignore[return-value]

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:  # noqa: ARG002 - most targets have no such facts
        return None

    def now(self, _: str) -> Now:
        return self._now


def absence(facts: Facts, at: Address) -> Absence | None:
    """Whether the resource was asked for by name and not found."""
    listing = facts.listings().get(at.kind)
    return None if listing is None else listing.absent.get(at.name)


def in_snapshot(items: Mapping[str, T | Unknown], name: str, what: str) -> T | Unknown:
    return items[name] if name in items else Unknown(Why.UNSUPPORTED, f"{what} {name} is not in the snapshot")


def _not_here(kind: type) -> Unknown:
    return Unknown(Why.UNSUPPORTED, f"no target of this kind tells {kind.__name__}")
