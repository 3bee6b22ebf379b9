"""The facts of one target: its snapshot, its history, and what is derived from both, computed once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from checks.facts.address import Address
from checks.facts.attendance import Attendance
from checks.facts.commits import Commits
from checks.facts.history import History, Snapshot
from checks.facts.kafka import (
    NOT_SAMPLED,
    BrokerConfig,
    Cluster,
    Group,
    Ints,
    KafkaSnapshot,
    Sample,
    Topic,
    TopicConfig,
)
from checks.facts.lag import Lag, Progress, progress_of
from checks.facts.lags import answers_of, lags_of
from checks.facts.letters import DeadLetterTopics
from checks.facts.logs import Arrivals, Logs, TopicLogs
from checks.facts.queues import Backlog, DeadLetterQueue, DeadLettersOf, Depth, Depths, RedriveGraph
from checks.facts.readers import Readers
from checks.facts.rewinds import THREE_POLLS, Rewinds
from checks.facts.sqs import SETTINGS, Account, Queue, QueueSettings, SqsSnapshot
from checks.facts.storage import Disks, Moves, PartitionSizes, sizes_of
from checks.facts.unknown import Absence, Lazy, Listing, Unknown, Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Now:
    """The time of the observation, seconds since the epoch: a fact of checks whose verdict ages."""

    at: float


class Widths:
    """How many partitions each topic has, for checks of what reads them: the same object while none changed."""

    def __init__(self, topics: Listing[Topic]) -> None:
        self._topics = topics

    def of(self, name: str) -> int | Unknown:
        """Partitions of a topic; 0 where there is no such topic."""
        topic = self._topics.items.get(name)
        if topic is not None:
            return topic if isinstance(topic, Unknown) else len(topic.leader)
        there = self._topics.exists(name)
        return there if isinstance(there, Unknown) else 0

    def like(self, topics: Listing[Topic]) -> bool:
        """Whether these topics have as many."""
        old = self._topics
        return (
            (topics.blind, topics.absent.keys(), topics.items.keys())
            == (old.blind, old.absent.keys(), old.items.keys())
        ) and all(_as_wide(topic, old.items[name]) for name, topic in topics.items.items())


def _as_wide(one: Topic | Unknown, other: Topic | Unknown) -> bool:
    if one is other:
        return True
    return not isinstance(one, Unknown) and not isinstance(other, Unknown) and len(one.leader) == len(other.leader)


@dataclass(frozen=True, slots=True, eq=False)
class BrokerConfigs:
    """How the brokers of a cluster are set, each by its id as text."""

    all: Mapping[str, BrokerConfig | Unknown]


class TopicConfigs(Lazy):
    """How the topics of the target are set, for checks of other resources: the same object while they are."""

    def __init__(self, configs: Mapping[str, TopicConfig | Unknown]) -> None:
        self._configs = configs
        self._retention: dict[str, float | Unknown | None] = {}

    def of(self, topic: str) -> TopicConfig | Unknown:
        self.asked += 1
        return _one(self._configs, topic, "configuration of topic")

    def retention(self, topic: str) -> float | Unknown | None:
        """As of TopicConfig; of each topic read once."""
        self.asked += 1
        try:
            return self._retention[topic]
        except KeyError:
            config = self.of(topic)
            told = self._retention[topic] = config if isinstance(config, Unknown) else config.retention()
            return told


class Facts(Protocol):
    """What the evaluator asks. Speaks of one target; every answer is computed at most once."""

    @property
    def address(self) -> Address: ...
    @property
    def at(self) -> float: ...
    @property
    def unseen(self) -> Unknown | None:
        """Why nothing of the target could be observed, if so."""
        ...

    @property
    def look(self) -> object:
        """Stands for these facts, and for no others."""
        ...

    @property
    def former(self) -> object:
        """Stands for the facts of the look before, if what follows from those could be taken from there."""
        ...

    def same(self, kind: type) -> bool:
        """Whether every fact of this kind is the very object that the facts of `former` have, for the very same resources.

        Of a kind that is computed when it is asked for: whether it is known as it was.
        """
        ...

    def subjects(self, kind: type) -> Iterator[Address]:
        """The resources of this kind, known or not."""
        ...

    def get(self, kind: type[T], at: Address) -> T | Unknown:
        """One fact about one resource."""
        ...

    def column(self, kind: type, subject: type) -> Sequence[object]:
        """The facts of `kind` about all `subjects(subject)`, in their order: what a dozen checks ask for is gathered once."""
        ...

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:
        """Why there are resources without this kind of fact, where that was not asked for: one answer for all of them, which
        are no subjects, and the kind of their address.
        """
        ...

    def listings(self) -> Mapping[str, Listing[object]]:
        """The lists by kind of address: `topics`, `groups`, `queues`."""
        ...


def facts_of(snapshot: Snapshot, history: History, before: Facts | None = None) -> Facts:
    """The facts of the target that `snapshot` shows. `history` has it as its newest frame.

    What is derived from the very same facts as in the look `before` is taken from there.
    """
    if isinstance(snapshot, KafkaSnapshot):
        return KafkaFacts(snapshot, history, before if isinstance(before, KafkaFacts) else None)
    return SqsFacts(snapshot, history, before if isinstance(before, SqsFacts) else None)


Provider = Callable[[Any, str], object]


class _Base:
    """Answers from a table of providers, one for each kind of fact; remembers each answer.

    The table is the class's: facts that held closures over themselves would be freed by the garbage collector alone.
    """

    SUBJECTS: Mapping[type, str]
    PROVIDERS: Mapping[type, Provider]
    snapshot: Snapshot

    def __init__(self) -> None:
        self._told: defaultdict[type, dict[str, object]] = defaultdict(dict)
        self._subjects: dict[type, tuple[Address, ...]] = {}
        self._columns: dict[tuple[type, type], Sequence[object]] = {}
        self._now = Now(self.snapshot.at)
        self._address = self.snapshot.address
        self._look = object()
        self._before: object = None
        self._same: dict[type, bool] = {}

    @property
    def look(self) -> object:
        return self._look

    @property
    def former(self) -> object:
        return self._before

    def same(self, kind: type) -> bool:
        return self._same.get(kind, False)

    @property
    def address(self) -> Address:
        return self._address

    @property
    def at(self) -> float:
        return self.snapshot.at

    def listings(self) -> Mapping[str, Listing[object]]:
        raise NotImplementedError

    def subjects(self, kind: type) -> Iterator[Address]:
        if kind not in self._subjects:
            self._subjects[kind] = tuple(self.named(kind))
        return iter(self._subjects[kind])

    def named(self, kind: type) -> Iterator[Address]:
        """As `subjects`, made anew; a dozen checks ask for the same."""
        place = self.SUBJECTS.get(kind)
        if place is None:
            return
        if not place:
            yield self.address
            return
        for name in self.listings()[place].items:
            yield self.address.under(place, name)

    def column(self, kind: type, subject: type) -> Sequence[object]:
        made = self._columns.get((kind, subject))
        if made is None:
            made = self._columns[kind, subject] = [self.get(kind, address) for address in self.subjects(subject)]
        return made

    def get(self, kind: type[T], at: Address) -> T | Unknown:
        told = self._told[kind]
        try:  # most were asked before; asked first whether they were, all would pay twice
            return told[at.name]  # type: ignore[return-value]
        except KeyError:
            provider = self.PROVIDERS.get(kind)
            fact = told[at.name] = _not_here(kind) if provider is None else provider(self, at.name)
            return fact  # type: ignore[return-value]

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:  # noqa: ARG002 - most targets have no such facts
        return None

    def now(self, _: str) -> Now:
        return self._now


class KafkaFacts(_Base):
    SUBJECTS: Mapping[type, str] = {Cluster: "", Topic: "topics", Group: "groups", Sample: "topics"}
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
        # Never the facts before themselves: they would hold those before them.
        if before is not None:
            letters, widths, configs, lags, measured = before.kept()
            if snapshot.topic_configs is before.snapshot.topic_configs:
                self._configs = configs
            if widths.like(snapshot.topics):
                self._widths = widths
            old = before.snapshot
            if letters.like(snapshot.topics, snapshot.groups):
                self._letters = letters
            self._former = dict(_still(snapshot, old, lags))
            if snapshot.storage is old.storage and _same(snapshot.topics.items, old.topics.items):
                self._measured = measured
            self._before = before.look
            self._same = {
                Cluster: snapshot.cluster is old.cluster,
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
                Sample: snapshot.samples is old.samples,
                TopicLogs: not isinstance(snapshot.ends, Unknown) and not isinstance(old.ends, Unknown),
                TopicConfigs: True,
                Readers: True,
                Moves: not isinstance(snapshot.reassignments, Unknown) and not isinstance(old.reassignments, Unknown),
            }

    def kept(self) -> "_Kept":
        """What the next look may take from this one."""
        return _Kept(self._letters, self._widths, self._configs, self._lags, self._measured)

    @property
    def unseen(self) -> Unknown | None:
        return self.snapshot.cluster if isinstance(self.snapshot.cluster, Unknown) else None

    def listings(self) -> Mapping[str, Listing[object]]:
        return {
            "topics": cast("Listing[object]", self.snapshot.topics),
            "groups": cast("Listing[object]", self.snapshot.groups),
        }

    def named(self, kind: type) -> Iterator[Address]:
        if kind is not Sample:
            yield from super().named(kind)
        elif not isinstance(samples := self.snapshot.samples, Unknown):
            for name in samples:
                yield self.address.under("topics", name)

    def unasked(self, kind: type) -> tuple[str, Unknown] | None:
        """Thousands of topics that nobody wanted sampled are one gap for each check, not one for each topic."""
        topics, samples = self.snapshot.topics.items, self.snapshot.samples
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
        group = _one(self.snapshot.groups.items, name, "group")
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
        topic = _one(self.snapshot.topics.items, name, "topic")
        return topic if isinstance(topic, Unknown) else self._measured[name]

    @cached_property
    def _moves(self) -> Moves | Unknown:
        moves = self.snapshot.reassignments
        return moves if isinstance(moves, Unknown) else Moves(moves)

    PROVIDERS: Mapping[type, Provider] = {
        Now: _Base.now,
        Disks: _disks,
        PartitionSizes: _sizes,
        Moves: lambda self, _: self._moves,
        Cluster: lambda self, _: self.snapshot.cluster,
        Topic: lambda self, name: _one(self.snapshot.topics.items, name, "topic"),
        TopicConfig: lambda self, name: _one(self.snapshot.topic_configs, name, "configuration of topic"),
        BrokerConfig: lambda self, name: _one(self.snapshot.broker_configs, name, "configuration of broker"),
        BrokerConfigs: lambda self, _: BrokerConfigs(self.snapshot.broker_configs),
        Sample: _sample,
        Group: lambda self, name: _one(self.snapshot.groups.items, name, "group"),
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
    }


class _Kept(NamedTuple):
    letters: DeadLetterTopics
    widths: Widths
    configs: TopicConfigs
    lags: Mapping[str, Lag | Unknown]
    measured: Mapping[str, PartitionSizes] | None


def _same(new: Mapping[str, object], old: Mapping[str, object]) -> bool:
    return new is old or (new.keys() == old.keys() and all(one is old[name] for name, one in new.items()))


def _still(new: KafkaSnapshot, old: KafkaSnapshot, lags: Mapping[str, Lag | Unknown]) -> Iterator[tuple[str, Lag]]:
    """The groups that have read everything and of which nothing moved since; what was looked up by time says nothing then."""
    ends, before = new.ends, old.ends
    if isinstance(ends, Unknown) or isinstance(before, Unknown) or new.topic_configs is not old.topic_configs:
        return
    if any(getattr(ends, name) is not getattr(before, name) for name in ("first", "start", "end", "stable", "error")):
        return
    for name, lag in lags.items():
        group, committed = new.groups.items.get(name), new.committed.get(name)
        same = group is old.groups.items.get(name) and committed is old.committed.get(name)
        if same and isinstance(lag, Lag) and lag.read:
            yield name, lag


class SqsFacts(_Base):
    SUBJECTS: Mapping[type, str] = {Account: "", Queue: "queues", QueueSettings: "queues"}
    snapshot: SqsSnapshot

    def __init__(self, snapshot: SqsSnapshot, history: History, before: "SqsFacts | None" = None) -> None:
        self.snapshot = snapshot
        super().__init__()
        self._frames = history.sqs(snapshot.target)
        # Never the facts before themselves: they would hold those before them.
        self._former: Mapping[type, Mapping[str, object]] = {} if before is None else before.kept()
        self._settings: dict[str, QueueSettings] = {}
        self._settings_before: Mapping[str, QueueSettings] = {} if before is None else before.settings()
        if before is not None:
            self._before = before.look
            old = before.snapshot
            settled = self._all_settled(old.queues.items, snapshot.queues.items)
            graph = settled and self._all_settled(old.others, snapshot.others)
            graph = graph and (snapshot.queues.blind, snapshot.sources, snapshot.missing) == (
                old.queues.blind,
                old.sources,
                old.missing,
            )
            self._same = {Account: snapshot.account is old.account, QueueSettings: settled}
            self._same |= dict.fromkeys((DeadLettersOf, DeadLetterQueue), graph)

    def _all_settled(self, old: Mapping[str, Queue | Unknown], new: Mapping[str, Queue | Unknown]) -> bool:
        """Whether nobody changed a setting of any of these queues, and each is known, or not, as before."""
        return old.keys() == new.keys() and all(
            queue == old[name]
            if isinstance(queue, Unknown)
            else self._settled(queue) is self._settings_before.get(queue.arn)
            for name, queue in new.items()
        )

    def kept(self) -> Mapping[type, Mapping[str, object]]:
        """Of what follows from settings, what the next look may take from this one."""
        return {kind: self._told[kind] for kind in (DeadLettersOf, DeadLetterQueue)}

    def settings(self) -> Mapping[str, QueueSettings]:
        """By ARN, those that were asked for."""
        return self._settings

    @property
    def unseen(self) -> Unknown | None:
        queues = self.snapshot.queues
        if queues.blind and not queues.items and isinstance(self.snapshot.account, Unknown):
            return queues.blind[0]
        return None

    def listings(self) -> Mapping[str, Listing[object]]:
        return {"queues": cast("Listing[object]", self.snapshot.queues)}

    @cached_property
    def _graph(self) -> RedriveGraph:
        return RedriveGraph(self.snapshot, self._settled)

    def _settled(self, queue: Queue) -> QueueSettings:
        """Its settings; the object of the look before while they are the same, so that nobody judges them again."""
        known = self._settings.get(queue.arn)
        if known is None:
            old = self._settings_before.get(queue.arn)
            known = self._settings[queue.arn] = queue if old is None or SETTINGS(old) != SETTINGS(queue) else old
        return known

    def _again(self, kind: type[T], name: str, new: T) -> T:
        """The fact of the look before where it says the same."""
        old = self._former.get(kind, {}).get(name)
        return old if old == new else new

    @cached_property
    def _depths(self) -> Depths:
        return Depths(self._frames)

    def _sources(self, queue: Queue) -> DeadLettersOf:
        return self._again(DeadLettersOf, queue.name, self._graph.sources(queue))

    def _target(self, queue: Queue) -> DeadLetterQueue | Unknown | None:
        target = self._graph.target(queue)
        return self._again(DeadLetterQueue, queue.name, target) if isinstance(target, DeadLetterQueue) else target

    def _depth(self, queue: Queue) -> Depth:
        return self._depths.depth(queue)

    def _backlog(self, queue: Queue) -> Backlog:
        return self._depths.backlog(queue, self._graph.target(queue))

    @staticmethod
    def _about(derive: Callable[[Any, Queue], object]) -> Provider:
        """What is derived from a queue, as far as the queue is known."""

        def provider(facts: "SqsFacts", name: str) -> object:
            queue = _one(facts.snapshot.queues.items, name, "queue")
            return queue if isinstance(queue, Unknown) else derive(facts, queue)

        return provider

    PROVIDERS: Mapping[type, Provider] = {
        Now: _Base.now,
        Account: lambda self, _: self.snapshot.account,
        Queue: lambda self, name: _one(self.snapshot.queues.items, name, "queue"),
        QueueSettings: _about(_settled),
        DeadLettersOf: _about(_sources),
        DeadLetterQueue: _about(_target),
        Depth: _about(_depth),
        Backlog: _about(_backlog),
    }


def absence(facts: Facts, at: Address) -> Absence | None:
    """Whether the resource was asked for by name and not found."""
    listing = facts.listings().get(at.kind)
    return None if listing is None else listing.absent.get(at.name)


def _one(items: Mapping[str, T | Unknown], name: str, what: str) -> T | Unknown:
    return items[name] if name in items else Unknown(Why.UNSUPPORTED, f"{what} {name} is not in the snapshot")


def _not_here(kind: type) -> Unknown:
    return Unknown(Why.UNSUPPORTED, f"no target of this kind tells {kind.__name__}")
