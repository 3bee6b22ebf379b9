"""Days of a cluster in minutes: something goes wrong every few looks, and one collector looks on. What it says is so, what it
can't see it calls unknown, the next good look is whole, and it grows by nothing.
"""

import gc
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.collect.kafka.configs import Configs
from agent.collect.kafka.storage import LogDirs
from agent.daemon.memory import pruned, same
from agent.demo.cluster import ANONYMOUS, Config, Member, Rights, all_but, brokers
from agent.demo.cluster.connection import Connection
from agent.demo.cluster.records import timestamp_at
from checks.facts import NEVER, Group, KafkaSnapshot, Lag, Listing, Unknown, Waits
from checks.facts.lag import waits_of
from checks.facts.lags import lags_of
from checks.facts.logs import ONE_POLL
from tests.agent.test_faults import (
    CONFIGS,
    COORDINATOR,
    DESCRIBE,
    LIST,
    LIST_OFFSETS,
    METADATA,
    OFFSET_FETCH,
    VERSIONS,
    Cluster,
    asks,
    collector_of,
)

EVERY = 30.0
PATIENT, IMPATIENT = 10.0, 0.05
"""Seconds of a look: where nothing is wrong, however busy the machine is; and where something is."""
APIS = (METADATA, LIST, DESCRIBE, OFFSET_FETCH, LIST_OFFSETS, COORDINATOR, VERSIONS, CONFIGS, None)
TOPICS = tuple(f"t{n}" for n in range(6))
PASSING = TOPICS[4:]
"""Topics that are deleted now and then; no member is subscribed to them."""
GROUPS = tuple(f"g{n:02}" for n in range(12))
"""Group n reads topic n modulo 6."""
Places = dict[tuple[str, int], int]


