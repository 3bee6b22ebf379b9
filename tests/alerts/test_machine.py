"""Reports in, transitions out: what fires, what freezes, what alone ends an alert."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.commands import Acknowledge, AddSilence, Drop, ExpireSilence, Notify, Release, Retry
from alerts.inhibit import causes, inhibited_by
from alerts.machine import Observed, Tick, Watching, digest_due, step
from alerts.model import TARGET_BLIND, Growth, Kind, Phase, Progress, State
from alerts.policy import Owner, Policy, Route
from alerts.route import owner_of, route
from alerts.succession import WAIT
from checks.check import Evidence, Severity
from checks.check import Kind as CheckKind
from checks.evaluate import Finding
from checks.facts import Address, Unknown, Why
from checks.pattern import Pattern
from tests.alerts.scene import GROUP, POLICY, PROD, finding, looks, play, report

MET = report(0)


def test_patience_then_one_alert() -> None:
    late = finding(after=900)
    state, told = play(*looks(MET, report(30, late), report(900, late), report(930, late), report(960, late)))
    assert told == ["contact", "fired"]
    (alert,) = state.firing(PROD)
    assert (alert.since, alert.fired, alert.seen) == (30, 930, 960)


def test_what_ends_within_its_patience_was_never_there() -> None:
    late = finding(after=900)
    state, told = play(*looks(MET, report(30, late), report(60, clear=[late])))
    assert told == ["contact"]
    assert not state.alerts


def test_patience_does_not_run_while_nothing_can_be_observed() -> None:
    late = finding(after=900)
    before = looks(MET, report(30, late), *(report(t, gaps=[late]) for t in (60, 200, 800, 1000)))
    state, told = play(*before, *looks(report(1030, late), report(1899, late)))
    assert "fired" not in told, "it was seen for 30 s, and for 869 s"
    state, told = play(*looks(report(1900, late)), state=state)
    assert told == ["fired"]
    assert state.firing(PROD)[0].since == 30


def test_what_lingers_within_its_patience_is_not_over() -> None:
    late = finding(after=900)
    dip = looks(MET, report(30, late), report(500, lingering=[late]))
    assert play(*dip, *looks(report(910, lingering=[late])))[1] == ["contact"], "told only while it is over the limit"
    assert play(*dip, *looks(report(930, late)))[1] == ["contact", "fired"]
    assert play(*dip, *looks(report(600, clear=[late]), report(930, late)))[1] == ["contact"]


def test_a_gap_within_its_patience_that_ends_in_lingering_counts_for_nothing_either() -> None:
    late = finding(after=900)
    events = looks(MET, report(30, late), report(60, gaps=[late]), report(560, lingering=[late]))
    assert play(*events, *looks(report(1429, late)))[1] == ["contact"]
    assert play(*events, *looks(report(1430, late)))[1] == ["contact", "fired"]


def test_a_rebalance_holds_lag_back_for_five_minutes_at_most() -> None:
    late = finding(after=900)
    first = looks(MET, report(30, late), report(900, late))
    held = looks(*(report(t, late, rebalancing=[late]) for t in (930, 1100)))
    assert play(*first, *held)[1] == ["contact"]
    assert play(*first, *held, *looks(report(1130, late)))[1] == ["contact", "fired"], "it is stable again, and late"
    assert play(*first, *held, *looks(report(1130, clear=[late])))[1] == ["contact"], "the rebalance was all there was"
    assert play(*first, *held, *looks(report(1229, late, rebalancing=[late])))[1] == ["contact"]
    assert play(*first, *held, *looks(report(1230, late, rebalancing=[late])))[1] == ["contact", "fired"]


def test_a_group_that_rebalances_again_and_again_is_held_back_once() -> None:
    late = finding(after=60)
    stuck = finding(after=120)
    events = looks(
        MET, report(30, stuck), report(150, stuck, rebalancing=[stuck]), report(460, stuck, rebalancing=[stuck])
    )
    assert play(*events)[1] == ["contact", "fired"]
    other = finding(PROD.under("topics", "t"), "kafka/offline-partition")
    assert play(*looks(MET, report(1, other, rebalancing=[other])))[1] == ["contact", "fired"], "only lag is held back"
    assert play(*looks(MET, report(30, late), report(90, late)))[1] == ["contact", "fired"]


def more(least: int, most: int | None = None) -> Finding:
    return finding(DLQ, "sqs/dlq-not-empty", size=(least, least if most is None else most))


DLQ = PROD.under("queues", "orders-dlq")


def test_each_dead_letter_of_a_slow_drip_is_told() -> None:
    state = _told(play(*looks(MET, report(30, more(1))))[0])
    looked = [(30.0 + 30 * n, report(30.0 + 30 * n, more(1 + 30 * n // 1200))) for n in range(1, 240)]
    told = []
    for now, event in looked:
        state, transitions = step(state, event, now, POLICY)
        told += [(now, str(t.kind), t.detail) for t in transitions]
    assert told == [(1230.0 + 1200 * n, "grew", "1 more") for n in range(5)]


def test_a_flood_of_dead_letters_is_told_ever_less_often() -> None:
    state = _told(play(*looks(MET, report(0, more(1))))[0])
    told = []
    for now in range(30, 12 * 3600, 30):
        state, transitions = step(state, report(now, more(1 + now)), now, POLICY)
        told += [now / 60 for _ in transitions]
    assert told == [10, 30, 70, 150, 310, 550]
    quiet = more(12 * 3600)
    later, last = play(*looks(*(report(t, quiet) for t in (13 * 3600, 14 * 3600, 24 * 3600))), state=state)
    assert last == ["grew"]
    for now in (24 * 3600 + 30, 24 * 3600 + 600, 24 * 3600 + 660):
        later, transitions = step(later, report(now, more(now)), now, POLICY)
        told += [now / 60 for _ in transitions]
    assert told[6:] == [24 * 60 + 0.5, 24 * 60 + 11], "after a long quiet it is news again"


def test_a_count_that_flickers_is_no_arrival() -> None:
    state = _told(play(*looks(MET, report(0, more(10))))[0])
    flicker = [report(1000 + 30 * n, more(9 + n % 2, 11)) for n in range(60)]
    assert play(*looks(*flicker), state=state)[1] == []


def test_what_was_moved_back_and_comes_again_is_told() -> None:
    state = _told(play(*looks(MET, report(0, more(100))))[0])
    state, told = play(*looks(report(900, more(40)), report(1500, more(41))), state=state)
    assert told == ["grew"]
    assert state.firing()[0].growth == Growth(41, 1500, 600)


def test_somebody_who_is_at_it_hears_nothing_more_until_they_leave() -> None:
    state = _told(play(*looks(MET, report(0, more(1))))[0])
    (alert,) = state.firing()
    taken, _ = play((5, Acknowledge(alert.id, "ann")), *looks(report(900, more(5))), state=state)
    assert play((950, Release(alert.id, "ann")), *looks(report(960, more(5))), state=taken)[1] == ["released", "grew"]
    silent, told = play((5, AddSilence("s", Pattern(), "*", 1000, "ann")), *looks(report(900, more(5))), state=state)
    assert told == []
    assert play(*looks(report(1010, more(5))), state=silent)[1] == ["grew"]


def test_what_nobody_was_told_of_does_not_grow() -> None:
    assert play(*looks(MET, report(0, more(1)), report(5000, more(9))))[1] == ["contact", "fired"]
    assert play(*looks(MET, report(0, finding(after=60, size=(1, 1))), report(30, finding(after=60, size=(9, 9)))))[
        1
    ] == ["contact"]


def test_two_clear_polls_resolve_it() -> None:
    late = finding()
    state, told = play(*looks(MET, report(30, late), report(60, clear=[late])))
    assert told[-1] == "fired"
    state, told = play(*looks(report(90, clear=[late])), state=state)
    assert told == ["resolved"]
    assert [a.phase for a in state.alerts.values()] == [Phase.RESOLVED]
    assert not state.open


def test_a_clear_poll_between_two_problems_counts_for_nothing() -> None:
    late = finding()
    _, told = play(*looks(MET, report(1, late), report(2, clear=[late]), report(3, late), report(4, clear=[late])))
    assert told == ["contact", "fired"]


def test_lingering_keeps_it() -> None:
    late = finding()
    events = looks(MET, report(1, late), *(report(n, lingering=[late]) for n in range(2, 9)))
    assert play(*events)[1] == ["contact", "fired"]


def test_what_cannot_be_observed_freezes_and_thaws() -> None:
    late = finding()
    state, told = play(*looks(MET, report(1, late), report(2, gaps=[late]), report(3, gaps=[late])))
    assert told == ["contact", "fired", "frozen"]
    assert state.firing()[0].frozen_why == "not allowed"
    state, told = play(*looks(report(4), report(5)), state=state)
    assert told == [], "not listed proves nothing"
    assert play(*looks(report(6, late)), state=state)[1] == ["thawed"]
    assert play(*looks(report(6, clear=[late]), report(7, clear=[late])), state=state)[1] == ["thawed", "resolved"]


def test_gone_and_off_close_in_words_of_their_own() -> None:
    late = finding()
    assert play(*looks(MET, report(1, late), report(2, gone=[late])))[1][-1] == "gone"
    assert play(*looks(MET, report(1, late), report(2, off=[late])))[1][-1] == "off"


def test_severity_changes_are_told() -> None:
    bad = finding(severity=Severity.CRITICAL)
    assert play(*looks(MET, report(1, finding()), report(2, bad), report(3, finding())))[1][2:] == ["worse", "milder"]


def test_what_keeps_coming_back_is_unstable_and_ends_after_a_quiet_time() -> None:
    late = finding()
    events = [MET]
    for n in range(3):
        events += [report(100 * n + 1, late), report(100 * n + 2, clear=[late]), report(100 * n + 3, clear=[late])]
    state, told = play(*looks(*events))
    assert told == ["contact", "fired", "resolved", "fired", "resolved", "fired", "unstable"]
    assert play(*looks(report(1000, clear=[late])), state=state)[1] == []
    assert play(*looks(report(1200, clear=[late])), state=state)[1] == ["resolved"]


def test_a_blind_target_is_an_alert_of_its_own_and_resolves_nothing() -> None:
    late = finding()
    away = Unknown(Why.UNREACHABLE, "no broker answers")
    blind = [report(t, unseen=away, counts={"groups": 0}) for t in (2, 200, 310, 400)]
    state, told = play(*looks(MET, report(1, late), *blind))
    assert told == ["contact", "fired", "frozen", "fired"]
    assert {a.fingerprint.check for a in state.firing()} == {"kafka/group-lagging", TARGET_BLIND}
    state, told = play(*looks(report(500, late), report(501, late), report(619, late)), state=state)
    assert told == ["thawed"], "it has yet to settle"
    again, _ = play(*looks(report(619.5, unseen=away), report(620, late)), state=state)
    assert TARGET_BLIND in {a.fingerprint.check for a in again.firing()}
    state, told = play(*looks(report(620, late)), state=state)
    assert told == ["resolved"]
    assert [a.fingerprint.check for a in state.firing()] == ["kafka/group-lagging"]


def test_many_that_vanish_together_wait() -> None:
    late = [finding(PROD.under("groups", f"g{n}")) for n in range(10)]
    start = looks(MET, report(1, *late))
    state, told = play(*start, *looks(report(2, counts={"groups": 3}), report(3, gone=late, counts={"groups": 3})))
    assert told.count("held") == 1
    assert "gone" not in told
    assert play(*looks(report(1900, gone=late, counts={"groups": 3})), state=state)[1] == ["gone"] * 10
    assert play(*looks(report(60, *late)), state=state)[1] == ["thawed"] * 10
    _, told = play(*start, *looks(report(2, *late[:9], gone=late[9:], counts={"groups": 9})))
    assert told.count("gone") == 1, "one that goes is just gone"


def test_first_contact_waits_for_its_looks_and_marks_what_was_there() -> None:
    late, other = finding(), finding(PROD.under("groups", "b"))
    policy = Policy(contact_polls=2)
    state, told = play(*looks(report(1, late), report(2, late, other), report(3, late, other)), policy=policy)
    assert told == ["fired", "fired", "contact"]
    assert all(alert.first for alert in state.firing())
    state, _ = play(*looks(report(4, late, other, finding(PROD.under("groups", "c")))), state=state, policy=policy)
    assert [alert.first for alert in state.firing()] == [True, True, False]


def test_a_replay_gives_the_same() -> None:
    late = finding(after=30)
    events = looks(MET, report(1, late), report(40, late), report(50, gaps=[late]), report(60, clear=[late]))
    assert play(*events) == play(*events)


def test_configuration_findings_are_kept_for_the_digest() -> None:
    low = finding(check="kafka/replication-factor-low", kind=CheckKind.CONFIGURATION)
    state, told = play(*looks(MET, report(1, low)))
    assert told == ["contact"]
    assert not play(*looks(report(2, clear=[low])), state=state)[0].settings, "never told, never fixed"
    told_of = replace(state, settings={f: replace(s, told=True) for f, s in state.settings.items()})
    state, _ = play(*looks(report(2, gaps=[low])), state=told_of)
    assert not state.settings[low.fingerprint].fixed
    state, _ = play(*looks(report(3, clear=[low])), state=told_of)
    assert state.settings[low.fingerprint].fixed
    assert not play(*looks(report(4, low)), state=state)[0].settings[low.fingerprint].fixed


def test_a_look_that_shows_the_same_leaves_the_very_same_state() -> None:
    """So that an idle agent writes nothing, however often it looks."""

    def seen(at: float, value: int) -> Observed:
        wrong = finding(kind=CheckKind.CONFIGURATION, check="kafka/min-insync-unsafe")
        return report(at, replace(wrong, evidence=(Evidence(GROUP, "min.insync.replicas", value, at),)))

    state, _ = play((1, seen(1, 1)), (2, seen(2, 1)))
    assert play((3, seen(3, 1)), state=state)[0] is state
    changed, _ = play((4, seen(4, 2)), state=state)
    assert changed.settings[finding(check="kafka/min-insync-unsafe").fingerprint].finding.evidence[0].value == 2
    assert changed.targets is state.targets


def test_the_digest_is_due_once_a_day_in_its_own_zone() -> None:
    zone = ZoneInfo("Europe/Berlin")
    policy = Policy(digest_zone=zone)
    nine = datetime(2026, 11, 23, 9, tzinfo=zone).timestamp()
    assert digest_due(nine - 1, policy) == datetime(2026, 11, 22, 9, tzinfo=zone).timestamp()
    assert digest_due(nine + 1, policy) == nine
    ticks = [(nine + s, Tick()) for s in (-7200, -60, 0, 60, 3600, 86400, 86460)]
    assert play(*ticks, policy=policy)[1] == ["digest", "digest"]


def _told(state: State) -> State:
    return replace(state, alerts={id_: replace(a, told=a.fired) for id_, a in state.alerts.items()})


def test_repeated_after_its_time_unless_acknowledged_silenced_or_frozen() -> None:
    bad = finding(severity=Severity.CRITICAL)
    state = _told(play(*looks(MET, report(1, bad)))[0])
    (alert,) = state.firing()
    again = 1 + 4 * 3600.0
    state_told, told = play((again - 1, Tick()), (again, Tick()), (again + 60, Tick()), state=state)
    assert told == ["repeated"]
    assert play((2 * again, Tick()), state=state_told)[1] == ["repeated"]
    assert play((5, Acknowledge(alert.id, "ann")), (again, Tick()), state=state)[1] == ["acknowledged"]
    assert play((5, Acknowledge(alert.id, "ann", 60)), (60, Tick()), state=state)[1] == ["acknowledged", "released"]
    silence = AddSilence("s", Pattern.parse("kafka://prod/groups/pay*"), "kafka/*", again * 2, "ann")
    silent, told = play((5, silence), (again, Tick()), state=state)
    assert told == []
    assert play((6, ExpireSilence("s")), (again, Tick()), state=silent)[1] == ["repeated"]
    assert not play((again * 3, Tick()), state=silent)[0].silences, "forgotten an hour after its end"
    assert play(*looks(report(2, gaps=[bad])), (again, Tick()), state=state)[1] == ["frozen"]


def test_commands_that_mean_nothing_change_nothing() -> None:
    state = play(*looks(MET, report(1, finding())))[0]
    (alert,) = state.firing()
    for command in (Acknowledge("none", "ann"), Release(alert.id, "ann"), Retry(), Drop("none"), ExpireSilence("none")):
        assert play((2, command), state=state) == (state, [])
    acknowledged = play((2, Acknowledge(alert.id, "ann")), state=state)[0]
    assert play((3, Release(alert.id, "bob")), state=acknowledged)[1] == ["released"]


def test_a_test_message_and_what_is_parked() -> None:
    state, _ = play((1, Notify("t", ("console", "slack:#a"), "ann")))
    assert [d.destination for d in state.deliveries.values()] == ["console", "slack:#a"]
    (first, second) = state.deliveries
    parked = {id_: replace(d, progress=Progress.PARKED) for id_, d in state.deliveries.items()}
    state = replace(state, deliveries=parked)
    again = play((2, Retry(first)), state=state)[0].deliveries
    assert [again[first].progress, again[second].progress] == [Progress.QUEUED, Progress.PARKED]
    assert list(play((2, Drop(first)), state=state)[0].deliveries) == [second]


def test_a_symptom_is_folded_under_a_cause_that_is_told_itself() -> None:
    stalled, late = finding(check="kafka/group-stalled"), finding()
    state, _ = play(*looks(MET, report(1, stalled, late)))
    cause, symptom = (state.alerts[state.open[f.fingerprint]] for f in (stalled, late))
    assert inhibited_by(causes(state, 2), symptom) == cause
    assert inhibited_by(causes(state, 2), cause) is None
    assert inhibited_by(causes(state, 2), replace(symptom, severity=Severity.CRITICAL)) is None
    silence = AddSilence("s", Pattern(), "kafka/group-stalled", 100, "ann")
    state, _ = play((1, silence), state=state)
    assert inhibited_by(causes(state, 2), symptom) is None, "a muted cause hides no page"


def test_routes_and_owners() -> None:
    child = Route(("slack:#pay",), resources=Pattern.parse("kafka://*/groups/pay*"), routes=(Route(owner="x"),))
    pager = Route(("slack:#pager",), severity=Severity.CRITICAL)
    policy = Policy(
        Route(("slack:#ops",), routes=(pager, child)),
        owners=(Owner(Pattern(), "all"), Owner(Pattern.parse("kafka://prod/groups/pay*"), "payments")),
    )
    check = "kafka/group-lagging"
    assert route(policy, check, GROUP, Severity.CRITICAL, "").destinations == ("slack:#pager",)
    assert route(policy, check, GROUP, Severity.WARNING, "x").destinations == ("slack:#pay",)
    assert len(route(policy, check, GROUP, Severity.WARNING, "x").path) == 3
    assert route(policy, check, PROD.under("topics", "t"), Severity.INFO, "").destinations == ("slack:#ops",)
    assert (owner_of(policy, GROUP), owner_of(policy, PROD)) == ("payments", "all")
    former = PROD.former("Zck5").under("groups", "payments")
    assert owner_of(policy, former) == "payments", "whose the one of now is, theirs is the former one"
    assert not Pattern.parse("kafka://pro").matches(former)
    assert Pattern.parse(str(PROD.former("Zck5"))).matches(former)
    assert owner_of(Policy(), GROUP, "tagged") == "tagged"


def test_kinds_that_close() -> None:
    assert {phase for phase in Phase if phase.closed} == {Phase.RESOLVED, Phase.GONE, Phase.OFF}
    assert Kind.GONE.value == "gone"


def at_place(one: Observed, place: str, target: Address | None = None) -> Observed:
    return Observed(replace(one.report, target=target or one.report.target), place=place)


def test_a_target_that_is_no_longer_watched_ends_its_alerts_as_off() -> None:
    late, slow = finding(), finding(check="kafka/group-stalled", after=900)
    low = finding(check="kafka/replication-factor-low", kind=CheckKind.CONFIGURATION)
    state, _ = play(*((t, at_place(report(t, late, slow, low), "kafka:prod")) for t in (0, 30)))
    assert play((40, Watching(frozenset({"kafka:prod"}))), state=state) == (state, [])
    left, told = play((40, Watching(frozenset())), state=state)
    assert told == ["off"], "what was pending was never told, so its end is not, either"
    assert (left.open, left.targets, left.settings) == ({}, {}, {})
    assert [a.phase for a in left.alerts.values()] == [Phase.OFF]


def test_the_same_way_leads_to_another_cluster() -> None:
    late = finding()
    away = Unknown(Why.UNREACHABLE, "refused")
    other = Address("kafka", "other")
    state, _ = play(*((t, at_place(report(t, late), "kafka:b1:9092")) for t in (0, 30)))
    blind, told = play((40, at_place(report(40, unseen=away), "kafka:b1:9092", other)), state=state)
    assert told == [], "a target that can't be seen can't tell its name"
    assert PROD in blind.targets
    moved, told = play((40, at_place(report(40), "kafka:b1:9092", other)), state=state)
    assert told == ["contact", "frozen"], "that another one answers proves nothing about the former"
    assert set(moved.targets) == {PROD, other}
    (alert,) = moved.firing()
    assert alert.frozen_why == "another cluster, kafka://other, answers at b1:9092"
    moved, told = play((400, at_place(report(400), "kafka:b1:9092", other)), state=moved)
    assert told == ["fired"], "it is blind"
    back, told = play(*((t, at_place(report(t, late), "kafka:b1:9092")) for t in (7200, 7400, 7600)), state=moved)
    assert told == ["thawed", "resolved"], "nothing is met or told again"
    assert set(back.targets) == {PROD}
    gone, told = play((340 + WAIT, at_place(report(340 + WAIT), "kafka:b1:9092", other)), state=moved)
    assert told == ["off", "off"], "nobody waits for ever"
    assert {a.left for a in gone.alerts.values()} == {
        "another cluster, kafka://other, answers at b1:9092 now: what was wrong with the former one is not watched any more"
    }
    assert play((500, Watching(frozenset())), state=moved)[1] == ["off", "off"]


def test_another_cluster_where_one_was_thought_to_be_down_is_told_once() -> None:
    away, place = Unknown(Why.UNREACHABLE, "refused"), "kafka:b1:9092"
    other = Address("kafka", "other")
    events = (report(0), *(report(t, unseen=away) for t in (30, 400)))
    state, _ = play(*((one.report.at, at_place(one, place)) for one in events))
    state = replace(state, alerts={i: replace(a, told=400.0) for i, a in state.alerts.items()})
    _, told = play(*((t, at_place(report(t), place, other)) for t in (430, 460, 490)), state=state)
    assert told == ["contact", "repeated"]


def test_what_was_blind_and_tells_another_name_is_no_longer_blind() -> None:
    away = Unknown(Why.UNREACHABLE, "refused")
    place = "kafka:b1:9092"
    unnamed = Address("kafka", "b1:9092")
    state, told = play(*((t, at_place(report(t, unseen=away), place, unnamed)) for t in (0, 400)))
    assert told == ["fired"]
    _, told = play((430, at_place(report(430), place)), state=state)
    assert told == ["resolved", "contact"], "it answers, so it is not switched off"
