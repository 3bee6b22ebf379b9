"""Facts in, report out. A fact that was not observed becomes a Gap: never a pass, never a finding."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from operator import is_
from typing import NamedTuple, cast

from checks.check import Check, Evidence, Fix, Kind, Problem, Seen, Severity, Size
from checks.facts import Address, Facts, Lazy, Queue, Topic, Unknown, Unobserved, Why, absence
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
    """The facts it took. Of one that is computed when it is asked for the type, if it was asked nothing: another one would have
    changed nothing; and otherwise `_ASKED`: the next look has another one, and this one holds tables of all of history.
    """
    ruling: Ruling
    problems: tuple[Problem, ...]
    unknown: Unknown | None


_ASKED = object()

_judged = cast("Callable[[tuple[object, ...]], _Judged]", partial(tuple.__new__, _Judged))
"""What the class itself takes twice as long for, tens of thousands of times in each first look at a big cluster."""


@dataclass(frozen=True, slots=True)
class _Results:
    """One check on all resources of its kind."""

    all: Mapping[Address, _Judged]
    speaking: Sequence[Address]
    """Those with a problem or a gap."""
    off: frozenset[Address]
    asked: Sequence[Address]
    """Where a fact was asked that is computed when it is asked for, or was not handed."""

    def only(self, wanted: Callable[[Address], bool]) -> "_Results":
        kept = {address: one for address, one in self.all.items() if wanted(address)}
        speaking, asked = ([address for address in some if address in kept] for some in (self.speaking, self.asked))
        return replace(self, all=kept, speaking=speaking, asked=asked)


@dataclass(frozen=True, eq=False)
class Report:
    """What the checks say about one target at one time."""

    target: Address
    at: float
    findings: Mapping[Fingerprint, Finding]
    gaps: Mapping[tuple[str, Address], Gap]
    lingering: frozenset[Fingerprint]
    gone: frozenset[Address]
    judged: Mapping[str, _Results] = field(repr=False)
    """By id of the check."""
    off: frozenset[tuple[str, Address]] = field(repr=False)
    unseen: Unknown | None = None
    """Why nothing of the target could be observed, if so."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many resources of each kind were seen."""
    limits: Limits | None = field(default=None, repr=False)
    """What was in force: where it still is, nobody asks again what it says of each resource."""
    look: object = field(default=None, repr=False)
    """Which facts were judged."""
    names: Mapping[str, AbstractSet[str]] = field(default_factory=dict, repr=False)
    """Of the resources of each kind that were seen."""
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
        results = self.judged.get(fingerprint.check)
        if place in self.gaps or results is None or fingerprint.address not in results.all:
            return Verdict.UNKNOWN
        return Verdict.CLEAR

    def outcomes(self) -> Iterator[tuple[str, Address, bool, bool]]:
        """Each check on each resource that it judged: whether it found a problem, and whether something was not known."""
        for check, results in self.judged.items():
            for address, one in results.all.items():
                yield check, address, bool(one.problems), one.unknown is not None

    def only(self, wanted: Callable[[Address], bool]) -> "Report":
        """The same of some resources alone. Gaps of lists and of all resources of a kind stay."""
        return replace(
            self,
            findings={f: finding for f, finding in self.findings.items() if wanted(f.address)},
            ignored={f: ignored for f, ignored in self.ignored.items() if wanted(f.address)},
            gaps={place: gap for place, gap in self.gaps.items() if not gap.address.name or wanted(gap.address)},
            judged={check: results.only(wanted) for check, results in self.judged.items()},
            look=None,
        )

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
    judged: dict[str, _Results] = {}
    off: set[tuple[str, Address]] = set()
    lingering: set[Fingerprint] = set()
    for gap in _list_gaps(facts):
        gaps["", gap.address] = gap
    for check in checks:
        if (unasked := facts.unasked(check.subject.kind)) is not None:
            everywhere = facts.address.under(unasked[0], "")
            gaps[check.id, everywhere] = Gap(check.id, everywhere, unasked[1])
        results = judged[check.id] = _results(facts, check, limits, previous)
        off.update((check.id, address) for address in results.off)
        for address in results.speaking:
            result = results.all[address]
            for problem in result.problems:
                finding = _finding(check, address, result.ruling, problem, facts.at)
                findings[finding.fingerprint] = finding
            if result.unknown is not None:
                gaps[check.id, address] = Gap(check.id, address, result.unknown)
    for fingerprint in firing:
        if fingerprint not in findings and fingerprint.address in judged.get(fingerprint.check, _NONE).all:
            lingering |= _lingering(facts, checks, limits, fingerprint, gaps)
    ignored, expired = _ignored(facts, limits, findings, gaps, firing, off)
    listings = facts.listings()
    return Report(
        target=facts.address,
        at=facts.at,
        findings=findings,
        gaps=gaps,
        lingering=frozenset(lingering),
        gone=frozenset(_gone(facts, firing, previous)),
        judged=judged,
        off=frozenset(off),
        unseen=facts.unseen,
        counts={kind: len(listing.items) for kind, listing in listings.items()},
        limits=limits,
        look=facts.look,
        names={kind: listing.items.keys() for kind, listing in listings.items()},
        ignored=ignored,
        expired=expired,
    )


