"""What a check is: a generator that reads facts about one resource and yields the problems it can prove."""

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from functools import cached_property

from checks.facts import Address, Lazy, Unknown


def minutes(n: float) -> timedelta:
    """Reads as prose in a signature."""
    return timedelta(minutes=n)


class Severity(IntEnum):
    """Ordered, so that `--fail-on warning` means warning and above."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()


class Kind(StrEnum):
    CONDITION = "condition"
    """Changes by itself: alerts."""
    CONFIGURATION = "configuration"
    """Somebody set it: goes to the audit and the daily digest, never pages."""


class Tier(StrEnum):
    DEFAULT = "default"
    PEDANTIC = "pedantic"
    """Runs only when asked for by name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One observed fact that a problem rests on, as a check names it. The evaluator adds address and time."""

    field: str
    """Place below the resource: `leader[3]`, `config.min.insync.replicas`, `committed[orders/0]`."""
    value: object
    """A number, a text, a truth value, None, or a tuple of them."""
    unit: str = ""
    of: tuple[str, str] | None = None
    """Kind and name of another resource of the same target that shows it: ("topics", "orders")."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observed fact with its place and time: altering that field in the snapshot alters the finding."""

    address: Address
    field: str
    value: object
    at: float
    """When it was observed, seconds since the epoch."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about it."""

    text: str
    command: str = ""
    """To paste into a shell, quoted; empty where no one command does it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a problem there is, where more of it is news: each dead letter is work that was given up."""

    least: int
    """So many at least, as the last polls agree: a count that flickers up once is no arrival."""
    most: int
    """So many at most in the last minutes: a count that flickers down once is no departure."""


@dataclass(frozen=True, slots=True)
class Problem:
    summary: str
    evidence: tuple[Seen, ...]
    fix: Fix
    key: str = ""
    """Tells two problems of one check on one resource apart; never a measured value."""
    severity: Severity | None = None
    """None: the check's own."""
    size: Size | None = None
    """None: more of it is the same problem, and no news."""


@dataclass(frozen=True, slots=True)
class Need:
    """One fact that a check takes, by the annotation of its argument."""

    name: str
    kind: type
    takes_unknown: bool
    """Annotated `T | Unknown`: handed over as it is. Else an Unknown makes the Gap without a call."""
    takes_none: bool


@dataclass(frozen=True, slots=True)
class LimitSpec:
    name: str
    kind: type
    default: object
    clear: float | None
    """What the limit is multiplied by for a problem that already fires; None: the same limit."""
    asked: bool
    """A duration, or a share of a topic's retention.ms, that the collector asks the log about (ListOffsets by time)."""


@dataclass(frozen=True, eq=False)
class Check:
    """One rule. Its id is its place: checks/kafka/group_lagging.py is kafka/group-lagging."""

    id: str
    kind: Kind
    severity: Severity
    after: timedelta
    """Patience before it is told: the alert machine's business."""
    tier: Tier
    polls: int
    """How many polls in a row it needs to speak."""
    together: bool
    """Its findings read best as one line for each target with a list under it."""
    internal: bool
    """It judges topics of Kafka's own as well, on which groups and transactions rest; others leave them alone."""
    function: Callable[..., Iterator[Problem]]
    subject: Need
    needs: tuple[Need, ...]
    limits: Mapping[str, LimitSpec]
    names: Callable[..., Iterable[str]] | None = field(repr=False)
    """From the subject and the limits: topics whose existence must be proven by name, since no list proves absence."""
    newest: Callable[..., bool] | None = field(repr=False)
    """From a topic's name and the limits: whether the time of its newest record is to be asked for."""
    doc: "Doc" = field(repr=False)

    def __call__(self, *args: object, **limits: object) -> Iterator[Problem]:
        return self.function(*args, **limits)

    @cached_property
    def facts(self) -> tuple[type, ...]:
        """What it takes, its subject first."""
        return (self.subject.kind, *(need.kind for need in self.needs))

    @cached_property
    def must_know(self) -> tuple[int, ...]:
        """Places in `facts` of those without which it can't be called."""
        return tuple(i for i, need in enumerate((self.subject, *self.needs)) if not need.takes_unknown)

    @cached_property
    def lazy(self) -> tuple[int, ...]:
        """Places in `facts` of those that are computed when they are asked for."""
        return tuple(i for i, kind in enumerate(self.facts) if issubclass(kind, Lazy))

    @cached_property
    def asks(self) -> tuple[str, ...]:
        """The limits that the collector asks the log about."""
        return tuple(spec.name for spec in self.limits.values() if spec.asked)

    @cached_property
    def stable(self) -> frozenset[type]:
        """Kinds of facts that must all be what they were for the check to say what it said, if it asked no lazy one."""
        return frozenset((kind.FOLLOWS or kind) if issubclass(kind, Lazy) else kind for kind in self.facts)

    @cached_property
    def defaults(self) -> Mapping[str, object]:
        return types.MappingProxyType({name: spec.default for name, spec in self.limits.items()})


SECTIONS = ("Why", "How", "Limits", "Silent when", "Source")


@dataclass(frozen=True, slots=True)
class Doc:
    """A check's docstring: a title that says what is wrong, then the sections named in SECTIONS."""

    title: str
    sections: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "Doc":
        heads = "|".join(SECTIONS)
        title, *rest = re.split(rf"^({heads}):\s", inspect.cleandoc(text), flags=re.MULTILINE)
        return cls(
            " ".join(title.split()), {k: " ".join(v.split()) for k, v in zip(rest[::2], rest[1::2], strict=True)}
        )


Rule = Callable[..., Iterator[Problem]]


def check(
    *,
    kind: Kind,
    severity: Severity,
    after: timedelta = timedelta(0),
    tier: Tier = Tier.DEFAULT,
    polls: int = 1,
    together: bool = False,
    internal: bool = False,
    clear: Mapping[str, float] | None = None,
    ages: tuple[str, ...] = (),
    names: Callable[..., Iterable[str]] | None = None,
    newest: Callable[..., bool] | None = None,
) -> Callable[[Rule], Check]:
    """Makes a check of a generator function.

    Its first positional argument is the one resource it judges, the other positional ones are facts about it, and
    keyword-only arguments with defaults are its limits. Types decide: annotate a fact `T` to be called only when
    it is known, `T | Unknown` to be handed what there is.
    """

    def build(function: Rule) -> Check:
        hints = typing.get_type_hints(function)
        facts: list[Need] = []
        limits: dict[str, LimitSpec] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                factor = (clear or {}).get(name)
                value = parameter.default
                limits[name] = LimitSpec(name, type(value), value, factor, name in ages)
            else:
                facts.append(_need(name, hints[name]))
        if not function.__doc__:
            raise TypeError(f"{function.__module__}: a check explains itself in its docstring")
        return Check(
            id="/".join(function.__module__.split(".")[-2:]).replace("_", "-"),
            kind=kind,
            severity=severity,
            after=after,
            tier=tier,
            polls=polls,
            together=together,
            internal=internal,
            function=function,
            subject=facts[0],
            needs=tuple(facts[1:]),
            limits=types.MappingProxyType(limits),
            names=names,
            newest=newest,
            doc=Doc.parse(function.__doc__),
        )

    return build


def _need(name: str, hint: object) -> Need:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    (fact,) = (option for option in options if option not in (Unknown, type(None)))
    return Need(name, typing.cast("type", fact), Unknown in options, type(None) in options)
