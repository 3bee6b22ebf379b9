"""While records come and are read, our lag is Kafka's own, row for row, within what moved between two looks of ours around its."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from checks import all_checks
from checks.evaluate import evaluate
from checks.facts import NEVER, Group, History, KafkaSnapshot, Lag, Unknown, Why, facts_of
from checks.limits import Limits
from checks.questions import Questions
from tests.live import load, referee, seed
from tests.live.broker import KafkaCluster, java
from tests.live.member import Member
from tests.live.process import Process, until

Place = tuple[str, str, int]
_SHARER = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"


class Row(NamedTuple):
    committed: int
    end: int
    lag: int
    shared: bool


class Told(NamedTuple):
    """By Kafka's own command."""

    committed: int
    end: int | None
    """None: of share groups it does not tell it."""
    lag: int


class Looks:
    """Ours, one after the other, as the agent takes them."""

    def __init__(self, kafka: KafkaCluster, prefix: str) -> None:
        choice = Choice(include=(f"*{prefix}*",))  # Connect puts a word before the names of its groups
        settings = KafkaSettings(kafka.endpoints[-1:], topics=choice, groups=choice)
        self._collector = KafkaCollector(settings, Questions(all_checks(), Limits()))
        self.last: KafkaSnapshot | None = None

    def take(self) -> dict[Place, Row]:
        self.last = snapshot = self._collector.collect(self.last, 30.0)
        facts, rows = facts_of(snapshot, History()), {}
        for name in snapshot.groups.items:
            lag = facts.get(Lag, snapshot.address.under("groups", name))
            assert not isinstance(lag, Unknown), lag
            for i in range(lag.topic.size):
                row = Row(int(lag.committed[i]), int(lag.end[i]), int(lag.lag[i]), lag.shared)
                rows[name, *lag.place(i)] = row
        return rows

    def kinds(self) -> dict[str, str]:
        """Of the groups that were seen last."""
        assert self.last is not None
        return {name: group.kind for name, group in self.last.groups.items.items() if isinstance(group, Group)}


def checked(looks: Looks) -> None:
    sound(looks.take())


def sound(rows: dict[Place, Row]) -> None:
    """What must hold of one look by itself."""
    for place, row in rows.items():
        if row.committed == NEVER:  # it is about to be
            assert row.lag == NEVER, (place, row)
        elif row.shared:  # some records behind the first unfinished one are finished
            assert 0 <= row.lag <= row.end - row.committed, (place, row)
        else:
            assert row.lag == row.end - row.committed >= 0, (place, row)


def around(before: dict[Place, Row], theirs: dict[Place, Told], later: dict[Place, Row]) -> None:
    """Offsets only move forward: what Kafka's command told between two looks lies between theirs."""
    assert before.keys() == theirs.keys() == later.keys()
    for place, told in theirs.items():
        first, last = before[place], later[place]
        seen = (place, first, told, last)
        assert first.committed <= told.committed <= last.committed, seen
        least = 0 if first.shared else max(0, first.end - last.committed)
        assert least <= told.lag <= last.end - first.committed, seen
        if told.end is not None:
            assert first.end <= told.end <= last.end, seen


def epochs(looks: Looks, *newer: str) -> None:
    """Of the newer protocols each group is where its epochs say; a classic one has none."""
    assert looks.last is not None
    for name, group in looks.last.groups.items.items():
        assert isinstance(group, Group)
        assert isinstance(group.members, tuple)
        told = {group.epoch, group.assignment_epoch, *(member.epoch for member in group.members)}
        assert group.settled or not group.members, (name, told)
        assert len(told) == 1, (name, told)
        assert (told == {None}) == (name not in newer), (name, told)
        assert not any(member.target for member in group.members), name
        lag = facts_of(looks.last, History()).get(Lag, looks.last.address.under("groups", name))
        assert isinstance(lag, Lag)
        assert not isinstance(lag.leader_epoch, Unknown)
        assert (lag.leader_epoch >= 0).all(), name
        if name.endswith(("-classic", "-newer", "-static")):  # their clients tell it; nobody else led yet
            assert not isinstance(lag.epoch, Unknown)
            assert lag.epoch.tolist() == lag.leader_epoch.tolist(), name


