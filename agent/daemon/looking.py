"""One thread for each target. It ends at the snapshot: what hangs there delays and blinds nobody else."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from agent.collect.building import Watched
from agent.collect.targets import GRACE
from agent.daemon.memory import pruned, same
from checks.facts import Address, History, KafkaSnapshot, Snapshot, Unknown, Why, facts_of
from checks.facts.codes import LESS_THROTTLE

if TYPE_CHECKING:
    from agent.collect.kafka.sampling import Sampling

ABANDONED = 3
"""Looks of one target that may hang at the same time; beyond that it is not asked until one of them ends."""

REASONS = 10
"""Reasons of one outage that the log names: they may come and go in turns."""

THROTTLED = 1000
"""Milliseconds of one look from which on the log says that a quota held it up."""

log = structlog.get_logger("look")


@dataclass(slots=True)
class Stats:
    """How the looking goes; written by the target's thread alone, but for the overruns."""

    looks: int = 0
    failures: int = 0
    misses: int = 0
    overruns: int = 0
    took: float = 0.0


class Looker:
    """Looks at one target each time the bell rings, and hands over one snapshot for each look.

    `make` builds the collector, anew after each look that had to be given up. `remembered` is what was seen of the target
    before, or at least which names: what is not listed any more is asked for by name, as long as it is not known to be gone
    or `spoken` has it.
    """

    def __init__(
        self,
        make: Callable[[], Watched],
        hand: Callable[["Looker", Snapshot], None],
        place: str = "",
        remembered: Snapshot | None = None,
        spoken: Callable[[], AbstractSet[Address]] = frozenset,
    ) -> None:
        self._make, self._hand, self._spoken = make, hand, spoken
        self._watched = make()
        self.place = place or self._watched.collector.place
        self.stats = Stats()
        self.rung = time.monotonic()
        """When it was last asked to look."""
        self._previous = remembered
        self._before: Counter[tuple[str, str]] = Counter()
        self._servers: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()
        self._slowed: set[str] = set()
        """Brokers of which the log says that they throttle us."""
        self._rung = threading.Event()
        self._stopped = threading.Event()
        self._hanging: list[threading.Thread] = []
        self._told: set[str] = set()
        """Why it has not been seen since it last was, as far as the log names it."""
        self._sampled: set[str] = set()
        """Globs of topics to sample of which the log says, if so, that they choose none."""
        self._scoped: set[str] = set()
        """Groups of the scope of which the log says, if so, that they are not there."""
        self._thread = threading.Thread(target=self._run, name=f"target {self.place}", daemon=True)

    @property
    def patience(self) -> float:
        """Seconds after which a look is given up."""
        return self._watched.deadline + GRACE

    def follow(self, former: "Looker") -> None:
        """Goes on where another one for the same target was stopped; before the start."""
        self.stats = replace(former.stats)
        self._previous = former._previous or self._previous  # noqa: SLF001 - one of its own
        self._hanging = list(former._hanging)  # noqa: SLF001
        self._before, self._servers = Counter(former.calls()), Counter(former.servers())
        self._throttled = Counter(former.throttles())
        self._told = set(former._told)  # noqa: SLF001
        self._sampled = set(former._sampled)  # noqa: SLF001
        self._scoped = set(former._scoped)  # noqa: SLF001

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        """Asks for a look; while one runs the next is not queued behind it but counted as an overrun."""
        self.rung = time.monotonic()
        if self._rung.is_set():
            self.stats.overruns += 1
        self._rung.set()

    def calls(self) -> Mapping[tuple[str, str], int]:
        """API calls so far, by operation and result."""
        return self._before + self._watched.collector.calls.counts()

    def servers(self) -> Mapping[str, int]:
        """Requests so far, by server, where there are several."""
        return self._servers + self._watched.collector.calls.servers()

    def throttles(self) -> Mapping[str, int]:
        """Milliseconds so far for which each of them said that it holds us up by a quota."""
        return self._throttled + self._watched.collector.calls.throttles()

    @property
    def budget(self) -> int | None:
        """Requests that each of them may be asked in one look."""
        return self._watched.collector.calls.budget

    def stop(self) -> None:
        """No more looks; the one that runs is left to end by itself."""
        self._stopped.set()
        self._rung.set()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._watched.collector.close()

    def _work(self) -> None:
        while True:
            self._rung.wait()
            if self._stopped.is_set():
                return
            start, throttled = time.monotonic(), self.throttles()
            try:
                snapshot = self._look()
            except Exception as error:  # noqa: BLE001 - no thread can be started: said, and tried again at the next ring
                snapshot = self._watched.collector.unseen(_failed(error))
            self.stats.took = time.monotonic() - start
            self.stats.looks += 1
            unseen = facts_of(snapshot, History()).unseen
            if unseen is None:
                snapshot = same(snapshot, self._previous)
                self._previous = pruned(snapshot, self._spoken())  # an outage leaves what was there before it
            else:
                self.stats.failures += 1
            self._rung.clear()
            if self._stopped.is_set():
                return
            self._say(snapshot.address, unseen)
            self._say_throttled(snapshot.address, throttled)
            if unseen is None and isinstance(snapshot, KafkaSnapshot):
                self._say_missing(snapshot, self._watched.scope)
                if self._watched.sampling is not None:
                    self._say_vain(snapshot, self._watched.sampling)
            self._hand(self, snapshot)

    def _say(self, target: Address, unseen: Unknown | None) -> None:
        """An outage is a line for each reason, and one at its end: never one for each look."""
        if unseen is None:
            if self._told:
                log.info("seen again", target=str(target))
            self._told.clear()
        elif unseen.detail not in self._told and len(self._told) < REASONS:
            log.warning("not seen", target=str(target), reason=unseen.detail)
            self._told.add(unseen.detail)

    def _say_throttled(self, target: Address, before: Mapping[str, int]) -> None:
        """A broker that throttles us is a line, and one more only after a look in which it did not."""
        slow = {
            server: (ms - before.get(server, 0)) / 1000
            for server, ms in self.throttles().items()
            if ms - before.get(server, 0) >= THROTTLED
        }
        for server in sorted(slow.keys() - self._slowed):
            log.warning("throttled", target=str(target), broker=server, seconds=slow[server], mend=LESS_THROTTLE)
        self._slowed = set(slow)

    def _say_vain(self, snapshot: KafkaSnapshot, sampling: "Sampling") -> None:
        """Each glob that chooses no topic is a line, once."""
        from agent.collect.kafka.sampling import vain  # noqa: PLC0415 - only where something is sampled

        if globs := [glob for glob in sampling.topics if glob not in self._sampled]:
            self._sampled.update(globs)
            for glob, mend in vain([(globs, snapshot.topics.items)]).items():
                log.warning("nothing to sample", target=str(snapshot.address), topics=glob, mend=mend)

    def _say_missing(self, snapshot: KafkaSnapshot, scope: tuple[str, ...]) -> None:
        """Each name of the scope that no group has is a line, once."""
        if names := [name for name in scope if name not in self._scoped]:
            from agent.collect.kafka.scope import nobodys  # noqa: PLC0415 - as above

            self._scoped.update(names)
            for name, mend in nobodys(names, snapshot.groups).items():
                log.warning("no such group", target=str(snapshot.address), group=name, mend=mend)

    def _look(self) -> Snapshot:
        collector, deadline = self._watched.collector, self._watched.deadline
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= ABANDONED:
            self.stats.misses += 1
            detail = f"{len(self._hanging)} earlier looks at {collector.place} still hang"
            return collector.unseen(Unknown(Why.DEADLINE, detail))
        found: list[Snapshot] = []
        done = threading.Event()

        def collect() -> None:
            try:
                found.append(collector.collect(self._previous, deadline))
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not blind the others
                found.append(collector.unseen(_failed(error)))
            finally:
                done.set()

        thread = threading.Thread(target=collect, name=f"look {self.place}", daemon=True)
        thread.start()
        if done.wait(self.patience):
            return found[0]
        self.stats.misses += 1
        self._hanging.append(thread)
        self._before = self._before + collector.calls.counts()
        self._servers = self._servers + collector.calls.servers()
        self._throttled = self._throttled + collector.calls.throttles()
        collector.close()
        self._watched = self._make()  # client and all: what hangs may hold a lock
        return collector.unseen(Unknown(Why.DEADLINE, f"{collector.place} was not observed within {deadline:g} s"))


def _failed(error: Exception) -> Unknown:
    detail = " ".join(f"mqcanary failed: {type(error).__name__}: {error} (please report this)".split())
    return Unknown(Why.UNSUPPORTED, detail)