class Days(Cluster):
    """A cluster on the test's clock, what befalls it, and who watches it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same days for the same seed
        self.now = self.begin = time.time()
        made = brokers(3)
        made.clock = lambda: self.now
        super().__init__(made)
        self.gone = threading.Condition()
        self.populate()
        clock = lambda: self.now  # noqa: E731
        self.watch = collector_of(self, clock)
        self.watch._configs, self.watch._log_dirs = Configs(clock=clock), LogDirs(clock=clock)
        self.previous: KafkaSnapshot | None = None
        self.dirty = False
        self.told: Counter[str] = Counter()

    @property
    def retention(self) -> str:
        """What the brokers of this cluster are set to."""
        return self.model.brokers[1].configs["offsets.retention.minutes"].value or ""

    def populate(self) -> None:
        minutes = Config(str(self.chance.randrange(10_000)))
        for broker in self.model.brokers.values():
            broker.configs["offsets.retention.minutes"] = minutes
        self.model.topics.clear()
        self.model.groups.clear()
        for name in TOPICS:
            self.make_topic(name)
        for name in GROUPS:
            self.make_group(name)

    def make_topic(self, name: str) -> None:
        topic = self.model.add_topic(name, 3, 3, min_insync_replicas=str(self.chance.choice((1, 2))))
        topic.id = uuid.UUID(int=self.chance.getrandbits(128))
        for partition in topic.partitions:
            partition.append(self.chance.randrange(50, 500), self.now - 600)

    def make_group(self, name: str) -> None:
        number = GROUPS.index(name)
        topic, kind = TOPICS[number % len(TOPICS)], ("classic", "classic", "consumer", "share")[number % 4]
        # A share group without members is Empty, and is described all the same.
        member = Member(f"m-{name}", subscription=(topic,), assignment={topic: (0, 1, 2)})
        some = [member] if topic not in PASSING and kind != "share" else []
        state, log = (
            "Stable" if some else "Empty",
            self.model.topics[topic].partitions if topic in self.model.topics else (),
        )
        committed = {(topic, n): self.chance.randrange(partition.log_end + 1) for n, partition in enumerate(log)}
        protocol = "share" if kind == "share" else "consumer"
        self.model.add_group(name, committed, kind=kind, state=state, members=some, protocol_type=protocol)

    def closed(self, connection: Connection) -> None:
        super().closed(connection)
        with self.gone:
            self.gone.notify_all()

    # ── what time brings ──

    def work(self) -> None:
        """30 seconds of producers and consumers."""
        self.now += EVERY
        for topic in self.model.topics.values():
            for partition in topic.partitions:
                if self.chance.random() < 0.3:
                    partition.append(self.chance.randrange(20), self.now - self.chance.random())
        for group in self.model.groups.values():
            for place in list(group.committed):
                end = self.model.topics[place[0]].partitions[place[1]].log_end
                if self.chance.random() < 0.3:
                    group.committed[place] = self.chance.randint(group.committed[place], end)

    def move_a_leader(self) -> None:
        self.model.move_leader(self.chance.choice(TOPICS[:4]), self.chance.randrange(3), self.chance.randint(1, 3))

    def move_a_coordinator(self) -> None:
        if self.model.groups:
            self.model.move_coordinator(self.chance.choice(list(self.model.groups)), self.chance.randint(1, 3))

    def delete_or_make_a_topic(self) -> None:
        name = self.chance.choice(PASSING)
        if name not in self.model.topics:
            self.make_topic(name)
            return
        del self.model.topics[name]
        for group in self.model.groups.values():
            for place in [place for place in group.committed if place[0] == name]:
                del group.committed[place]

    def delete_or_make_a_group(self) -> None:
        name = self.chance.choice(GROUPS)
        if self.model.groups.pop(name, None) is None:
            self.make_group(name)

    def become_another_cluster(self) -> None:
        """Restarted empty and filled anew, at the same addresses and with the same names in it."""
        for broker in (1, 2, 3):
            self.stop_broker(broker)
        self.model.cluster_id = f"cluster-{self.chance.getrandbits(32)}"
        self.populate()
        for name in self.chance.sample(GROUPS, 2):
            del self.model.groups[name]
        for broker in (1, 2, 3):
            self.start_broker(broker)

    # ── what goes wrong ──

    def a_broker_is_down(self, end: ExitStack) -> None:
        broker = self.chance.randint(1, 3)
        self.stop_broker(broker)
        end.callback(self.start_broker, broker)

    def a_broker_is_fenced(self, end: ExitStack) -> None:
        """Down, and what it led and coordinated is in other hands."""
        self.a_broker_is_down(end)
        (down,) = self.model.brokers.keys() - self._servers.keys()
        self.model.fence(down)
        end.callback(self.model.unfence, down)
        for group in self.model.groups.values():
            group.coordinator = down % 3 + 1 if group.coordinator == down else group.coordinator

    def all_are_down(self, end: ExitStack) -> None:
        for broker in (1, 2, 3):
            self.stop_broker(broker)
            end.callback(self.start_broker, broker)

    def disturbed(self, end: ExitStack, **how: object) -> None:
        end.enter_context(self.fault(api=self.chance.choice(APIS), broker=self.chance.randint(1, 3), **how))

    def a_broker_is_silent(self, end: ExitStack) -> None:
        self.disturbed(end, stall=True)

    def a_broker_is_slow(self, end: ExitStack) -> None:
        self.disturbed(end, delay=self.chance.choice((0.005, 0.02, 0.06)))

    def connections_are_reset(self, end: ExitStack) -> None:
        self.disturbed(end, cut=self.chance.choice((0, 4, 8, self.chance.randrange(300))))

    def an_answer_is_refused(self, end: ExitStack) -> None:
        group, topic, error = self.chance.choice(GROUPS), self.chance.choice(TOPICS), self.chance.choice((14, 15, 999))
        what: list[dict[str, object]] = [
            {"api": DESCRIBE, "group": group, "error": error},
            {"api": OFFSET_FETCH, "group": group, "error": error},
            {"api": LIST_OFFSETS, "topic": topic, "error": self.chance.choice((6, 29, 999))},
            {"api": CONFIGS, "resource": (2, topic), "error": 29},
            {"api": LIST, "broker": 2, "error": 15},
            {"error": -1, "api": self.chance.choice((LIST, DESCRIBE, OFFSET_FETCH, LIST_OFFSETS, COORDINATOR))},
        ]
        end.enter_context(self.fault(**self.chance.choice(what)))

    def rights_are_missing(self, end: ExitStack) -> None:
        groups, topics = all_but(*self.chance.sample(GROUPS, 3)), all_but(*self.chance.sample(TOPICS, 2))
        rights = Rights(groups=groups, topics=topics, topic_configs=topics, cluster=self.chance.random() < 0.5)
        self.model.rights[ANONYMOUS] = rights
        end.callback(self.model.rights.clear)

    def it_changes_in_mid_look(self, end: ExitStack) -> None:
        group, topic = self.chance.choice(GROUPS), self.chance.choice(TOPICS)
        when = self.chance.choice((asks(DESCRIBE, group), asks(OFFSET_FETCH, group), asks(LIST_OFFSETS, topic)))
        moves = (self.move_a_leader, self.move_a_coordinator, self.delete_or_make_a_group, self.delete_or_make_a_topic)
        self.on(when, *self.chance.choices(moves, k=2))
        end.callback(lambda: self._await(self._rest()))

    async def _rest(self) -> None:
        """What the look did not come to happens all the same: the same days for the same seed."""
        left, self.left = self.left, []
        for change in left:
            change()

    def quotas_bite(self, end: ExitStack) -> None:
        end.enter_context(self.fault(throttle_ms=30_000))

    # ── looking on ──

    def pass_time(self, looks: int) -> None:
        for _ in range(looks):
            self.work()
            if self.chance.random() < 0.2:
                changes = [self.move_a_leader, self.move_a_coordinator]
                changes += [self.delete_or_make_a_topic, self.delete_or_make_a_group]
                change = self.chance.choice(changes) if self.chance.random() < 0.97 else self.become_another_cluster
                change()
                self.told[change.__name__] += 1
            if self.chance.random() < 0.3 and not self.dirty:
                self.look_amid(self.chance.choice(WRONGS))
            else:
                self.look_in_peace()

    def look_amid(self, wrong: "Callable[[Days, ExitStack], None]") -> None:
        self.told[wrong.__name__] += 1
        known = dict(self.model.groups), dict(self.model.topics)
        with ExitStack() as end:
            wrong(self, end)
            self.dirty = True
            seen = self.watch.collect(self.previous, IMPATIENT)
        self.truthful(seen, *known)
        if wrong is not Days.it_changes_in_mid_look:
            for name, lag in self.lags(seen).items():
                places = (
                    {lag.place(row): int(n) for row, n in enumerate(lag.lag) if n >= 0} if isinstance(lag, Lag) else {}
                )
                assert places.items() <= self.truth(name).items(), name
        self.remember(seen)

    def look_in_peace(self) -> None:
        seen = self.watch.collect(self.previous, PATIENT)
        self.truthful(seen, self.model.groups, self.model.topics)
        self.whole(seen)
        self.dirty = False
        self.remember(seen)

    def remember(self, seen: KafkaSnapshot) -> None:
        """As the daemon does."""
        if isinstance(seen.cluster, Unknown):
            self.told["unseen"] += 1
            return
        now = same(seen, self.previous)
        assert isinstance(now, KafkaSnapshot)
        left = pruned(now, frozenset())
        assert isinstance(left, KafkaSnapshot)
        self.previous = left

    def truthful(self, seen: KafkaSnapshot, groups: Collection[str], topics: Collection[str]) -> None:
        """`groups` and `topics`: what there was when the look began."""
        if isinstance(seen.cluster, Unknown):
            return
        assert seen.target == self.model.cluster_id
        self.listed(seen.groups, groups, self.model.groups)
        self.listed(seen.topics, topics, self.model.topics)
        if self.previous is not None and self.previous.target == seen.target:
            for before, after in ((self.previous.groups, seen.groups), (self.previous.topics, seen.topics)):
                assert before.items.keys() <= after.items.keys() | after.absent.keys(), "a series was lost"
        else:
            assert not seen.groups.absent, "what another cluster had is called gone"
            assert not seen.topics.absent.keys() & set(TOPICS), "the same of topics"
        for lag in self.lags(seen).values():
            assert isinstance(lag, Unknown) or (lag.lag >= NEVER).all()

    def listed(self, listing: Listing[Any], before: Collection[str], after: Collection[str]) -> None:
        known = {name for name, one in listing.items.items() if not isinstance(one, Unknown)}
        assert known <= {*before, *after}, "something is told of what is not there"
        assert not listing.absent.keys() & set(before) & set(after), "what was there all the time is called gone"

    def lags(self, seen: KafkaSnapshot) -> dict[str, Lag | Unknown]:
        return lags_of(seen, [group for group in seen.groups.items.values() if isinstance(group, Group)])

    def whole(self, seen: KafkaSnapshot) -> None:
        assert not isinstance(seen.cluster, Unknown)
        assert not seen.groups.blind
        model = self.model
        assert seen.groups.items.keys() == model.groups.keys()
        assert seen.topics.items.keys() == model.topics.keys()
        assert not [
            one for one in (*seen.groups.items.values(), *seen.topics.items.values()) if isinstance(one, Unknown)
        ]
        for name, config in seen.topic_configs.items():
            assert not isinstance(config, Unknown)
            assert (
                config.settings["min.insync.replicas"].value == model.topics[name].configs["min.insync.replicas"].value
            )
        for broker, known in seen.broker_configs.items():
            assert not isinstance(known, Unknown)
            assert known.settings["offsets.retention.minutes"].value == self.retention, (
                f"broker {broker} is set otherwise"
            )
        assert not isinstance(seen.storage, Unknown)
        assert not [told for told in seen.storage.values() if isinstance(told, Unknown)]
        for name, lag in self.lags(seen).items():
            assert isinstance(lag, Lag), name
            places = {lag.place(row): int(n) for row, n in enumerate(lag.lag) if int(lag.committed[row]) != NEVER}
            assert places == self.truth(name), (name, model.groups[name].kind)
            if not lag.shared and isinstance(seen.waits, Waits):
                self.waited(lag)

    def truth(self, name: str) -> Places:
        committed = self.model.groups[name].committed
        return {place: self.model.topics[place[0]].partitions[place[1]].log_end - at for place, at in committed.items()}

    def waited(self, lag: Lag) -> None:
        """Its seconds hold the true ones, to the millisecond of a timestamp."""
        assert lag.at == self.now
        told, _ = waits_of(lag, ONE_POLL)
        for row, (least, most) in enumerate(zip(*lag.waited(), strict=True)):
            (topic, number), committed = lag.place(row), int(lag.committed[row])
            partition = self.model.topics[topic].partitions[number]
            behind = 0 <= committed < partition.log_end
            truth = self.now - timestamp_at(partition.points, committed) / 1000 if behind else 0.0
            assert committed == NEVER or least - 0.002 <= truth <= most + 0.002, (topic, number, least, truth, most)
            self.told["seconds" if told[row] >= 0 else "at least"] += behind

    def size(self) -> dict[str, int]:
        """Whatever could grow, when nothing is under way any more."""
        with self.gone:
            assert self.gone.wait_for(lambda: not self.connections, 10)
        self._await(_nothing())
        for thread in threading.enumerate():
            if thread.name.endswith("(work)"):  # connects to a broker for a look that is over
                thread.join(10)
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {
            "objects": len(gc.get_objects()),
            "threads": threading.active_count(),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "MB": pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        }


async def _nothing() -> None:
    """A turn of the cluster's loop: what it was about to close is closed."""


