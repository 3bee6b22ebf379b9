"""The audit as JSON, for programs: the schema is published in docs/report.schema.json and tested against."""

import json
from collections.abc import Mapping
from typing import Any

from agent import VERSION
from agent.audit import Audited, counts
from agent.baseline import Compared, Fate
from agent.report.content import Content, recognised
from checks.check import Evidence, Severity
from checks.evaluate import Finding, Gap
from checks.facts import Unknown
from checks.ignores import Ignore

FORMAT = 1


def render(content: Content) -> str:
    """The document, stable in its order: targets as given, findings by severity, check and resource."""
    audited = content.audited
    findings = content.findings()
    gaps = [gap for one in audited for gap in one.report.gaps.values()]
    document = {
        "version": FORMAT,
        "mqcanary": VERSION,
        "targets": [_target(one) for one in audited],
        "findings": [_finding(finding, content) for finding in findings],
        "ignored": [
            {**_finding(one.finding, content), "reason": one.by.reason, "until": _day(one.by), "origin": one.by.origin}
            for one in content.ignored()
        ],
        "remarks": list(content.remarks),
        "baseline": None if content.compared is None else _compared(content.compared),
        "gaps": [_gap(gap) for gap in sorted(gaps, key=lambda g: (str(g.address), g.check))],
        "summary": {
            **{str(s): sum(f.severity is s for f in findings) for s in reversed(Severity)},
            "ignored": sum(len(one.report.ignored) for one in audited),
            "gaps": sum(counts(gap) for gap in gaps),
            "unseen_targets": sum(one.unseen is not None for one in audited),
        },
    }
    return json.dumps(document, indent=2, default=list) + "\n"


def _compared(compared: Compared) -> Mapping[str, Any]:
    return {
        "file": compared.place,
        **{
            str(fate): [
                {"check": entry.check, "resource": str(entry.address), "key": entry.key} for entry in compared.of(fate)
            ]
            for fate in Fate
        },
    }


def _day(by: Ignore) -> str | None:
    return None if by.until is None else by.until.isoformat()


def _target(one: Audited) -> Mapping[str, Any]:
    return {
        "address": str(one.report.target),
        "observed_at": one.report.at,
        "platform": None if (told := recognised(one)) is None else {"name": str(told.platform), "by": told.by},
        "samples": one.samples,
        "resources": {kind: len(listing.items) for kind, listing in one.listings.items()},
        "excluded": {kind: listing.excluded for kind, listing in one.listings.items()},
        "unseen": None if one.unseen is None else _unknown(one.unseen),
    }


def _finding(finding: Finding, content: Content) -> Mapping[str, Any]:
    return {
        "fingerprint": str(finding.fingerprint),
        "check": finding.fingerprint.check,
        "resource": str(finding.fingerprint.address),
        "key": finding.fingerprint.key,
        "owner": content.owner(finding.fingerprint.address) or None,
        "kind": str(finding.kind),
        "severity": str(finding.severity),
        "summary": finding.summary,
        "evidence": [seen_as(evidence) for evidence in finding.evidence],
        "fix": {"text": finding.fix.text, "command": finding.fix.command},
    }


def seen_as(evidence: Evidence) -> Mapping[str, Any]:
    """One observed fact."""
    return {
        "resource": str(evidence.address),
        "field": evidence.field,
        "value": evidence.value,
        "unit": evidence.unit,
        "observed_at": evidence.at,
    }


def _gap(gap: Gap) -> Mapping[str, Any]:
    return {"check": gap.check or None, "resource": str(gap.address), **_unknown(gap.unknown), "counts": counts(gap)}


def _unknown(unknown: Unknown) -> Mapping[str, str]:
    return {"why": str(unknown.why), "detail": unknown.detail, "close": unknown.close}


