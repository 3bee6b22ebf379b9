"""Symptoms under their causes: what the table says, and what it never hides."""

from dataclasses import replace

import pytest

from alerts.commands import AddSilence
from alerts.inhibit import REBALANCE, RULES, causes, inhibited_by
from alerts.model import TARGET_BLIND, Alert, State
from checks import all_checks
from checks.check import Kind as CheckKind
from checks.check import Severity
from checks.evaluate import Finding
from checks.facts import Address
from checks.pattern import Pattern
from tests.alerts.scene import GROUP, PROD, finding, looks, play, report

TO_COME = {"kafka/under-min-isr"}
"""Checks of the catalogue that rules speak of and that are not written yet."""


def firing(*findings: Finding) -> State:
    return play(*looks(report(0), report(1, *findings)))[0]


def alert_of(state: State, one: Finding) -> Alert:
    return state.alerts[state.open[one.fingerprint]]


def test_the_table_speaks_of_checks_that_alert() -> None:
    known = {check.id for check in all_checks() if check.kind is CheckKind.CONDITION} | TO_COME | {TARGET_BLIND, "*"}
    assert {name for rule in RULES for name in (rule.cause, rule.symptom)} <= known
    assert known >= REBALANCE
    assert not {(rule.cause, rule.symptom) for rule in RULES} & {(rule.symptom, rule.cause) for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.cause} before {rule.symptom}")
def test_each_rule(rule: object) -> None:
    cause_id, symptom_id, whole = rule.cause, rule.symptom, rule.whole_target  # type: ignore[attr-defined]
    symptom = finding(check="kafka/offline-partition" if symptom_id == "*" else symptom_id)
    cause = finding(PROD if whole else GROUP, cause_id)
    state = firing(cause, symptom)
    why = causes(state, 2)
    assert inhibited_by(why, alert_of(state, symptom)) == alert_of(state, cause)
    assert inhibited_by(why, alert_of(state, cause)) is None
    worse = replace(alert_of(state, symptom), severity=Severity.CRITICAL)
    assert inhibited_by(why, worse) is None, "a page is never hidden behind less"


def test_another_resource_is_no_cause() -> None:
    stalled, late = finding(PROD.under("groups", "other"), "kafka/group-stalled"), finding()
    state = firing(stalled, late)
    assert inhibited_by(causes(state, 2), alert_of(state, late)) is None
    blind = finding(Address("kafka", "elsewhere"), TARGET_BLIND, severity=Severity.CRITICAL)
    state = firing(late)
    there = replace(alert_of(state, late), fingerprint=blind.fingerprint)
    assert inhibited_by({(TARGET_BLIND, blind.fingerprint.address): there}, alert_of(state, late)) is None


def test_what_is_pending_or_silenced_stands_before_nothing() -> None:
    pending, late = finding(check="kafka/group-stalled", after=600), finding()
    assert causes(firing(pending, late), 2) == {}
    state = firing(finding(check="kafka/group-stalled"), late)
    silent, _ = play((2, AddSilence("s", Pattern(), "kafka/group-stalled", 10, "ann")), state=state)
    assert causes(silent, 9) == {}
    assert set(causes(silent, 10)) == {("kafka/group-stalled", GROUP)}
