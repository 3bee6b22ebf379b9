"""Who is told what: one thread for one alert, one message for many, nothing twice, nothing lost."""

from dataclasses import replace
from datetime import date

from alerts.commands import Acknowledge, AddSilence, ExpireSilence, Notify
from alerts.machine import Tick
from alerts.model import TARGET_BLIND, Delivery, Kind, Op, Progress, State, Subject
from alerts.outbox import recover
from alerts.policy import Policy, Route
from alerts.sinks.sink import Outcome, Sending
from checks.check import Kind as CheckKind
from checks.check import Severity
from checks.evaluate import Finding
from checks.facts import Address, Unknown, Why
from checks.ignores import Ignore
from checks.pattern import Pattern
from tests.alerts.scene import GROUP, PROD, finding, report
from tests.alerts.town import POLICY, Channel, Town

LATE = finding()
BEHIND = "groups: a consumer group is further behind, in time, than its service level allows"
MET = report(0)


def groups(count: int, severity: Severity = Severity.WARNING) -> list:  # type: ignore[type-arg]
    return [finding(PROD.under("groups", f"group-{n}"), severity=severity) for n in range(count)]


def test_one_alert_is_one_thread_edited_at_its_end() -> None:
    town = Town()
    town.look(MET, report(30, LATE), report(60, LATE), report(90, clear=[LATE]), report(120, clear=[LATE]))
    town.settle_down()
    root, reply = town.channel.posted
    assert root.text == "Resolved: late"
    assert root.edits == 1
    assert reply.reply_to == "0"
    assert not town.state.deliveries


def test_what_fires_and_ends_before_it_is_sent_is_one_message() -> None:
    town = Town()
    town.channel.mood = "away"
    town.look(MET, report(30, LATE), report(60, clear=[LATE]), report(90, clear=[LATE]))
    town.channel.mood = "fine"
    town.pass_time(600)
    assert town.channel.texts() == ["Resolved: late"]


def test_ten_thousand_at_once_are_one_message() -> None:
    town = Town()
    town.look(MET, report(30, *groups(10_000)))
    assert [one.text for one in town.channel.posted] == [f"10,000 {BEHIND}"]
    (thread,) = town.state.threads.values()
    assert thread.subject is Subject.MANY


def test_more_of_a_storm_joins_it() -> None:
    town = Town()
    storm = groups(20)
    town.look(MET, report(30, *storm[:10]), report(45, *storm))
    town.pass_time(120)
    assert [one.text for one in town.roots()] == [f"20 {BEHIND}"]
    assert [one.text for one in town.channel.posted if one.reply_to] == ["More of the same: 10 alerts, 10 warning"]


def test_the_end_of_many_is_one_message() -> None:
    town = Town()
    each = groups(12)
    town.look(MET, *(report(30 + 120 * i, *each[: i + 1]) for i in range(12)))
    town.settle_down()
    assert len(list(town.roots())) == 12
    town.look(report(2000, clear=each), report(2030, clear=each))
    town.pass_time(180)
    fresh = town.channel.posted[12:]
    assert [one.text for one in fresh] == ["12 alerts ended: 12 resolved"]
    assert all(one.text == "Resolved: late" for one in town.channel.posted[:12])


def test_first_contact_is_one_message_and_only_the_critical_calls() -> None:
    town = Town(policy=replace(POLICY, contact_polls=2))
    bad = finding(PROD.under("groups", "urgent"), severity=Severity.CRITICAL)
    wrong = [*groups(8), finding(PROD.under("topics", "t"), kind=CheckKind.CONFIGURATION)]
    town.look(report(0, bad, *wrong), report(30, bad, *wrong))
    town.pass_time(180)
    assert town.channel.texts() == ["late", "Already wrong when I arrived at kafka://prod: 9"]
    town.look(report(300, bad, *wrong))
    town.pass_time(86400)
    assert not [t for t in town.channel.texts() if t.startswith("Review")], "contact has told the settings"


def test_what_is_silenced_is_told_when_the_silence_ends() -> None:
    town = Town()
    silence = AddSilence("s1", Pattern("kafka", "prod", "groups", "*"), "*", 1000, "me")
    town.look(MET, silence, report(30, LATE), report(60, LATE))
    assert not town.channel.posted
    town.look(ExpireSilence("s1"))
    assert town.channel.texts() == ["late"]


