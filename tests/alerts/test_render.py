"""What a message says: the symptom first, facts in words, and at the end still what it was about."""

from dataclasses import replace
from datetime import timedelta

from alerts.model import TARGET_BLIND, Acknowledged, Alert, Delivery, Digest, Kind, Op, Phase, State, Subject, Thread
from alerts.policy import Policy
from alerts.render.blocks import HEADER, blocks
from alerts.render.message import Mark, Message
from alerts.render.render import render
from checks.check import Evidence, Fix, Severity
from checks.check import Kind as CheckKind
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address
from tests.alerts.scene import PROD

AT = 1_700_000_000.0
TOPIC = PROD.under("topics", "orders")


def alert(id_: str, address: Address, check: str, summary: str, *evidence: Evidence) -> Alert:
    where = Fingerprint(check, address)
    found = Finding(where, CheckKind.CONDITION, Severity.WARNING, timedelta(0), summary, evidence, Fix("see."))
    return Alert(id_, where, found, Phase.FIRING, AT, AT, Severity.WARNING)


def told(*alerts: Alert, subject: Subject = Subject.MANY) -> Message:
    ids = tuple(one.id for one in alerts)
    thread = Thread("t", subject, "slack:#ops", AT, ids)
    state = State(alerts={one.id: one for one in alerts}, threads={"t": thread})
    return render(Delivery("d", 1, "t", "slack:#ops", Op.POST, (), ids, AT), state, AT + 60, Policy())


COPIES = tuple(
    alert(name, PROD.under("topics", name), "kafka/under-replicated", f"topic {name} lacks copies")
    for name in ("orders", "clicks")
)


def test_many_of_one_check_say_what_is_wrong_and_name_each_once() -> None:
    message = told(*COPIES)
    assert message.title == "2 topics: a partition has fewer copies in step with its leader than it should have"
    assert message.table is not None
    assert message.table.rows == (
        ("warning", "clicks", "", "topic clicks lacks copies"),
        ("warning", "orders", "", "topic orders lacks copies"),
    )
    assert "mqcanary alerts ack ID" in message.notes[0]


def test_many_with_one_fix_say_it_and_others_where_to_look() -> None:
    one, other = (replace(a, finding=replace(a.finding, fix=Fix("start broker 2", f"fix {a.id}"))) for a in COPIES)
    assert (told(one, other).step, told(one, other).command) == ("Start broker 2", "mqcanary alerts")
    same = replace(other, finding=one.finding)
    assert (told(one, same).step, told(one, same).command) == ("Start broker 2", "fix orders")
    assert told(one, COPIES[1]).step.startswith("Look for what they share first")
    assert told(*(replace(a, frozen=AT + 30) for a in (one, same))).step.startswith("Look for what they share first")


def test_one_of_many_that_fires_on_is_said_once_with_its_id() -> None:
    thread = Thread("t", Subject.MANY, "slack:#ops", AT, ("orders", "clicks"))
    state = State(alerts={one.id: one for one in COPIES}, threads={"t": thread})
    reply = Delivery("d", 1, "t", "slack:#ops", Op.REPLY, (Kind.REPEATED,), ("orders",), AT)
    message = render(reply, state, AT + 3600, Policy())
    assert message.title == "Still firing: topic orders lacks copies"
    assert message.lead.startswith("For 1 h, since 22:13 UTC, in kafka://prod.")
    assert message.table is None
    assert message.notes[1] == "mqcanary alerts ack orders"
    taken = replace(COPIES[0], acknowledged=Acknowledged("ada", AT + 60))
    again = render(reply, replace(state, alerts={**state.alerts, "orders": taken}), AT + 3600, Policy())
    assert not [note for note in again.notes if "alerts ack" in note], "somebody has it"


def test_many_that_are_one_yet_say_all_that_one_does() -> None:
    assert told(COPIES[0]) == told(COPIES[0], subject=Subject.ALERT)
    over = replace(COPIES[0], phase=Phase.RESOLVED, ended=AT + 50)
    assert told(over).title == "Resolved: topic orders lacks copies"


def test_many_that_are_over_still_say_what_they_were() -> None:
    message = told(*(replace(one, phase=Phase.RESOLVED, ended=AT + 50) for one in COPIES))
    assert message.title == "Over: 2 topics: a partition has fewer copies in step with its leader than it should have"
    assert message.mark is Mark.RESOLVED
    assert message.table is not None
    assert [row[:2] for row in message.table.rows] == [("resolved", ""), ("resolved", "")]  # nothing to acknowledge


def test_many_that_cannot_be_observed_say_so() -> None:
    one, other = (replace(one, frozen=AT + 30) for one in COPIES)
    assert told(one, other).title.startswith("Cannot be observed: 2 topics")
    assert told(one, other).mark is Mark.UNKNOWN
    assert "Cannot be observed since 22:13 UTC." in told(one, other).lead
    assert told(one, COPIES[1]).title.startswith("2 topics")
    assert told(one, COPIES[1]).mark is Mark.WARNING


