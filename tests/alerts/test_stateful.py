"""Anything may happen in any order: facts come and go, Slack fails, people silence, the agent dies. And yet every alert
is told once, ends on a verdict alone, and nothing grows without bound.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alerts.commands import Acknowledge, AddSilence, ExpireSilence
from alerts.machine import Tick
from alerts.model import TARGET_BLIND, Kind, Op, Phase, Progress
from alerts.outbox import settle
from alerts.policy import Owner, Route
from alerts.sinks.sink import Delivered
from checks.check import Kind as CheckKind
from checks.check import Severity, Size
from checks.evaluate import Finding, Verdict
from checks.facts import Unknown, Why
from checks.pattern import Pattern
from tests.alerts.scene import PROD, finding, report
from tests.alerts.town import POLICY, Town

AWAY = Unknown(Why.UNREACHABLE, "connection refused")
CHECKS = ("kafka/group-lagging", "kafka/group-stalled", "kafka/lag-on-one-partition")
FINDINGS = [
    finding(PROD.under("groups", f"g{n}"), check, after=after, severity=severity)
    for n, (check, after, severity) in enumerate(
        (check, after, severity)
        for check in CHECKS
        for after in (0.0, 300.0)
        for severity in (Severity.WARNING, Severity.CRITICAL)
    )
] + [finding(PROD.under("groups", "g0"), "kafka/group-stalled")]
SETTING = finding(PROD.under("topics", "t"), "kafka/min-insync-unsafe", kind=CheckKind.CONFIGURATION)
VERDICTS = st.sampled_from((Verdict.PROBLEM, Verdict.CLEAR, Verdict.UNKNOWN, Verdict.LINGERING, Verdict.GONE))
PLACES = Route(
    ("slack:#ops",),
    routes=(
        Route(("slack:#ops", "slack:#two"), severity=Severity.CRITICAL),
        Route(("webhook:x",), owner="others"),
    ),
)
OWNERS = (Owner(Pattern("kafka", "prod", "groups", "g1*"), "others"),)


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.town = Town(policy=replace(POLICY, route=PLACES, owners=OWNERS, many=3))
        self.clears: dict[object, int] = {}
        """How often in a row each was clear, as the reports said."""
        self.ended_well: set[object] = set()

    # ── what may happen ──

    @rule(
        said=st.lists(st.tuples(st.sampled_from(FINDINGS), VERDICTS), max_size=8),
        others=st.sampled_from((Verdict.PROBLEM, Verdict.CLEAR, Verdict.CLEAR, Verdict.UNKNOWN)),
        worse=st.booleans(),
        setting=st.booleans(),
        size=st.none() | st.integers(1, 9).map(lambda n: Size(n, n + 1)),
        rebalancing=st.booleans(),
        later=st.sampled_from((1.0, 30.0, 400.0)),
    )
    def look(
        self,
        said: list[tuple[Finding, Verdict]],
        others: Verdict,
        worse: bool,
        setting: bool,
        size: Size | None,
        rebalancing: bool,
        later: float,
    ) -> None:
        self.town.now += later
        verdicts = {f.fingerprint: others for f in FINDINGS} | {f.fingerprint: v for f, v in said}

        def those(verdict: Verdict) -> list[Finding]:
            found = [replace(f, size=size) for f in FINDINGS if verdicts[f.fingerprint] is verdict]
            return [replace(f, severity=Severity.CRITICAL) for f in found] if worse else found

        for fingerprint, verdict in verdicts.items():
            self.clears[fingerprint] = self.clears.get(fingerprint, 0) + 1 if verdict is Verdict.CLEAR else 0
        settings_ = {"clear": [*those(Verdict.CLEAR), *([] if setting else [SETTING])]}
        self.hear(
            report(
                self.town.now,
                *those(Verdict.PROBLEM),
                *([SETTING] if setting else []),
                gaps=those(Verdict.UNKNOWN),
                gone=those(Verdict.GONE),
                lingering=those(Verdict.LINGERING),
                rebalancing=FINDINGS if rebalancing else (),
                **settings_,
            ),
            verdicts,
        )

    @rule(later=st.sampled_from((1.0, 400.0)))
    def go_blind(self, later: float) -> None:
        self.town.now += later
        self.clears = {}
        self.hear(report(self.town.now, unseen=AWAY), {})

    def hear(self, event: object, verdicts: dict[object, Verdict]) -> None:
        before = self.town.state
        for transition in self.town.happen(event):  # type: ignore[arg-type]
            if transition.kind in {Kind.RESOLVED, Kind.GONE} and transition.alert:
                fingerprint = before.alerts[transition.alert].fingerprint
                if fingerprint.check == TARGET_BLIND:
                    continue
                if transition.kind is Kind.RESOLVED:
                    assert self.clears[fingerprint] >= 2, "resolved without two clear polls"
                else:
                    gone = {f.address for f, verdict in verdicts.items() if verdict is Verdict.GONE}
                    assert fingerprint.address in gone

    @rule(seconds=st.sampled_from((1.0, 60.0, 3600.0, 90000.0)))
    def wait(self, seconds: float) -> None:
        self.town.now += seconds
        self.town.happen(Tick())

    @rule(mood=st.sampled_from(("fine", "fine", "away", "mute", "lost")))
    def slack_changes(self, mood: str) -> None:
        self.town.channel.mood = mood

    @rule()
    def send(self) -> None:
        self.town.settle_down(10)

    @rule(arrives=st.booleans())
    def die_while_sending(self, arrives: bool) -> None:
        for delivery, sent in self.town.begin():
            if arrives and self.town.channel.mood == "fine":
                self.town.channel.send(delivery, sent, self.town.state, self.town.now)
        self.town.crash()

    @rule()
    def die(self) -> None:
        self.town.crash()

    @rule(name=st.sampled_from(("g0", "g1", "*")), ends=st.booleans())
    def silence(self, name: str, ends: bool) -> None:
        if ends:
            self.town.happen(ExpireSilence(name))
        else:
            pattern = Pattern("kafka", "prod", "groups", name)
            self.town.happen(AddSilence(name, pattern, "*", self.town.now + 1000, "me"))

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        firing = self.town.state.firing()
        if firing:
            alert = data.draw(st.sampled_from(sorted(firing, key=lambda a: a.id)))
            self.town.happen(Acknowledge(alert.id, "me", self.town.now + 500))

    # ── what is always true ──

    @invariant()
    def one_confirmed_root_for_each_thread(self) -> None:
        """Doubles only of what was not answered, and labelled."""
        seen: dict[str, int] = {}
        for one in self.town.channel.posted:
            if one.double:
                continue
            seen[one.key] = seen.get(one.key, 0) + 1
            assert seen[one.key] == 1, f"{one.text} was told twice and not labelled"

    @invariant()
    def one_in_flight_for_each_destination(self) -> None:
        flying = [d.destination for d in self.town.state.deliveries.values() if d.progress is Progress.SENDING]
        assert len(flying) == len(set(flying))

    @invariant()
    def tables_hang_together(self) -> None:
        state = self.town.state
        assert {d.thread for d in state.deliveries.values()} <= state.threads.keys()
        assert set(state.open.values()) == {a.id for a in state.alerts.values() if not a.phase.closed}
        assert all(state.alerts[id_].fingerprint == f for f, id_ in state.open.items())
        for thread in state.threads:
            for op in (Op.POST, Op.EDIT):
                waiting = [d for d in state.deliveries.values() if d.thread == thread and d.op is op]
                assert len(waiting) <= 2, "an edit under way and one after it, no more"

    def teardown(self) -> None:
        """In a quiet world everything is told, and then forgotten."""
        town = self.town
        town.channel.mood = "fine"
        for name in ("g0", "g1", "*"):
            town.happen(ExpireSilence(name))
        for _ in range(4):
            town.now += 400
            town.happen(report(town.now, *FINDINGS))
            town.pass_time(1200, 400)
        for alert in town.state.firing():
            stands_behind = alert.fingerprint.check != "kafka/group-stalled" and alert.fingerprint.address.name == "g0"
            told = alert.told is not None or alert.acknowledged is not None or stands_behind
            assert told, f"{alert.fingerprint} was never told"
        for _ in range(4):
            town.now += 1000
            town.happen(report(town.now, clear=[*FINDINGS, SETTING]))
            town.pass_time(100)
        town.pass_time(2 * 86400, 7200)
        state = town.state
        assert not state.deliveries
        assert not state.alerts
        assert not state.threads
        assert not state.settings
        assert not state.recent
        fired = {t.alert for t in town.told if t.kind is Kind.FIRED and t.alert}
        ended = {t.alert for t in town.told if t.kind in {Kind.RESOLVED, Kind.GONE, Kind.OFF}}
        assert fired <= ended
        assert Phase.FIRING not in {a.phase for a in state.alerts.values()}


def test_an_answer_to_what_is_not_being_sent_changes_nothing() -> None:
    state = Town().state
    assert settle(state, "1", Delivered(), 0, POLICY) is state


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.soak
class TestLongLife(Life.TestCase):  # type: ignore[misc]
    settings = settings(
        max_examples=4000, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
