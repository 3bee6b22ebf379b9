"""The audit as JUnit XML, for the test reports of CI systems.

One suite for each target (or what --group-by says). What --fail-on fails is a failure, a weaker finding a passed case whose
output tells it; a gap and an ignored finding are skipped, a target that could not be observed is an error. A check that
found nothing is one passed case, which says how many resources it judged: one for each would be tens of thousands.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from agent.audit import Audited
from agent.report.content import Content, causes, ignored, why_ignored
from agent.report.text import concerned, line, seen, told
from checks.evaluate import Finding
from checks.facts import Address
from checks.wording import count, printable, shown


class _Case(NamedTuple):
    group: str
    """Of its class: CI systems fold by it."""
    name: str
    outcome: str = ""
    """failure, error or skipped; empty: passed."""
    message: str = ""
    body: str = ""


def render(content: Content) -> str:
    """The document. In it stands only what is printable: XML allows no control character, however it is escaped."""
    found = [(group.title, [_finding(finding, content) for finding in group.findings]) for group in content.groups()]
    rest = [(str(one.report.target), list(_rest(one))) for one in content.audited]
    by_target = content.group_by == "target"
    suites = [(t, [*f, *r]) for (t, f), (_, r) in zip(found, rest, strict=True)] if by_target else [*found, *rest]
    at = max((one.report.at for one in content.audited), default=0.0)
    lines = [line for title, cases in suites for line in _suite(title, cases, at)]
    everything = [case for _, cases in suites for case in cases]
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="mqcanary" {_sums(everything)}>'
    return "\n".join([head, *lines, "</testsuites>"]) + "\n"


def _suite(title: str, cases: list[_Case], at: float) -> Iterator[str]:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    yield f'<testsuite name={_quoted(title)} {_sums(cases)} timestamp="{when}">'
    for case in cases:
        head = f'<testcase classname={_quoted(f"mqcanary.{case.group}")} name={_quoted(case.name)} time="0"'
        if case.outcome:
            message = f"<{case.outcome} message={_quoted(case.message)}"
            yield f"{head}>{message}>{_body(case.body)}</{case.outcome}></testcase>"
        elif case.body:
            yield f"{head}><system-out>{_body(case.body)}</system-out></testcase>"
        else:
            yield f"{head}/>"
    yield "</testsuite>"


def _sums(cases: list[_Case]) -> str:
    number = {outcome: sum(case.outcome == outcome for case in cases) for outcome in ("failure", "error", "skipped")}
    return (
        f'tests="{len(cases)}" failures="{number["failure"]}" errors="{number["error"]}" skipped="{number["skipped"]}"'
    )


def _finding(finding: Finding, content: Content) -> _Case:
    summary = f"{finding.severity}: {finding.summary}"
    lines = [summary, *(f"seen {seen(evidence, finding.fingerprint.address)}" for evidence in finding.evidence)]
    lines.append(f"fix  {finding.fix.text}")
    if finding.fix.command:
        lines.append(f"$ {finding.fix.command}")
    body = "\n".join(lines)
    if not content.fails(finding):
        return _Case(finding.fingerprint.check, _name(finding), "", "", body)
    return _Case(finding.fingerprint.check, _name(finding), "failure", summary, body)


def _name(finding: Finding) -> str:
    key = finding.fingerprint.key
    return _where(finding.fingerprint.address) + (f" {shown(key)}" if key else "")


def _where(address: Address) -> str:
    return f"{address.kind.removesuffix('s')} {shown(address.name)}" if address.kind else str(address)


def _rest(one: Audited) -> Iterator[_Case]:
    """What is no finding."""
    if one.unseen is not None:
        close = f": {one.unseen.close}" if one.unseen.close else ""
        target = str(one.report.target)
        yield _Case("target", target, "error", f"could not be observed ({one.unseen.why})", one.unseen.detail + close)
        return
    yield from _passed(one)
    for finding, by in ((passed.finding, passed.by) for passed in ignored(one)):
        message = f"ignored: {why_ignored(by)}"
        yield _Case(finding.fingerprint.check, _name(finding), "skipped", message, finding.summary)
    for cause in causes(one.report.gaps.values()):
        about = concerned(cause)
        body = "\n".join(part for part in (about, cause.close) if part)
        yield _Case("gaps", told(cause), "skipped", f"could not be judged ({cause.why})", body)


def _passed(one: Audited) -> Iterator[_Case]:
    clean: dict[str, int] = {}
    for check, _, problem, unknown in one.report.outcomes():
        if problem:
            clean[check] = -1
        elif not unknown and clean.get(check, 0) >= 0:
            clean[check] = clean.get(check, 0) + 1
    for check, number in clean.items():
        if number > 0:
            yield _Case(check, f"{count(number, 'resource')} judged, nothing found")


def _quoted(words: str) -> str:
    return quoteattr(line(words))


def _body(words: str) -> str:
    return escape("\n".join(printable(part) for part in words.split("\n")))
