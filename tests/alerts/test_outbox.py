"""When a delivery is sent, and what each answer makes of it."""

from dataclasses import replace

import pytest

from alerts.commands import Notify, Retry
from alerts.machine import step
from alerts.model import Delivery, Op, Progress, Ref, State, Subject, Thread
from alerts.outbox import (
    CLOSED_WAIT,
    EDIT_BURST,
    EDIT_PACE,
    FIRST_WAIT,
    LONGEST_CLOSED,
    LONGEST_WAIT,
    POST_PACE,
    begin,
    due,
    recover,
    sending,
    settle,
    wait,
)
from alerts.policy import Policy
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Unclear

OPS, TWO, MAIL = "slack:#ops", "slack:#two", "webhook:mail"
POLICY = Policy()
FALLBACK = Policy(fallback=MAIL)


def queued(*places: str, now: float = 0.0) -> State:
    """A test message on its way to each place."""
    return step(State(), Notify("t", places, "ann"), now, POLICY)[0]


def one(state: State) -> Delivery:
    (delivery,) = state.deliveries.values()
    return delivery


def attempt(state: State, outcome: Outcome, now: float, policy: Policy = POLICY) -> State:
    """Sends the first thing that is due and hears `outcome`."""
    (first, *_) = due(state, now)
    return settle(begin(state, [first], now), first.id, outcome, now, policy)


def threaded(*ops: Op, destination: str = OPS, ref: Ref | None = None) -> State:
    """One thread with a delivery for each of `ops`."""
    thread = Thread("1", Subject.TEST, destination, 0.0, ref=ref, sent=0.0 if ref else None)
    deliveries = {str(n): Delivery(str(n), n, "1", destination, op, (), (), 0.0) for n, op in enumerate(ops, start=2)}
    return State(threads={"1": thread}, deliveries=deliveries, seq=len(ops) + 1)


def test_one_at_a_time_to_each_place() -> None:
    state = queued(OPS, OPS, TWO)
    first = due(state, 0)
    assert [d.destination for d in first] == [OPS, TWO]
    flying = begin(state, first, 0)
    assert not due(flying, 100)
    assert wait(flying, 0) is None
    assert all(d.attempts == 1 for d in flying.deliveries.values() if d.progress is Progress.SENDING)


def test_the_next_message_to_the_same_place_keeps_the_pace() -> None:
    state = attempt(queued(OPS, OPS), Delivered(Ref("C", "1")), 10)
    assert not due(state, 10 + POST_PACE - 0.01)
    assert wait(state, 10) == pytest.approx(POST_PACE)
    assert len(due(state, 10 + POST_PACE)) == 1


def test_edits_are_paced_by_sink_and_posts_by_channel() -> None:
    state = threaded(Op.EDIT, ref=Ref("C", "1"))
    other = Thread("9", Subject.TEST, TWO, 0.0, ref=Ref("D", "1"), sent=0.0)
    edit, post = (Delivery(str(n), n, "9", TWO, op, (), (), 0.0) for n, op in ((5, Op.EDIT), (6, Op.REPLY)))
    both = replace(state, threads={**state.threads, "9": other}, deliveries={**state.deliveries, "5": edit})
    rested = attempt(both, Delivered(Ref("C", "1")), 0)
    assert [d.id for d in due(rested, 0)] == ["5"], "a few go at once after a rest"
    sent = rested
    while wait(sent, 0) == 0:
        sent = replace(attempt(sent, Delivered(), 0), deliveries={"5": edit})
    assert wait(sent, 0) == pytest.approx(EDIT_PACE), "Slack counts edits over all channels"
    posts = replace(sent, deliveries={"6": post})
    assert [d.id for d in due(posts, 0)] == ["6"]


def test_a_few_edits_go_at_once_after_a_rest_and_never_more_than_fifty_a_minute() -> None:
    state = threaded(Op.EDIT, ref=Ref("C", "1"))
    sent: list[float] = []
    now = 1000.0
    for rest in [0.0] * 100 + [10.0] + [0.0] * 100:
        now += rest + (wait(state, now) or 0.0)
        state = replace(attempt(state, Delivered(), now), deliveries=state.deliveries)
        sent.append(now)
    assert sent[EDIT_BURST - 1] == 1000.0 < sent[EDIT_BURST]
    assert 45 < max(sum(at <= other < at + 60 for other in sent) for at in sent) <= 50
    refused = attempt(state, Later("ratelimited", 30), now + 10)
    once = replace(attempt(refused, Delivered(), now + 40), deliveries=state.deliveries)
    assert wait(once, now + 40) == pytest.approx(EDIT_PACE), "no burst at one who has just refused"


