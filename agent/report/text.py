"""The audit as text, for people: what matters most first, by resource; then what could not be seen; then one line."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from agent.audit import Audited
from agent.report.content import LONGEST, Cause, Content, causes, ordered, platform_line, why_ignored
from checks import all_checks
from checks.check import Evidence, Severity
from checks.evaluate import Finding, Ignored
from checks.facts import Address, KafkaSnapshot, Unknown, Why
from checks.wording import count, listed, printable, shell, shown

COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_MOST = 6
"""Lines of a list before it is cut."""
_TOGETHER = 10
"""The same, where the list is what the finding says of each resource."""


def render(content: Content, width: int = 80) -> str:
    """The report; colours are click's business, which leaves them out where nobody can see them."""
    return "\n".join(line for part in _parts(content, width) for line in part) + "\n"


def _parts(content: Content, width: int) -> Iterator[Iterator[str]]:
    grouped = content.group_by != "target"
    for group in content.groups() if grouped else ():
        yield iter((click.style(group.title, bold=True, underline=True), ""))
        yield from _findings(group.findings, width, apart=len(content.audited) > 1)
    for one in content.audited:
        yield _head(one, width)
        if one.unseen is not None:
            yield _unseen(one, width)
            continue
        if not one.report.findings:
            yield _nothing(one, "new " if content.compared else "")
        elif not grouped:
            yield from _findings(ordered(one), width)
        yield _gaps(one, width)
        yield _bootstrap(one)
    if content.remarks:
        yield _remarks(content.remarks, width)
    if passed := content.soonest():
        yield _ignored(passed, width, apart=len(content.audited) > 1)
    for text in (*content.notes, content.totals()):
        yield wrapped(line(text), width, "")


def _remarks(remarks: Sequence[str], width: int) -> Iterator[str]:
    yield click.style("Ignores to look at", bold=True)
    for text in remarks:
        yield from wrapped(line(text), width, "  - ")
    yield ""