WRONGS = (
    Days.a_broker_is_down,
    Days.a_broker_is_fenced,
    Days.all_are_down,
    Days.a_broker_is_silent,
    Days.a_broker_is_slow,
    Days.connections_are_reset,
    Days.an_answer_is_refused,
    Days.rights_are_missing,
    Days.it_changes_in_mid_look,
    Days.quotas_bite,
)


@pytest.fixture
def days() -> Iterator[Days]:
    with Days(seed=11) as made:
        yield made


def bounded(days: Days, first: int, more: int) -> None:
    days.pass_time(first)
    days.requests.clear()
    before = days.size()
    for _ in range(more // first):
        days.pass_time(first)
        days.requests.clear()
    days.look_in_peace()
    days.requests.clear()
    after = days.size()
    print(f"\nafter {first} looks: {before}\nafter {first + more}: {after}\n{dict(days.told)}")  # noqa: T201 - a figure
    assert after["threads"] <= before["threads"]
    assert after["descriptors"] <= before["descriptors"]
    assert after["objects"] <= before["objects"] + 1500, (before, after)
    assert after["MB"] <= before["MB"] + 20, (before, after)


def test_hours_with_faults(days: Days) -> None:
    bounded(days, 60, 120)


@pytest.mark.soak
def test_a_day_with_faults(days: Days) -> None:
    bounded(days, 120, 2760)
    assert {wrong.__name__ for wrong in WRONGS} | {"become_another_cluster"} <= days.told.keys()