def test_a_symptom_waits_behind_its_cause_and_is_told_without_it() -> None:
    town = Town()
    cause = finding(check="kafka/group-stalled")
    town.look(MET, report(30, LATE, cause))
    assert len(town.channel.posted) == 1
    town.look(report(60, LATE, clear=[cause]), report(90, LATE, clear=[cause]))
    town.settle_down()
    assert len(list(town.roots())) == 2


def test_a_cause_that_other_people_hear_of_hides_nothing() -> None:
    mine = Route(("slack:#mine",), checks="kafka/group-stalled")
    town = Town(policy=replace(POLICY, route=Route(("slack:#ops",), routes=(mine,))))
    town.look(MET, report(30, LATE, finding(check="kafka/group-stalled")))
    assert len(town.channel.posted) == 2


def test_what_is_critical_from_the_start_is_no_reply_among_warnings() -> None:
    for more in (groups(10), groups(2)):
        town = Town(policy=replace(POLICY, route=Route(("slack:#ops",), group_by="target")))
        page = finding(PROD.under("topics", "lost"), severity=Severity.CRITICAL)
        town.look(MET, report(30, *more), report(45, page, *more))
        town.settle_down()
        assert [(one.subject, one.text) for one in town.roots()][1:] == [("alert", "late")]
        assert not [one for one in town.channel.posted if one.reply_to]


def test_many_critical_ones_among_warnings_are_one_page() -> None:
    town = Town()
    storm, pages = groups(10), [finding(PROD.under("topics", f"t{n}"), severity=Severity.CRITICAL) for n in range(12)]
    town.look(MET, report(30, *storm), report(40, *pages[:9], *storm), report(50, *pages, *storm))
    town.pass_time(120)
    assert [one.subject for one in town.roots()] == ["many", "many"]
    assert sum(1 for one in town.channel.posted if one.reply_to) == 1, "the last three join the page"


def test_worse_is_a_page_of_its_own_out_of_a_storm() -> None:
    town = Town()
    storm = groups(10)
    town.look(MET, report(30, *storm))
    worse = replace(storm[0], severity=Severity.CRITICAL)
    town.look(report(300, worse, *storm[1:]))
    town.settle_down()
    roots = list(town.roots())
    assert [one.subject for one in roots] == ["many", "alert"]


def test_worse_in_its_own_thread_is_told_aloud() -> None:
    town = Town()
    town.look(MET, report(30, LATE), report(60, replace(LATE, severity=Severity.CRITICAL)))
    town.settle_down()
    assert [one.text for one in town.channel.posted] == ["late", "Now critical: late"]


def test_the_repeat_stays_in_the_thread_and_an_acknowledged_one_is_not_repeated() -> None:
    town = Town()
    town.look(MET, report(30, LATE))
    town.pass_time(86400 + 60, 600)
    assert town.channel.texts() == ["late", "Still: late"]
    (alert,) = town.state.firing()
    town.look(Acknowledge(alert.id, "me"))
    town.pass_time(3 * 86400, 3600)
    assert len(town.channel.posted) == 2


def test_blindness_freezes_and_says_so_and_resolves_nothing() -> None:
    town = Town()
    away = Unknown(Why.UNREACHABLE, "connection refused")
    town.look(MET, report(30, LATE), report(60, unseen=away), report(400, unseen=away))
    town.settle_down()
    first, blind = town.channel.posted
    assert first.text == "Cannot be observed: late"
    assert "nothing of kafka://prod can be observed" in blind.text
    assert {a.fingerprint.check for a in town.state.firing()} == {TARGET_BLIND, "kafka/group-lagging"}


def test_an_outage_of_the_sink_collapses_into_how_things_are() -> None:
    town = Town()
    each = groups(9)
    town.look(MET)
    town.channel.mood = "away"
    for i in range(9):
        town.look(report(100 + 100 * i, *each[: i + 1]))
    over = each[:4]
    town.look(report(1100, *each[4:], clear=over), report(1130, *each[4:], clear=over))
    town.channel.mood = "fine"
    town.pass_time(600)
    assert town.channel.texts() == [f"5 {BEHIND}"]


def test_after_a_crash_only_what_was_under_way_may_be_a_double() -> None:
    town = Town()
    town.look(MET)
    town.now = 30
    town.happen(report(30, LATE))
    ((delivery, sent),) = town.begin()
    town.channel.send(delivery, sent, town.state, town.now)
    town.crash()  # it arrived, and nobody lived to hear of it
    town.pass_time(60)
    assert [(one.text, one.double) for one in town.channel.posted] == [("late", False), ("late", True)]
    assert recover(town.state) is town.state


