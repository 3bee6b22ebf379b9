"""When a delivery is sent, and what becomes of it: order, pace, back-off, and what a crash in between means.

A delivery is marked as being sent before it is, in the same store as everything else. After a crash it is therefore
known which ones may have arrived, and only those are sent again with a word that they may be doubles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2s

from alerts.dispatch import edits
from alerts.model import Delivery, Kind, Op, Progress, State, Thread
from alerts.policy import Policy
from alerts.render.render import render
from alerts.sinks.sink import Delivered, Fault, Later, Outcome, Refused, Sending, Unclear

FIRST_WAIT = 2.0
"""Seconds before the second attempt; each later one waits twice as long."""
LONGEST_WAIT = 300.0
CLOSED_WAIT = 60.0
"""Seconds before a channel or a sink that refused everything is tried again, twice as long each time."""
LONGEST_CLOSED = 3600.0
POST_PACE = 1.1
"""Seconds between messages to one channel: Slack takes about one a second."""
EDIT_PACE = 1.5
"""Seconds between edits through one sink, in the long run: Slack takes about fifty a minute."""
EDIT_BURST = 10
"""So many edits after a rest go at once: with the pace that is fifty in the busiest minute."""

_LOUD = {Kind.FIRED, Kind.WORSE, Kind.GREW, Kind.REPEATED}
"""A reply about these is for the whole channel."""


def recover(state: State) -> State:
    """After a restart: whatever was being sent may have arrived."""
    unclear = {
        id_: replace(d, progress=Progress.QUEUED, unclear=d.op is not Op.EDIT)
        for id_, d in state.deliveries.items()
        if d.progress is Progress.SENDING
    }
    return replace(state, deliveries={**state.deliveries, **unclear}) if unclear else state


def due(state: State, now: float) -> tuple[Delivery, ...]:
    """What may be sent now: one for each destination, the oldest first, and never before what its thread began with."""
    return tuple(delivery for delivery, at in _heads(state) if at <= now)


def wait(state: State, now: float) -> float | None:
    """Seconds until something is due; None: nothing waits."""
    times = [at for _, at in _heads(state)]
    return max(0.0, min(times) - now) if times else None


def _heads(state: State) -> list[tuple[Delivery, float]]:
    """For each destination with nothing in flight what may be sent first, and when."""
    if not state.deliveries:
        return []
    busy = {d.destination for d in state.deliveries.values() if d.progress is Progress.SENDING}
    begun: dict[str, Op] = {}
    best: dict[str, tuple[Delivery, float]] = {}
    for delivery in sorted(state.deliveries.values(), key=lambda d: d.seq):
        if delivery.progress is not Progress.QUEUED or delivery.destination in busy:
            continue
        if delivery.thread in begun and (delivery.op is not Op.EDIT or begun[delivery.thread] is not Op.REPLY):
            continue  # the order within a thread is that of what happened; but an edit says how things are by then
        begun.setdefault(delivery.thread, delivery.op)
        paced = state.pace.get(_lane(delivery), 0.0), state.pace.get(delivery.destination, 0.0)
        at = max(delivery.not_before, *paced)
        first = best.get(delivery.destination)
        if first is None or at < first[1]:
            best[delivery.destination] = delivery, at
    return list(best.values())


def _lane(delivery: Delivery) -> str:
    """What is limited together: posts by channel, edits by sink."""
    return delivery.destination.partition(":")[0] + " edits" if delivery.op is Op.EDIT else delivery.destination


def gathered(delivery: Delivery, now: float) -> bool:
    """Whether it waits on purpose, for more to come."""
    return delivery.progress is Progress.QUEUED and not delivery.error and delivery.not_before > now


def hurry(state: State, id_: str, now: float) -> State:
    """What is parked or held up by a failure is due now, or that one alone, with what its thread says before it.

    A destination that refused everything is tried once: whether the rest follows depends on how that ends.
    """
    wanted = [d for d in state.deliveries.values() if (d.id == id_ if id_ else not gathered(d, now))]
    threads = {d.thread: d.seq for d in wanted if id_}
    wanted += [
        d for d in state.deliveries.values() if d.seq < threads.get(d.thread, 0) and d.progress is Progress.QUEUED
    ]
    changed = {d.id: _now(d, now) for d in wanted if d.progress is not Progress.SENDING}
    if not changed:
        return state
    lanes = {lane for d in changed.values() for lane in (_lane(d), d.destination)}
    pace = {lane: now if lane in lanes and at > now + EDIT_PACE else at for lane, at in state.pace.items()}
    return replace(state, deliveries={**state.deliveries, **changed}, pace=pace)


def _now(delivery: Delivery, now: float) -> Delivery:
    if delivery.progress is Progress.PARKED:
        return replace(delivery, progress=Progress.QUEUED, not_before=now, attempts=0, plain=False)
    return replace(delivery, not_before=min(delivery.not_before, now))


def begin(state: State, deliveries: Sequence[Delivery], now: float) -> State:
    """The state to be committed before these are sent."""
    sent, pace = dict(state.deliveries), dict(state.pace)
    for delivery in deliveries:
        sent[delivery.id] = replace(delivery, progress=Progress.SENDING, attempts=delivery.attempts + 1)
        pace |= _edited(pace, _lane(delivery), now) if delivery.op is Op.EDIT else {_lane(delivery): now + POST_PACE}
    return replace(state, deliveries=sent, pace=pace)


def _edited(pace: Mapping[str, float], lane: str, now: float) -> dict[str, float]:
    """A bucket of `EDIT_BURST` edits that fills at `EDIT_PACE`: when it will be full again, and when the next may go."""
    full = min(max(now, pace.get(_full(lane), now)), now + (EDIT_BURST - 1) * EDIT_PACE) + EDIT_PACE
    return {_full(lane): full, lane: full - (EDIT_BURST - 1) * EDIT_PACE}


def _full(lane: str) -> str:
    return lane + " full"


def sending(delivery: Delivery, state: State, now: float, policy: Policy) -> Sending:
    """What the sink is handed, worded as things are at `now`."""
    ref = state.threads[delivery.thread].ref
    op = delivery.op
    if ref is None and op is not Op.POST:
        op = Op.POST  # there is nothing to edit or to reply to
    return Sending(
        key=f"mqcanary-{delivery.created:.3f}-{delivery.id}",
        op=op,
        place=delivery.destination.partition(":")[2],
        message=render(delivery, state, now, policy),
        ref=None if op is Op.POST else ref,
        loud=not _LOUD.isdisjoint(delivery.kinds),
        plain=delivery.plain,
        unclear=delivery.unclear,
        channel=next((t.ref.channel for t in _beside(state, delivery) if t.ref), "") if delivery.unclear else "",
        since=delivery.created,
    )


def _beside(state: State, delivery: Delivery) -> Iterator[Thread]:
    return (thread for thread in state.threads.values() if thread.destination == delivery.destination)


def settle(state: State, delivery_id: str, outcome: Outcome, now: float, policy: Policy) -> State:
    """The state after a sink answered."""
    delivery = state.deliveries.get(delivery_id)
    if delivery is None or delivery.progress is not Progress.SENDING:
        return state
    if isinstance(outcome, Delivered):
        return _delivered(state, delivery, outcome, now)
    if isinstance(outcome, Refused):
        return _refused(state, delivery, outcome, now, policy)
    at = now + _backoff(delivery, FIRST_WAIT, LONGEST_WAIT)
    if isinstance(outcome, Later) and outcome.after is not None:
        at = now + max(0.0, outcome.after)
    again = replace(
        delivery,
        progress=Progress.QUEUED,
        not_before=at,
        error=outcome.error,
        unclear=delivery.unclear or (isinstance(outcome, Unclear) and delivery.op is not Op.EDIT),
    )
    # What one message met, the next to the same channel would meet as well.
    lane = _lane(delivery) if delivery.op is Op.EDIT else delivery.destination
    # After a refusal no burst: the bucket is as good as empty.
    pace = {lane: at, _full(lane): at + (EDIT_BURST - 1) * EDIT_PACE} if delivery.op is Op.EDIT else {lane: at}
    return replace(_with(state, again), pace={**state.pace, **pace})


def _delivered(state: State, delivery: Delivery, outcome: Delivered, now: float) -> State:
    left = {id_: d for id_, d in state.deliveries.items() if id_ != delivery.id}
    thread = state.threads.get(delivery.thread)
    if thread is None:
        return replace(state, deliveries=left)
    if delivery.op is Op.POST:
        thread = replace(thread, ref=outcome.ref, sent=now)
    return replace(state, deliveries=left, threads={**state.threads, thread.id: thread})


def _refused(state: State, delivery: Delivery, outcome: Refused, now: float, policy: Policy) -> State:
    again = replace(delivery, progress=Progress.QUEUED, error=outcome.error, not_before=now)
    if outcome.fault is Fault.CONTENT:
        if delivery.plain:
            return _with(state, replace(again, progress=Progress.PARKED))
        return _with(state, replace(again, plain=True))
    if outcome.fault is Fault.EDIT:
        # The message it belongs to is out of reach: told afresh, and later ones follow the fresh one.
        fresh = replace(again, op=Op.POST)
        return _with(_rethread(state, delivery.thread, delivery.destination), fresh)
    fallback = policy.fallback
    if fallback and delivery.destination != fallback:
        return _divert(state, delivery, fallback, outcome.error)
    at = now + _backoff(delivery, CLOSED_WAIT, LONGEST_CLOSED)
    return replace(_with(state, replace(again, not_before=at)), pace={**state.pace, delivery.destination: at})


def _divert(state: State, delivery: Delivery, fallback: str, error: str) -> State:
    """To the fall-back destination, the whole thread: its root is told there first."""
    state = _rethread(state, delivery.thread, fallback)
    moved = dict(state.deliveries)
    rooted = False
    for other in sorted((d for d in state.deliveries.values() if d.thread == delivery.thread), key=lambda d: d.seq):
        changed = replace(other, destination=fallback, error=error, attempts=0, not_before=0.0)
        if other.id == delivery.id:
            changed = replace(changed, progress=Progress.QUEUED)
        if other.op is not Op.REPLY and not edits(fallback) and rooted:
            del moved[other.id]  # an edit of what was just told afresh says nothing new
            continue
        moved[other.id] = changed if rooted else replace(changed, op=Op.POST)
        rooted = True
    return replace(state, deliveries=moved)


def _rethread(state: State, thread_id: str, destination: str) -> State:
    """The thread without its root message, which is told again."""
    thread = state.threads.get(thread_id)
    if thread is None:
        return state
    changed: Thread = replace(thread, ref=None, sent=None, destination=destination)
    return replace(state, threads={**state.threads, thread_id: changed})


def _with(state: State, delivery: Delivery) -> State:
    return replace(state, deliveries={**state.deliveries, delivery.id: delivery})


def _backoff(delivery: Delivery, first: float, longest: float) -> float:
    """Doubles with each attempt, up to `longest`; spread over half of itself, the same in a replay."""
    full = min(longest, first * 2.0 ** min(delivery.attempts - 1, 30))
    chance = blake2s(f"{delivery.id} {delivery.attempts}".encode()).digest()[0] / 255
    return full * (0.75 + chance / 2)
