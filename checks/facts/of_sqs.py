"""The facts of the queues of one account and region: their snapshot, their history, and what is derived from both."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

from checks.facts.history import History
from checks.facts.queues import Backlog, DeadLetterQueue, DeadLettersOf, Depth, Depths, RedriveGraph
from checks.facts.sqs import SETTINGS, Account, Queue, QueueSettings, SqsSnapshot
from checks.facts.target import Base, Now, Provider, in_snapshot
from checks.facts.unknown import Listing, Unknown

T = TypeVar("T")


class SqsFacts(Base):
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
            queue = in_snapshot(facts.snapshot.queues.items, name, "queue")
            return queue if isinstance(queue, Unknown) else derive(facts, queue)

        return provider

    PROVIDERS: Mapping[type, Provider] = {
        Now: Base.now,
        Account: lambda self, _: self.snapshot.account,
        Queue: lambda self, name: in_snapshot(self.snapshot.queues.items, name, "queue"),
        QueueSettings: _about(_settled),
        DeadLettersOf: _about(_sources),
        DeadLetterQueue: _about(_target),
        Depth: _about(_depth),
        Backlog: _about(_backlog),
    }