def schema() -> Mapping[str, Any]:
    """The JSON schema of the document; its descriptions are the documentation."""
    text, whole = {"type": "string"}, {"type": "integer", "minimum": 0}
    moment = {"type": "number", "description": "Seconds since 1970, UTC."}
    resource = {**text, "description": "An address: kafka://TARGET/groups/NAME, percent-encoded."}
    unknown = {
        "why": {
            "enum": ["denied", "unreachable", "unsupported", "deadline", "young", "off"],
            "description": "young: not observed for long enough yet. off: not asked for.",
        },
        "detail": {**text, "description": "What was not observed, and what happened instead."},
        "close": {**text, "description": "What a person does to make it known; may be empty."},
    }
    counted = {"type": "object", "additionalProperties": whole}
    target = {
        "address": {**text, "description": "The configured name, else the cluster id, else account and region."},
        "observed_at": {**moment, "description": "Of the newest sample. Seconds since 1970, UTC."},
        "platform": {
            "oneOf": [{"type": "null"}, _object({"name": text, "by": {**text, "description": "What tells it."}})],
            "description": "Whose Kafka it is, where that shows; null for Apache Kafka, and for SQS.",
        },
        "samples": whole,
        "resources": {**counted, "description": "How many were looked at: topics and groups, or queues."},
        "excluded": {**counted, "description": "How many were seen and left out."},
        "unseen": {
            "oneOf": [{"type": "null"}, _object(unknown)],
            "description": "Why nothing of the target could be observed; null where it was.",
        },
    }
    evidence = {
        "resource": resource,
        "field": {**text, "description": "Its place in the snapshot, below the resource."},
        "value": {"description": "As the snapshot has it: a number, a text, a truth value, a list of them or null."},
        "unit": text,
        "observed_at": moment,
    }
    finding = {
        "fingerprint": {**text, "description": "Check, resource and key: the same problem has the same in every run."},
        "check": text,
        "resource": resource,
        "key": {**text, "description": "Tells two problems of one check on one resource apart; mostly empty."},
        "owner": {
            "type": ["string", "null"],
            "description": "As the configuration says, else the queue's tag; null where nobody is known.",
        },
        "kind": {
            "enum": ["condition", "configuration"],
            "description": "A condition changes by itself; somebody set a configuration.",
        },
        "severity": {"enum": ["info", "warning", "critical"]},
        "summary": text,
        "evidence": {"type": "array", "items": _object(evidence), "minItems": 1},
        "fix": _object({"text": text, "command": {**text, "description": "For a shell; empty where no one does it."}}),
    }
    ignored = {
        **finding,
        "reason": {**text, "description": "Why somebody chose to live with it; empty only for tags of queues."},
        "until": {"type": ["string", "null"], "description": "The last day on which it is ignored, in UTC."},
        "origin": {**text, "description": "What ignores it: a line of the configuration, or a tag."},
    }
    gap = {
        "check": {"type": ["string", "null"], "description": "null: a whole list or target, for all checks."},
        "resource": resource,
        **unknown,
        "counts": {
            "type": "boolean",
            "description": "Whether --fail-on-gap asks for it: not off, young, or the list of topics, which Kafka never proves whole.",
        },
    }
    entry = _object({"check": text, "resource": resource, "key": text})
    fates = {
        Fate.KNOWN: "There still, and left out of the findings.",
        Fate.FIXED: "Looked for and not there: these can be removed.",
        Fate.IGNORED: "There, and an ignore covers it.",
        Fate.UNSEEN: "Could not be judged: neither there nor fixed.",
        Fate.ASIDE: "Not looked at: another target or owner, a check that did not run.",
    }
    baseline = {
        "file": text,
        **{str(fate): {"type": "array", "items": entry, "description": fates[fate]} for fate in Fate},
    }
    summary = dict.fromkeys(("critical", "warning", "info", "ignored", "gaps", "unseen_targets"), whole)
    summary["gaps"] = {**whole, "description": "Those that count."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mqcanary audit --format json",
        "description": "Targets as given; findings of each target by severity, check and resource; gaps by resource.",
        **_object(
            {
                "version": {"const": FORMAT},
                "mqcanary": {**text, "description": "The version of the program."},
                "targets": {"type": "array", "items": _object(target)},
                "findings": {"type": "array", "items": _object(finding)},
                "ignored": {"type": "array", "items": _object(ignored)},
                "remarks": {"type": "array", "items": text, "description": "Ignores to look at."},
                "baseline": {
                    "oneOf": [{"type": "null"}, _object(baseline)],
                    "description": "With --baseline, what became of its entries; findings are the new ones then.",
                },
                "gaps": {"type": "array", "items": _object(gap)},
                "summary": _object(summary),
            }
        ),
    }


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
