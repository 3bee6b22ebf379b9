"""The one thread that judges, and the one that writes: events in, one committed change each, then what follows from it."""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from agent.cycle import Change, Event, House, Look, Order, Send, Sent, cycle
from agent.daemon.heap import sweep
from agent.daemon.sending import Senders
from agent.door.effects import intent
from agent.store.database import Store
from agent.store.folder import Folder
from agent.store.frames import Frames
from agent.store.inbox import forget, refuse, waiting
from alerts.commands import Command
from alerts.machine import Tick
from alerts.model import Delivery, Progress, Transition
from alerts.outbox import sending, wait
from alerts.render.message import Message
from alerts.sinks.sink import Fault, Outcome, Refused
from checks.facts import KafkaSnapshot, Snapshot, Unknown, Why, unseen_kafka, unseen_sqs

SWEEP = (60.0, 300.0)
"""Seconds after the start, and then from one to the next, until memory is given back: the first looks load most of the code."""
TICK = 1.0
"""Seconds between two looks at the clock and the inbox."""
LISTED = 50
"""Transitions of one change that the log names one by one."""

log = structlog.get_logger("judge")


@dataclass(frozen=True, slots=True)
class Stop:
    """Wakes the judge: there is nothing more to be judged, though what is due may still be sent."""


class Clock:
    """Seconds since the epoch, never backwards: what was done stays before what is done later."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read, self._last = read, 0.0

    def __call__(self) -> float:
        self._last = max(self._last, self._read())
        return self._last


class Judge:
    """Holds the house. `published` is called after each batch of events with the house as it is committed."""

    def __init__(
        self,
        house: House,
        folder: Folder,
        store: Store,
        frames: Frames,
        clock: Callable[[], float],
        published: Callable[[House, float], None],
    ) -> None:
        self.house = house
        self.clock = clock
        self.senders: Senders | None = None
        # Not a Queue: a signal handler may put into it while this very thread takes out of it.
        self.events: queue.SimpleQueue[Event | Stop] = queue.SimpleQueue()
        self.trouble = ""
        """Why the state can't be saved; empty while it can."""
        self._folder, self._store, self._frames, self._published = folder, store, frames, published
        self._ticked = 0.0
        self._sweep_at = clock() + SWEEP[0]
        self._stopped = False
        self._obeyed: list[str] = []
        """Files of the inbox that were obeyed and could not be noted yet."""
        self._refused: set[str] = set()
        """Files of the inbox that can't be obeyed, nor moved or deleted."""
        self._failed: dict[str, str] = {}
        """Targets that can't be judged, and what was said of them: once, not at each look."""

    # ── from other threads ──

    def put(self, event: Event) -> None:
        self.events.put(event)

    def stop(self) -> None:
        """As soon as the event that is being obeyed is."""
        self._stopped = True
        self.events.put(Stop())

    def answered(self, delivery: str, outcome: Outcome) -> None:
        self.events.put(Sent(delivery, outcome))

    # ── the thread itself ──

    def run(self) -> None:
        """Until it is stopped."""
        while self.turn(self._patience()):
            pass

    def turn(self, patience: float) -> bool:
        """Waits for an event, obeys all there are, sends what is due; False once it is stopped."""
        batch: list[Event | Stop] = []
        with suppress(queue.Empty):
            batch.append(self.events.get(timeout=patience))
            while True:
                batch.append(self.events.get_nowait())
        for event in batch:
            # What a sink has confirmed must be known before the end; the rest is seen again after a start.
            if not isinstance(event, Stop) and (isinstance(event, Sent) or not self._stopped):
                self.obey(event)
        if self._stopped:
            return False
        now = self.clock()
        if now - self._ticked >= TICK:
            self._ticked = now
            if now >= self._sweep_at:
                self._sweep_at = now + SWEEP[1]
                sweep()
            self.read_inbox()
            self.obey(Tick())
        self.obey(Send())
        self._published(self.house, now)
        return True

    def drain(self, seconds: float) -> None:
        """Sends what is due, and waits for what is under way."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.obey(Send())
            flying = any(d.progress is Progress.SENDING for d in self.house.state.deliveries.values())
            soon = wait(self.house.state, self.clock())
            left = end - time.monotonic()
            if not flying and (soon is None or soon > left):
                return
            with suppress(queue.Empty):
                event = self.events.get(timeout=max(0.01, min(left, 0.1 if flying else soon or 0.0)))
                if isinstance(event, Sent):
                    self.obey(event)

    def read_inbox(self) -> None:
        """Obeys what other processes left, each file once."""
        for name in list(self._obeyed):
            if self._commit(Change(self.house, consumed=name)):
                self._obeyed.remove(name)
                self._forget(name)
        done = [name for name in self._store.consumed if not (self._folder.inbox / name).exists()]
        if done:
            self._commit(Change(self.house), tuple(done))
        for name, command in waiting(self._folder.inbox):
            if name in self._store.consumed:
                self._forget(name)
            elif name in self._obeyed or name in self._refused:
                continue
            elif isinstance(command, ValueError):
                log.warning("not a command", file=name, error=str(command))
                self._refuse(name)
            else:
                self._order(name, command)

    def _order(self, name: str, command: Command) -> None:
        try:
            self.obey(Order(command, name))
        except Exception:
            # It would be there again after a restart, and after the next.
            log.exception("a command can't be obeyed: please report this", file=name)
            self._refuse(name)
            return
        log.info("obeyed", by=command.by or "nobody named", told=intent(command, self.clock()))

    def _forget(self, name: str) -> None:
        """It is noted as obeyed: a file that can't be deleted does no harm."""
        with suppress(OSError):
            forget(self._folder.inbox, name)

    def _refuse(self, name: str) -> None:
        try:
            refuse(self._folder.inbox, name)
        except OSError:
            self._refused.add(name)

    def obey(self, event: Event) -> None:
        """One event, one transaction; nothing in memory advances before it."""
        now = self.clock()
        change = self._change(event, now)
        saved = self._commit(change)
        self.house = change.house
        self._tell(change.transitions)
        if change.consumed:
            if saved:
                self._forget(change.consumed)
            else:
                self._obeyed.append(change.consumed)
        if change.seen is not None:
            if change.replaced:
                self._frames.forget(change.seen)
            self._frames.keep(change.house.history, change.seen)
        for delivery in change.sending:
            if self.senders is not None:
                self._send(self.senders, delivery, now)

    def _send(self, senders: Senders, delivery: Delivery, now: float) -> None:
        """A message that can't be worded is a bug of ours, and parked: it stops neither the others nor the agent."""
        try:
            made = sending(delivery, self.house.state, now, self.house.policy)
            made = replace(made, message=self._troubled(made.message))
        except Exception as error:
            log.exception("a message can't be made: please report this", destination=delivery.destination)
            self.answered(delivery.id, Refused(Fault.CONTENT, f"mqcanary failed: {type(error).__name__}"))
            return
        senders.send(delivery.id, delivery.destination, made)

    def _change(self, event: Event, now: float) -> Change:
        """As `cycle`; a bug of ours blinds one target instead of ending everything."""
        try:
            return cycle(self.house, event, now)
        except Exception as error:
            if not isinstance(event, Look):
                raise
            if self._failed.get(event.place) != repr(error):
                self._failed[event.place] = repr(error)
                log.exception("a target can't be judged: please report this", place=event.place)
            return cycle(self.house, replace(event, snapshot=_unseen(event.snapshot, error)), now)

    def _commit(self, change: Change, forgotten: tuple[str, ...] = ()) -> bool:
        """Whether it was saved."""
        try:
            self._store.commit(change.house.state, change.consumed, forgotten)
        except OSError as error:
            # Between a double and a miss the double is the better one: what can't be saved is told all the same.
            if str(error) != self.trouble:
                log.error("state not saved", error=str(error))  # noqa: TRY400 - the disk is full: no bug of ours
            self.trouble = str(error)
            return False
        if self.trouble:
            log.info("state saved again")
        self.trouble = ""
        return True

    def _troubled(self, message: Message) -> Message:
        if not self.trouble:
            return message
        return replace(message, notes=(*message.notes, f"a restart may repeat this: {self.trouble}"))

    def _tell(self, transitions: tuple[Transition, ...]) -> None:
        for transition in transitions[:LISTED]:
            alert = self.house.state.alerts.get(transition.alert)
            about = {"resource": str(alert.fingerprint.address), "check": alert.fingerprint.check} if alert else {}
            target = str(transition.target) if transition.target and not about else None
            fields = {"alert": transition.alert or None, "target": target, "detail": transition.detail or None, **about}
            log.info(transition.kind.value, **{key: value for key, value in fields.items() if value})
        if len(transitions) > LISTED:
            log.info("and more", transitions=len(transitions) - LISTED)

    def _patience(self) -> float:
        soon = wait(self.house.state, self.clock())
        return TICK if soon is None else max(0.01, min(TICK, soon))


def _unseen(snapshot: Snapshot, error: Exception) -> Snapshot:
    """What is left of a snapshot that can't be judged: that the target was not seen."""
    make = unseen_kafka if isinstance(snapshot, KafkaSnapshot) else unseen_sqs
    why = Unknown(Why.UNSUPPORTED, f"mqcanary failed: {type(error).__name__} (please report this)")
    return make(snapshot.target, snapshot.at, why)