def worker_group(looks: Looks, name: str) -> None:
    """Workers of Kafka Connect are a group of another protocol: it is seen, and nothing is said of partitions that it does not read."""
    snapshot = looks.last
    assert snapshot is not None
    group, address = snapshot.groups.items[name], snapshot.address.under("groups", name)
    assert isinstance(group, Group)
    assert (group.state, group.protocol_type, group.settled) == ("Stable", "connect", True)
    assert isinstance(group.members, tuple)
    (member,) = group.members
    assert (member.host, bool(member.id)) == ("/127.0.0.1", True)
    for of in (member.assigned, member.subscribed):
        assert isinstance(of, Unknown)
        assert of.detail == "members of a connect group have a protocol of their own"
    lag = facts_of(snapshot, History()).get(Lag, address)
    assert isinstance(lag, Lag)
    assert lag.lag.size == 0
    report = evaluate(facts_of(snapshot, History()), all_checks(), Limits())
    assert not [mark for mark in report.findings if mark.address == address]
    whys = {gap.unknown.why for (_, of), gap in report.gaps.items() if of == address}
    assert whys <= {Why.UNSUPPORTED, Why.YOUNG}, "nothing of it was denied or lost"


@contextmanager
def groups_of_every_kind(kafka: KafkaCluster, name: str, folder: Path) -> Iterator[tuple[Member, ...]]:
    words = ("--bootstrap-server", kafka.bootstrap, "--topic", name, "--group", f"{name}-share")
    static = {"group.instance.id": "one", "session.timeout.ms": 10_000}
    with (
        load.sinking(kafka.bootstrap, f"{name}-sink", name, folder),
        Process("share-consumer", java(_SHARER, *words, heap="96m"), folder / "share.log"),
        Member(kafka.bootstrap, f"{name}-classic", name, partitions=4) as classic,
        Member(kafka.bootstrap, f"{name}-newer", name, partitions=4, protocol="consumer") as newer,
        Member(kafka.bootstrap, f"{name}-static", name, partitions=4, config=static) as settled,
    ):
        yield classic, newer, settled


def told_by_kafka(kafka: KafkaCluster, groups: list[str], share: str) -> dict[Place, Told]:
    told: dict[Place, Told] = {}
    for place, row in referee.offsets(kafka.bootstrap, *groups).items():
        assert row.committed is not None, place
        assert row.lag is not None, place
        told[place] = Told(row.committed, row.end, row.lag)
    for place, (start, lag) in referee.share_offsets(kafka.bootstrap, share).items():
        told[place] = Told(start, None, lag)
    return told


def test_lag_is_kafkas_own_for_every_kind_of_group(kafka: KafkaCluster, fresh: str, tmp_path: Path) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(4)})
    kinds = {f"{fresh}-{kind}": "classic" for kind in ("classic", "static", "alone")}
    kinds |= {f"{fresh}-newer": "consumer", f"{fresh}-share": "share", f"connect-{fresh}-sink": "classic"}
    workers = f"{fresh}-sink-workers"  # of Kafka Connect, which commit nothing
    share = f"{fresh}-share"
    groups = sorted(kinds.keys() - {share})
    looks = Looks(kafka, fresh)
    with groups_of_every_kind(kafka, fresh, tmp_path) as members:
        with load.producing(kafka.bootstrap, {fresh: 4}) as ends:

            def half() -> None:
                if ends:
                    seed.commit_offsets(
                        kafka.bootstrap, f"{fresh}-alone", {p: end // 2 for p, end in ends.copy().items()}
                    )

            with (
                load.reading(members[0], 3),  # close to the end: an end that is older than the offset shows
                load.reading(members[1]),
                load.reading(members[2]),
                load.again(half, "who commits for nobody", 0.2),
                load.again(partial(checked, Looks(kafka, fresh)), "who looks all the time", 0.02),
            ):

                def moving() -> bool:
                    rows = looks.take()
                    return len(rows) == 4 * len(kinds) and all(row.committed > 0 for row in rows.values())

                until(moving, "every group has committed every partition", timeout=60)
                before = first = looks.take()
                for _ in range(2):
                    theirs = told_by_kafka(kafka, groups, share)
                    later = looks.take()
                    sound(later)
                    around(before, theirs, later)
                    before = later
                assert looks.kinds() == kinds | {workers: "classic"}
                worker_group(looks, workers)
                epochs(looks, f"{fresh}-newer", f"{fresh}-share")
                assert all(later[place].end > row.end for place, row in first.items()), "nothing came"
                moved = {place for place, row in first.items() if later[place].committed > row.committed}
                assert moved >= {place for place, row in first.items() if not row.shared}, "nothing was read"

        def drained() -> bool:
            rows = looks.take()
            return all(row.lag == 0 for (group, _, _), row in rows.items() if group in (share, f"connect-{fresh}-sink"))

        until(drained, "who reads by itself has read all", timeout=60)
        rows = looks.take()
        sound(rows)
        ours = {p: Told(row.committed, None if row.shared else row.end, row.lag) for p, row in rows.items()}
        assert ours == told_by_kafka(kafka, groups, share)
        assert any(row.lag > 0 for row in rows.values())
