"""A town in which messages are delivered: the machine, the router and the outbox on one clock, and a channel that can
be asked what stands in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from alerts.dispatch import dispatch
from alerts.machine import Event, Tick, step
from alerts.model import Delivery, Op, Ref, State, Transition
from alerts.outbox import begin, due, recover, sending, settle, wait
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered, Later, Outcome, Sending, Unclear
from alerts.tidy import tidy

POLICY = Policy(route=Route(("slack:#ops",)), contact_polls=1)


@dataclass
class Posted:
    """One message as it stands in the channel."""

    key: str
    thread: str
    subject: str
    alerts: tuple[str, ...]
    text: str
    reply_to: str = ""
    edits: int = 0
    double: bool = False
    at: float = 0.0
    loud: bool = True
    """Whether the channel is called: a reply may be for the thread alone."""


@dataclass
class Channel:
    """Takes what is sent, unless `mood` says otherwise: "fine", "away" (nothing arrives), "mute" (it arrives, nobody
    answers), "lost" (it neither arrives nor is answered).
    """

    mood: str = "fine"
    posted: list[Posted] = field(default_factory=list)

    def send(self, delivery: Delivery, sent: Sending, state: State, now: float) -> Outcome:
        if self.mood == "away":
            return Later("connection refused")
        if self.mood == "lost":
            return Unclear("no answer")
        thread = state.threads[delivery.thread]
        if sent.op is Op.EDIT:
            assert sent.ref is not None
            root = self.posted[int(sent.ref.ts)]
            root.text, root.edits = sent.message.title, root.edits + 1
            return Later("no answer") if self.mood == "mute" else Delivered(sent.ref)
        self.posted.append(
            Posted(
                sent.key,
                thread.id,
                thread.subject.value,
                thread.alerts,
                sent.message.title,
                sent.ref.ts if sent.ref else "",
                double=sent.unclear,
                at=now,
                loud=sent.loud or sent.op is Op.POST,
            )
        )
        if self.mood == "mute":
            return Unclear("no answer")
        return Delivered(Ref("C1", str(len(self.posted) - 1)))

    def texts(self) -> list[str]:
        return [one.text for one in self.posted]


@dataclass
class Town:
    policy: Policy = POLICY
    state: State = field(default_factory=State)
    channel: Channel = field(default_factory=Channel)
    now: float = 0.0
    told: list[Transition] = field(default_factory=list)

    def happen(self, event: Event) -> tuple[Transition, ...]:
        self.state, transitions = step(self.state, event, self.now, self.policy)
        self.state = dispatch(self.state, transitions, self.now, self.policy)
        if isinstance(event, Tick):
            self.state = tidy(self.state, self.now, self.policy)
        self.told += transitions
        return transitions

    def look(self, *events: Event) -> None:
        """Events at their own time, or now; what is due is sent after each."""
        for event in events:
            report = getattr(event, "report", None)
            self.now = max(self.now, report.at if report is not None else self.now)
            self.happen(event)
            self.send()

    def begin(self) -> list[tuple[Delivery, Sending]]:
        """Marks what is due as being sent."""
        found = due(self.state, self.now)
        self.state = begin(self.state, found, self.now)
        return [(d, sending(self.state.deliveries[d.id], self.state, self.now, self.policy)) for d in found]

    def send(self) -> int:
        """Sends whatever is due now."""
        count = 0
        while made := self.begin():
            for delivery, sent in made:
                outcome = self.channel.send(delivery, sent, self.state, self.now)
                self.state = settle(self.state, delivery.id, outcome, self.now, self.policy)
                count += 1
        return count

    def crash(self) -> None:
        """Only what was committed is left; the pace is not."""
        self.state = replace(recover(self.state), pace={})

    def pass_time(self, seconds: float, step_: float = 30.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step_)
            self.happen(Tick())
            self.settle_down()

    def settle_down(self, most: float = 60.0) -> None:
        """Sends until nothing is due within `most` seconds."""
        end = self.now + most
        while (soon := wait(self.state, self.now)) is not None and self.now + soon <= end:
            self.now += soon
            if not self.send():
                return

    def roots(self) -> Iterator[Posted]:
        return (one for one in self.channel.posted if not one.reply_to)
