"""The audit as text, for people: what matters most first, by resource; then what could not be seen; then one line."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from agent.audit import Audited, counts
from agent.report.json import listings, ordered
from checks import all_checks
from checks.check import Evidence, Severity
from checks.evaluate import Finding, Gap
from checks.facts import Address, Why
from checks.wording import count, printable, shown, span

COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_MOST = 6
"""Lines of a list before it is cut."""
_LONGEST = 300
"""Characters of what was seen before it is cut: an access policy may have 10,000. The JSON has it whole."""


def render(audited: Sequence[Audited], width: int = 80, remarks: Sequence[str] = ()) -> str:
    """The report; colours are click's business, which leaves them out where nobody can see them."""
    return "\n".join(line for part in _parts(audited, width, remarks) for line in part) + "\n"


def _parts(audited: Sequence[Audited], width: int, remarks: Sequence[str]) -> Iterator[Iterator[str]]:
    for one in audited:
        yield _head(one)
        if one.unseen is not None:
            yield _unseen(one, width)
            continue
        yield from _findings(one, width) if one.report.findings else (_nothing(one),)
        yield _gaps(one, width)
    if remarks:
        yield _remarks(remarks, width)
    yield _totals(audited, width)


def _remarks(remarks: Sequence[str], width: int) -> Iterator[str]:
    yield click.style("Ignores to look at", bold=True)
    for text in remarks:
        yield from wrapped(line(text), width, "  - ")
    yield ""


def ignored_words(audited: Sequence[Audited]) -> str:
    """`3 ignored, 1 of them until 2027-01-31`: the next to come back is named; empty where nothing is ignored."""
    found = [(one, ignored.by) for one in audited for ignored in one.report.ignored.values()]
    if not found:
        return ""
    ends = [(by.ends() or 0.0, one.report.at) for one, by in found if by.ends() is not None]
    if not ends:
        return f"{len(found)} ignored"
    end, at = min(ends)
    expire = sum(e == end for e, _ in ends)
    return f"{len(found)} ignored, {expire} {'expires' if expire == 1 else 'expire'} in {span(max(0.0, end - at))}"