def test_what_nobody_looks_at_any_more_is_neither_green_nor_switched_off() -> None:
    why = "another cluster, c2, answers as kafka://prod now"
    one = alert("a1", PROD.under("groups", "billing"), "kafka/group-stopped", "group billing has no members")
    one = replace(one, phase=Phase.OFF, ended=3600.0, left=why)
    two = replace(one, id="a2")
    for message in (told(one, two), told(one, two, subject=Subject.ENDED), told(one, subject=Subject.ALERT)):
        assert message.mark is Mark.NEUTRAL
        assert "switched off" not in f"{message}"
        assert "o longer watched" in message.title
        assert why in message.lead
    assert told(one, two, subject=Subject.ENDED).title == "2 alerts ended: 2 no longer watched"


def test_what_ended_is_told_without_how_it_was_then() -> None:
    group = PROD.under("groups", "a: b")
    late = Evidence(group, "committed[orders/2]", 12, AT, "offset")
    one = alert("a", group, "kafka/group-lagging", "group a: b is late on orders: 12 records; gaining", late)
    over = told(replace(one, phase=Phase.RESOLVED, ended=AT + 50), subject=Subject.ALERT)
    assert over.title == "Resolved: group a: b is late on orders"
    assert [label for label, _ in over.facts] == ["Where", "Since"]


def test_how_long_is_told_once_there_is_something_to_tell() -> None:
    one = alert("a", TOPIC, "kafka/hot-partition", "hot")
    assert dict(told(replace(one, since=AT + 60), subject=Subject.ALERT).facts)["Since"] == "22:14 UTC"
    assert dict(told(one, subject=Subject.ALERT).facts)["Since"] == "22:13 UTC (1 min)"


def test_alerts_of_several_targets_say_which() -> None:
    elsewhere = Address("kafka", "other", "topics", "orders")
    message = told(COPIES[0], alert("x", elsewhere, "kafka/under-replicated", "topic orders lacks copies"))
    assert message.table is not None
    assert [row[2] for row in message.table.rows] == ["topic orders in kafka://other", "topic orders in kafka://prod"]


def test_evidence_is_told_in_words() -> None:
    group = PROD.under("groups", "app")
    message = told(
        alert(
            "a",
            group,
            "kafka/group-lagging",
            "late",
            Evidence(group, "committed[orders/2]", 12, AT, "offset"),
            Evidence(TOPIC, "end[2]", 3_000, AT, "offset"),
            Evidence(TOPIC, "lookups[2@180]", 20, AT, "offset of the first record younger than 180 s"),
        ),
        subject=Subject.ALERT,
    )
    assert message.facts[2:] == (
        ("Committed offset of orders/2", "12"),
        ("Log end of orders/2", "3,000"),
        ("First record of orders/2 younger than 180 s", "20"),
    )
    on_itself = alert("b", TOPIC, "kafka/hot-partition", "hot", Evidence(TOPIC, "end[3]", 7, AT, "offset"))
    assert told(on_itself, subject=Subject.ALERT).facts[2:] == (("Log end of partition 3", "7"),)
    strange = alert("c", TOPIC, "kafka/hot-partition", "hot", Evidence(TOPIC, "config.retention.ms", 7, AT, "ms"))
    assert told(strange, subject=Subject.ALERT).facts[2:] == (("config.retention.ms", "7 ms"),)
    queue = alert("d", TOPIC, "sqs/dlq-not-empty", "full", Evidence(TOPIC, "visible", 1, AT, "messages"))
    assert told(queue, subject=Subject.ALERT).facts[2:] == (("Visible", "1 message"),)


def test_a_blind_target_is_not_said_twice() -> None:
    blind = alert("a", PROD, TARGET_BLIND, "nothing can be observed", Evidence(PROD, "unseen", "unreachable", AT))
    message = told(blind, subject=Subject.ALERT)
    assert [label for label, _ in message.facts] == ["Where", "Since"]
    assert message.step == "See."


def test_a_long_title_goes_on_below_its_first_clause() -> None:
    first, second = "group app is behind on partition 2", "nothing of it was read in 10 min, " * 5
    header, body, *_ = blocks(Message(f"{first}; {second}", Mark.WARNING))
    assert header["text"]["text"] == f"🟡 {first}"
    assert body["elements"][0]["elements"][0]["text"] == second
    header, body = blocks(Message("Still firing: " + "x" * HEADER, Mark.WARNING))
    assert header["text"]["text"].startswith("🟡 Still firing: xx")
    whole = "x" * HEADER
    header, body = blocks(Message(whole, Mark.WARNING))
    assert header["text"]["text"].endswith("…")
    assert body["elements"][0]["elements"][0]["text"] == whole


def test_the_review_leads_to_the_audit_of_the_file_that_the_agent_runs_with() -> None:
    thread = Thread("t", Subject.DIGEST, "slack:#ops", AT, digest=Digest())
    delivery = Delivery("d", 1, "t", "slack:#ops", Op.POST, (), (), AT)
    policy = Policy(file="/etc/our agents/eu.yaml")
    message = render(delivery, State(threads={"t": thread}), AT, policy)
    assert message.command == "mqcanary audit --config '/etc/our agents/eu.yaml'"
