"""The thread of one target: what hangs is given up and bounded, what fails is a snapshot, names outlive an outage."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from agent.collect.building import Watched
from agent.collect.kafka.sampling import Sampling
from agent.collect.targets import Calls
from agent.daemon import looking
from agent.daemon.looking import ABANDONED, REASONS, Looker
from checks.facts import Absence, KafkaSnapshot, Snapshot, Unknown, Why, facts_of, unseen_kafka
from checks.facts.history import History
from tests.checks.examples import AT, group, kafka, topic
from tests.live.process import until

Act = Callable[[object], Snapshot]


@dataclass
class Fake:
    """A collector that does as it is told; `previous` is what it was handed at each look."""

    act: Act
    previous: list[object] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)
    place: str = "prod"
    closed: bool = False

    def collect(self, previous: object, deadline: float) -> Snapshot:
        self.previous.append(previous)
        self.calls.add("Metadata", "ok")
        return self.act(previous)

    def unseen(self, unknown: Unknown) -> Snapshot:
        return unseen_kafka("prod", AT, unknown)

    def close(self) -> None:
        self.closed = True


@dataclass
class Watch:
    """A looker, what it handed over, and the collectors that were made for it."""

    looker: Looker
    made: list[Fake]
    handed: "queue.Queue[Snapshot]"

    def look(self) -> Snapshot:
        self.looker.ring()
        return self.handed.get(timeout=30)


Begin = Callable[..., Watch]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set at the end, so that whoever hangs goes on."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def begin(over: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    monkeypatch.setattr(looking, "GRACE", 0.0)
    begun: list[Looker] = []

    def start(
        act: Act,
        *,
        deadline: float = 30.0,
        follow: Looker | None = None,
        remembered: Snapshot | None = None,
        sampling: Sampling | None = None,
        scope: tuple[str, ...] = (),
    ) -> Watch:
        made: list[Fake] = []
        handed: queue.Queue[Snapshot] = queue.Queue()

        def make() -> Watched:
            made.append(Fake(act))
            return Watched(made[-1], deadline, sampling, scope)

        looker = Looker(make, lambda _, snapshot: handed.put(snapshot), "kafka:prod", remembered)
        if follow is not None:
            looker.follow(follow)
        looker.start()
        begun.append(looker)
        return Watch(looker, made, handed)

    yield start
    over.set()
    for looker in begun:
        looker.stop()
        looker._thread.join()
        for thread in looker._hanging:
            thread.join()


def good(_previous: object = None) -> Snapshot:
    return kafka([topic("orders")])


def why(snapshot: Snapshot) -> Unknown | None:
    return facts_of(snapshot, History()).unseen


def test_a_look_that_hangs_is_given_up_and_the_next_has_a_collector_of_its_own(
    begin: Begin, over: threading.Event
) -> None:
    hangs = iter([True, False])

    def act(previous: object) -> Snapshot:
        if next(hangs, False):
            over.wait()
        return good(previous)

    watch = begin(act, deadline=0.05)
    late = why(watch.look())
    assert late is not None
    assert (late.why, late.detail) == (Why.DEADLINE, "prod was not observed within 0.05 s")
    assert why(watch.look()) is None
    assert [one.closed for one in watch.made] == [True, False]
    watch.looker.stop()
    until(lambda: watch.made[1].closed, "what it looks with is closed at the end")
    stats = watch.looker.stats
    assert (stats.looks, stats.misses, stats.failures) == (2, 1, 1)
    assert watch.looker.calls() == {("Metadata", "ok"): 2}, "what the lost one asked still counts"


def test_so_many_hang_at_the_same_time_and_no_more(begin: Begin, over: threading.Event) -> None:
    def act(_previous: object) -> Snapshot:
        over.wait()
        return good()

    watch = begin(act, deadline=0.02)
    for _ in range(ABANDONED + 3):
        late = why(watch.look())
        assert late is not None
        assert late.why is Why.DEADLINE
    assert late.detail == f"{ABANDONED} earlier looks at prod still hang"
    assert sum(len(fake.previous) for fake in watch.made) == ABANDONED
    assert watch.looker.stats.misses == ABANDONED + 3
    over.set()
    for thread in watch.looker._hanging:
        thread.join()
    assert why(watch.look()) is None, "it is asked again when they are over"


def test_a_bell_that_rings_during_a_look_is_counted_and_not_queued(begin: Begin) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act(_previous: object) -> Snapshot:
        begun.set()
        assert go_on.wait(30)
        return good()

    watch = begin(act)
    watch.looker.ring()
    assert begun.wait(30)
    for _ in range(3):
        watch.looker.ring()
    go_on.set()
    watch.handed.get(timeout=30)
    watch.look()
    assert watch.looker.stats.overruns == 3
    assert watch.looker.stats.looks == 2


def test_a_bug_in_a_collector_is_a_snapshot_that_says_so(begin: Begin) -> None:
    fails = iter([True])

    def act(_previous: object) -> Snapshot:
        if next(fails, False):
            raise KeyError("a\nname")
        return good()

    watch = begin(act)
    failed = why(watch.look())
    assert failed is not None
    assert failed.detail == "mqcanary failed: KeyError: 'a\\nname' (please report this)"
    assert why(watch.look()) is None


def test_a_system_without_threads_is_a_snapshot_that_says_so(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = begin(good)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("look "):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        failed = why(watch.look())
    assert failed is not None
    assert "can't start new thread" in failed.detail
    assert why(watch.look()) is None


def test_names_outlive_an_outage_a_restart_and_a_reload(begin: Begin) -> None:
    """What is not listed any more is asked for by name: so its names are handed on."""
    outage = unseen_kafka("prod", AT, Unknown(Why.UNREACHABLE, "no broker answers"))
    turns = iter([good(), outage, good()])
    before = good()
    watch = begin(lambda _: next(turns), remembered=before)
    seen = [watch.look() for _ in range(3)]
    assert watch.made[0].previous == [before, seen[0], seen[0]]
    watch.looker.stop()
    after = begin(good, follow=watch.looker)
    assert after.looker.stats.looks == 3
    assert after.looker.calls() == {("Metadata", "ok"): 3}
    after.look()
    assert after.made[0].previous == [seen[2]]
    assert isinstance(seen[2], KafkaSnapshot)
    assert after.looker.stats.looks == 4
    assert watch.looker.stats.looks == 3


def test_an_outage_is_a_line_for_each_reason_and_one_at_its_end(begin: Begin) -> None:
    def away(detail: str) -> Snapshot:
        return unseen_kafka("prod", AT, Unknown(Why.UNREACHABLE, detail))

    told = ["refused", "refused", "no name", "refused", *map(str, range(REASONS)), "", "", "refused"]
    turns = iter([away(detail) if detail else good() for detail in told])
    with capture_logs() as lines:
        watch = begin(lambda _: next(turns))
        for _ in told:
            watch.look()
    reasons = ["refused", "no name", *map(str, range(REASONS - 2))]
    warned = [("not seen", "kafka://prod", reason) for reason in reasons]
    assert [(line["event"], line["target"], line.get("reason")) for line in lines] == [
        *warned,
        ("seen again", "kafka://prod", None),
        warned[0],
    ]
    again = begin(lambda _: away("refused"), follow=watch.looker)
    with capture_logs() as lines:
        again.look()
    assert lines == [], "a reload says nothing anew"


def test_a_group_of_the_scope_that_is_not_there_is_a_line_once(begin: Begin) -> None:
    def seen(_previous: object = None) -> Snapshot:
        snapshot = kafka([topic("orders")], [group("pay-app", [])])
        return replace(snapshot, groups=replace(snapshot.groups, absent={"pay-ap": Absence(AT, 1)}))

    with capture_logs() as lines:
        watch = begin(seen, scope=("pay-ap", "pay-app"))
        for _ in range(3):
            watch.look()
        begin(seen, scope=("pay-ap", "x*"), follow=watch.looker).look()
    assert [(line["event"], line["log_level"], line["target"], line["group"]) for line in lines] == [
        ("no such group", "warning", "kafka://prod", name) for name in ("pay-ap", "x*")
    ]
    assert lines[0]["mend"].startswith("did you mean pay-app?")


def test_a_broker_that_throttles_is_a_line_until_it_does_not(begin: Begin) -> None:
    turns = iter([0, 1500, 400, 2500, 3000, 0, 1000])
    watches: list[Watch] = []

    def look(_previous: object) -> Snapshot:
        for ms in (next(turns), 300):
            watches[0].made[-1].calls.throttled(f"k{1 if ms != 300 else 2}:9092", ms / 1000)
        return good()

    with capture_logs() as lines:
        watches.append(begin(look))
        for _ in range(7):
            watches[0].look()
    assert [(line["event"], line["log_level"], line["broker"], line["seconds"]) for line in lines] == [
        ("throttled", "warning", "k1:9092", seconds) for seconds in (1.5, 2.5, 1.0)
    ]
    assert "request_percentage" in lines[0]["mend"]
    assert watches[0].looker.throttles() == {"k1:9092": 8400, "k2:9092": 2100}


def test_a_glob_that_chooses_no_topic_to_sample_is_a_line_once(begin: Begin) -> None:
    with capture_logs() as lines:
        watch = begin(good, sampling=Sampling(("ordres*", "ord*")))
        for _ in range(3):
            watch.look()
        begin(good, sampling=Sampling(("ordres*", "pay-*")), follow=watch.looker).look()
    assert [(line["event"], line["log_level"], line["target"], line["topics"]) for line in lines] == [
        ("nothing to sample", "warning", "kafka://prod", glob) for glob in ("ordres*", "pay-*")
    ]
    assert lines[0]["mend"].startswith("did you mean orders? Else let its topic be looked at")