def _head(one: Audited) -> Iterator[str]:
    at = datetime.fromtimestamp(one.report.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    target = one.report.target
    # A target that never told its name is called by its brokers, as they were given.
    name = str(target) if one.unseen is None else f"{target.scheme}://{target.target}"
    yield click.style(shown(name), bold=True) + f"  observed {at}"
    yield ""


def _unseen(one: Audited, width: int) -> Iterator[str]:
    unknown = one.unseen
    if unknown is not None:
        yield click.style("could not be observed", fg="red", bold=True) + f" ({unknown.why})"
        yield from wrapped(unknown.detail, width, "  ")
        if unknown.close:
            yield from wrapped(unknown.close, width, "  → ")
        yield ""


def _nothing(one: Audited) -> Iterator[str]:
    blind = any(counts(gap) for gap in one.report.gaps.values())
    yield "No findings in what could be judged." if blind else "No findings."
    yield ""


def _findings(one: Audited, width: int) -> Iterator[Iterator[str]]:
    """By resource, the worst first; what reads best together comes last, a list under one line."""
    together = {check.id for check in all_checks() if check.together}
    apart: dict[Address, list[Finding]] = {}
    joined: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in ordered(one):
        if finding.fingerprint.check in together:
            joined.setdefault((finding.fingerprint.check, finding.severity), []).append(finding)
        else:
            apart.setdefault(finding.fingerprint.address, []).append(finding)
    for address, findings in apart.items():
        yield _resource(address, findings, width)
    for findings in joined.values():
        yield _joined(findings, width)


def _resource(address: Address, findings: Sequence[Finding], width: int) -> Iterator[str]:
    label = f"{address.kind.removesuffix('s')} {shown(address.name)}" if address.kind else str(address)
    yield click.style(label, bold=True)
    for finding in findings:
        yield from _finding(finding, width)
    yield ""


def _finding(finding: Finding, width: int) -> Iterator[str]:
    mark = click.style(f"{finding.severity!s:<8}", fg=COLOURS[finding.severity])
    lines = textwrap.wrap(finding.summary, width - 11, break_on_hyphens=False) or [""]
    yield f"  {mark} {lines[0]}"
    for line in lines[1:]:
        yield " " * 11 + line
    yield " " * 11 + click.style(finding.fingerprint.check, dim=True)
    for evidence in finding.evidence[:_MOST]:
        yield from wrapped(_seen(evidence, finding.fingerprint.address), width, " " * 11 + "seen  ")
    yield from wrapped(finding.fix.text, width, " " * 11 + "fix   ")
    if finding.fix.command:
        yield " " * 13 + f"$ {finding.fix.command}"  # never wrapped: it is there to be pasted


def _seen(evidence: Evidence, about: Address) -> str:
    where = "" if evidence.address == about else f"{shown(evidence.address.name)} "
    value = evidence.value
    told = (
        ", ".join(str(v) for v in value) or "none" if isinstance(value, tuple) else "none" if value is None else value
    )
    if isinstance(told, float) and told.is_integer():
        told = int(told)
    text = printable(str(told))
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{where}{shown(evidence.field)} = {cut}" + (f" ({evidence.unit})" if evidence.unit else "")


def _joined(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """One line for the target, the list under it, and the fix of the first: the others have the same with other names."""
    first = findings[0]
    if len(findings) == 1:
        yield from _resource(first.fingerprint.address, findings, width)
        return
    kind = first.fingerprint.address.kind.removesuffix("s")
    check = next(check for check in all_checks() if check.id == first.fingerprint.check)
    mark = click.style(f"{first.severity!s:<8}", fg=COLOURS[first.severity])
    yield f"{click.style(count(len(findings), kind), bold=True)}: {first.fingerprint.check}"
    yield from wrapped(check.doc.title, width, f"  {mark} ", 11)
    for finding in findings:
        yield from wrapped(finding.summary, width, " " * 11 + "- ")
    yield from wrapped(f"The first of them: {first.fix.text}", width, " " * 11 + "fix   ")
    if first.fix.command:
        yield " " * 13 + f"$ {first.fix.command}"
    yield ""


def _gaps(one: Audited, width: int) -> Iterator[str]:
    """Grouped by cause: a missing right makes many gaps, and one line closes them all."""
    causes: dict[tuple[Why, str, str], list[Gap]] = {}
    for gap in one.report.gaps.values():
        key = (gap.unknown.why, "" if gap.unknown.close else gap.unknown.detail, gap.unknown.close)
        causes.setdefault(key, []).append(gap)
    if not causes:
        return
    yield click.style("Could not be judged", bold=True)
    for (why, _, close), gaps in sorted(causes.items(), key=lambda item: (not counts(item[1][0]), -len(item[1]))):
        yield from wrapped(
            gaps[0].unknown.detail + (f" (and {len(gaps) - 1} alike)" if len(gaps) > 1 else ""),
            width,
            f"  {why:<11} ",
            14,
        )
        checks = sorted({gap.check for gap in gaps if gap.check})
        if checks:
            about = [gap.address.name for gap in gaps if gap.address.name]
            names = ", ".join(shown(name) for name in sorted(set(about))[:_MOST])
            more = f" and {len(set(about)) - _MOST} more" if len(set(about)) > _MOST else ""
            yield from wrapped(": ".join(filter(None, (", ".join(checks), names + more))), width, " " * 14)
        if close:
            yield from wrapped(close, width, " " * 14 + "→ ")
    yield ""


def _totals(audited: Sequence[Audited], width: int) -> Iterator[str]:
    findings = [f for one in audited for f in one.report.findings.values()]
    gaps = [gap for one in audited for gap in one.report.gaps.values() if counts(gap)]
    unseen = sum(one.unseen is not None for one in audited)
    by = [f"{sum(f.severity is s for f in findings)} {s}" for s in reversed(Severity)]
    seen: dict[str, int] = {}
    for one in audited:
        for kind, listing in listings(one).items():
            seen[kind] = seen.get(kind, 0) + len(listing.items)
    excluded = sum(listing.excluded for one in audited for listing in listings(one).values())
    line = f"{', '.join(by)}; {count(len(gaps), 'gap')}; looked at " + ", ".join(
        count(number, kind.removesuffix("s")) for kind, number in seen.items()
    )
    line += f" in {count(len(audited), 'target')}"
    line += f", left out {excluded}" if excluded else ""
    ignored = ignored_words(audited)
    line += f"; {ignored}" if ignored else ""
    line += f"; {count(unseen, 'target')} could not be observed" if unseen else ""
    yield from wrapped(line, width, "")


def line(text: str) -> str:
    """Any text as one line that can be shown, and encoded."""
    text = " ".join(text.split())
    return shown(text) if text else ""


def wrapped(text: str, width: int, head: str, indent: int | None = None) -> Iterator[str]:
    """Lines of at most `width`; the first begins with `head`, the others are indented below it."""
    below = " " * (len(click.unstyle(head)) if indent is None else indent)
    room = max(20, width - len(below))
    lines = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    yield head + lines[0]
    for line in lines[1:]:
        yield below + line
