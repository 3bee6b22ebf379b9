"""What 10,000 alerts at once cost: CPU seconds from the snapshot to the stored deliveries, stage by stage. Run by `make bench`.

A cluster of 10,000 topics whose partitions all lose their leader, and 10,000 dead-letter queues (and as many sources) that
all get a message. "at once": the poll in which they all fire; "still": the next one, in which nothing changes; "over": the
one in which they all end. The hour of history before it is short, since no check of these needs more.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.cli import GARBAGE
from agent.cycle import House
from agent.store.database import Store
from alerts.dispatch import dispatch
from alerts.machine import Observed, step
from alerts.outbox import sending
from alerts.policy import Policy, Route
from checks.evaluate import Report, evaluate
from checks.facts import Snapshot, facts_of
from tests.agent.world import Kafka, Sqs, checks, names

MANY = 10_000
MOST = 3.0
"""CPU seconds from a snapshot to its stored deliveries, at most."""
STAGES = ("facts and checks", "step", "dispatch", "commit")
START = 1_800_000_000.0
EVERY = 30.0
POLICY = Policy(route=Route(("slack:#ops",)))


@dataclass
class Clock:
    """CPU seconds of this process by stage."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.spent[stage] = self.spent.get(stage, 0.0) + time.process_time() - start


class Agent:
    """The cycle, cut into its stages, over a store on the disk."""

    def __init__(self, folder: Path) -> None:
        self.house = House(checks(), policy=POLICY)
        self.store = Store(folder / "state.db")
        self._before: Report | None = None

    def look(self, snapshot: Snapshot) -> dict[str, float]:
        """As `cycle` and the judge do; what each stage took."""
        clock, house, now = Clock(), self.house, snapshot.at
        with clock.of("facts and checks"):
            history = house.history.plus(snapshot)
            facts = facts_of(snapshot, history)
            report = evaluate(facts, house.checks, house.limits, firing=set(house.state.open), previous=self._before)
            self._before = report
        with clock.of("step"):
            state, transitions = step(house.state, Observed(report), now, POLICY)
        with clock.of("dispatch"):
            state = dispatch(state, transitions, now, POLICY)
        with clock.of("commit"):
            self.store.commit(state)
        self.house = replace(house, history=history, state=state)
        with clock.of("render"):
            for delivery in self.house.state.deliveries.values():
                sending(delivery, self.house.state, now, POLICY)
        return clock.spent


def cluster() -> Iterator[Snapshot]:
    """Three polls in peace, the one in which every topic loses its leader and the one after, two in which all are back."""
    kafka = Kafka((), names("topic", MANY), at=START, lean=True)
    for poll, up in enumerate(((1, 2, 3), (1, 2, 3), (1, 2, 3), (2,), (2,), (1, 2, 3), (1, 2, 3))):
        kafka.up = frozenset(up)
        kafka.pass_time(START + EVERY * poll)
        yield kafka.snapshot()


def letters() -> Iterator[Snapshot]:
    """The same with dead letters: two polls must agree before there is one."""
    sqs = Sqs(names("queue", MANY), at=START)
    for poll in range(7):
        if poll == 2:
            for name in sqs.sources:
                sqs.fill(f"{name}-dlq")
        if poll == 5:
            for name in sqs.sources:
                sqs.empty(f"{name}-dlq")
        sqs.pass_time(START + EVERY * poll)
        yield sqs.snapshot()


def run(snapshots: Iterator[Snapshot]) -> tuple[dict[str, dict[str, float]], int, int]:
    """What the polls with all of it cost, how many fired, and how many messages wait when they do."""
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder))
        polls = []
        for poll, snapshot in enumerate(snapshots):
            polls.append(agent.look(snapshot))
            if poll == 3:
                firing, messages = len(agent.house.state.firing()), len(agent.house.state.deliveries)
        agent.store.close()
    return {"at once": polls[3], "still": polls[4], "over": polls[6]}, firing, messages


def stored(spent: dict[str, float]) -> float:
    """CPU seconds until its deliveries are stored."""
    return sum(spent[stage] for stage in STAGES)


def main() -> None:
    gc.set_threshold(*GARBAGE)  # as the command does
    cases: tuple[tuple[str, Callable[[], Iterator[Snapshot]]], ...] = (
        (f"{MANY:,} topics without a leader", cluster),
        (f"{MANY:,} dead-letter queues", letters),
    )
    print(f"| CPU s, median of 3 | poll | {' | '.join(STAGES)} | snapshot to stored | render |")
    print("|---|---|---|---|---|---|---|---|")
    for case, make in cases:
        runs = sorted((run(make()) for _ in range(3)), key=lambda one: stored(one[0]["at once"]))
        polls, firing, messages = runs[1]
        for poll, spent in polls.items():
            stages = [spent[stage] for stage in STAGES]
            cells = " | ".join(f"{one:.2f}" for one in (*stages, stored(spent), spent["render"]))
            print(f"| {case} | {poll} | {cells} |")
        fine = stored(polls["at once"]) < MOST and messages == 1
        verdict = "as it should be" if fine else f"TOO MUCH: {MOST:g} s and one message are what it may cost"
        print(f"| {case} | {firing:,} alerts, {messages} message: {verdict} ||||||")


if __name__ == "__main__":
    main()
