"""The audit as JSON, for programs: the schema is published in docs/report.schema.json and tested against."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent import VERSION
from agent.audit import Audited, counts
from checks.check import Evidence, Severity
from checks.evaluate import Finding, Gap
from checks.facts import Unknown

FORMAT = 1


def render(audited: Sequence[Audited]) -> str:
    """The document, stable in its order: targets as given, findings by severity, check and resource."""
    findings = [f for one in audited for f in ordered(one)]
    gaps = [gap for one in audited for gap in one.report.gaps.values()]
    document = {
        "version": FORMAT,
        "mqcanary": VERSION,
        "targets": [_target(one) for one in audited],
        "findings": [_finding(finding) for finding in findings],
        "gaps": [_gap(gap) for gap in sorted(gaps, key=lambda g: (str(g.address), g.check))],
        "summary": {
            **{str(s): sum(f.severity is s for f in findings) for s in reversed(Severity)},
            "gaps": sum(counts(gap) for gap in gaps),
            "unseen_targets": sum(one.unseen is not None for one in audited),
        },
    }
    return json.dumps(document, indent=2, default=list) + "\n"


def ordered(one: Audited) -> list[Finding]:
    """The findings of a target, what matters most first."""
    return sorted(
        one.report.findings.values(),
        key=lambda f: (-f.severity, f.fingerprint.check, str(f.fingerprint.address), f.fingerprint.key),
    )


def _target(one: Audited) -> Mapping[str, Any]:
    return {
        "address": str(one.report.target),
        "observed_at": one.report.at,
        "samples": one.samples,
        "resources": {kind: len(listing.items) for kind, listing in listings(one).items()},
        "excluded": {kind: listing.excluded for kind, listing in listings(one).items()},
        "unseen": None if one.unseen is None else _unknown(one.unseen),
    }


def listings(one: Audited) -> Mapping[str, Any]:
    """The lists of a target's snapshot by kind."""
    names = ("topics", "groups", "queues")
    return {name: getattr(one.snapshot, name) for name in names if hasattr(one.snapshot, name)}


def _finding(finding: Finding) -> Mapping[str, Any]:
    return {
        "fingerprint": str(finding.fingerprint),
        "check": finding.fingerprint.check,
        "resource": str(finding.fingerprint.address),
        "key": finding.fingerprint.key,
        "kind": str(finding.kind),
        "severity": str(finding.severity),
        "summary": finding.summary,
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "fix": {"text": finding.fix.text, "command": finding.fix.command},
    }


def _evidence(evidence: Evidence) -> Mapping[str, Any]:
    return {
        "resource": str(evidence.address),
        "field": evidence.field,
        "value": evidence.value,
        "unit": evidence.unit,
        "observed_at": evidence.at,
    }


def _gap(gap: Gap) -> Mapping[str, Any]:
    return {"check": gap.check or None, "resource": str(gap.address), **_unknown(gap.unknown)}


def _unknown(unknown: Unknown) -> Mapping[str, str]:
    return {"why": str(unknown.why), "detail": unknown.detail, "close": unknown.close}


def schema() -> Mapping[str, Any]:
    """The JSON schema of the document."""
    text, number, whole = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
    unknown = {
        "why": {"enum": ["denied", "unreachable", "unsupported", "deadline", "young", "off"]},
        "detail": text,
        "close": text,
    }
    counted = {"type": "object", "additionalProperties": whole}
    target = {
        "address": text,
        "observed_at": number,
        "samples": whole,
        "resources": counted,
        "excluded": counted,
        "unseen": {"oneOf": [{"type": "null"}, _object(unknown)]},
    }
    evidence = {"resource": text, "field": text, "value": {}, "unit": text, "observed_at": number}
    finding = {
        "fingerprint": text,
        "check": text,
        "resource": text,
        "key": text,
        "kind": {"enum": ["condition", "configuration"]},
        "severity": {"enum": ["info", "warning", "critical"]},
        "summary": text,
        "evidence": {"type": "array", "items": _object(evidence), "minItems": 1},
        "fix": _object({"text": text, "command": text}),
    }
    summary = dict.fromkeys(("critical", "warning", "info", "gaps", "unseen_targets"), whole)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mqcanary audit --format json",
        **_object(
            {
                "version": {"const": FORMAT},
                "mqcanary": text,
                "targets": {"type": "array", "items": _object(target)},
                "findings": {"type": "array", "items": _object(finding)},
                "gaps": {
                    "type": "array",
                    "items": _object({"check": {"type": ["string", "null"]}, "resource": text, **unknown}),
                },
                "summary": _object(summary),
            }
        ),
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
