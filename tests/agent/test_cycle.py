"""The one line from a snapshot to what is told, with the real checks: what only the whole of it can show."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agent.cycle import Event, House, Look, Send, Sent, Settings, cycle
from alerts.machine import Tick
from alerts.model import TARGET_BLIND, Kind, Ref, Transition
from alerts.outbox import sending
from alerts.policy import Policy, Route
from alerts.sinks.sink import Delivered
from checks.facts import Address, Cluster, KafkaSnapshot
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.agent.world import PROD, Kafka, Sqs, checks

START = 1_800_000_000.0
FORMER = Address("kafka", "prod~was~c1")
AT_ONCE = Limits([Override(Pattern(), "*", after=timedelta(0))])


class Moved(Kafka):
    """Another cluster under the same name."""

    def snapshot(self) -> KafkaSnapshot:
        snapshot = super().snapshot()
        assert isinstance(snapshot.cluster, Cluster)
        return replace(snapshot, cluster=replace(snapshot.cluster, id="c2"))


@dataclass
class Desk:
    """A house, and what was told of it."""

    policy: Policy = field(default_factory=lambda: Policy(route=Route(("slack:#ops",)), contact_polls=1))
    now: float = START
    transitions: list[Transition] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.house = House(checks())
        self.happen(Settings(AT_ONCE, self.policy, frozenset(("kafka:prod", "sqs:prod", "b1:9092"))))

    def happen(self, event: Event) -> None:
        change = cycle(self.house, event, self.now)
        self.house = change.house
        self.transitions += change.transitions
        for delivery in change.sending:
            sent = sending(delivery, self.house.state, self.now, self.house.policy)
            self.told.append(sent.message.title)
            self.happen(Sent(delivery.id, Delivered(sent.ref or Ref("C1", delivery.id))))

    def watch(
        self, target: Kafka | Sqs, minutes: float, place: str, act: Callable[[float], None] = lambda _: None
    ) -> None:
        """Every half minute; `act` is called before with the minute."""
        for look in range(round(2 * minutes)):
            act(look / 2)
            self.now += 30
            target.pass_time(self.now)
            self.happen(Look(target.snapshot(), place))
            self.happen(Tick())
            for _ in range(4):
                self.now += 2
                self.happen(Send())
            self.now -= 8


def test_a_rebalance_holds_lag_back_and_not_for_long() -> None:
    kafka, desk = Kafka(("orders",), at=START), Desk()
    desk.watch(kafka, 5, "kafka:prod")
    kafka.states["orders"] = "PreparingRebalance"
    desk.watch(kafka, 7.5, "kafka:prod")
    assert desk.house.watches[PROD].report.findings, "it is late by now"
    assert Kind.FIRED not in {t.kind for t in desk.transitions}
    desk.watch(kafka, 1.5, "kafka:prod")
    assert [t.kind for t in desk.transitions if t.alert] == [Kind.FIRED]


def test_a_rebalance_that_is_over_in_time_is_not_told() -> None:
    kafka, desk = Kafka(("orders",), at=START), Desk()
    desk.watch(kafka, 5, "kafka:prod")
    kafka.states["orders"] = "CompletingRebalance"
    desk.watch(kafka, 6, "kafka:prod")
    del kafka.states["orders"]
    desk.watch(kafka, 10, "kafka:prod")
    assert Kind.FIRED not in {t.kind for t in desk.transitions}


def test_a_slow_drip_into_a_queue_that_was_full_when_the_agent_came() -> None:
    sqs, desk = Sqs(("orders", "bills"), at=START), Desk()
    desk.policy = replace(desk.policy, contact_polls=2)
    desk.happen(Settings(AT_ONCE, desk.policy, frozenset(("sqs:prod",))))
    sqs.fill("orders-dlq", 40)
    desk.watch(sqs, 5, "sqs:prod")
    desk.watch(sqs, 61, "sqs:prod", lambda minute: sqs.fill("orders-dlq") if minute in {10, 30, 50} else None)
    assert desk.told[0].startswith("Already wrong when I arrived at sqs://prod: 1")
    assert [title.partition(" messages")[0] for title in desk.told if "dead-letter queue" in title] == [
        "Growing: 41",
        "Growing: 42",
        "Growing: 43",
    ]


def test_a_cluster_without_a_name_keeps_the_one_that_it_told_before() -> None:
    kafka, desk = Kafka(("orders",), at=START), Desk()
    desk.watch(kafka, 1, "b1:9092")
    kafka.answers = False
    kafka_unnamed = replace(kafka.snapshot(), target="b1:9092")
    desk.now += 400
    desk.happen(Look(replace(kafka_unnamed, at=desk.now), "b1:9092"))
    desk.now += 400
    desk.happen(Look(replace(kafka_unnamed, at=desk.now), "b1:9092"))
    assert [a.fingerprint.address for a in desk.house.state.firing()] == [PROD]
    assert {a.fingerprint.check for a in desk.house.state.firing()} == {TARGET_BLIND}
    assert set(desk.house.state.targets) == {PROD}
    assert Address("kafka", "b1:9092") not in desk.house.watches


def test_another_cluster_under_the_same_name_begins_anew() -> None:
    kafka, desk = Kafka(("orders",), at=START), Desk()
    desk.watch(kafka, 5, "kafka:prod")
    kafka.states["orders"] = "Empty"
    desk.watch(kafka, 15, "kafka:prod")
    assert desk.house.state.open
    told, frames = len(desk.told), len(desk.house.history.kafka("prod"))

    other = Moved(("orders",), at=desk.now)
    desk.now += 30
    other.pass_time(desk.now)
    change = cycle(desk.house, Look(other.snapshot(), "kafka:prod"), desk.now)
    assert change.replaced
    assert frames > len(change.house.history.kafka("prod")) == 1
    assert {a.target for a in change.house.state.firing()} == {FORMER}
    assert {t.kind for t in change.transitions} == {Kind.CONTACT, Kind.FROZEN}
    desk.happen(Look(other.snapshot(), "kafka:prod"))
    for _ in range(4):
        desk.now += 2
        desk.happen(Send())
    told = len(desk.told)
    desk.watch(Moved(("orders",), at=desk.now), 10, "kafka:prod")
    assert [t for t in desk.told[told:] if "blind" in t or "observed" in t] == [
        "nothing of kafka://prod~was~c1 can be observed: another cluster, c2, answers as kafka://prod"
    ]
    threads, firing = set(desk.house.state.threads), {a.id for a in desk.house.state.firing(FORMER)}
    desk.watch(kafka, 10, "kafka:prod")
    assert set(desk.house.state.threads) == threads, "nothing is told twice"
    again = desk.house.state.firing()
    assert len(again) == 2
    assert {a.target for a in again} == {PROD}
    assert {a.id for a in again} < firing, "nothing is lost"
    assert set(desk.house.state.targets) == {PROD}
