"""The audit for a comment on a pull request: a table, and below it evidence and fixes, folded.

Anybody may choose the name of a group, and a comment is read by people with rights: no name becomes a link, a mention, a
reference or HTML.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agent.audit import Audited
from agent.report.content import Content, Group, causes, headline, platform_line, why_ignored
from agent.report.text import concerned, line, moment, seen, told
from checks.check import Severity
from checks.evaluate import Finding, Fingerprint, Ignored
from checks.facts import Address
from checks.wording import count, printable, shown

LIMIT = 65_536
"""Characters that GitHub takes for one comment."""
_TABLES = 0.6
"""What the tables may take of the room for findings; evidence and fixes get the rest."""
_CAUSES = 12
"""So many causes of gaps are told of each target."""
_IGNORED = 30
"""So much of what is ignored is listed."""
_LONGEST = 600
"""Characters of one text before it is cut."""
_FOOT = 20_000
"""Characters that gaps, ignores and sums may take."""
_MARK = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟡", Severity.INFO: "🔵"}
_MARKUP = frozenset('&<>"\\`*_[]~|$')
_SPECIAL = re.compile(
    r"""[&<>"\\`*_\[\]~|$]|[@#]|:(?=\S)|(?<=www)\.|-(?=\d)|\b[0-9a-f]{7,40}\b|ghsa(?=-)""", re.IGNORECASE
)
"""Markup of CommonMark; then what GitHub makes links of in a text that is rendered already: mentions, issues, addresses,
emoji, GH-1, commits, advisories.
"""


def render(content: Content) -> str:
    """At most LIMIT characters; the least severe findings are left out first, and counted."""
    groups = [group for group in content.groups() if group.findings]
    titles = {group.title: f"\n#### {_code(group.title)}\n" if len(groups) > 1 else "\n" for group in groups}
    worst = sorted((finding for group in groups for finding in group.findings), key=lambda finding: -finding.severity)
    apart = len(content.audited) > 1 and content.group_by != "target"
    head, foot = f"### mqcanary: {headline(content)}\n{_targets(content)}", _foot(content)
    room = LIMIT - len(head) - len(foot) - sum(len(title) + 200 for title in titles.values()) - 300
    rows = _fitting(((finding, _row(finding, apart=apart)) for finding in worst), room * _TABLES)
    room -= sum(map(len, rows.values()))
    details = _fitting(((finding, _detail(finding)) for finding in worst if finding.fingerprint in rows), room)
    tables = "".join(titles[group.title] + _group(group, rows, details) for group in groups if _any(group, rows))
    return head + tables + _cut(worst, rows, details) + foot


def _targets(content: Content) -> str:
    """When each was seen, or why not."""
    lines = [_target(one) for one in content.audited[:_CAUSES]]
    more = len(content.audited) - _CAUSES
    return "\n" + "".join([*lines, *([f"and {count(more, 'more target')}\n"] if more > 0 else [])])


def _target(one: Audited) -> str:
    name = _code(str(one.report.target))
    if one.unseen is None:
        platform = platform_line(one)
        return f"{name} observed {moment(one.report.at)}{f', {_prose(platform)}' if platform else ''}<br>\n"
    close = f"<br>→ {_prose(one.unseen.close)}" if one.unseen.close else ""
    return f"🟣 {name} **could not be observed** ({one.unseen.why}): {_prose(one.unseen.detail)}{close}<br>\n"


def _any(group: Group, rows: Mapping[Fingerprint, str]) -> bool:
    return any(finding.fingerprint in rows for finding in group.findings)


def _fitting(made: Iterable[tuple[Finding, str]], room: float) -> dict[Fingerprint, str]:
    """As many as fit; after the first that does not, none: what is told is the worst."""
    fitting = {}
    for finding, written in made:
        room -= len(written)
        if room < 0:
            break
        fitting[finding.fingerprint] = written
    return fitting


def _group(group: Group, rows: Mapping[Fingerprint, str], details: Mapping[Fingerprint, str]) -> str:
    marks = [finding.fingerprint for finding in group.findings]
    table = "| | where | what is wrong |\n|---|---|---|\n" + "".join(rows[mark] for mark in marks if mark in rows)
    told = "".join(details[mark] for mark in marks if mark in details)
    return f"{table}\n<details><summary>Evidence and fixes</summary>\n\n{told}</details>\n" if told else table


def _row(finding: Finding, *, apart: bool) -> str:
    check, address, _ = finding.fingerprint
    where = f"{_where(address)}<br>on {_code(str(address.root))}" if apart and address.kind else _where(address)
    summary = f"{_prose(finding.summary)}<br>{_code(check)}"
    return f"| {_MARK[finding.severity]} {finding.severity} | {where} | {summary} |\n"


