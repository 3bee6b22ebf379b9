"""Who asks to look: APScheduler, with jitter; what it can't do is counted and seen."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import load
from agent.daemon import run as run_module
from agent.daemon.run import Daemon, Options
from agent.demo.cluster import SimulatedCluster
from agent.view import View
from agent.web.health import stalled
from tests.agent.daemon.scene import configuration
from tests.live.process import until

Run = Callable[..., Daemon]


@pytest.fixture
def run(cluster: SimulatedCluster, tmp_path: Path) -> Iterator[Run]:
    """Runs the daemon in a thread of this process; all are stopped at the end."""
    running: list[tuple[Daemon, threading.Thread]] = []

    def start(**more: object) -> Daemon:
        path = tmp_path / "mqcanary.yaml"
        path.write_text(configuration(cluster, **more))
        daemon = Daemon(load(path), Options(tmp_path / f"state-{len(running)}", lambda: load(path), lambda _: None))
        thread = threading.Thread(target=daemon.run)
        running.append((daemon, thread))
        thread.start()
        return daemon

    yield start
    for daemon, thread in running:
        daemon.stop()
        thread.join()


def seen(daemon: Daemon, right: Callable[[View], object]) -> bool:
    """Waits until its view is right."""
    return bool(until(lambda: right(daemon.view()), "the view is right", every=0.01))


def test_each_target_has_a_job_with_jitter_that_runs_at_once(run: Run) -> None:
    daemon = run(every="60s")
    assert seen(daemon, lambda view: [target.looks for target in view.targets.values()] == [1])
    (job,) = daemon._bell.get_jobs()
    assert (job.id, job.trigger.interval.total_seconds(), job.trigger.jitter) == ("kafka:prod", 60, 6)
    assert (job.max_instances, job.coalesce, job.misfire_grace_time) == (1, True, None)
    first = {job.trigger.get_next_fire_time(None, job.next_run_time) for _ in range(20)}
    assert len(first) > 1, "targets are not all asked in the same moment"


def test_a_job_that_can_not_run_is_counted_and_said(run: Run) -> None:
    daemon = run(every="0.1s")
    assert seen(daemon, lambda view: view.targets)
    (looker,) = daemon._lookers.values()
    before = looker.stats.overruns
    (job,) = daemon._bell.get_jobs()
    job.modify(func=lambda: 1 / 0)
    assert seen(daemon, lambda _: looker.stats.overruns >= before + 2)


def test_a_bell_that_stands_still_is_seen_by_whoever_asks_for_health(run: Run) -> None:
    daemon = run(every="0.1s")
    assert seen(daemon, lambda view: view.targets)
    daemon._bell.pause()
    (looker,) = daemon._lookers.values()
    looker.rung -= 61.0
    assert seen(daemon, lambda view: stalled(view, daemon._clock(), 60.0).startswith("no look was asked for in 1 min"))
    daemon._bell.resume()
    assert seen(daemon, lambda view: not stalled(view, daemon._clock(), 60.0))


def test_health_of_an_agent_that_asks_once_an_hour() -> None:
    now = time.time()
    slow = View(at=now, judged=now, started=now - 10_000, every=3600.0, rung=now - 3000)
    assert stalled(slow, now, 60.0) == ""
    assert stalled(replace(slow, rung=now - 4 * 3600), now, 60.0)
    assert stalled(replace(slow, rung=0.0), now, 60.0) == "", "without a target nobody is asked"


def test_a_judge_that_stands_still_is_seen_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = run(every="0.1s")
    assert seen(daemon, lambda view: view.targets)
    stands, go_on = threading.Event(), threading.Event()

    def stand_still(_house: object, _now: float) -> None:
        stands.set()
        go_on.wait()

    monkeypatch.setattr(daemon.judge, "_published", stand_still)
    assert stands.wait(30)
    try:
        assert stalled(daemon.view(), daemon._clock() + 61, 60.0).startswith("the judge has finished nothing")
    finally:
        go_on.set()


def test_reloads_come_one_after_the_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = run(every="0.1s")
    assert seen(daemon, lambda view: view.targets)
    at_once, most = [0], [0]
    read, both = daemon._options.read, threading.Event()

    def slowly() -> object:
        at_once[0] += 1
        most[0] = max(at_once)
        both.wait(0.2)
        at_once[0] -= 1
        return read()

    monkeypatch.setattr(daemon, "_options", replace(daemon._options, read=slowly))
    threads = [threading.Thread(target=daemon.reload) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len(daemon._bell.get_jobs()) == 1


def test_metrics_that_can_not_be_made_stop_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = run(every="0.1s")
    assert seen(daemon, lambda view: view.targets)
    made = run_module.exposition
    fails = threading.Event()

    def broken(*_: object) -> object:
        fails.set()
        raise ZeroDivisionError

    monkeypatch.setattr(run_module, "exposition", broken)
    assert fails.wait(30)
    before = daemon.exposition()
    judged = daemon.view().judged
    assert seen(daemon, lambda view: view.judged > judged + 0.3)
    assert daemon.exposition() is before, "the former ones stay"
    monkeypatch.setattr(run_module, "exposition", made)
    assert seen(daemon, lambda _: daemon.exposition() is not before)
