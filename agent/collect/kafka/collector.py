"""One cluster, one cycle: a snapshot, always."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import cache, lru_cache
from sys import intern

import numpy as np

from agent.collect.kafka.calm import Calm
from agent.collect.kafka.configs import Configs
from agent.collect.kafka.connection import Endpoint
from agent.collect.kafka.eligible import read_eligible
from agent.collect.kafka.exchange import Memos
from agent.collect.kafka.features import FeatureLevels
from agent.collect.kafka.groups import GroupList, Listed, describe, fetch_committed, list_groups
from agent.collect.kafka.idle import Idle
from agent.collect.kafka.lockout import Doors, Lockout
from agent.collect.kafka.metadata import TOPIC_LIST_BLIND, Metadata, read_metadata
from agent.collect.kafka.missing import Missing
from agent.collect.kafka.newest import Recency
from agent.collect.kafka.offsets import Place, moved, read_ends, read_lookups
from agent.collect.kafka.quorum import read_quorum
from agent.collect.kafka.quotas import ClientQuotas
from agent.collect.kafka.rights import DESCRIBE_CLUSTER, command
from agent.collect.kafka.sampling import Sampler, Sampling
from agent.collect.kafka.scope import OFFSETS_TOPIC, SCOPED, is_glob, missed, scoped, topics_of, vain
from agent.collect.kafka.security import Security
from agent.collect.kafka.storage import LogDirs, holders, read_reassignments
from agent.collect.kafka.streams import within
from agent.collect.kafka.transactions import read_open, standing
from agent.collect.kafka.waits import Unread, Waiting
from agent.collect.kafka.wire import UnreachableError, Wire, wired
from agent.collect.targets import Calls
from checks.facts import (
    Absence,
    Address,
    Cluster,
    Committed,
    Group,
    KafkaSnapshot,
    Lag,
    Listing,
    LogEnds,
    Topic,
    TopicConfigs,
    Unknown,
    Why,
    unseen_kafka,
)
from checks.facts.lag import log_rows
from checks.facts.lags import lags_of, remote_topics, sparse_topics
from checks.facts.offsets import Rows
from checks.platform import GROUPS, TOPICS
from checks.questions import Asked, Questions


@dataclass(frozen=True, slots=True)
class Choice:
    """Which names are judged: globs. What the platform itself makes is left out unless `include` names it."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        if _any_of(self.exclude).match(name):
            return False
        if _any_of(tuple(glob for glob in self.include if glob != "*")).match(name):
            return True
        return "*" in self.include and not self._made(name)

    def judges(self, name: str, topic: Topic | Unknown) -> bool:
        """As `has`; where all are, Kafka's own topics as well, which only a few checks look at, unless `exclude` names them."""
        own = "*" in self.include and not isinstance(topic, Unknown) and topic.internal
        return (own and not _any_of(self.exclude).match(name)) or self.has(name)

    def without(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that are left out by choice, not as what the platform itself makes."""
        return frozenset(name for name in names if not self.has(name) and not self._made(name))

    def _made(self, name: str) -> bool:
        return _any_of(self.platform).match(name) is not None


@cache
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Matches what one of them does; nothing where there is none."""
    return re.compile("|".join(map(translate, globs)) or r"(?!)")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    bootstrap: tuple[Endpoint, ...]
    name: str = ""
    """Empty: the cluster id, so that every bootstrap broker leads to the same target."""
    security: Security = field(default_factory=Security)
    topics: Choice = Choice(platform=TOPICS)
    groups: Choice = Choice(platform=GROUPS)
    scope: tuple[str, ...] = ()
    """Names or globs of groups: only these and what they read are looked at, and nothing is listed for a name."""
    sampling: Sampling | None = None
    """None: no record is read."""
    requests: int | None = None
    """That each broker may be asked in one look; None: as many as it takes."""

    @property
    def place(self) -> str:
        """What to call it before its cluster id is known."""
        return self.name or ",".join(f"{host}:{port}" for host, port in self.bootstrap)


class KafkaCollector:
    """Asks all brokers at once. `questions` says what the checks need to have asked."""

    def __init__(
        self,
        settings: KafkaSettings,
        questions: Questions,
        clock: Callable[[], float] = time.time,
        *,
        keep: bool = False,
    ) -> None:
        """`keep`: connections from look to look, until it is closed."""
        self.calls = Calls(settings.requests)
        self._settings = settings
        self._questions = questions
        self._clock = clock
        self._missing = Missing()
        self._memos = Memos()
        self._idle = Idle(settings.security.secrets) if keep else None
        self._configs = Configs()
        self._log_dirs = LogDirs()
        self._features, self._quotas = FeatureLevels(), ClientQuotas()
        self._waiting = Waiting(clock)
        self._newest = Recency(questions)
        self._calm = Calm(clock)
        self._lockout = Lockout(settings.security.secrets, clock)
        self._doors = Doors(settings.security.secrets, clock)
        self._asked: dict[Address, tuple[Group, tuple[str, ...]]] = {}
        self._read: _Read | None = None
        self._cluster = ""
        """The id of the one that all this is known of."""
        self._sampler = Sampler(settings.sampling, clock) if settings.sampling else None

    @property
    def settings(self) -> KafkaSettings:
        return self._settings

    def unlimited(self) -> "KafkaCollector":
        """One for the same cluster that reads no record, and may ask as much as it takes."""
        return KafkaCollector(replace(self._settings, sampling=None, requests=None), self._questions, self._clock)

    @property
    def place(self) -> str:
        return self._settings.place

    def unseen(self, unknown: Unknown) -> KafkaSnapshot:
        return unseen_kafka(self.place, self._clock(), unknown)

    def collect(self, previous: KafkaSnapshot | None, deadline: float) -> KafkaSnapshot:
        """Never raises for what is outside; `deadline` in seconds."""
        if (closed := self._lockout.closed()) is not None:
            return self.unseen(closed)
        try:
            self._memos.turn()
            to, security = self._settings.bootstrap, self._settings.security
            with wired(to, security, deadline, self.calls, self._memos, self._idle, self._doors) as wire:
                self._lockout.entered()
                return self._look(wire, previous)
        except UnreachableError as error:
            self._lockout.refused(error.unknown)
            return self.unseen(error.unknown)

    def close(self) -> None:
        """No look comes any more; one that runs ends by itself."""
        if self._idle is not None:
            self._idle.close()

    def _look(self, wire: Wire, previous: KafkaSnapshot | None) -> KafkaSnapshot:
        at = self._clock()
        scope = self._settings.scope
        metadata = self._begin(wire)
        if isinstance(metadata, Unknown):
            return self.unseen(metadata)
        cluster = metadata.cluster
        wire.know({b.id: (b.host, b.port) for b in cluster.brokers})
        target = self._settings.name or cluster.id or self.place
        address = Address("kafka", target)
        if previous is not None and not self._is_of(previous, target, wire, metadata):
            previous = None  # what another cluster had is not gone from this one
        if cluster.id != self._cluster:
            self._cluster = cluster.id
            self._forget()
        broker_ids = [b.id for b in cluster.brokers]

        chosen, groups, committed = self._groups(wire, metadata, previous, at)
        if (nobody := wire.nobody()) is not None:
            return unseen_kafka(target, at, nobody)
        if scope:
            read_too = read_metadata(wire, topics_of(groups.items.values(), committed.values()))
            metadata = replace(metadata, topics={}) if isinstance(read_too, Unknown) else read_too
        # A group's tasks name partitions, whether or not each topic has them: only now is it known which are there.
        groups = replace(groups, items={n: within(g, metadata.topics) for n, g in groups.items.items()})
        known = {name: topic for name, topic in metadata.topics.items() if not isinstance(topic, Unknown)}
        read = {t for c in committed.values() if not isinstance(c, Unknown) for t in c.topics}
        judged = {name: topic for name, topic in metadata.topics.items() if self._settings.topics.judges(name, topic)}
        wanted = {name: topic for name, topic in known.items() if name in judged or name in read}
        ends = read_ends(wire, wanted, self._clock())
        if moved(ends):
            fresh = read_metadata(wire, sorted(wanted))
            if not isinstance(fresh, Unknown):
                wire.know({b.id: (b.host, b.port) for b in fresh.cluster.brokers})
                wanted |= {n: t for n, t in fresh.topics.items() if not isinstance(t, Unknown)}
                ends = read_ends(wire, wanted, self._clock())
        configs = self._configs.of_topics(wire, wanted)
        snapshot = KafkaSnapshot(
            target=target,
            at=at,
            cluster=cluster,
            topics=self._topics(wire, metadata, judged, groups, address, previous, at),
            topic_configs=configs,
            broker_configs=self._configs.of_brokers(wire, broker_ids),
            groups=groups,
            committed=committed,
            ends=ends,
            lookups=Unknown(Why.OFF, "nothing was asked by time"),
        )
        snapshot = self._by_time(wire, snapshot, ends, wanted, previous)
        snapshot = replace(snapshot, newest=self._newest.read(wire, snapshot, wanted))
        self._calm.keep(chosen, groups.items, committed, self._read.all if self._read else ())
        snapshot = replace(snapshot, eligible=read_eligible(wire, snapshot.topics.items))
        if scope:
            snapshot = replace(snapshot, storage=SCOPED, reassignments=SCOPED, quorum=SCOPED, features=SCOPED)
        else:
            # Late, since nothing else waits for them; the controllers last: without a majority they answer nothing.
            holding = holders(cluster, metadata.topics)
            snapshot = replace(
                snapshot,
                features=self._features.read(wire, holding),
                storage=self._log_dirs.read(wire, cluster, holding, at),
                reassignments=read_reassignments(wire, cluster),
                quorum=read_quorum(wire, cluster),
            )
        snapshot = replace(snapshot, quotas=self._quotas.read(wire, cluster))
        if self._sampler is None:
            return snapshot
        # Last of all: what it costs must not be missing anywhere else.
        topics = {name: topic for name, topic in wanted.items() if name in judged}
        return replace(snapshot, samples=self._sampler.look(wire, topics, ends))

    def _begin(self, wire: Wire) -> Metadata | Unknown:
        """Of a scope only which brokers there are, and whether there can be a group at all."""
        return read_metadata(wire, (OFFSETS_TOPIC,)) if self._settings.scope else read_metadata(wire)

    def _is_of(self, previous: KafkaSnapshot, target: str, wire: Wire, metadata: Metadata) -> bool:
        """Whether it may be a look at this cluster, and whoever was in it may be asked for by name: where nobody ever was in a
        group that would have a broker make the offsets topic.
        """
        known = self._cluster or ("" if isinstance(previous.cluster, Unknown) else previous.cluster.id)
        if previous.target != target or (known and known != metadata.cluster.id):
            return False
        if self._cluster or not previous.groups.items or OFFSETS_TOPIC in metadata.topics:
            return True
        named = read_metadata(wire, (OFFSETS_TOPIC,))
        return isinstance(named, Unknown) or OFFSETS_TOPIC not in named.absent

    def _groups(
        self, wire: Wire, metadata: Metadata, previous: KafkaSnapshot | None, at: float
    ) -> tuple[Mapping[str, Listed], Listing[Group], dict[str, Committed | Unknown]]:
        """The groups to judge, as they are listed and as they are, and where they stand."""
        scope, brokers = self._settings.scope, [b.id for b in metadata.cluster.brokers]
        none = OFFSETS_TOPIC in metadata.absent
        if none:
            listed, unfound = GroupList({}, ()), dict[str, Unknown]()
        else:
            listed, unfound = scoped(wire, scope, brokers) if scope else (list_groups(wire, brokers), {})
        chosen = {name: g for name, g in listed.groups.items() if self._settings.groups.has(name)}
        more, lost = missed(wire, None if none else previous, listed.groups)
        chosen |= more
        spared = self._calm.spared(chosen)
        described, gone = describe(wire, [one for name, one in chosen.items() if name not in spared])
        described |= spared | unfound | lost
        if none:
            gone |= {name for name in scope if not is_glob(name)}
        there = [(listed, described[name]) for name, listed in chosen.items() if name in described]
        asked = [replace(g, kind=d.kind) if isinstance(d, Group) else g for g, d in there]
        committed = fetch_committed(wire, asked, self._clock)
        groups = Listing(
            items={name: described[name] for name in sorted(described)},
            blind=(*((SCOPED,) if scope else _group_blindness(metadata.cluster)), *listed.holes),
            absent=_absences(gone, previous.groups if previous else None, at),
            excluded=sum(not self._settings.groups.has(name) for name in listed.groups),
            left_out=self._settings.groups.without(listed.groups),
        )
        return chosen, replace(groups, blind=(*groups.blind, *vain(scope, groups))), committed

    def _forget(self) -> None:
        seldom = (self._configs, self._log_dirs, self._features, self._quotas)
        for known in (*seldom, self._waiting, self._newest, self._calm):
            known.forget()
        self._missing = Missing()

    def _topics(
        self,
        wire: Wire,
        metadata: Metadata,
        judged: Mapping[str, Topic | Unknown],
        groups: Listing[Group],
        address: Address,
        previous: KafkaSnapshot | None,
        at: float,
    ) -> Listing[Topic]:
        """The topics to judge, with the names that had to be asked for one by one."""
        before = previous.topics if previous else None
        doubtful = set(before.items.keys() | before.absent.keys()) if before else set()
        self._asked = {a: known for a, known in self._asked.items() if a.name in groups.items}
        for name, group in groups.items.items():
            if not isinstance(group, Unknown):
                doubtful.update(self._named(address.under("groups", name), group))
        doubtful -= metadata.topics.keys()
        items = dict(judged)
        missing = self._missing.of(doubtful, metadata.topics.keys(), time.monotonic())
        absent = missing
        if asked := sorted(doubtful - missing):
            named = read_metadata(wire, asked)
            if isinstance(named, Unknown):
                items |= dict.fromkeys((before.items.keys() if before else set()) & doubtful, named)
                absent = frozenset()
            else:
                # A name that may not be described is a topic that may or may not be there: no resource to judge.
                seen = before.items if before else {}
                items |= {n: t for n, t in named.topics.items() if n in seen or not isinstance(t, Unknown)}
                absent |= named.absent
                self._missing.told(named.absent, time.monotonic())
        return Listing(
            items={name: items[name] for name in sorted(items)},
            blind=(SCOPED if self._settings.scope else TOPIC_LIST_BLIND,),
            absent=_absences(absent, before, at),
            excluded=len(metadata.topics) - len(judged),
            left_out=self._settings.topics.without(metadata.topics.keys() - judged.keys()),
        )

    def _named(self, address: Address, group: Group) -> tuple[str, ...]:
        """The topics that the checks ask for because of a group; the same while the group is."""
        before = self._asked.get(address)
        if before is None or before[0] is not group:
            # Many groups read the same topics: a hundred thousand names are held once.
            before = self._asked[address] = group, tuple(map(intern, self._questions.topics(address, group)))
        return before[1]

    def _by_time(
        self,
        wire: Wire,
        snapshot: KafkaSnapshot,
        ends: LogEnds,
        topics: Mapping[str, Topic],
        previous: KafkaSnapshot | None,
    ) -> KafkaSnapshot:
        """With the checks' ages, and since when what is unread is there: asked of lagging partitions alone, and not where
        storage is remote; and with the transactions that keep records back, whose first record's time is among those.
        """
        wanted = _Wanted(TopicConfigs(snapshot.topic_configs))
        read = _Read(ends, {})
        moved: list[Group] = []
        still = self._read if self._read is not None and self._read.like(ends) else read
        for name, group in snapshot.groups.items.items():
            if isinstance(group, Unknown):
                continue
            known, before = (group, snapshot.committed.get(name)), still.all.get(name)
            if before is not None and before[0] is known[0] and before[1] is known[1]:
                read.all[name] = known
            else:
                moved.append(group)
        lags = lags_of(snapshot, moved)
        for group in moved:
            lag = lags[group.name]
            if isinstance(lag, Unknown):
                continue
            if not (lag.lag > 0).any():
                read.all[group.name] = group, snapshot.committed.get(group.name)
            elif not lag.shared:
                wanted.add(lag, topics, self._questions.asked(snapshot.address.under("groups", group.name)))
        self._read = read
        lookups = read_lookups(wire, topics, wanted.ages, wanted.unread, self._clock())
        last = None if previous is None or isinstance(previous.ends, Unknown) else previous.ends
        held = standing(ends, last, remote_topics(snapshot.topic_configs))
        unread = wanted.all(ends).beside(held)
        sparse = sparse_topics(topics if unread.row.size else (), snapshot.topic_configs)
        waits = self._waiting.read(wire, topics, ends, unread, sparse, lookups)
        opened = read_open(wire, topics, list(map(int, snapshot.broker_configs)), held, ends, waits)
        return replace(snapshot, lookups=lookups, waits=waits, transactions=opened)


class _Wanted:
    """What the checks want to know of the age of records, put together for all groups."""

    def __init__(self, configs: TopicConfigs) -> None:
        self._configs = configs
        self.ages: dict[float, set[Place]] = {}
        self.unread: dict[Place, int] = {}
        """The first offset that some group has not read."""
        self._lags: list[tuple[Lag, Rows]] = []

    def add(self, lag: Lag, topics: Mapping[str, Topic], asked: Asked) -> None:
        rows = np.setdiff1d(np.flatnonzero((lag.lag > 0) & ~lag.gone), lag.remote)
        self._lags.append((lag, rows))
        if not any(asked):
            return
        places = zip(map(lag.place, rows.tolist()), lag.committed[rows].tolist(), strict=True)
        unread = {place: offset for place, offset in places if place[0] in topics}
        for place, offset in unread.items():
            self.unread[place] = min(offset, self.unread.get(place, offset))
        for age in asked.ages:
            self.ages.setdefault(age, set()).update(unread)
        for place in unread if asked.shares else ():
            retention = self._configs.retention(place[0])
            if retention is None or isinstance(retention, Unknown):
                continue
            for share in asked.shares:
                self.ages.setdefault(share * retention, set()).add(place)

    def all(self, ends: LogEnds) -> Unread:
        """Everything that is unread."""
        none = [np.zeros(0, dtype=np.int64)]
        found = [(log_rows(lag, ends)[rows], lag.committed[rows]) for lag, rows in self._lags]
        row, offset = (np.concatenate(none + [one[i] for one in found]) for i in range(2))
        there = row < ends.end.size
        return Unread(row[there], offset[there])


@dataclass(frozen=True, slots=True)
class _Read:
    """The groups that had read everything that these logs hold, and what was known of each then."""

    ends: LogEnds
    all: dict[str, tuple[Group, Committed | Unknown | None]]

    def like(self, ends: LogEnds) -> bool:
        """Whether no log has moved since."""
        if ends.topics != self.ends.topics:
            return False
        columns = ("first", "start", "end", "stable", "error")
        return all(np.array_equal(getattr(ends, name), getattr(self.ends, name)) for name in columns)


def _absences(names: frozenset[str], before: Listing[Topic] | Listing[Group] | None, at: float) -> dict[str, Absence]:
    earlier, first = before.absent if before else {}, Absence(at, 1)
    # Those that went together share what is known of them.
    once_more = lru_cache(lambda one: Absence(one.since, one.polls + 1))
    return {name: once_more(earlier[name]) if name in earlier else first for name in sorted(names)}


def _group_blindness(cluster: Cluster) -> tuple[Unknown, ...]:
    close = f"{DESCRIBE_CLUSTER.close()}: {command('User:NAME', [DESCRIBE_CLUSTER])}"
    if isinstance(cluster.operations, Unknown):
        return (Unknown(Why.UNSUPPORTED, "whether all groups are listed is not known: the broker tells no rights"),)
    if "DESCRIBE" in cluster.operations:
        return ()
    return (Unknown(Why.DENIED, "without DESCRIBE on the cluster only the groups one may describe are listed", close),)