def test_an_answer_that_never_came_is_asked_for_again() -> None:
    town = Town()
    town.channel.mood = "mute"
    town.look(MET, report(30, LATE))
    town.channel.mood = "fine"
    town.pass_time(60)
    assert [one.double for one in town.channel.posted] == [False, True]


def test_findings_of_configuration_wait_for_the_digest() -> None:
    town = Town()
    setting = finding(PROD.under("topics", "orders"), "kafka/min-insync-unsafe", kind=CheckKind.CONFIGURATION)
    town.look(MET, Tick(), report(30, setting))
    town.pass_time(2 * 86400, 1800)
    assert town.channel.texts() == ["Review of the configuration: 1 new, 0 fixed, 0 still open"]
    town.look(report(town.now + 30, clear=[setting]))
    town.pass_time(2 * 86400, 1800)
    assert town.channel.texts()[1:] == ["Review of the configuration: 0 new, 1 fixed, 0 still open"]


def test_an_ignore_is_spoken_of_before_it_ends() -> None:
    """A week and a day before, and in every digest between; only where everything is told."""
    setting = finding(PROD.under("topics", "orders"), "kafka/min-insync-unsafe", kind=CheckKind.CONFIGURATION)
    lasting = Ignore(("kafka/*",), Pattern(), "for ever", None, "m.yaml:3")
    heard = []

    class Ears(Channel):
        def send(self, delivery: Delivery, sent: Sending, state: State, now: float) -> Outcome:
            heard.append((round(now / 86400), delivery.destination, sent.message.title, sent.message.notes))
            return super().send(delivery, sent, state, now)

    by = Ignore(("kafka/dlq-missing",), Pattern(), "known", date(1970, 1, 12), "m.yaml:4")
    routes = (Route(("slack:#orders",), resources=Pattern(name="orders")),)
    policy = Policy(route=Route(("slack:#ops",), routes=routes), contact_polls=1, ignores=(lasting, by))
    town = Town(policy, channel=Ears())
    town.look(MET, Tick())
    town.pass_time(8 * 86400, 7200)
    town.look(
        report(town.now + 30, setting, finding(PROD.under("topics", "other"), "kafka/x", kind=CheckKind.CONFIGURATION))
    )
    town.pass_time(7 * 86400, 7200)
    note = ("the ignore of kafka/dlq-missing ends after 1970-01-12 (m.yaml:4): what it covers comes back",)
    nothing, new = (f"Review of the configuration: {n} new, 0 fixed, {o} still open" for n, o in ((0, 0), (1, 0)))
    assert heard == [
        (5, "slack:#ops", nothing, note),
        (8, "slack:#orders", new, ()),
        (8, "slack:#ops", new, note),
        (11, "slack:#ops", nothing.replace("0 still", "1 still"), note),
    ]


def test_a_patient_finding_of_configuration_waits_until_it_has_stood_long_enough() -> None:
    town = Town()
    unread = finding(PROD.under("topics", "dlq"), "kafka/dlq-unread", kind=CheckKind.CONFIGURATION, after=3 * 86400)
    town.look(report(0, unread), report(30, unread))
    town.pass_time(2 * 86400, 1800)
    assert town.channel.texts() == []
    town.pass_time(2 * 86400, 1800)
    assert town.channel.texts() == ["Review of the configuration: 1 new, 0 fixed, 0 still open"]


def test_what_is_over_and_told_is_forgotten() -> None:
    town = Town()
    each = groups(40)
    town.look(MET, report(30, *each, LATE), report(60, clear=[*each, LATE]), report(90, clear=[*each, LATE]))
    town.pass_time(3 * 3600, 600)
    assert not town.state.alerts
    assert not town.state.threads
    assert not town.state.deliveries


def test_a_storm_with_one_that_stays_forgets_the_others() -> None:
    town = Town()
    each = groups(40)
    town.look(MET, report(30, *each), report(60, each[0], clear=each[1:]), report(90, each[0], clear=each[1:]))
    town.pass_time(3 * 3600, 600)
    (thread,) = town.state.threads.values()
    assert (len(thread.alerts), thread.closed, len(town.state.alerts)) == (1, 39, 1)


def test_a_test_message_goes_the_whole_way() -> None:
    town = Town()
    town.look(Notify("t1", ("slack:#ops",), "me"))
    assert town.channel.texts() == ["A test from mqcanary, asked for by me: messages of this route arrive here"]


def test_without_a_route_nothing_is_told_and_nothing_is_forgotten() -> None:
    town = Town(policy=Policy(contact_polls=1))
    town.look(MET, report(30, LATE))
    assert not town.state.deliveries
    town.policy = POLICY
    town.look(Tick())
    assert town.channel.texts() == ["late"]


