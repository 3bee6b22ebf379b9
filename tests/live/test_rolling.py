"""Each broker in turn is stopped and started again under load: nothing that was seen is lost without a word, nothing is made up."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest

from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from agent.cycle import House, Look, Watch, cycle
from agent.metrics.exposition import Options, exposition
from agent.view import Good, TargetView, View
from checks import all_checks
from checks.facts import NEVER, Address, KafkaSnapshot, Lag, Progress, Unknown
from checks.limits import Limits
from checks.questions import Questions
from tests.live import load, seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.process import until

Place = tuple[str, str, int]
TRUE_OF_A_BROKER_THAT_IS_DOWN = {"kafka/under-replicated", "kafka/controller-quorum-lagging"}
PARTITIONS = 6


class Agent:
    """Looks and judges as the daemon does."""

    def __init__(self, kafka: KafkaCluster, prefix: str) -> None:
        choice = Choice(include=(f"{prefix}*",))
        settings = KafkaSettings(kafka.endpoints, name="live", topics=choice, groups=choice)
        self._collector = KafkaCollector(settings, Questions(all_checks(), Limits()))
        self._house = House(all_checks())
        self.watches: list[Watch] = []

    def look(self) -> Watch:
        before = snapshot_of(self.watches[-1]) if self.watches else None
        snapshot = self._collector.collect(before, 10.0)
        self._house = cycle(self._house, Look(snapshot, "live"), time.time()).house
        self.watches.append(self._house.watches[snapshot.address])
        return self.watches[-1]

    def wait_looks(self, n: int) -> None:
        """Until so many more have ended."""
        wanted = len(self.watches) + n
        until(lambda: len(self.watches) >= wanted, f"{n} looks")


def snapshot_of(watch: Watch) -> KafkaSnapshot:
    assert isinstance(watch.snapshot, KafkaSnapshot)
    return watch.snapshot


def groups_of(watch: Watch) -> list[Address]:
    return [watch.facts.address.under("groups", name) for name in snapshot_of(watch).groups.items]


def in_sync(kafka: KafkaCluster) -> bool:
    topics = kafka.metadata().topics.values()
    return all(len(p.isrs) == len(p.replicas) for topic in topics for p in topic.partitions.values())


def known_brokers(watch: Watch) -> set[int]:
    """By the cluster's own word; all where it says nothing."""
    cluster = snapshot_of(watch).cluster
    return {1, 2, 3} if isinstance(cluster, Unknown) else {broker.id for broker in cluster.brokers}


def rows_of(watch: Watch) -> dict[Place, tuple[int, int]]:
    """Committed and end of each row of each group; NEVER where that is not known."""
    rows: dict[Place, tuple[int, int]] = {}
    for address in groups_of(watch):
        lag = watch.facts.get(Lag, address)
        if isinstance(lag, Unknown):
            continue
        for i in range(lag.topic.size):
            rows[address.name, *lag.place(i)] = int(lag.committed[i]), int(lag.end[i])
    return rows


def nothing_below_zero(watch: Watch) -> None:
    for address in groups_of(watch):
        lag, progress = watch.facts.get(Lag, address), watch.facts.get(Progress, address)
        if not isinstance(lag, Unknown):
            known = (lag.error == 0) & (lag.committed != NEVER)
            assert (lag.lag[known] == lag.end[known] - lag.committed[known]).all(), (address, lag)
            assert (lag.lag[known] >= 0).all(), (address, lag)
            assert (lag.lag[~known] == NEVER).all(), (address, lag)
        if not isinstance(progress, Unknown):
            trend = progress.trend()
            assert isinstance(trend, Unknown) or min(trend.consumed, trend.produced) >= 0, address
            assert not (np.concatenate([progress.seconds, progress.bound]) < 0).any(), address
    facts, report = watch.facts, watch.report
    good = None if report.unseen is not None else Good(watch.snapshot, facts, report)
    target = TargetView(facts.address, "live", watch.snapshot, facts, report, good, 0.5, 0.1)
    text = exposition(View(facts.at, {facts.address: target}), facts.at, Options(partitions="all")).text.decode()
    series = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    assert [line for line, _, value in series if float(value) < 0 and not math.isnan(float(value))] == []


