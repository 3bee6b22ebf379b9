"""Facts in, report out. A fact that was not observed becomes a Gap: never a pass, never a finding."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from operator import is_
from typing import NamedTuple

from checks.check import Check, Evidence, Fix, Kind, Problem, Seen, Severity, Size
from checks.facts import Address, Facts, Lazy, Queue, Unknown, Unobserved, Why, absence
from checks.ignores import Ignore, chosen
from checks.limits import Limits, Ruling

GONE_AFTER = 2
"""Polls in a row that must answer "not found" by name."""


class Fingerprint(NamedTuple):
    """What makes two findings the same: never a measured value, never the way the target was reached."""

    check: str
    address: Address
    key: str = ""

    def __str__(self) -> str:
        return f"{self.check} {self.address}" + (f" {self.key}" if self.key else "")


@dataclass(frozen=True, slots=True)
class Finding:
    fingerprint: Fingerprint
    kind: Kind
    severity: Severity
    after: timedelta
    summary: str
    evidence: tuple[Evidence, ...]
    fix: Fix
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be judged, and why. With an empty check: a list that may be incomplete. With an address without a name:
    all resources of that kind that are not told one by one.
    """

    check: str
    address: Address
    unknown: Unknown

    @property
    def standing(self) -> bool:
        """No right and no second poll closes it, or it is so by choice; it is told once for each target and never counts as a
        failure.
        """
        if self.check:
            return bool(self.address.kind) and not self.address.name and self.unknown.why is Why.OFF
        return self.unknown.why is Why.UNSUPPORTED


@dataclass(frozen=True, slots=True)
class Ignored:
    """A problem that is there, and what says not to tell it."""

    finding: Finding
    by: Ignore


class Verdict(StrEnum):
    PROBLEM = "problem"
    LINGERING = "lingering"
    """Over the clear limit still, though no longer over the limit."""
    CLEAR = "clear"
    UNKNOWN = "unknown"
    GONE = "gone"
    OFF = "off"


class _Judged(NamedTuple):
    """One call of one check, kept so that the same inputs need no second call."""

    bound: tuple[object, ...]
    ruling: Ruling
    problems: tuple[Problem, ...]
    unknown: Unknown | None
    unasked: tuple[int, ...] = ()
    """Places in `bound` of what the check was handed and asked nothing: another one would have changed nothing."""


@dataclass(frozen=True, eq=False)
class Report:
    """What the checks say about one target at one time."""

    target: Address
    at: float
    findings: Mapping[Fingerprint, Finding]
    gaps: Mapping[tuple[str, Address], Gap]
    lingering: frozenset[Fingerprint]
    gone: frozenset[Address]
    judged: Mapping[tuple[str, Address], _Judged] = field(repr=False)
    off: frozenset[tuple[str, Address]] = field(repr=False)
    unseen: Unknown | None = None
    """Why nothing of the target could be observed, if so."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many resources of each kind were seen."""
    limits: Limits | None = field(default=None, repr=False)
    """What was in force: where it still is, nobody asks again what it says of each resource."""
    ignored: Mapping[Fingerprint, Ignored] = field(default_factory=dict)
    """Problems that somebody chose to live with; none of them is among the findings."""
    expired: Mapping[Fingerprint, Ignore] = field(default_factory=dict)
    """For findings that were ignored until some day: what ignored them."""

    def verdict(self, fingerprint: Fingerprint) -> Verdict:
        """What this report says of one finding of any earlier one."""
        place = (fingerprint.check, fingerprint.address)
        if fingerprint in self.findings:
            return Verdict.PROBLEM
        if fingerprint.address in self.gone:
            return Verdict.GONE
        if place in self.off:
            return Verdict.OFF
        if fingerprint in self.lingering:
            return Verdict.LINGERING
        if place in self.gaps or place not in self.judged:
            return Verdict.UNKNOWN
        return Verdict.CLEAR

    def __eq__(self, other: object) -> bool:
        """Whether both say the same; how they came to it does not count."""
        return isinstance(other, Report) and all(
            getattr(self, name) == getattr(other, name)
            for name in (
                "target",
                "at",
                "findings",
                "gaps",
                "lingering",
                "gone",
                "off",
                "unseen",
                "counts",
                "ignored",
                "expired",
            )
        )

    __hash__ = object.__hash__


