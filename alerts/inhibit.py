"""Symptoms under their cause: declared here and nowhere else.

A cause mutes its symptom only while it fires itself, is not silenced, and is at least as severe. Else the symptom is
told, so that a muted cause never hides a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerts.model import TARGET_BLIND, Alert, Phase, State
from alerts.silence import silenced_by
from checks.facts import Address


@dataclass(frozen=True, slots=True)
class Rule:
    cause: str
    symptom: str
    why: str
    whole_target: bool = False
    """The cause is an alert on the target, the symptom on any of its resources."""


RULES: Final = (
    Rule("kafka/group-stopped", "kafka/group-lagging", "a group that nobody is in falls behind"),
    Rule("kafka/group-stopped", "kafka/lag-on-one-partition", "nobody is there to read any partition"),
    Rule("kafka/group-stalled", "kafka/group-lagging", "a group that does not move falls behind"),
    Rule("kafka/group-stalled", "kafka/lag-on-one-partition", "the partition that stands still is where the lag is"),
    Rule("kafka/offline-partition", "kafka/under-replicated", "a partition that nobody leads has no in-sync replicas"),
    Rule("kafka/under-min-isr", "kafka/under-replicated", "fewer in-sync replicas than writers ask for says both"),
    Rule("kafka/lag-on-one-partition", "kafka/group-lagging", "one partition is what makes the group late"),
    Rule("kafka/unassigned-partition", "kafka/group-lagging", "a partition that nobody reads makes the group late"),
    Rule("kafka/unassigned-partition", "kafka/lag-on-one-partition", "nobody is there to read that partition"),
    Rule("kafka/records-lost", "kafka/lag-near-retention", "what was near its deletion is deleted"),
    Rule("sqs/consumers-absent", "sqs/backlog-growing", "nobody receives, so it grows"),
    Rule(TARGET_BLIND, "*", "nothing of the target can be observed", whole_target=True),
)

REBALANCE: Final = frozenset(("kafka/group-stalled", "kafka/group-lagging", "kafka/lag-on-one-partition"))
"""What a rebalance brings about by itself: nobody reads until it is done. It holds these back, and not for long."""

HOLD: Final = 300.0
"""Seconds that a rebalance may hold one alert back."""

_CAUSES: Final = {rule.cause for rule in RULES}

Causes = Mapping[tuple[str, Address], Alert]


def causes(state: State, now: float) -> Causes:
    """The firing alerts that may stand before others, by check and resource."""
    found = {}
    for fingerprint, id_ in state.open.items():
        if fingerprint.check in _CAUSES:
            alert = state.alerts[id_]
            if alert.phase is Phase.FIRING and silenced_by(state.silences, alert, now) is None:
                found[fingerprint.check, fingerprint.address] = alert
    return found


def inhibited_by(causes: Causes, alert: Alert) -> Alert | None:
    """The firing alert that an alert is a symptom of."""
    check, address = alert.fingerprint.check, alert.fingerprint.address
    for rule in RULES:
        if rule.symptom in {check, "*"} and rule.cause != check:
            cause = causes.get((rule.cause, address.root if rule.whole_target else address))
            if cause is not None and cause.severity >= alert.severity:
                return cause
    return None
