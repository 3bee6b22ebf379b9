"""Ten thousand alerts at once, from the snapshot to the disk and on to Slack: one message, and one when they end.

What it costs stands in bench/alerting.py.
"""

from pathlib import Path

import pytest

from agent.cycle import House, Look, Send, Sent, cycle
from agent.store.database import Store
from alerts.machine import Tick
from alerts.model import Op, Ref
from alerts.outbox import recover, sending
from alerts.policy import Policy, Route
from alerts.render.blocks import blocks, text
from alerts.sinks.sink import Delivered, Sending
from tests.agent.world import Kafka, checks, names

MANY = 10_000
START = 1_800_000_000.0
POLICY = Policy(route=Route(("slack:#ops",)))


class Agent:
    """The cycle, a store, and a Slack that takes everything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kafka = Kafka((), names("topic", MANY), at=START, lean=True)
        # That one broker leads all of it is another story.
        ours = tuple(check for check in checks() if check.id != "kafka/broker-imbalance")
        self.house = House(ours, policy=POLICY)
        self.told: list[Sending] = []

    def look(self, store: Store, poll: int, *up: int) -> None:
        self.kafka.up = frozenset(up)
        self.kafka.pass_time(START + 30 * poll)
        for event in (Look(self.kafka.snapshot(), "kafka:prod"), Tick()):
            self.house = cycle(self.house, event, self.kafka.at).house
            store.commit(self.house.state)

    def send(self, now: float) -> None:
        while (change := cycle(self.house, Send(), now)).sending:
            self.house = change.house
            for delivery in change.sending:
                self.told.append(sending(delivery, self.house.state, now, POLICY))
                done = Sent(delivery.id, Delivered(self.told[-1].ref or Ref("C1", "1.0")))
                self.house = cycle(self.house, done, now).house
            now += 2


@pytest.mark.no_cover
def test_ten_thousand_alerts_are_one_message(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "state.db")
    store = Store(agent.path)
    for poll in range(3):
        agent.look(store, poll, 1, 2, 3)
    agent.look(store, 3, 2)
    assert len(agent.house.state.firing()) == MANY
    store.close()

    store = Store(agent.path)  # nothing of it was in memory alone
    assert store.state.alerts == agent.house.state.alerts
    assert store.state.deliveries == agent.house.state.deliveries
    agent.send(agent.kafka.at)
    (message,) = agent.told
    assert message.op is Op.POST
    assert message.message.title.startswith("10,000 topics: a partition has no leader")
    assert message.message.table is not None
    assert len(message.message.table.rows) + message.message.table.more == MANY
    assert len(blocks(message.message)) <= 50
    assert len(text(message.message)) < 4_000

    for poll in (4, 5, 6):
        agent.look(store, poll, 1, 2, 3)
    agent.send(agent.kafka.at + 120)
    assert [(one.op, one.message.title[:19]) for one in agent.told[1:]] == [
        (Op.EDIT, "Over: 10,000 topics"),
        (Op.REPLY, "Over: all 10,000 of"),
    ]
    agent.house = cycle(agent.house, Tick(), agent.kafka.at + POLICY.keep_closed + 60).house
    store.commit(agent.house.state)
    store.close()
    left = Store(agent.path)
    assert recover(left.state).alerts == {}
    left.close()