def evaluate(
    facts: Facts,
    checks: Sequence[Check],
    limits: Limits,
    *,
    firing: AbstractSet[Fingerprint] = frozenset(),
    previous: Report | None = None,
) -> Report:
    """Runs every check on every resource of its kind.

    A result of `previous` is reused when each fact is the very same object and the limits are too. What is in
    `firing` and no longer a problem is judged once more with its clear limits.
    """
    findings: dict[Fingerprint, Finding] = {}
    gaps: dict[tuple[str, Address], Gap] = {}
    judged: dict[tuple[str, Address], _Judged] = {}
    off: set[tuple[str, Address]] = set()
    lingering: set[Fingerprint] = set()
    same = previous is not None and previous.limits is limits
    for gap in _list_gaps(facts):
        gaps["", gap.address] = gap
    for check in checks:
        if (unasked := facts.unasked(check.subject.kind)) is not None:
            everywhere = facts.address.under(unasked[0], "")
            gaps[check.id, everywhere] = Gap(check.id, everywhere, unasked[1])
        for address in facts.subjects(check.subject.kind):
            place = (check.id, address)
            before = previous.judged.get(place) if previous is not None else None
            ruling = before.ruling if before is not None and same else limits.of(check, address)
            if ruling.off:
                off.add(place)
                continue
            result = judged[place] = _judge(facts, check, address, ruling, before)
            for problem in result.problems:
                finding = _finding(check, address, ruling, problem, facts.at)
                findings[finding.fingerprint] = finding
            if result.unknown is not None:
                gaps[place] = Gap(check.id, address, result.unknown)
    for fingerprint in firing:
        if fingerprint not in findings and (fingerprint.check, fingerprint.address) in judged:
            lingering |= _lingering(facts, checks, limits, fingerprint, gaps)
    ignored, expired = _ignored(facts, limits, findings, firing, off)
    absent = {fingerprint.address for fingerprint in firing} | {
        place[1] for place in (previous.judged if previous else ())
    }
    gone = frozenset(a for a in absent if (seen := absence(facts, a)) is not None and seen.polls >= GONE_AFTER)
    return Report(
        target=facts.address,
        at=facts.at,
        findings=findings,
        gaps=gaps,
        lingering=frozenset(lingering),
        gone=gone,
        judged=judged,
        off=frozenset(off),
        unseen=facts.unseen,
        counts={kind: len(listing.items) for kind, listing in facts.listings().items()},
        limits=limits,
        ignored=ignored,
        expired=expired,
    )


def _ignored(
    facts: Facts,
    limits: Limits,
    findings: dict[Fingerprint, Finding],
    firing: AbstractSet[Fingerprint],
    off: set[tuple[str, Address]],
) -> tuple[dict[Fingerprint, Ignored], dict[Fingerprint, Ignore]]:
    """Takes what is ignored out of the findings. To ignore is to switch off: an alert ends by it also where the fact is
    not observed just now, as the tag or the configuration says so.
    """
    ignored: dict[Fingerprint, Ignored] = {}
    expired: dict[Fingerprint, Ignore] = {}
    for fingerprint in (*findings, *(f for f in firing if f not in findings)):
        queue = facts.get(Queue, fingerprint.address) if fingerprint.address.kind == "queues" else None
        tags = {} if queue is None or isinstance(queue, Unknown) or isinstance(queue.tags, Unknown) else queue.tags
        if not limits.ignores and not tags:
            continue
        by = chosen(limits.ignores, fingerprint.check, fingerprint.address, tags, facts.at)
        if by is None:
            continue
        if not by.over(facts.at):
            off.add((fingerprint.check, fingerprint.address))
            if fingerprint in findings:
                ignored[fingerprint] = Ignored(findings.pop(fingerprint), by)
        elif fingerprint in findings:
            expired[fingerprint] = by
    return ignored, expired