def _ignored(passed: Sequence[Ignored], width: int, *, apart: bool) -> Iterator[str]:
    """Those that come back soonest, a line each."""
    yield click.style("Ignored", bold=True)
    named = passed if len(passed) <= _TOGETHER + 1 else passed[:_TOGETHER]
    for one in named:
        check, address, _ = one.finding.fingerprint
        place = f"{_label(address)} on {address.root}" if apart and address.kind else _label(address)
        text = f"{check}, {place}: {line(why_ignored(one.by))}"
        yield from wrapped(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", width, "  - ")
    if left := len(passed) - len(named):
        yield f"  - and {left:,} more (--format json names them all)"
    yield ""


def _head(one: Audited, width: int) -> Iterator[str]:
    target = one.report.target
    # A target that never told its name is called by its brokers, as they were given.
    name = str(target) if one.unseen is None else f"{target.scheme}://{target.target}"
    yield click.style(shown(name), bold=True) + f"  observed {moment(one.report.at)}"
    if platform := platform_line(one):
        yield from wrapped(line(platform), width, "")
    yield ""


def _unseen(one: Audited, width: int) -> Iterator[str]:
    unknown = one.unseen
    if unknown is not None:
        yield click.style("could not be observed", fg="red", bold=True) + f" ({unknown.why})"
        yield from wrapped(unknown.detail, width, "  ")
        if unknown.close:
            yield from wrapped(unknown.close, width, "  → ")
        yield ""


def _nothing(one: Audited, new: str) -> Iterator[str]:
    blind = any(gap.unknown.why is not Why.YOUNG and not gap.standing for gap in one.report.gaps.values())
    yield f"No {new}findings in what could be judged." if blind else f"No {new}findings."
    yield ""


def _findings(findings: Sequence[Finding], width: int, *, apart: bool = False) -> Iterator[Iterator[str]]:
    """By resource, the worst first; what reads best together comes last, a list under one line. `apart`: they are of several
    targets.
    """
    together = {check.id for check in all_checks() if check.together}
    single: dict[Address, list[Finding]] = {}
    joined: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        if finding.fingerprint.check in together:
            joined.setdefault((finding.fingerprint.check, finding.severity), []).append(finding)
        else:
            single.setdefault(finding.fingerprint.address, []).append(finding)
    for address, alike in single.items():
        yield _resource(address, alike, width, apart=apart)
    for alike in joined.values():
        yield _joined(alike, width, apart=apart)


def _label(address: Address) -> str:
    return f"{address.kind.removesuffix('s')} {shown(address.name)}" if address.kind else str(address)


def _resource(address: Address, findings: Sequence[Finding], width: int, *, apart: bool) -> Iterator[str]:
    yield click.style(_label(address), bold=True) + (f"  on {address.root}" if apart and address.kind else "")
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
        yield from wrapped(seen(evidence, finding.fingerprint.address), width, " " * 11 + "seen  ")
    yield from wrapped(finding.fix.text, width, " " * 11 + "fix   ")
    if finding.fix.command:
        yield " " * 13 + f"$ {finding.fix.command}"  # never wrapped: it is there to be pasted


def seen(evidence: Evidence, about: Address) -> str:
    """One observed fact in words, cut where it is endless."""
    where = "" if evidence.address in (about, about.root) else f"{shown(evidence.address.name)} "
    value = evidence.value
    told = (
        ", ".join(str(v) for v in value) or "none" if isinstance(value, tuple) else "none" if value is None else value
    )
    unit = evidence.unit
    if isinstance(told, int | float) and unit.startswith("seconds since"):
        told, unit = moment(told), unit.partition(", ")[2]
    elif isinstance(told, float) and told.is_integer():
        told = int(told)
    text = printable(str(told))
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"{where}{shown(evidence.field)} = {cut}" + (f" ({unit})" if unit else "")


def _joined(findings: Sequence[Finding], width: int, *, apart: bool) -> Iterator[str]:
    """One line for the target, the list under it, and the fix of the first: the others have the same with other names."""
    first = findings[0]
    if len(findings) == 1:
        yield from _resource(first.fingerprint.address, findings, width, apart=apart)
        return
    kind = first.fingerprint.address.kind.removesuffix("s")
    check = next(check for check in all_checks() if check.id == first.fingerprint.check)
    mark = click.style(f"{first.severity!s:<8}", fg=COLOURS[first.severity])
    yield f"{click.style(count(len(findings), kind), bold=True)}: {first.fingerprint.check}"
    yield from wrapped(check.doc.title, width, f"  {mark} ", 11)
    named = findings if len(findings) <= _TOGETHER + 1 else findings[:_TOGETHER]
    for finding in named:
        yield from wrapped(finding.summary, width, " " * 11 + "- ")
    if left := len(findings) - len(named):
        yield from wrapped(f"and {left:,} more (--format json names them all)", width, " " * 11 + "- ")
    yield from wrapped(f"The first of them: {first.fix.text}", width, " " * 11 + "fix   ")
    if first.fix.command:
        yield " " * 13 + f"$ {first.fix.command}"
    yield ""


def _gaps(one: Audited, width: int) -> Iterator[str]:
    found = causes(one.report.gaps.values())
    if not found:
        return
    yield click.style("Could not be judged", bold=True)
    for cause in found:
        yield from wrapped(told(cause), width, f"  {cause.why:<11} ", 14)
        if about := concerned(cause):
            yield from wrapped(about, width, " " * 14)
        if cause.close:
            yield from wrapped(cause.close, width, " " * 14 + "→ ")
    yield ""


def _bootstrap(one: Audited) -> Iterator[str]:
    """What `$BOOTSTRAP` stands for, to be pasted before the commands that have it."""
    printed = [
        *(finding.fix.command for finding in one.report.findings.values()),
        *(cause.close for cause in causes(one.report.gaps.values())),
    ]
    if isinstance(one.snapshot, KafkaSnapshot) and any("$BOOTSTRAP" in text for text in printed):
        cluster = one.snapshot.cluster
        known = () if isinstance(cluster, Unknown) else cluster.brokers
        place = next((f"[{b.host}]:{b.port}" if ":" in b.host else f"{b.host}:{b.port}" for b in known), "HOST:PORT")
        yield f"BOOTSTRAP={shell(place)}  # a broker of this cluster, for the commands above"
        yield ""


def told(cause: Cause) -> str:
    """What could not be seen."""
    return cause.detail + (f" (and {len(cause.gaps) - 1:,} alike)" if len(cause.gaps) > 1 else "")


def concerned(cause: Cause) -> str:
    """Which checks and resources; empty where it is all of them."""
    return (
        ": ".join(part for part in (", ".join(cause.checks), listed(cause.names, _MOST)) if part)
        if cause.checks
        else ""
    )


def moment(at: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


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
