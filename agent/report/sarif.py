"""The audit as SARIF 2.1.0, for tools that collect what analyses find.

Addresses are logical locations. GitHub's code scanning refuses what has no file: the configuration is the place too, and where
there is none, the address as a path, `kafka/prod/groups/payments`, which no file has.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent import VERSION
from agent.audit import counts
from agent.report.content import Content
from agent.report.json import seen_as
from agent.report.text import line, seen
from checks import all_checks
from checks.check import Check, Severity
from checks.evaluate import Finding, Fingerprint, Gap
from checks.facts import Address
from checks.ignores import Ignore
from checks.wording import shown

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(content: Content) -> str:
    """One run with all targets; results by severity in each."""
    known = {check.id: check for check in all_checks()}
    ignored = content.ignored()
    findings = content.findings()
    ran = {check.id for check in content.checks} | {finding.fingerprint.check for finding in findings}
    ran |= {one.finding.fingerprint.check for one in ignored}
    rules = {id_: number for number, id_ in enumerate(sorted(ran))}
    state = {"baselineState": "new"} if content.compared else {}
    place = _place(content.file) if content.file else None
    results = [{**_result(finding, rules, place, content), **state} for finding in findings]
    results += [
        {**_result(one.finding, rules, place, content), "suppressions": [_suppression(one.by)]} for one in ignored
    ]
    run = {
        "tool": {
            "driver": {
                "name": "mqcanary",
                "semanticVersion": VERSION,
                "rules": [_rule(known[id_]) for id_ in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": all(one.unseen is None for one in content.audited),
                "endTimeUtc": _utc(max((one.report.at for one in content.audited), default=0.0)),
                "toolExecutionNotifications": list(_notifications(content, rules)),
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, default=list) + "\n"


def _rule(check: Check) -> Mapping[str, Any]:
    sections = check.doc.sections.items()
    why = check.doc.sections["Why"]
    return {
        "id": check.id,
        "shortDescription": {"text": check.doc.title},
        "fullDescription": {"text": why[:1].upper() + why[1:]},
        "help": {
            "text": "\n\n".join(f"{name}: {words}" for name, words in sections),
            "markdown": "\n\n".join(f"**{name}**: {words}" for name, words in sections),
        },
        "defaultConfiguration": {"level": _LEVELS[check.severity]},
        "properties": {"tags": [check.id.partition("/")[0], str(check.kind)]},
    }


def _result(
    finding: Finding, rules: Mapping[str, int], place: Mapping[str, Any] | None, content: Content
) -> Mapping[str, Any]:
    check, address, key = finding.fingerprint
    return {
        "ruleId": check,
        "ruleIndex": rules[check],
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [{**(place or _path(address)), "logicalLocations": [_logical(address)]}],
        "partialFingerprints": _fingerprints(finding.fingerprint),
        "properties": {
            "severity": str(finding.severity),
            "key": key,
            "owner": content.owner(address),
            "evidence": [seen_as(evidence) for evidence in finding.evidence],
            "fix": finding.fix.text,
            "command": finding.fix.command,
        },
    }


def _message(finding: Finding) -> str:
    lines = [line(finding.summary)]
    lines += [f"seen {seen(evidence, finding.fingerprint.address)}" for evidence in finding.evidence]
    lines.append(f"fix: {line(finding.fix.text)}")
    if finding.fix.command:
        lines.append(f"$ {finding.fix.command}")
    return _plain("\n".join(lines))


def _plain(words: str) -> str:
    """SARIF makes links of [text](address); no name does."""
    return words.replace("](", "\\](")


def _fingerprints(fingerprint: Fingerprint) -> Mapping[str, str]:
    """The same for the same problem in every run. GitHub takes the second alone, and else hashes the line of the place, which
    is the same for all.
    """
    whole = str(fingerprint)
    return {
        "mqcanary/v1": whole,
        "primaryLocationLineHash": sha256(whole.encode("ascii", "backslashreplace")).hexdigest()[:32],
    }


def _place(file: str) -> Mapping[str, Any]:
    """The configuration; below the working directory as it is called there."""
    path = Path(file).resolve()
    below = path.is_relative_to(Path.cwd())
    return _physical(quote(path.relative_to(Path.cwd()).as_posix()) if below else path.as_uri())


def _path(address: Address) -> Mapping[str, Any]:
    """An address in place of a file: the same in every run and from everywhere. The scheme is a folder, so that nobody takes it
    for somewhere to be fetched from.
    """
    return _physical(str(address).replace("://", "/", 1))


def _physical(uri: str) -> Mapping[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}


def _logical(address: Address) -> Mapping[str, str]:
    return {
        "name": shown(address.name or address.target),
        "fullyQualifiedName": str(address),
        "kind": address.kind.removesuffix("s") or "target",
    }


def _suppression(by: Ignore) -> Mapping[str, Any]:
    until = f" (until {by.until.isoformat()})" if by.until is not None else ""
    return {
        "kind": "external",
        "status": "accepted",
        "justification": line(by.reason) + until,
        "properties": {"origin": by.origin},
    }


def _notifications(content: Content, rules: Mapping[str, int]) -> Iterator[Mapping[str, Any]]:
    """What could not be seen: an error is a whole target, a warning what somebody could mend, a note the rest."""
    for one in content.audited:
        if one.unseen is not None:
            yield {
                "level": "error",
                "descriptor": {"id": f"unseen/{one.unseen.why}"},
                "message": {"text": _plain(_told(one.unseen.detail, one.unseen.close))},
                "locations": [{"logicalLocations": [_logical(one.report.target)]}],
            }
        for gap in sorted(one.report.gaps.values(), key=_order):
            told = {
                "level": "warning" if counts(gap) else "note",
                "descriptor": {"id": f"gap/{gap.unknown.why}"},
                "message": {"text": _plain(_told(gap.unknown.detail, gap.unknown.close))},
                "locations": [{"logicalLocations": [_logical(gap.address)]}],
            }
            yield {**told, "associatedRule": {"id": gap.check, "index": rules[gap.check]}} if gap.check else told
    for remark in (*content.remarks, *content.notes):
        yield {"level": "note", "descriptor": {"id": "note"}, "message": {"text": _plain(line(remark))}}


def _order(gap: Gap) -> tuple[str, str]:
    return (str(gap.address), gap.check)


def _told(detail: str, close: str) -> str:
    return f"{detail}: {close}" if close else detail


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