def _gone(facts: Facts, firing: AbstractSet[Fingerprint], previous: Report | None) -> Iterator[Address]:
    """Of what was judged before or fires still, what is proven not to be there."""
    asked = {fingerprint.address for fingerprint in firing}
    for kind, names in ({} if previous is None else previous.names).items():
        listing = facts.listings().get(kind)
        asked |= {facts.address.under(kind, name) for name in (names & listing.absent.keys() if listing else ())}
    return (a for a in asked if (seen := absence(facts, a)) is not None and seen.polls >= GONE_AFTER)


def _ignored(
    facts: Facts,
    limits: Limits,
    findings: dict[Fingerprint, Finding],
    gaps: dict[tuple[str, Address], Gap],
    firing: AbstractSet[Fingerprint],
    off: set[tuple[str, Address]],
) -> tuple[dict[Fingerprint, Ignored], dict[Fingerprint, Ignore]]:
    """Takes what is ignored out of the findings. To ignore is to switch off: an alert ends by it also where the fact is
    not observed just now, as the tag or the configuration says so. Where the tags could not be read, nobody knows whether
    a finding is ignored: it is neither told nor passed over, but a gap.
    """
    ignored: dict[Fingerprint, Ignored] = {}
    expired: dict[Fingerprint, Ignore] = {}
    for fingerprint in (*findings, *(f for f in firing if f not in findings)):
        queue = facts.get(Queue, fingerprint.address) if fingerprint.address.kind == "queues" else None
        tags = {} if queue is None or isinstance(queue, Unknown) else queue.tags
        unread = tags if isinstance(tags, Unknown) and tags.why is not Why.OFF else None
        if isinstance(tags, Unknown):
            tags = {}
        if not limits.ignores and not tags and unread is None:
            continue
        by = chosen(limits.ignores, fingerprint.check, fingerprint.address, tags, facts.at)
        if unread is not None and (by is None or by.over(facts.at)):
            if findings.pop(fingerprint, None) is not None:
                place = (fingerprint.check, fingerprint.address)
                doubt = Unknown(unread.why, f"it may be ignored by a tag: {unread.detail}", unread.close)
                gaps.setdefault(place, Gap(*place, doubt))
            continue
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


_NONE = _Results({}, (), frozenset(), ())


def _results(facts: Facts, check: Check, limits: Limits, previous: Report | None) -> _Results:
    """One check on every resource of its kind."""
    before = _NONE if previous is None else previous.judged.get(check.id, _NONE)
    same = previous is not None and previous.limits is limits
    again = same and previous is not None and previous.look is facts.former and before is not _NONE
    # Most of a cluster stays as it is from look to look: then nothing of it is even asked for.
    if again and all(facts.same(kind) for kind in check.stable):
        return _again(facts, check, before) if before.asked else before
    judged: dict[Address, _Judged] = {}
    speaking: list[Address] = []
    off: list[Address] = []
    addresses = facts.subjects(check.subject.kind)
    columns = [facts.column(kind, check.subject.kind) for kind in check.facts]
    everywhere = limits.everywhere(check)
    for address, bound in zip(addresses, zip(*columns, strict=True), strict=True):
        if not check.internal and isinstance(bound[0], Topic) and bound[0].internal:
            continue
        old = before.all.get(address)
        ruling = everywhere or (old.ruling if old is not None and same else limits.of(check, address))
        if ruling.off:
            off.append(address)
            continue
        result = judged[address] = _judge(check, bound, ruling, old)
        if result.problems or result.unknown is not None:
            speaking.append(address)
    return _Results(judged, speaking, frozenset(off), _asked(check, judged))


def _again(facts: Facts, check: Check, before: _Results) -> _Results:
    """Only those that asked a fact which is another one now: all else that they took is as it was."""
    old = {address: before.all[address] for address in before.asked}
    new = {
        address: _judge(check, tuple([facts.get(kind, address) for kind in check.facts]), one.ruling, one)
        for address, one in old.items()
    }
    speaking = [address for address in before.speaking if address not in new]
    speaking += [address for address, one in new.items() if one.problems or one.unknown is not None]
    return _Results({**before.all, **new}, speaking, before.off, _asked(check, new))


def _asked(check: Check, judged: Mapping[Address, _Judged]) -> list[Address]:
    places = check.lazy
    if not places:
        return []
    return [a for a, one in judged.items() if any(not isinstance(one.bound[place], type) for place in places)]


def _judge(check: Check, bound: tuple[object, ...], ruling: Ruling, before: _Judged | None) -> _Judged:
    if before is not None and before.ruling is ruling and len(before.bound) == len(bound):
        if all(map(is_, bound, before.bound)):
            return before
        if check.lazy and all(a is b or (type(a) is b) for a, b in zip(bound, before.bound, strict=True)):
            return before
    if not check.lazy:
        problems, unknown = _call(check, bound, ruling.values)
        return _judged((bound, ruling, problems, unknown))
    counted = [(place, fact, fact.asked) for place in check.lazy if isinstance(fact := bound[place], Lazy)]
    problems, unknown = _call(check, bound, ruling.values)
    kept: list[object] = list(bound)
    for place, fact, asked in counted:
        kept[place] = type(fact) if fact.asked == asked else _ASKED
    return _Judged(tuple(kept), ruling, problems, unknown)


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
    return (tuple(problems) if problems else ()), unknown


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