def test_a_thread_is_told_in_the_order_in_which_it_happened() -> None:
    state = threaded(Op.POST, Op.REPLY)
    waits = attempt(state, Later("away", 500), 0)
    assert not due(waits, 499), "a reply never passes its root"
    assert [d.op for d in due(waits, 500)] == [Op.POST]


@pytest.mark.parametrize(
    ("first", "longest", "outcome"),
    [
        (FIRST_WAIT, LONGEST_WAIT, Later("HTTP 503")),
        (FIRST_WAIT, LONGEST_WAIT, Unclear("no answer")),
        (CLOSED_WAIT, LONGEST_CLOSED, Refused(Fault.ROUTE, "archived")),
        (CLOSED_WAIT, LONGEST_CLOSED, Refused(Fault.SINK, "revoked")),
    ],
)
def test_each_failure_waits_twice_as_long_up_to_a_limit(first: float, longest: float, outcome: Outcome) -> None:
    state, now, waits = queued(OPS), 0.0, []
    for _ in range(16):
        state = attempt(state, outcome, now)
        waits.append(wait(state, now) or 0.0)
        now += waits[-1]
        assert one(state).error == outcome.error  # type: ignore[union-attr]
    for number, waited in enumerate(waits):
        full = min(longest, first * 2.0**number)
        assert 0.75 * full <= waited <= 1.25 * full
    assert attempt(queued(OPS), outcome, 0) == attempt(queued(OPS), outcome, 0), "a replay waits the same"


def test_what_one_message_met_the_next_to_the_same_place_waits_for() -> None:
    state = attempt(queued(OPS, OPS, TWO), Later("Slack asks to wait", 60), 0)
    assert [d.destination for d in due(state, 59)] == [TWO]
    assert [d.destination for d in due(state, 60)] == [OPS, TWO]
    assert wait(attempt(queued(OPS), Later("at once", -5), 10), 10) == 0.0


def test_only_what_was_not_answered_may_be_a_double() -> None:
    refused = attempt(queued(OPS), Later("connection refused"), 0)
    assert not one(refused).unclear
    hung = attempt(queued(OPS), Unclear("no answer"), 0)
    assert one(hung).unclear
    assert one(attempt(hung, Later("connection refused"), 1000)).unclear, "the first may have arrived all the same"
    edit = attempt(threaded(Op.EDIT, ref=Ref("C", "1")), Unclear("no answer"), 0)
    assert not one(edit).unclear, "an edit may be repeated"


def test_after_a_crash_what_was_being_sent_may_have_arrived() -> None:
    state = begin(queued(OPS, TWO), due(queued(OPS), 0), 0)
    again = recover(state)
    assert [(d.progress, d.unclear) for d in again.deliveries.values()] == [
        (Progress.QUEUED, True),
        (Progress.QUEUED, False),
    ]
    edit = threaded(Op.EDIT, ref=Ref("C", "1"))
    assert not one(recover(begin(edit, due(edit, 0), 0))).unclear


def test_what_may_be_a_double_is_looked_for_where_the_channel_is_known() -> None:
    state = attempt(queued(OPS, OPS), Delivered(Ref("C7", "1.5")), 0)
    hung = attempt(state, Unclear("no answer"), 10)
    sent = sending(one(hung), hung, 20, POLICY)
    assert (sent.unclear, sent.channel, sent.since) == (True, "C7", 0.0)
    assert sending(one(state), state, 20, POLICY).channel == ""


def test_a_reply_to_what_was_never_confirmed_is_a_message_of_its_own() -> None:
    state = threaded(Op.REPLY)
    sent = sending(one(state), state, 0, POLICY)
    assert (sent.op, sent.ref) == (Op.POST, None)


def test_content_that_is_refused_is_cut_and_then_parked() -> None:
    state = attempt(queued(OPS), Refused(Fault.CONTENT, "invalid_blocks"), 0)
    assert one(state).plain
    assert sending(one(state), state, 0, POLICY).plain
    parked = attempt(state, Refused(Fault.CONTENT, "msg_too_long"), POST_PACE)
    assert one(parked).progress is Progress.PARKED
    assert not due(parked, 1e9)
    again, _ = step(parked, Retry(), 50, POLICY)
    assert [d.id for d in due(again, 50)] == [one(parked).id]
    assert not one(again).plain


