"""One thread for each target. It ends at the snapshot: what hangs there delays and blinds nobody else."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.collect.building import Watched
from agent.collect.targets import GRACE
from checks.facts import Snapshot, Unknown, Why

ABANDONED = 3
"""Looks of one target that may hang at the same time; beyond that it is not asked until one of them ends."""


@dataclass(slots=True)
class Stats:
    """How the looking goes; written by the target's thread alone."""

    looks: int = 0
    failures: int = 0
    misses: int = 0
    overruns: int = 0
    took: float = 0.0


class Looker:
    """Looks at one target each time the bell rings, and hands over one snapshot for each look.

    `make` builds the collector, anew after each look that had to be given up.
    """

    def __init__(self, make: Callable[[], Watched], hand: Callable[["Looker", Snapshot], None]) -> None:
        self._make, self._hand = make, hand
        self._watched = make()
        self.place = self._watched.collector.place
        self.stats = Stats()
        self._previous: Snapshot | None = None
        self._before: Counter[tuple[str, str]] = Counter()
        self._rung = threading.Event()
        self._stopped = threading.Event()
        self._hanging: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name=f"target {self.place}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        """Asks for a look; while one runs the next is not queued behind it but counted as an overrun."""
        if self._rung.is_set():
            self.stats.overruns += 1
        self._rung.set()

    def calls(self) -> Mapping[tuple[str, str], int]:
        """API calls so far, by operation and result."""
        return self._before + self._watched.collector.calls.counts()

    def stop(self) -> None:
        """No more looks; the one that runs is left to end by itself."""
        self._stopped.set()
        self._rung.set()

    def _run(self) -> None:
        while True:
            self._rung.wait()
            if self._stopped.is_set():
                return
            start = time.monotonic()
            snapshot = self._look()
            self.stats.took = time.monotonic() - start
            self.stats.looks += 1
            self._rung.clear()
            if self._stopped.is_set():
                return
            self._previous = snapshot
            self._hand(self, snapshot)

    def _look(self) -> Snapshot:
        collector, deadline = self._watched.collector, self._watched.deadline
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= ABANDONED:
            self.stats.misses += 1
            detail = f"{len(self._hanging)} earlier looks at {self.place} still hang"
            return collector.unseen(Unknown(Why.DEADLINE, detail))
        found: list[Snapshot] = []
        done = threading.Event()

        def collect() -> None:
            try:
                found.append(collector.collect(self._previous, deadline))
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not blind the others
                detail = " ".join(f"mqcanary failed: {type(error).__name__}: {error} (please report this)".split())
                found.append(collector.unseen(Unknown(Why.UNSUPPORTED, detail)))
            finally:
                done.set()

        thread = threading.Thread(target=collect, name=f"look {self.place}", daemon=True)
        thread.start()
        if done.wait(deadline + GRACE):
            return found[0]
        self.stats.misses += 1
        self._hanging.append(thread)
        self._before = self._before + collector.calls.counts()
        self._watched = self._make()  # client and all: what hangs may hold a lock
        return collector.unseen(Unknown(Why.DEADLINE, f"{self.place} was not observed within {deadline:g} s"))
