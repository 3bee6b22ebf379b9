"""The audit as one file for a browser: nothing is fetched, no script runs, and it can be read on a phone and on paper."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from agent import VERSION
from agent.audit import Audited
from agent.report.content import Content, Group, causes, headline, platform_line, why_ignored
from agent.report.text import concerned, line, moment, seen, told
from checks import all_checks
from checks.check import Severity
from checks.evaluate import Finding
from checks.facts import Address
from checks.wording import printable, shown


class _Found(NamedTuple):
    severity: str
    summary: str
    where: str
    target: str
    check: str
    seen: Sequence[str]
    fix: str
    command: str


class _Page(NamedTuple):
    """What docs/checks has of a check: the file may be read where nothing can be fetched."""

    id: str
    title: str
    sections: Sequence[tuple[str, str]]


class _Cause(NamedTuple):
    why: str
    detail: str
    about: str
    close: str


class _Target(NamedTuple):
    name: str
    observed: str
    platform: str
    unseen: _Cause | None
    causes: Sequence[_Cause]
    gaps: int


def render(content: Content) -> str:
    """The page. Every text in it is escaped by the template, and made printable before."""
    environment = Environment(loader=PackageLoader("agent.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("agent.report").joinpath("report.html").read_text(encoding="utf-8"))
    style = files("agent.web").joinpath("templates/style.css").read_text(encoding="utf-8")
    return template.render(
        version=VERSION,
        style=Markup(style),  # noqa: S704 - our own file
        mood=_mood(content),
        headline=headline(content),
        totals=content.totals(),
        notes=[*map(line, content.notes)],
        remarks=[*map(line, content.remarks)],
        groups=[(line(group.title), _severities(group), [*map(_found, group.findings)]) for group in content.groups()],
        ignored=[(_found(one.finding), line(f"{why_ignored(one.by)} ({one.by.origin})")) for one in content.ignored()],
        pages=[*_pages(content)],
        targets=[*map(_target, content.audited)],
        new="new " if content.compared else "",
    )


def _pages(content: Content) -> Iterator[_Page]:
    """Of the checks that found something."""
    found = [*content.findings(), *(one.finding for one in content.ignored())]
    told = {finding.fingerprint.check for finding in found}
    for check in all_checks():
        if check.id in told:
            yield _Page(check.id, line(check.doc.title), [*check.doc.sections.items()])


def _mood(content: Content) -> str:
    if any(one.unseen is not None for one in content.audited):
        return "blind"
    worst = max((finding.severity for finding in content.findings()), default=Severity.INFO)
    return str(worst) if worst > Severity.INFO else "calm"


def _severities(group: Group) -> str:
    number = {severity: sum(f.severity is severity for f in group.findings) for severity in reversed(Severity)}
    return ", ".join(f"{n:,} {severity}" for severity, n in number.items() if n)


def _found(finding: Finding) -> _Found:
    check, address, _ = finding.fingerprint
    return _Found(
        str(finding.severity),
        line(finding.summary),
        _where(address),
        line(str(address.root)),
        check,
        [seen(evidence, address) for evidence in finding.evidence],
        line(finding.fix.text),
        printable(finding.fix.command),
    )


def _where(address: Address) -> str:
    return f"{address.kind.removesuffix('s')} {shown(address.name)}" if address.kind else "the target"


def _target(one: Audited) -> _Target:
    unseen = None
    if one.unseen is not None:
        unseen = _Cause(one.unseen.why, line(one.unseen.detail), "", line(one.unseen.close))
    found = [] if unseen else causes(one.report.gaps.values())
    return _Target(
        line(str(one.report.target)),
        moment(one.report.at),
        line(platform_line(one)),
        unseen,
        [_Cause(cause.why, line(told(cause)), line(concerned(cause)), line(cause.close)) for cause in found],
        sum(len(cause.gaps) for cause in found),
    )