def nothing_lost_without_a_word(watches: Sequence[Watch]) -> None:
    last: dict[Place, tuple[int, int]] = {}
    for watch in watches:
        assert not watch.report.gone
        if watch.report.unseen is not None:
            continue
        gaps = {gap.address.name for gap in watch.report.gaps.values() if gap.address.kind == "groups"}
        rows = rows_of(watch)
        for place in last.keys() - rows.keys():
            assert place[0] in gaps, (place, watch.report.gaps)
        for place, (committed, end) in rows.items():
            if NEVER in (committed, end):
                assert place[0] in gaps, (place, watch.report.gaps)
            before = last.get(place, (NEVER, NEVER))
            assert committed >= before[0] or committed == NEVER, (place, before, committed)
            assert end >= before[1] or end == NEVER, (place, before, end)
            last[place] = max(committed, before[0]), max(end, before[1])


@pytest.mark.parametrize(
    ("kill", "rounds", "every"),
    [
        pytest.param(False, 1, 0.5, id="stopped"),
        pytest.param(True, 2, 0.1, id="killed", marks=pytest.mark.soak),
    ],
)
def test_brokers_go_and_come_back_one_after_the_other(
    kafka3: KafkaCluster, fresh: str, kill: bool, rounds: int, every: float
) -> None:
    seed.create_topics(kafka3.bootstrap, {fresh: seed.TopicSpec(PARTITIONS, 3, {"min.insync.replicas": "2"})})
    agent = Agent(kafka3, fresh)
    with (
        load.producing(kafka3.bootstrap, {fresh: PARTITIONS}),
        Member(kafka3.bootstrap, f"{fresh}-classic", fresh, partitions=PARTITIONS) as classic,
        Member(kafka3.bootstrap, f"{fresh}-newer", fresh, partitions=PARTITIONS, protocol="consumer") as newer,
        load.reading(classic),
        load.reading(newer),
    ):

        def good() -> bool:
            rows = rows_of(agent.look())
            return (
                in_sync(kafka3)
                and len(rows) == 2 * PARTITIONS
                and NEVER not in {n for row in rows.values() for n in row}
            )

        until(good, "every copy is in sync and every partition committed")
        first = agent.look()
        del agent.watches[:-1]
        with load.again(agent.look, "agent", every):
            for node in [*kafka3.brokers] * rounds:
                with kafka3.down(node, kill=kill):
                    agent.wait_looks(2)  # the first of them may have begun before
                until(lambda: in_sync(kafka3), f"broker {node} has caught up")
        last = agent.look()
    for watch in agent.watches:
        nothing_below_zero(watch)
        found = {(mark.check, mark.address) for mark in watch.report.findings}
        always = {(mark.check, mark.address) for mark in first.report.findings}
        assert {check for check, _ in found - always} <= TRUE_OF_A_BROKER_THAT_IS_DOWN
    nothing_lost_without_a_word(agent.watches)
    down = [watch for watch in agent.watches if len(known_brokers(watch)) < 3]
    assert {node for watch in down for node in set(kafka3.brokers) - known_brokers(watch)} == set(kafka3.brokers)
    assert all(any(mark.check == "kafka/under-replicated" for mark in watch.report.findings) for watch in down)
    assert last.report.gaps.keys() <= first.report.gaps.keys()
    assert last.report.findings.keys() == first.report.findings.keys()
    before, after = rows_of(first), rows_of(last)
    assert before.keys() == after.keys()
    assert all(now[0] > then[0] and now[1] > then[1] for then, now in zip(before.values(), after.values(), strict=True))