def test_a_webhook_gets_a_message_for_the_end() -> None:
    town = Town(policy=replace(POLICY, route=Route(("webhook:x",))))
    town.look(MET, report(30, LATE), report(60, clear=[LATE]), report(90, clear=[LATE]))
    town.settle_down()
    assert [d.op for d in town.state.deliveries.values()] == []
    assert town.channel.texts() == ["late", "Resolved: late"]


def test_one_that_flaps_says_so() -> None:
    town = Town()
    town.look(MET)
    for at in range(100, 700, 200):
        town.look(report(at, LATE), report(at + 60, clear=[LATE]), report(at + 90, clear=[LATE]))
    town.settle_down()
    assert Kind.UNSTABLE in [t.kind for t in town.told]
    (firing,) = town.state.firing()
    assert firing.unstable
    assert firing.fingerprint.address == GROUP


def test_in_flight_nothing_else_goes_to_the_same_place() -> None:
    town = Town()
    town.look(MET)
    town.now = 30
    town.happen(report(30, *groups(3)))
    assert len(town.begin()) == 1
    assert not town.begin()
    assert [d.progress for d in town.state.deliveries.values()].count(Progress.SENDING) == 1
    assert {d.op for d in town.state.deliveries.values()} == {Op.POST}


def test_alerts_that_come_one_by_one_are_a_storm_too() -> None:
    town = Town()
    storm = groups(12)
    town.look(MET, *(report(30 + 2 * i, *storm[: i + 1]) for i in range(12)))
    town.pass_time(120)
    assert len(list(town.roots())) == POLICY.many + 1
    assert list(town.roots())[-1].text == f"7 {BEHIND}"


def grouped(by: str | None, child: str | None = None) -> Policy:
    route = Route(("slack:#alerts",), group_by=by, routes=(Route(checks="kafka/*", group_by=child),))
    return replace(POLICY, route=route)


def test_a_group_is_told_together_and_two_groups_apart() -> None:
    town = Town(policy=grouped("resource"))
    group, other = finding(), finding(PROD.under("groups", "other"))
    stalled = finding(check="kafka/group-odd")
    town.look(MET, report(30, group, stalled, other))
    town.settle_down()
    assert sorted(one.text for one in town.roots()) == ["2 alerts at once: 2 warning", "late"]


def test_who_comes_later_joins_its_group() -> None:
    town = Town(policy=grouped("target"))
    a, b, c = groups(3)
    town.look(MET, report(30, a), report(40, a, b), report(45, a, b, c))
    town.pass_time(120)
    assert [one.text for one in town.roots()] == ["late", f"2 {BEHIND}"]


def test_more_groups_than_anybody_reads_are_one() -> None:
    town = Town(policy=grouped("resource"))
    town.look(MET, report(30, *groups(40)))
    town.settle_down()
    assert [one.text for one in town.roots()] == [f"40 {BEHIND}"]


def test_a_route_groups_as_its_parent_unless_it_says_otherwise() -> None:
    for policy, roots in ((grouped("target"), 1), (grouped("target", "off"), 2)):
        town = Town(policy=policy)
        town.look(MET, report(30, *groups(2)))
        town.settle_down()
        assert len(list(town.roots())) == roots


def letters(name: str, count: int) -> Finding:
    return finding(PROD.under("queues", name), "sqs/dlq-not-empty", size=(count, count))


def test_more_dead_letters_are_told_aloud_in_their_thread() -> None:
    town = Town()
    town.look(MET, report(30, letters("dlq", 1)), report(1230, letters("dlq", 2)))
    town.settle_down()
    assert [(one.text, one.reply_to, one.loud) for one in town.channel.posted] == [
        ("late", "", True),
        ("More: late", "0", True),
    ]


