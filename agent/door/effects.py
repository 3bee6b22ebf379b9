"""What became of a command, in words, as far as a view shows it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from agent.door.door import Answer
from agent.door.rows import mutes
from agent.store.published import Published
from alerts.commands import Acknowledge, AddSilence, Command, Drop, ExpireSilence, Notify, Release, Retry
from alerts.model import Alert, Delivery, Phase, Progress, Thread
from alerts.outbox import gathered
from checks.wording import count, listed, shown


def clock(at: float, now: float) -> str:
    """`14:05 UTC`; with its date if that is not today."""
    then, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    return then.strftime("%H:%M UTC" if then.date() == today.date() else "%Y-%m-%d %H:%M UTC")


def intent(command: Command, now: float) -> str:
    """What a command will do."""
    if isinstance(command, AddSilence):
        return f"silence {command.id} until {clock(command.until, now)}: {_scope(command)}"
    if isinstance(command, ExpireSilence):
        return f"silence {shown(command.id)} ends"
    if isinstance(command, Acknowledge):
        return f"alert {shown(command.alert)} is acknowledged {_until(command, now)}"
    if isinstance(command, Release):
        return f"alert {shown(command.alert)} is no longer acknowledged"
    if isinstance(command, Retry):
        one = f"message {shown(command.delivery)} is sent now"
        return one if command.delivery else "what is parked or held up by a failure is sent now"
    if isinstance(command, Drop):
        return f"message {shown(command.delivery)} is given up"
    return f"a test message to {listed(command.destinations, 5)}"


def outcome(command: Command, before: Published | None, view: Published, now: float, *, last: bool) -> Answer | None:
    """What became of it; None: the view does not show it yet. `last`: there is no later view to wait for."""
    if isinstance(command, AddSilence):
        silence = next((s for s in view.silences if s.id == command.id), None)
        if silence is None:
            return _lost(command, now, last)
        told = f"silenced until {clock(command.until, now)}: {_scope(command)} (silence {command.id}"
        return Answer(f"{told}; {_reach(command, view, now)})", done=True, id=command.id)
    if isinstance(command, ExpireSilence):
        if any(s.id == command.id for s in view.silences):
            return _lost(command, now, last)
        scopes = [f": {shown(str(s.resources))}" for s in before.silences if s.id == command.id] if before else []
        return Answer(f"silence {shown(command.id)} has ended{''.join(scopes)}", done=True)
    if isinstance(command, Acknowledge | Release):
        return _acknowledged(command, view, now, last=last)
    if isinstance(command, Retry):
        return _retried(command, before, view, now, last=last)
    if isinstance(command, Drop):
        if any(d.id == command.delivery for d in view.deliveries):
            return _lost(command, now, last)
        return Answer(f"message {shown(command.delivery)} is given up", done=True)
    return _tested(command, view, now, last=last)


def _scope(command: AddSilence) -> str:
    checks = "" if command.checks == "*" else f", {shown(command.checks)} alone"
    return shown(str(command.resources)) + checks


def _reach(command: AddSilence, view: Published, now: float) -> str:
    """What it covers now: a silence with a slip in its glob covers nothing, and nobody would see."""
    whole = replace(command.resources, kind="*", name="*")
    if view.targets and not any(whole.matches(target.address) for target in view.targets):
        return f"nothing watched is {shown(str(whole))}: there is {listed([str(t.address) for t in view.targets])}"
    silence = next(s for s in view.silences if s.id == command.id)
    covered = mutes(silence, view, now)
    return (
        f"{count(covered, 'alert')} that fire{'s' if covered == 1 else ''} now"
        if covered
        else "nothing there fires now"
    )


def _until(command: Acknowledge, now: float) -> str:
    return "until it ends" if command.until is None else f"until {clock(command.until, now)}"


def _lost(command: Command, now: float, last: bool) -> Answer | None:
    told = f"the agent took it, and does not show it yet: {intent(command, now)}"
    return Answer(told, done=True, well=False) if last else None


def _acknowledged(command: Acknowledge | Release, view: Published, now: float, *, last: bool) -> Answer | None:
    alert = next((a for a in view.alerts if a.id == command.alert), None)
    if alert is None or alert.phase is not Phase.FIRING:
        return Answer(f"alert {shown(command.alert)} has ended in the meantime", done=True)
    ack = alert.acknowledged
    if isinstance(command, Release):
        return _lost(command, now, last) if ack else Answer(f"no longer acknowledged: {_about(alert)}", done=True)
    if ack is None or (ack.by, ack.until, ack.note) != (command.by, command.until, command.note):
        return _lost(command, now, last)
    return Answer(f"acknowledged {_until(command, now)}: {_about(alert)}", done=True)


def _about(alert: Alert) -> str:
    return f"{shown(alert.fingerprint.check)} on {alert.fingerprint.address}"


def held_up(view: Published, delivery: str, now: float) -> list[Delivery]:
    """What is to be sent, but for what is gathered; that one alone, however it waits, if it is named."""
    return [d for d in view.deliveries if (d.id == delivery if delivery else not gathered(d, now))]


def _retried(command: Retry, before: Published | None, view: Published, now: float, *, last: bool) -> Answer | None:
    wanted = {d.id: d for d in held_up(before, command.delivery, now)} if before else {}
    left = [d for d in view.deliveries if d.id in wanted]
    refused = [d for d in left if _refused(wanted[d.id], d)]
    decided = {d.destination for d in refused if d.progress is not Progress.PARKED}
    if not last and any(d.destination not in decided for d in left):
        return None
    parts = [f"sent: {count(len(wanted) - len(left), 'message')}"] if len(left) < len(wanted) else []
    if refused:
        again = min((d.not_before for d in refused if d.progress is not Progress.PARKED), default=None)
        then = "" if again is None else f" (tried again at {clock(again, now)})"
        parts.append(f"refused again: {listed(sorted({shown(d.error) for d in refused}), 5)}{then}")
    closed = {d.destination for d in refused}
    behind = sum(d.destination in closed for d in left) - len(refused)
    if behind:
        parts.append(f"waiting behind that: {count(behind, 'message')}")
    if coming := len(left) - len(refused) - behind:
        parts.append(f"due now, and not sent yet: {count(coming, 'message')}")
    return Answer("; ".join(parts), done=True, well=not refused)


def _refused(before: Delivery, after: Delivery) -> bool:
    """Whether it was tried since, and failed."""
    if after.progress is Progress.PARKED:
        return True
    if after.progress is Progress.SENDING or (after.plain and not before.plain):
        return False  # as plain text it may pass yet
    return after.attempts > (0 if before.progress is Progress.PARKED else before.attempts)


def _tested(command: Notify, view: Published, now: float, *, last: bool) -> Answer | None:
    """Each destination has a thread of its own, in their order."""
    threads = sorted(
        (t for t in view.threads if t.id.startswith(f"{command.id}-")), key=lambda t: int(t.id.rpartition("-")[2])
    )
    left = {d.thread: d for d in view.deliveries}
    undecided = [t for t in threads if t.sent is None and (t.id not in left or _tries(left[t.id], now))]
    if (undecided or not threads) and not last:
        return None
    if not threads:
        return _lost(command, now, last)
    if view.observe:
        to = listed(command.destinations, 5)
        told = f"nothing was sent to {to}: the agent only observes (mode: observe), and logs what it would tell"
        return Answer(told, done=True, well=False)
    words = [_told(*pair, left) for pair in zip(command.destinations, threads, strict=False)]
    there = [
        t.sent is not None and t.destination == asked for asked, t in zip(command.destinations, threads, strict=False)
    ]
    return Answer("; ".join(words), done=True, well=all(there))


def _tries(delivery: Delivery, now: float) -> bool:
    """Whether it is being sent, or about to be."""
    if delivery.progress is Progress.QUEUED:
        return not delivery.error or delivery.plain or delivery.not_before <= now
    return delivery.progress is Progress.SENDING


def _told(destination: str, thread: Thread, left: Mapping[str, Delivery]) -> str:
    if thread.sent is not None:
        instead = f" instead of {shown(destination)}" if thread.destination != destination else ""
        return f"told {shown(thread.destination)}{instead}"
    delivery = left.get(thread.id)
    if delivery is None or not delivery.error:
        return f"not told {shown(destination)}: no answer yet; see: mqcanary outbox list"
    again = "" if delivery.progress is Progress.PARKED else " (it is tried again)"
    return f"not told {shown(destination)}: {shown(delivery.error)}{again}"