def test_what_waits_after_a_failure_may_be_hurried_and_a_closed_place_is_tried_once() -> None:
    state = attempt(queued(OPS, OPS, TWO), Refused(Fault.ROUTE, "channel_not_found"), 0)
    first, *_ = state.deliveries
    assert [d.destination for d in due(state, 10)] == [TWO]
    again, _ = step(state, Retry(), 10, POLICY)
    assert [d.destination for d in due(again, 10)] == [OPS, TWO]
    assert again.deliveries[first].attempts == 1, "it waits ever longer all the same"
    refused = attempt(again, Refused(Fault.ROUTE, "channel_not_found"), 10)
    assert [d.destination for d in due(refused, 10 + CLOSED_WAIT)] == [TWO]


def test_one_that_is_hurried_takes_along_what_its_thread_says_before_it() -> None:
    state = attempt(threaded(Op.POST, Op.REPLY), Later("connection refused", 900), 0)
    again, _ = step(state, Retry("3"), 10, POLICY)
    assert [d.id for d in due(again, 10)] == ["2"]


def test_a_parked_message_holds_up_nothing() -> None:
    state = queued(OPS, OPS)
    parked = {id_: replace(d, progress=Progress.PARKED) for id_, d in list(state.deliveries.items())[:1]}
    assert len(due(replace(state, deliveries={**state.deliveries, **parked}), 0)) == 1


def test_an_edit_that_is_refused_becomes_a_fresh_message() -> None:
    state = attempt(threaded(Op.EDIT, Op.REPLY, ref=Ref("C", "1")), Refused(Fault.EDIT, "edit_window_closed"), 0)
    assert state.threads["1"].ref is None
    (first, *_) = due(state, EDIT_PACE)
    assert (first.op, first.id) == (Op.POST, "2")
    told = attempt(state, Delivered(Ref("C", "9")), EDIT_PACE)
    assert told.threads["1"].ref == Ref("C", "9")
    assert sending(one(told), told, 10, POLICY).ref == Ref("C", "9"), "what follows follows the fresh one"


def test_what_a_channel_refuses_goes_to_the_fallback() -> None:
    state = attempt(queued(OPS), Refused(Fault.ROUTE, "not_in_channel"), 0, FALLBACK)
    moved = one(state)
    assert (moved.destination, moved.progress, moved.attempts) == (MAIL, Progress.QUEUED, 0)
    assert state.threads[moved.thread].destination == MAIL
    assert not attempt(state, Delivered(), 0, FALLBACK).deliveries
    refused = attempt(state, Refused(Fault.SINK, "revoked"), 0, FALLBACK)
    assert one(refused).destination == MAIL, "the fall-back itself has none"
    assert (wait(refused, 0) or 0.0) >= 0.75 * CLOSED_WAIT


def test_a_thread_moves_to_the_fallback_as_a_whole_and_is_told_once() -> None:
    posted = threaded(Op.EDIT, Op.REPLY, Op.EDIT, ref=Ref("C", "1"))
    moved = attempt(posted, Refused(Fault.ROUTE, "is_archived"), 0, FALLBACK)
    assert [(d.op, d.destination) for d in moved.deliveries.values()] == [(Op.POST, MAIL), (Op.REPLY, MAIL)]
    editable = Policy(fallback=TWO)
    moved = attempt(posted, Refused(Fault.ROUTE, "is_archived"), 0, editable)
    assert [(d.op, d.destination) for d in moved.deliveries.values()] == [
        (Op.POST, TWO),
        (Op.REPLY, TWO),
        (Op.EDIT, TWO),
    ]


@pytest.mark.parametrize("outcome", [Delivered(), Refused(Fault.EDIT, "gone"), Refused(Fault.ROUTE, "gone")])
def test_a_thread_that_is_forgotten_meanwhile_is_no_error(outcome: Outcome) -> None:
    state = replace(threaded(Op.POST), threads={})
    flying = begin(state, [one(state)], 0)
    after = settle(flying, "2", outcome, 0, FALLBACK)
    assert after.threads == {}
    assert bool(after.deliveries) is not isinstance(outcome, Delivered)


def test_nothing_waits_in_an_empty_state() -> None:
    assert due(State(), 0) == ()
    assert wait(State(), 0) is None