def test_among_many_dead_letter_queues_what_grows_is_gathered() -> None:
    town = Town()
    queues = [f"dlq-{n}" for n in range(300)]
    town.look(MET, report(30, *(letters(name, 1) for name in queues)))
    for now in range(60, 3630, 30):  # each poll another one has one more
        town.look(report(now, *(letters(name, 1 + (now // 30 > n)) for n, name in enumerate(queues))))
        town.settle_down(20)
    replies = [one for one in town.channel.posted if one.reply_to]
    assert len(list(town.roots())) == 1
    assert [round(one.at / 600) for one in replies] == [1, 2, 3, 4, 5]
    assert replies[-1].text == "Growing: 20 alerts, 20 warning"


def test_a_dead_letter_queue_that_was_full_on_arrival_and_gets_one_more() -> None:
    town = Town(policy=replace(POLICY, contact_polls=2))
    full = [letters(f"dlq-{n}", 100) for n in range(50)]
    town.look(report(0, *full), report(30, *full))
    town.pass_time(90)
    town.look(report(700, letters("dlq-7", 101), *full[:7], *full[8:]))
    town.settle_down()
    assert town.channel.texts() == ["Already wrong when I arrived at kafka://prod: 50", "Growing: late"]
    assert town.channel.posted[1].loud


def test_the_root_of_many_does_not_wait_for_what_is_gathered() -> None:
    town = Town()
    many = [letters(f"dlq-{n}", 1) for n in range(10)]
    first, second = ([letters(f"dlq-{n}", 1 + (n in more)) for n in range(10)] for more in ((3,), (3, 4)))
    town.look(MET, report(30, *many), report(700, *first), report(730, *second))
    gone = report(760, *second[1:], clear=[many[0]]), report(790, *second[1:], clear=[many[0]])
    town.look(*gone)
    town.settle_down(10)
    root, reply = town.channel.posted
    assert (root.text, reply.text) == ("9 queues: messages lie in a dead-letter queue", "Growing: late")
    assert [d.op for d in town.state.deliveries.values()] == [Op.REPLY]
    town.pass_time(600)
    assert [one.text for one in town.channel.posted[2:]] == ["Growing: late"]


def test_what_was_held_back_and_is_clear_by_now_is_not_told_unless_it_comes_back() -> None:
    town = Town()
    silence = AddSilence("s1", Pattern(), "*", 1000, "me")
    town.look(MET, silence, report(30, LATE), report(60, clear=[LATE]), ExpireSilence("s1"))
    assert not town.channel.posted
    again = report(90, LATE)
    town.look(again)
    assert town.channel.texts() == ["late"]


def test_a_cluster_that_comes_back_tells_nothing_that_is_over() -> None:
    town = Town()
    away = Unknown(Why.UNREACHABLE, "connection refused")
    leaderless = groups(500, Severity.CRITICAL)
    town.look(MET, report(30, unseen=away), report(400, unseen=away))
    town.look(report(430, *leaderless), report(460, *leaderless))
    town.look(*(report(t, LATE, clear=leaderless) for t in (490, 520)))
    assert len(town.channel.posted) == 1, "it has yet to settle"
    town.look(report(550, LATE, clear=leaderless))
    town.settle_down()
    assert [one.text for one in town.channel.posted] == [
        "Resolved: nothing of kafka://prod can be observed",
        "Resolved: nothing of kafka://prod can be observed",
        "late",
    ]


def test_targets_that_are_met_together_are_one_message() -> None:
    town = Town(policy=replace(POLICY, contact_polls=2))
    other = Address("sqs", "west")
    setting = finding(PROD.under("topics", "t"), "kafka/min-insync-unsafe", kind=CheckKind.CONFIGURATION)
    full = finding(other.under("queues", "dlq"), "sqs/dlq-not-empty")
    unsafe = finding(other.under("queues", "q"), "sqs/dlq-missing", kind=CheckKind.CONFIGURATION)
    for at in (0, 30):
        town.look(report(at, LATE, setting))
        west = report(at + 1, full, unsafe)
        town.look(replace(west, report=replace(west.report, target=other), place="sqs:west"))
    town.pass_time(180)
    assert town.channel.texts() == ["Already wrong when I arrived at kafka://prod, sqs://west: 4"]


def test_a_target_that_is_met_twice_in_one_message_is_named_once() -> None:
    town = Town()
    for identity in ("c1", "c2"):
        town.look(replace(report(town.now + 1, LATE), place="kafka:prod", identity=identity))
    town.pass_time(180)
    assert town.channel.texts() == ["Already wrong when I arrived at kafka://prod: 2"]


def test_ends_that_follow_each_other_are_one_message() -> None:
    town = Town(policy=replace(POLICY, many=2))
    each = groups(9)
    town.look(MET, *(report(30 + 120 * n, *each[: n + 1]) for n in range(9)))
    town.settle_down()
    assert len(town.channel.posted) == 9
    first, second = each[:4], each[4:]
    town.look(report(2000, *second, clear=first), report(2030, *second, clear=first))
    town.look(report(2040, clear=each), report(2050, clear=each))
    town.pass_time(180)
    assert [one.text for one in town.channel.posted[9:]] == ["9 alerts ended: 9 resolved"]
