"""The facts of one Kafka cluster: its snapshot, its history, and what is derived from both."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np

from checks.facts.address import Address
from checks.facts.attendance import Attendance
from checks.facts.commits import Commits
from checks.facts.eligible import Eligible
from checks.facts.features import Features
from checks.facts.history import History
from checks.facts.kafka import (
    NOT_SAMPLED,
    BrokerConfig,
    Cluster,
    Group,
    KafkaSnapshot,
    Quorum,
    Sample,
    Topic,
    TopicConfig,
)
from checks.facts.lag import Lag, Progress, progress_of
from checks.facts.lags import answers_of, lags_of
from checks.facts.letters import DeadLetterTopics
from checks.facts.logs import Arrivals, Logs, TopicLogs
from checks.facts.newest import NewestRecords
from checks.facts.offsets import Ints, LogEnds
from checks.facts.placement import Placement, placement_of
from checks.facts.platform import Platform, recognise
from checks.facts.quotas import Quotas
from checks.facts.readers import Readers
from checks.facts.rewinds import THREE_POLLS, Rewinds
from checks.facts.settings import BrokerConfigs, TopicConfigs, Widths
from checks.facts.storage import Disks, Moves, PartitionSizes, sizes_of
from checks.facts.target import Base, Now, Provider, in_snapshot
from checks.facts.transactions import NOTHING_HELD, HeldBack, held_back
from checks.facts.unknown import Listing, Unknown


class KafkaFacts(Base):
    SUBJECTS: Mapping[type, str] = {
        Cluster: "",
        Topic: "topics",
        PartitionSizes: "topics",
        HeldBack: "topics",
        Sample: "topics",
        Group: "groups",
    }
    _FOR_ALL: Mapping[type, Callable[[KafkaSnapshot], object]] = {
        PartitionSizes: lambda snapshot: snapshot.storage,
        HeldBack: lambda snapshot: (
            snapshot.transactions if isinstance(snapshot.transactions, Unknown) else snapshot.ends
        ),
    }
    """What is known of all topics or of none."""
    snapshot: KafkaSnapshot

    def __init__(self, snapshot: KafkaSnapshot, history: History, before: "KafkaFacts | None" = None) -> None:
        self.snapshot = snapshot
        super().__init__()
        self._frames = history.kafka(snapshot.target)
        self._letters = DeadLetterTopics(snapshot.topics, snapshot.groups)
        self._widths = Widths(snapshot.topics)
        self._configs = TopicConfigs(snapshot.topic_configs)
        self._former: Mapping[str, Lag] = {}
        self._measured: Mapping[str, PartitionSizes] | None = None
        self._placed: Placement | None = None
        # Never the facts before themselves: they would hold those before them.
        if before is not None:
            letters, widths, configs, lags, measured, placed = before.kept()
            if snapshot.topic_configs is before.snapshot.topic_configs:
                self._configs = configs
            if widths.like(snapshot.topics):
                self._widths = widths
            old = before.snapshot
            if letters.like(snapshot.topics, snapshot.groups):
                self._letters = letters
            self._former = dict(_still(snapshot, old, lags))
            if _same(snapshot.topics.items, old.topics.items):
                self._measured = measured if snapshot.storage is old.storage else None
                whole = (snapshot.topics.blind, snapshot.topics.left_out) == (old.topics.blind, old.topics.left_out)
                self._placed = placed if whole else None
            self._before = before.look
            self._same = {
                Cluster: snapshot.cluster is old.cluster,
                Platform: snapshot.cluster is old.cluster,
                Topic: snapshot.topics.items is old.topics.items,
                DeadLetterTopics: self._letters is letters,
                Widths: self._widths is widths,
                TopicConfig: snapshot.topic_configs is old.topic_configs,
                BrokerConfig: snapshot.broker_configs is old.broker_configs,
                BrokerConfigs: snapshot.broker_configs is old.broker_configs,
                Group: snapshot.groups.items is old.groups.items,
                Lag: snapshot.groups.items is old.groups.items and self._former.keys() == lags.keys(),
                Rewinds: self.put_back == before.put_back == frozenset(),
                PartitionSizes: self._measured is not None,
                Placement: self._placed is not None,
                HeldBack: not self.held_back and not before.held_back,
                Sample: snapshot.samples is old.samples,
                TopicLogs: not isinstance(snapshot.ends, Unknown) and not isinstance(old.ends, Unknown),
                Quorum: snapshot.quorum is old.quorum,
                Features: snapshot.features is old.features,
                Quotas: snapshot.quotas is old.quotas,
                TopicConfigs: True,
                Readers: True,
                NewestRecords: True,
                Eligible: True,
                Moves: not isinstance(snapshot.reassignments, Unknown) and not isinstance(old.reassignments, Unknown),
            }

    def kept(self) -> "_Kept":
        """What the next look may take from this one."""
        return _Kept(self._letters, self._widths, self._configs, self._lags, self._measured, self._placed)

    @property
    def unseen(self) -> Unknown | None:
        return self.snapshot.cluster if isinstance(self.snapshot.cluster, Unknown) else None

    def listings(self) -> Mapping[str, Listing[object]]:
        return {
            "topics": cast("Listing[object]", self.snapshot.topics),
            "groups": cast("Listing[object]", self.snapshot.groups),
        }

    def named(self, kind: type) -> Iterator[Address]:
        if kind in self._FOR_ALL and isinstance(self._FOR_ALL[kind](self.snapshot), Unknown):
            return
        if kind is not Sample:
            yield from super().named(kind)
        elif not isinstance(samples := self.snapshot.samples, Unknown):
            for name in samples:
                yield self.address.under("topics", name)

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:
        """Thousands of topics that nobody wanted sampled, or whose bytes no broker tells, are one gap for each check, not one
        for each topic.
        """
        topics, samples = self.snapshot.topics.items, self.snapshot.samples
        if kind in self._FOR_ALL and topics:
            whole = self._FOR_ALL[kind](self.snapshot)
            return ("topics", whole) if isinstance(whole, Unknown) else None
        if kind is not Sample or not topics:
            return None
        if isinstance(samples, Unknown):
            return "topics", samples
        return None if len(samples) >= len(topics) else ("topics", NOT_SAMPLED)

    @cached_property
    def _lags(self) -> Mapping[str, Lag | Unknown]:
        """Of every group that is known."""
        known = (group for group in self.snapshot.groups.items.values() if not isinstance(group, Unknown))
        moved = (group for group in known if group.name not in self._former)
        return {**self._former, **lags_of(self.snapshot, moved, self._answers)}

    @cached_property
    def _answers(self) -> Mapping[float, Ints]:
        ends, lookups = self.snapshot.ends, self.snapshot.lookups
        return {} if isinstance(ends, Unknown) or isinstance(lookups, Unknown) else answers_of(ends, lookups)

    def _lag(self, name: str) -> Lag | Unknown:
        group = in_snapshot(self.snapshot.groups.items, name, "group")
        return group if isinstance(group, Unknown) else self._lags[name]

    def _progress(self, name: str) -> Progress | Unknown:
        lag, logs = self.get(Lag, self.address.under("groups", name)), self._logs
        if isinstance(lag, Unknown):
            return lag
        return logs if isinstance(logs, Unknown) else progress_of(name, lag, logs)

    @cached_property
    def put_back(self) -> frozenset[str] | Unknown:
        """Groups some offset of which went back in the history that there is."""
        if len(self._frames) < 3:
            return THREE_POLLS
        return frozenset().union(*(frame.back for frame in self._frames))

    def _rewinds(self, name: str) -> Rewinds | Unknown | None:
        lag = self.get(Lag, self.address.under("groups", name))
        if isinstance(lag, Unknown):
            return lag
        if isinstance(self.put_back, Unknown):
            return self.put_back
        if name not in self.put_back:
            return None
        return self._logs if isinstance(self._logs, Unknown) else Rewinds(name, lag, self._logs)

    @cached_property
    def _logs(self) -> Logs | Unknown:
        ends = self.snapshot.ends
        return ends if isinstance(ends, Unknown) else Logs(ends, self.snapshot.topics, self._frames)

    def _commits(self, name: str) -> Commits | Unknown:
        lag, logs = self.get(Lag, self.address.under("groups", name)), self._logs
        if isinstance(lag, Unknown):
            return lag
        return logs if isinstance(logs, Unknown) else Commits(name, lag, logs)

    def _attendance(self, name: str) -> Attendance:
        return Attendance(name, self._frames)

    def _arrivals(self, name: str) -> Arrivals | Unknown:
        return self._logs if isinstance(self._logs, Unknown) else self._logs.arrivals(name)

    @cached_property
    def _single_logs(self) -> TopicLogs | Unknown:
        return self._logs if isinstance(self._logs, Unknown) else TopicLogs(self._logs)

    @cached_property
    def _readers(self) -> Readers:
        return Readers(self.snapshot, self._frames)

    @cached_property
    def _newest(self) -> NewestRecords:
        return NewestRecords(self.snapshot)

    def _sample(self, name: str) -> Sample | Unknown:
        samples = self.snapshot.samples
        return samples if isinstance(samples, Unknown) else samples.get(name, NOT_SAMPLED)

    def _disks(self, _: str) -> Disks | Unknown:
        storage = self.snapshot.storage
        return storage if isinstance(storage, Unknown) else Disks(storage, self._frames)

    def _sizes(self, name: str) -> PartitionSizes | Unknown:
        storage = self.snapshot.storage
        if isinstance(storage, Unknown):
            return storage
        if self._measured is None:
            self._measured = sizes_of(storage, self.snapshot.topics.items)
        topic = in_snapshot(self.snapshot.topics.items, name, "topic")
        return topic if isinstance(topic, Unknown) else self._measured[name]

    @cached_property
    def held_back(self) -> Mapping[str, HeldBack]:
        """The topics on which an open transaction keeps records back."""
        return held_back(self.snapshot.transactions, self.snapshot.ends)

    def _held(self, name: str) -> HeldBack | Unknown:
        whole = self._FOR_ALL[HeldBack](self.snapshot)
        return whole if isinstance(whole, Unknown) else self.held_back.get(name, NOTHING_HELD)

    def _placement(self, _: str) -> Placement:
        if self._placed is None:
            self._placed = placement_of(self.snapshot.topics)
        return self._placed

    @cached_property
    def _platform(self) -> Platform | Unknown:
        cluster = self.snapshot.cluster
        return cluster if isinstance(cluster, Unknown) else recognise(cluster).platform

    @cached_property
    def _moves(self) -> Moves | Unknown:
        moves = self.snapshot.reassignments
        return moves if isinstance(moves, Unknown) else Moves(moves)

    @cached_property
    def _eligible(self) -> Eligible:
        return Eligible(self.snapshot.eligible)

    PROVIDERS: Mapping[type, Provider] = {
        Now: Base.now,
        Disks: _disks,
        PartitionSizes: _sizes,
        Placement: _placement,
        HeldBack: _held,
        Moves: lambda self, _: self._moves,
        Quorum: lambda self, _: self.snapshot.quorum,
        Features: lambda self, _: self.snapshot.features,
        Quotas: lambda self, _: self.snapshot.quotas,
        Eligible: lambda self, _: self._eligible,
        Cluster: lambda self, _: self.snapshot.cluster,
        Platform: lambda self, _: self._platform,
        Topic: lambda self, name: in_snapshot(self.snapshot.topics.items, name, "topic"),
        TopicConfig: lambda self, name: in_snapshot(self.snapshot.topic_configs, name, "configuration of topic"),
        BrokerConfig: lambda self, name: in_snapshot(self.snapshot.broker_configs, name, "configuration of broker"),
        BrokerConfigs: lambda self, _: BrokerConfigs(self.snapshot.broker_configs),
        Sample: _sample,
        Group: lambda self, name: in_snapshot(self.snapshot.groups.items, name, "group"),
        DeadLetterTopics: lambda self, _: self._letters,
        Widths: lambda self, _: self._widths,
        Lag: _lag,
        Progress: _progress,
        Commits: _commits,
        Rewinds: _rewinds,
        Arrivals: _arrivals,
        TopicLogs: lambda self, _: self._single_logs,
        TopicConfigs: lambda self, _: self._configs,
        Readers: lambda self, _: self._readers,
        Attendance: _attendance,
        NewestRecords: lambda self, _: self._newest,
    }


class _Kept(NamedTuple):
    letters: DeadLetterTopics
    widths: Widths
    configs: TopicConfigs
    lags: Mapping[str, Lag | Unknown]
    measured: Mapping[str, PartitionSizes] | None
    placed: Placement | None


def _same(new: Mapping[str, object], old: Mapping[str, object]) -> bool:
    return new is old or (new.keys() == old.keys() and all(one is old[name] for name, one in new.items()))


def _still(new: KafkaSnapshot, old: KafkaSnapshot, lags: Mapping[str, Lag | Unknown]) -> Iterator[tuple[str, Lag]]:
    """The groups that have read everything and of which nothing moved since; what was looked up by time says nothing then."""
    ends, before = new.ends, old.ends
    if isinstance(ends, Unknown) or isinstance(before, Unknown) or new.topic_configs is not old.topic_configs:
        return
    if ends.first is not before.first:
        return
    moved = _moved(ends, before)
    for name, lag in lags.items():
        group, committed = new.groups.items.get(name), new.committed.get(name)
        same = group is old.groups.items.get(name) and committed is old.committed.get(name)
        if same and isinstance(lag, Lag) and lag.read and moved.isdisjoint(lag.topics):
            yield name, lag


def _moved(new: LogEnds, old: LogEnds) -> AbstractSet[str]:
    """The topics with a log that is not as it was, of the same topics and partitions."""
    pairs = ((getattr(new, name), getattr(old, name)) for name in ("start", "end", "stable", "error"))
    rows = [np.flatnonzero(one != other) for one, other in pairs if one is not other]
    if not rows:
        return frozenset()
    places = np.searchsorted(new.first, np.concatenate(rows), side="right") - 1
    return {new.topics[place] for place in np.unique(places).tolist()}
