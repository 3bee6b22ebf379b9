"""An hour over ten thousand resources: a deploy, an outage, a group that flaps, and three real incidents that begin inside
them. What happens and what is told of it stand here as two tables.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

import pytest

from agent.cycle import Event, House, Look, Send, Sent, Settings, cycle
from alerts.machine import Tick
from alerts.model import Op, Ref
from alerts.outbox import sending, wait
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.agent.world import Kafka, Sqs, checks, names

START = 1_800_000_000.0
MINUTE = 60.0
BEFORE = 6
"""Minutes that the agent has watched when the hour begins."""
MOST = 12
"""Messages in the hour; an edit is none."""

CHANGED = names("changed", 40)
SERVICES = [*CHANGED, *names("service", 157), "billing", "checkout", "payments"]
TOPICS = names("log", 7200)
QUEUES = ["orders", *names("task", 1199)]


@dataclass
class Hour:
    """The agent over two targets, and a channel that takes everything."""

    every: float
    """Seconds between two looks."""
    kafka: Kafka = field(default_factory=lambda: Kafka(SERVICES, TOPICS, at=START))
    sqs: Sqs = field(default_factory=lambda: Sqs(QUEUES, at=START))
    told: list[tuple[float, str, str]] = field(default_factory=list)
    """Minute, how, title."""

    def __post_init__(self) -> None:
        self.house, self.now = House(checks()), START
        # The owners of checkout want to know within a minute.
        soon = Override(
            Pattern("kafka", "prod", "groups", "checkout"), "kafka/group-lagging", after=timedelta(minutes=1)
        )
        places = frozenset(("kafka:prod", "sqs:prod"))
        self.happen(Settings(Limits([soon]), Policy(route=Route(("slack:#ops",))), places))

    def live(self, minutes: float) -> None:
        """So many minutes of SCRIPT, and what the agent watched before."""
        acts = [(START + (BEFORE + minute) * MINUTE, act) for minute, _, act in SCRIPT]
        at, end = START, START + (BEFORE + minutes) * MINUTE
        while at < end:
            while acts and acts[0][0] <= at:
                acts.pop(0)[1](self)
            self.now = at
            self.look()
            at += self.every
            self.send(at)

    def look(self) -> None:
        for target, place in ((self.kafka, "kafka:prod"), (self.sqs, "sqs:prod")):
            target.pass_time(self.now)
            self.happen(Look(target.snapshot(), place))
        self.happen(Tick())

    def send(self, until: float) -> None:
        """Whatever becomes due before `until`."""
        while (soon := wait(self.house.state, self.now)) is not None and self.now + soon < until:
            self.now += soon
            self.happen(Send())

    def happen(self, event: Event) -> None:
        change = cycle(self.house, event, self.now)
        self.house = change.house
        for delivery in change.sending:
            sent = sending(delivery, self.house.state, self.now, self.house.policy)
            how = {Op.POST: "post", Op.EDIT: "edit", Op.REPLY: "aloud" if sent.loud else "reply"}[sent.op]
            self.told.append(((self.now - START) / MINUTE - BEFORE, how, sent.message.title))
            self.happen(Sent(delivery.id, Delivered(sent.ref or Ref("C1", delivery.id))))


# ── what may happen ──

Act = Callable[[Hour], None]


def deploy(state: str) -> Act:
    """Where forty services are that are changed together; "": they are back."""

    def act(hour: Hour) -> None:
        for name in CHANGED:
            hour.kafka.states.pop(name, None)
        if state:
            hour.kafka.states.update(dict.fromkeys(CHANGED, state))

    return act


def brokers(*up: int) -> Act:
    def act(hour: Hour) -> None:
        hour.kafka.up = frozenset(up)

    return act


def dead_letter(hour: Hour) -> None:
    hour.sqs.fill("orders-dlq")


def pause(hour: Hour) -> None:
    hour.kafka.stop("checkout")


def read(hour: Hour) -> None:
    hour.kafka.go_on("checkout")


def stop(hour: Hour) -> None:
    hour.kafka.states["billing"] = "Empty"


def stall(hour: Hour) -> None:
    hour.kafka.stop("payments", 2)


SCRIPT: tuple[tuple[float, str, Act], ...] = (
    (2, "a deploy: the members of forty groups leave one by one", deploy("PreparingRebalance")),
    (3, "and all of them are gone", deploy("Empty")),
    (4, "FIRST INCIDENT: a consumer stops, its new version does not start", stop),
    (6, "SECOND INCIDENT: another's gives up a message every twenty minutes", dead_letter),
    (7, "the members are back, and share out the partitions", deploy("CompletingRebalance")),
    (9, "the deploy is over; what waited is read within a minute", deploy("")),
    (12, "checkout begins to flap: it pauses for five minutes", pause),
    (17, "and goes on", read),
    (20, "an outage: a broker dies", brokers(1, 2)),
    (21, "and all are gone", brokers()),
    (25, "THIRD INCIDENT: a record that can't be processed, behind the outage", stall),
    (26, "a second dead letter", dead_letter),
    (30, "one broker is back, and most partitions have no leader yet", brokers(1)),
    (31, "two are", brokers(1, 2)),
    (33, "all are, and everybody catches up", brokers(1, 2, 3)),
    (35, "checkout pauses again", pause),
    (40, "and goes on", read),
    (42, "and pauses", pause),
    (46, "a third dead letter", dead_letter),
    (47, "and goes on", read),
    (49, "and pauses", pause),
    (54, "and goes on", read),
)

# Minute (up to its end), how, and how it begins. An edit calls nobody.
TOLD: tuple[tuple[int, str, str], ...] = (
    (7, "post", "1 message in dead-letter queue orders-dlq (of orders)"),
    (9, "post", "group billing has no members"),  # and not that it is late as well
    (16, "post", "group checkout is "),
    (18, "edit", "Resolved: group checkout is "),
    (18, "reply", "Resolved: group checkout is "),
    (21, "edit", "Cannot be observed: group billing has no members"),
    (26, "post", "nothing of kafka://prod can be observed: no broker answers"),
    (27, "edit", "2 messages in dead-letter queue orders-dlq (of orders)"),
    (27, "aloud", "More: 2 messages in dead-letter queue orders-dlq (of orders)"),
    (30, "edit", "group billing has no members"),
    (32, "edit", "Resolved: nothing of kafka://prod can be observed"),
    (32, "reply", "Resolved: nothing of kafka://prod can be observed"),
    (39, "post", "group checkout is "),
    (41, "edit", "Resolved: group checkout is "),
    (41, "reply", "Resolved: group checkout is "),
    (43, "post", "group payments is more than 3 min behind on partition 2 of payments alone"),
    (46, "post", "group checkout is "),  # unstable: it is not told again, and ends after a quarter of an hour in peace
    (47, "edit", "3 messages in dead-letter queue orders-dlq (of orders)"),
    (47, "aloud", "More: 3 messages in dead-letter queue orders-dlq (of orders)"),
)


@pytest.mark.no_cover
@pytest.mark.parametrize("every", [60.0, pytest.param(30.0, marks=pytest.mark.soak)])
def test_the_hour(every: float) -> None:
    hour = Hour(every)
    hour.live(60)
    seen = [watch.report.counts for watch in hour.house.watches.values()]
    assert sum(count for counts in seen for count in counts.values()) >= 10_000
    told = [(ceil(minute - 0.1), how, _short(title)) for minute, how, title in hour.told]
    assert sorted(told) == sorted(TOLD)
    assert sum(how != "edit" for _, how, _ in told) <= MOST


def _short(title: str) -> str:
    """As it stands in the table; the whole title if it does not."""
    return next((begins for _, _, begins in TOLD if title.startswith(begins)), title)