def _list_gaps(facts: Facts) -> Iterator[Gap]:
    for kind, listing in facts.listings().items():
        # What is left out by intent is no gap.
        for unknown in [one for one in listing.blind if one.why is not Why.OFF][:1]:
            yield Gap("", facts.address.under(kind, ""), unknown)


def _judge(facts: Facts, check: Check, address: Address, ruling: Ruling, before: _Judged | None) -> _Judged:
    bound = tuple([facts.get(kind, address) for kind in check.facts])  # a list is made faster than a generator is asked
    if before is not None and before.ruling is ruling and len(before.bound) == len(bound):
        if all(map(is_, bound, before.bound)):
            return before
        if before.unasked and _same_but(before.unasked, bound, before.bound):
            return before._replace(bound=bound)
    if not check.lazy:
        return _Judged(bound, ruling, *_call(check, bound, ruling.values))
    lazy = [(place, fact, fact.asked) for place in check.lazy if isinstance(fact := bound[place], Lazy)]
    problems, unknown = _call(check, bound, ruling.values)
    return _Judged(bound, ruling, problems, unknown, tuple([place for place, fact, n in lazy if fact.asked == n]))


def _same_but(places: tuple[int, ...], new: Sequence[object], old: Sequence[object]) -> bool:
    """Whether all are the very same, but for `places`, where they are of the same kind."""
    return all(
        a is b or (place in places and type(a) is type(b)) for place, (a, b) in enumerate(zip(new, old, strict=True))
    )


def _call(
    check: Check, bound: tuple[object, ...], values: Mapping[str, object]
) -> tuple[tuple[Problem, ...], Unknown | None]:
    for place in check.must_know:
        if isinstance(fact := bound[place], Unknown):
            return (), fact
    problems: list[Problem] = []
    unknown = None
    try:
        for problem in check.function(*bound, **values):
            problems.append(problem)  # noqa: PERF402 - what was yielded before an Unobserved stays
    except Unobserved as hole:
        unknown = hole.unknown
    if len(problems) > 1:
        # A problem yielded later under the same key is the same one, known better.
        problems = list({problem.key: problem for problem in problems}.values())
    return tuple(problems), unknown


def _lingering(
    facts: Facts,
    checks: Sequence[Check],
    limits: Limits,
    fingerprint: Fingerprint,
    gaps: dict[tuple[str, Address], Gap],
) -> set[Fingerprint]:
    (check,) = (c for c in checks if c.id == fingerprint.check)
    ruling = limits.of(check, fingerprint.address)
    bound = tuple(facts.get(kind, fingerprint.address) for kind in check.facts)
    problems, unknown = _call(check, bound, ruling.clear)
    place = (check.id, fingerprint.address)
    if unknown is not None:
        gaps.setdefault(place, Gap(*place, unknown))
    return {fingerprint} & {Fingerprint(*place, problem.key) for problem in problems}


def _finding(check: Check, address: Address, ruling: Ruling, problem: Problem, at: float) -> Finding:
    return Finding(
        fingerprint=Fingerprint(check.id, address, problem.key),
        kind=check.kind,
        severity=ruling.severity or problem.severity or check.severity,
        after=ruling.after,
        summary=problem.summary,
        evidence=tuple(_evidence(address, seen, at) for seen in problem.evidence),
        fix=problem.fix,
        size=problem.size,
    )


def _evidence(address: Address, seen: Seen, at: float) -> Evidence:
    return Evidence(address.under(*seen.of) if seen.of else address, seen.field, seen.value, at, seen.unit)
