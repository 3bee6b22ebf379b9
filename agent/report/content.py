"""What every format says, in its own words: findings in their order and groups, gaps by their cause, and the sums."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.audit import Audited, counts
from agent.baseline import Compared
from checks.check import Check, Severity
from checks.evaluate import Finding, Gap, Ignored
from checks.facts import Address, KafkaSnapshot, Platform, Unknown, Why
from checks.facts.platform import Recognised, recognise
from checks.ignores import Ignore
from checks.wording import count, shown, span

GROUPINGS = ("target", "owner", "check", "severity")
LONGEST = 300
"""Characters of what was seen before it is cut: an access policy may have 10,000. The JSON has it whole."""


class Group(NamedTuple):
    """Findings that are told together."""

    title: str
    findings: Sequence[Finding]


class Cause(NamedTuple):
    """Gaps that one thing closes: a missing right makes many."""

    why: Why
    detail: str
    """Of the first."""
    close: str
    gaps: Sequence[Gap]

    @property
    def counts(self) -> bool:
        return counts(self.gaps[0])

    @property
    def checks(self) -> list[str]:
        return sorted({gap.check for gap in self.gaps if gap.check})

    @property
    def names(self) -> list[str]:
        """Of the resources."""
        return sorted({gap.address.name for gap in self.gaps if gap.address.name})


@dataclass(frozen=True, slots=True)
class Content:
    """An audit, and what its reader asked for."""

    audited: Sequence[Audited]
    checks: Sequence[Check] = ()
    """Those that ran."""
    remarks: Sequence[str] = ()
    """Ignores to look at."""
    notes: Sequence[str] = ()
    """What was left out on purpose, a line each."""
    compared: Compared | None = None
    owner: Callable[[Address], str] = field(default=lambda _: "")
    group_by: str = "target"
    threshold: Severity | None = Severity.WARNING
    """The least severity that fails; None: no finding does."""
    file: str = ""
    """The configuration, as it was named."""

    def groups(self) -> list[Group]:
        """By target as given, also those without findings; by anything else the worst first."""
        if self.group_by == "target":
            return [Group(str(one.report.target), ordered(one)) for one in self.audited]
        found: dict[str, list[Finding]] = {}
        for one in self.audited:
            for finding in ordered(one):
                found.setdefault(self._shared(finding), []).append(finding)
        groups = [Group(title, sorted(findings, key=_rank)) for title, findings in found.items()]
        return sorted(groups, key=lambda group: (_rank(group.findings[0])[0], group.title))

    def _shared(self, finding: Finding) -> str:
        if self.group_by == "owner":
            owner = self.owner(finding.fingerprint.address)
            return f"owner {shown(owner)}" if owner else "owner not known"
        return finding.fingerprint.check if self.group_by == "check" else str(finding.severity)

    def findings(self) -> list[Finding]:
        return [finding for one in self.audited for finding in ordered(one)]

    def ignored(self) -> list[Ignored]:
        return [one for audited in self.audited for one in ignored(audited)]

    def soonest(self) -> list[Ignored]:
        """What is ignored, in the order in which it comes back; for ever is last, the worst of it first."""
        return sorted(self.ignored(), key=lambda one: (one.by.ends() or math.inf, _rank(one.finding)))

    def fails(self, finding: Finding) -> bool:
        return self.threshold is not None and finding.severity >= self.threshold

    def totals(self) -> str:
        """All of it in one line."""
        by = Counter(finding.severity for one in self.audited for finding in one.report.findings.values())
        gaps = sum(counts(gap) for one in self.audited for gap in one.report.gaps.values())
        seen: Counter[str] = Counter()
        for one in self.audited:
            seen.update({kind: len(listing.items) for kind, listing in one.listings.items()})
        excluded = sum(listing.excluded for one in self.audited for listing in one.listings.values())
        unseen = sum(one.unseen is not None for one in self.audited)
        line = f"{', '.join(f'{by[s]} {s}' for s in reversed(Severity))}; {count(gaps, 'gap')}; looked at "
        line += ", ".join(count(number, kind.removesuffix("s")) for kind, number in seen.items())
        line += f" in {count(len(self.audited), 'target')}"
        line += f", left out {excluded}" if excluded else ""
        passed = self._passed()
        line += f"; {passed}" if passed else ""
        return line + (f"; {count(unseen, 'target')} could not be observed" if unseen else "")

    def _passed(self) -> str:
        """`3 ignored, 1 expires in 5 d`: the next to come back is named; empty where nothing is ignored."""
        found = [(one, passed.by) for one in self.audited for passed in one.report.ignored.values()]
        ends = [(ends, one.report.at) for one, by in found if (ends := by.ends()) is not None]
        if not ends:
            return f"{len(found)} ignored" if found else ""
        end, at = min(ends)
        expire = sum(e == end for e, _ in ends)
        return f"{len(found)} ignored, {expire} {'expires' if expire == 1 else 'expire'} in {span(max(0.0, end - at))}"


def headline(content: Content) -> str:
    """What is wrong, in a few words."""
    by = Counter(finding.severity for one in content.audited for finding in one.report.findings.values())
    parts = [f"{by[severity]:,} {severity}" for severity in reversed(Severity) if by[severity]]
    new = "new " if content.compared else ""
    told = f"{new}{', '.join(parts)}" if parts else f"no {new}findings"
    unseen = sum(one.unseen is not None for one in content.audited)
    return told + (f"; {count(unseen, 'target')} could not be observed" if unseen else "")


def recognised(one: Audited) -> Recognised | None:
    """The platform that a cluster was recognised as, and by what; None where nothing speaks for one."""
    snapshot = one.snapshot
    if not isinstance(snapshot, KafkaSnapshot) or isinstance(snapshot.cluster, Unknown):
        return None
    told = recognise(snapshot.cluster, snapshot.broker_configs)
    return None if told.platform is Platform.APACHE else told


def platform_line(one: Audited) -> str:
    """`Redpanda (its cluster id begins with redpanda.)`; empty where nothing speaks for a platform."""
    told = recognised(one)
    return "" if told is None else f"{told.platform} ({told.by})"


def ordered(one: Audited) -> list[Finding]:
    """The findings of a target, what matters most first."""
    return sorted(one.report.findings.values(), key=_rank)


def ignored(one: Audited) -> list[Ignored]:
    """What is ignored of a target, by check, resource and key."""
    return sorted(one.report.ignored.values(), key=lambda one: str(one.finding.fingerprint))


def why_ignored(by: Ignore) -> str:
    """`replayed by hand, until 2027-01-31`."""
    until = f", until {by.until.isoformat()}" if by.until is not None else ""
    return f"{by.reason or 'no reason given'}{until}"


def _rank(finding: Finding) -> tuple[int, str, str, str]:
    check, address, key = finding.fingerprint
    return (-finding.severity, check, str(address), key)


def causes(gaps: Iterable[Gap]) -> list[Cause]:
    """By what closes them: first those that somebody could close, then the largest."""
    found: dict[tuple[Why, str, str], list[Gap]] = {}
    for gap in gaps:
        key = (gap.unknown.why, "" if gap.unknown.close else gap.unknown.detail, gap.unknown.close)
        found.setdefault(key, []).append(gap)
    made = [Cause(why, alike[0].unknown.detail, close, alike) for (why, _, close), alike in found.items()]
    return sorted(made, key=lambda cause: (not cause.counts, -len(cause.gaps)))