def _where(address: Address) -> str:
    if not address.kind:
        return _code(str(address))
    return f"{address.kind.removesuffix('s')} {_code(shown(address.name))}"


def _detail(finding: Finding) -> str:
    check, address, _ = finding.fingerprint
    lines = [f"**{_where(address)}**: {_code(check)}", ""]
    lines += [f"- seen {_code(seen(evidence, address))}" for evidence in finding.evidence]
    lines.append(f"- fix: {_prose(finding.fix.text)}")
    if finding.fix.command:
        command = printable(finding.fix.command)
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
        lines += ["", f"{fence}sh", command, fence]
    return "\n".join(lines) + "\n\n"


def _cut(worst: Sequence[Finding], rows: Mapping[Fingerprint, str], details: Mapping[Fingerprint, str]) -> str:
    """What did not fit, in numbers."""
    if len(details) == len(worst):
        return ""
    left = Counter(finding.severity for finding in worst if finding.fingerprint not in rows)
    by = ", ".join(f"{left[severity]:,} {severity}" for severity in reversed(Severity) if left[severity])
    lines = [f"**{count(len(worst) - len(rows), 'more finding')} not shown** ({by})"] if left else []
    if missing := len(rows) - len(details):
        lines.append(f"evidence and fix of {count(missing, 'finding')} shown left out")
    return f"\n{'; '.join(lines)}: a comment has no room for them, `--format html` shows all.\n"


def _foot(content: Content) -> str:
    """Gaps, ignores and sums, which are short; cut all the same, since there can be many targets."""
    blocks = [block for one in content.audited if (block := _gaps(one))]
    if content.remarks:
        more = len(content.remarks) - _CAUSES
        lines = [*map(_prose, content.remarks[:_CAUSES]), *([f"and {more:,} more"] if more > 0 else [])]
        blocks.append("\nIgnores to look at:\n\n" + "".join(f"- {one}\n" for one in lines))
    if passed := content.soonest():
        blocks.append(_ignored(passed, apart=len(content.audited) > 1))
    sums = "".join(f"\n{_prose(one)}\n" for one in (*content.notes, content.totals()))
    fitting, room = [], _FOOT - len(sums)
    for number, block in enumerate(blocks):
        room -= len(block)
        if room < 0:
            left = count(len(blocks) - number, "more part")
            fitting.append(f"\n{left} on gaps and ignores not shown: `--format html` shows all.\n")
            break
        fitting.append(block)
    return "".join([*fitting, sums])


def _gaps(one: Audited) -> str:
    """What could not be seen of a target; empty where all was."""
    if one.unseen is not None:
        return ""  # said above
    found = causes(one.report.gaps.values())
    lines = []
    for cause in found[:_CAUSES]:
        about = f" ({_prose(concerned(cause))})" if concerned(cause) else ""
        close = f"<br>→ {_prose(cause.close)}" if cause.close else ""
        lines.append(f"- {cause.why}: {_prose(told(cause))}{about}{close}\n")
    if len(found) > _CAUSES:
        lines.append(f"- and {len(found) - _CAUSES:,} more\n")
    number = sum(len(cause.gaps) for cause in found)
    head = f"\n<details><summary>Could not be judged on {_code(str(one.report.target))}: {number:,}</summary>\n\n"
    return f"{head}{''.join(lines)}\n</details>\n" if lines else ""


def _ignored(passed: Sequence[Ignored], *, apart: bool) -> str:
    """Those that come back soonest."""
    lines = []
    for one in passed[:_IGNORED]:
        check, address, _ = one.finding.fingerprint
        place = f"{_where(address)} on {_code(str(address.root))}" if apart and address.kind else _where(address)
        lines.append(f"- {_code(check)}, {place}: {_prose(why_ignored(one.by))} ({_prose(one.by.origin)})\n")
    if len(passed) > _IGNORED:
        lines.append(f"- and {len(passed) - _IGNORED:,} more\n")
    return f"\n<details><summary>Ignored: {len(passed):,}</summary>\n\n{''.join(lines)}\n</details>\n"


def text(words: str) -> str:
    """Any line as it reads, and nothing but that."""
    return _SPECIAL.sub(_inert, words)


def _prose(words: str) -> str:
    """As `text`, of a text that may have any length."""
    words = line(words)
    return text(words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…")


def _code(words: str) -> str:
    return f"<code>{_prose(words)}</code>"


def _inert(found: re.Match[str]) -> str:
    """Markup as entities. An element of its own for the rest: GitHub looks for links within one text."""
    part = found[0]
    if part in _MARKUP:
        return f"&#{ord(part)};"
    if len(part) == 1:
        return f"<span>&#{ord(part)};</span>"
    return "".join(f"<span>{part[at : at + 6]}</span>" for at in range(0, len(part), 6))
