"""Several targets at once, each in its own thread with its own deadline: one that hangs delays and blinds nobody else."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from checks.facts import Snapshot, Unknown, Why

GRACE = 2.0
"""Seconds beyond its deadline after which a collector is given up; name look-ups can't be interrupted."""


class Calls:
    """How often a target was called so far, by operation and result: "ok", or why there is none. For any thread."""

    def __init__(self, budget: int | None = None) -> None:
        """`budget`: requests that each server may be asked in one look."""
        self.budget = budget
        self._counts: Counter[tuple[str, str]] = Counter()
        self._servers: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, operation: str, result: str) -> None:
        with self._lock:
            self._counts[operation, result] += 1

    def sent(self, server: str, requests: int) -> None:
        """So many requests went to one of several servers."""
        with self._lock:
            self._servers[server] += requests

    def throttled(self, server: str, seconds: float) -> None:
        """One of several servers said that it holds us up for so long by a quota."""
        with self._lock:
            self._throttled[server] += round(seconds * 1000)

    def throttles(self) -> Counter[str]:
        """Milliseconds of that so far, by server."""
        with self._lock:
            return Counter(self._throttled)

    def servers(self) -> Counter[str]:
        """Requests so far, by server."""
        with self._lock:
            return Counter(self._servers)

    def counts(self) -> Counter[tuple[str, str]]:
        with self._lock:
            return Counter(self._counts)


class Collector(Protocol):
    """One target. `collect` never raises for what is outside, and keeps its deadline as far as the system lets it."""

    @property
    def place(self) -> str:
        """How to call the target before it has told its name."""
        ...

    @property
    def calls(self) -> Calls: ...

    def collect(self, previous: Any, deadline: float) -> Snapshot: ...
    def unseen(self, unknown: Unknown) -> Snapshot: ...

    def close(self) -> None:
        """No look comes any more."""
        ...


def observe(
    collectors: Sequence[Collector],
    previous: Mapping[int, Snapshot],
    deadlines: Sequence[float],
    done: Callable[[Collector, Snapshot], None] = lambda _collector, _snapshot: None,
) -> list[Snapshot]:
    """One snapshot for each collector, in their order; `previous` by index, `deadlines` in seconds. `done` is told as they come in."""
    results: dict[int, Snapshot] = {}
    arrived = threading.Condition()
    start = time.monotonic()
    ends = [start + deadline + GRACE for deadline in deadlines]

    def run(index: int, collector: Collector) -> None:
        try:
            snapshot = collector.collect(previous.get(index), deadlines[index])
        except Exception as error:  # noqa: BLE001 - a bug in one collector must not blind the others
            detail = f"mqcanary failed: {type(error).__name__}: {error} (please report this)"
            snapshot = collector.unseen(Unknown(Why.UNSUPPORTED, " ".join(detail.split())))
        with arrived:
            results.setdefault(index, snapshot)
            arrived.notify()

    for index, collector in enumerate(collectors):
        threading.Thread(target=run, args=(index, collector), name=f"collect {collector.place}", daemon=True).start()
    told: set[int] = set()
    while len(told) < len(collectors):
        with arrived:
            next_end = min((end for index, end in enumerate(ends) if index not in results), default=start)
            arrived.wait_for(lambda: len(results) > len(told), timeout=max(0.0, next_end - time.monotonic()))
            now = time.monotonic()
            for index, collector in enumerate(collectors):
                if ends[index] <= now and index not in results:
                    late = f"{collector.place} was not observed within {deadlines[index]:g} s"
                    results[index] = collector.unseen(Unknown(Why.DEADLINE, late))
            fresh = sorted(results.keys() - told)
        for index in fresh:
            done(collectors[index], results[index])
        told.update(fresh)
    return [results[index] for index in range(len(collectors))]
