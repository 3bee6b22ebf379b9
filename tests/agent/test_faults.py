"""What goes wrong on the way, on the simulated cluster: gaps for exactly what it hit, and the next look is whole.

Broker N leads topic tN and coordinates group gN, which lags there: so it shows what was lost with which broker.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from agent.audit import audit, chosen_checks
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import ANONYMOUS, Member, Model, Request, Rights, SimulatedCluster, all_but, brokers
from checks.facts import Group, KafkaSnapshot, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

LIST_OFFSETS, METADATA, OFFSET_FETCH, COORDINATOR, DESCRIBE, LIST, VERSIONS, CONFIGS, DESCRIBE_CONSUMER = (
    *(2, 3, 9, 10, 15, 16, 18, 32),
    69,
)
DEADLINE = 3.0
CHECKS = chosen_checks(
    tuple(
        f"kafka/{name}"
        for name in ("dlq-missing", "group-lagging", "idle-members", "min-insync-unsafe", "offline-partition")
    )
)
"""Named one by one: a new check is not to change what is expected here."""
Mark = tuple[str, str]
"""A check and the name of what it looked at; no check: a list that may not be whole, by its kind."""


class Cluster(SimulatedCluster):
    """Something happens just before the request is answered that `when` is waiting for."""

    when: Callable[[Request], bool]
    left: list[Callable[[], None]] = []  # noqa: RUF012 - replaced, never filled

    def record(self, request: Request) -> None:
        super().record(request)
        if self.left and self.when(request):
            self.left.pop(0)()

    def on(self, when: Callable[[Request], bool], *then: Callable[[], None]) -> None:
        """Each of `then` at one more request that `when` holds for."""
        self.left = list(then)
        self.when = when


class Look(NamedTuple):
    snapshot: KafkaSnapshot
    found: frozenset[Mark]
    gaps: dict[Mark, Why]
    seconds: float


def model() -> Model:
    made = brokers(3)
    made.clock = time.time
    now = time.time()
    for n in (1, 2, 3):
        topic = made.add_topic(f"t{n}", 1, 3, min_insync_replicas="1")
        topic.partitions[0].append(9000, now - 1500)
        topic.partitions[0].append(1000, now - 20)
        member = Member(f"m{n}", subscription=(f"t{n}",), assignment={f"t{n}": (0,)})
        kind = "consumer" if n == 3 else "classic"
        made.add_group(f"g{n}", {(f"t{n}", 0): 4200}, state="Stable", kind=kind, members=[member])
        made.move_coordinator(f"g{n}", n)
    assert [made.topics[f"t{n}"].partitions[0].leader for n in (1, 2, 3)] == [1, 2, 3]
    return made


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(model()) as running:
        yield running


def collector_of(
    cluster: SimulatedCluster,
    clock: Callable[[], float] = time.time,
    endpoints: tuple[tuple[str, int], ...] = (),
) -> KafkaCollector:
    """`endpoints`: by which it comes in, instead of all brokers."""
    return KafkaCollector(KafkaSettings(endpoints or cluster.endpoints), Questions(CHECKS, Limits()), clock)


def look(cluster: SimulatedCluster, previous: KafkaSnapshot | None = None) -> Look:
    return looked(collector_of(cluster), previous)


def looked(collector: KafkaCollector, previous: KafkaSnapshot | None = None, deadline: float = DEADLINE) -> Look:
    begun = time.monotonic()
    snapshot = collector.collect(previous, deadline)
    seconds = time.monotonic() - begun
    ((_, report, _),) = [(a.snapshot, a.report, a.unseen) for a in audit([snapshot], CHECKS, Limits())]
    gaps = {(check, address.name or address.kind): gap.unknown.why for (check, address), gap in report.gaps.items()}
    return Look(snapshot, frozenset((f.check, f.address.name) for f in report.findings), gaps, seconds)


LAGGING = {("kafka/group-lagging", f"g{n}") for n in (1, 2, 3)}
UNSAFE = {("kafka/min-insync-unsafe", f"t{n}") for n in (1, 2, 3)}


def closable(seen: Look) -> dict[Mark, Why]:
    """The gaps that a fault may have made: not those that only wait for the next look."""
    return {mark: why for mark, why in seen.gaps.items() if why not in {Why.YOUNG, Why.UNSUPPORTED}}


def whole(seen: Look) -> None:
    assert seen.found >= LAGGING | UNSAFE
    assert closable(seen) == {}


_WHOLE = (
    "ends",
    "lookups",
    "waits",
    "newest",
    "transactions",
    "eligible",
    "storage",
    "reassignments",
    "quorum",
    "features",
    "quotas",
)
"""What a snapshot knows in one piece, or not."""


def known(snapshot: KafkaSnapshot) -> frozenset[str]:
    """All that a snapshot knows, whether or not a check asks for it: `group g2`, `log t2`, `quorum`."""
    parts: dict[str, Mapping[str, object]] = {
        "topic": snapshot.topics.items,
        "config": snapshot.topic_configs,
        "settings": snapshot.broker_configs,
        "group": snapshot.groups.items,
        "offsets": snapshot.committed,
        "disks": {} if isinstance(snapshot.storage, Unknown) else snapshot.storage,
    }
    told = {
        f"{kind} {name}" for kind, items in parts.items() for name, one in items.items() if not isinstance(one, Unknown)
    }
    told |= {name for name in _WHOLE if not isinstance(getattr(snapshot, name), Unknown)}
    if not isinstance(ends := snapshot.ends, Unknown):
        told |= {f"log {topic}" for topic in ends.topics if not ends.error[ends.rows[topic]].any()}
    for part in (snapshot.lookups, snapshot.waits):
        if not isinstance(part, Unknown):
            told |= {f"time {part.topics[topic]}" for topic in part.topic[part.error == 0].tolist()}
            told -= {f"time {part.topics[topic]}" for topic in part.topic[part.error != 0].tolist()}
    return frozenset(told)


def only(seen: Look, good: Look, *names: str, broker: int = 0) -> None:
    """Nothing is said that is not so; what is not said any more is a gap, of these names alone; and nothing else is unknown,
    but what `broker` says of itself, and of the cluster where it leads that: broker 1 does.
    """
    assert seen.found <= good.found
    gaps = closable(seen)
    unlisted = ("", "groups") in gaps
    for mark in good.found - seen.found - gaps.keys():
        assert unlisted, f"{mark} went without a word"
        assert mark[1] in names, f"{mark} went without a word"
        assert mark[1] not in seen.snapshot.groups.items, f"{mark} went without a word"
    assert {name for _, name in gaps} <= {*names, "groups"}
    lost = known(good.snapshot) - known(seen.snapshot)
    # Nobody asks since when records wait for a group of which it is not known where it stands.
    asked = {f"time t{name[1:]}" for name in names if name.startswith("g")}
    led = {"quorum", "reassignments"} if "disks 1" in lost else set()
    assert {one for one in lost - asked - led if one.rpartition(" ")[2] not in {*names, str(broker)}} == set()


# ── a broker ──


UNLISTED: Mark = ("", "groups")


def of_group(name: str, *checks: str) -> set[Mark]:
    return {(f"kafka/{check}", name) for check in checks}


def gaps_of(api: int, broker: int, *, known: bool) -> set[Mark]:
    """Where a broker no longer answers from that question on; `known`: its group was seen before."""
    group, unread = f"g{broker}", ("dlq-missing", "group-lagging")
    if api in (METADATA, LIST, VERSIONS):  # before it has listed its groups
        return {UNLISTED} | (of_group(group, *unread, "idle-members") if known else set())
    if api == (DESCRIBE_CONSUMER if broker == 3 else DESCRIBE):
        return of_group(group, *unread, "idle-members")
    return of_group(group, "group-lagging") if api == CONFIGS else of_group(group, *unread)


@pytest.mark.parametrize(
    "fault",
    [{"drop": True}, {"drop": True, "reset": True}, {"cut": 6}, {"cut": 6, "reset": True}, {"stall": True}],
    ids=["dropped", "dropped by a reset", "cut", "cut by a reset", "stalled"],
)
@pytest.mark.parametrize(
    ("broker", "api"),
    [
        *(
            (broker, api)
            for broker in (1, 2)
            for api in (LIST_OFFSETS, METADATA, OFFSET_FETCH, DESCRIBE, LIST, VERSIONS, CONFIGS)
        ),
        *((3, api) for api in (LIST_OFFSETS, OFFSET_FETCH, DESCRIBE_CONSUMER, LIST)),
    ],
)
def test_what_a_broker_owned_is_lost_with_it_and_nothing_else(
    cluster: Cluster, broker: int, api: int, fault: dict[str, Any]
) -> None:
    """Broker 1 is the way in, and broker 3 has a group of the newer protocol."""
    good = look(cluster)
    whole(good)
    with cluster.fault(api=api, broker=broker, **fault):
        bad = look(cluster)
        again = look(cluster, good.snapshot)
    for seen in (bad, again):
        only(seen, good, f"g{broker}", f"t{broker}", broker=broker)
        assert closable(seen).keys() == gaps_of(api, broker, known=seen is again)
        assert ("kafka/group-lagging", f"g{broker}") not in seen.found, "the fault was not met"
        assert seen.found >= UNSAFE, "any broker knows the topics' configurations"
        assert seen.seconds < DEADLINE
    assert set(again.snapshot.groups.items) == {"g1", "g2", "g3"}, "what was seen before is asked for by name"
    assert not again.snapshot.groups.absent
    after = look(cluster, again.snapshot)
    whole(after)
    assert known(after.snapshot) == known(good.snapshot)


def test_all_brokers_stalled_end_at_the_deadline(cluster: Cluster) -> None:
    with cluster.fault(api=LIST, stall=True):
        seen = look(cluster)
    assert seen.seconds < DEADLINE + 1
    assert seen.gaps["", "groups"] is Why.DEADLINE
    assert len(seen.snapshot.groups.blind) == 3
    assert set(seen.snapshot.topics.items) == {"t1", "t2", "t3"}
    assert not any(check == "kafka/group-lagging" for check, _ in seen.found)


# ── moves ──


def asks(api: int, name: str) -> Callable[[Request], bool]:
    """Whether a request of this kind speaks of one group or topic."""
    return lambda request: request.api == api and repr(name) in repr(request.fields)


@pytest.mark.parametrize("group", ["g2", "g3"], ids=["classic", "consumer"])
@pytest.mark.parametrize("between", ["listing and description", "description and offsets"])
def test_a_coordinator_that_moves_is_followed(cluster: Cluster, group: str, between: str) -> None:
    described = DESCRIBE_CONSUMER if group == "g3" else DESCRIBE
    api = described if between.startswith("listing") else OFFSET_FETCH
    cluster.on(asks(api, group), lambda: cluster.model.move_coordinator(group, 1))
    seen = look(cluster)
    whole(seen)
    assert next(request.fields["coordinator_keys"] for request in cluster.asked(COORDINATOR)) == [group]
    assert {request.broker for request in cluster.asked(api) if asks(api, group)(request)} == {int(group[1]), 1}
    whole(look(cluster, seen.snapshot))


@pytest.mark.parametrize("api", [DESCRIBE, OFFSET_FETCH])
def test_a_coordinator_that_moves_on_and_on_is_a_gap_of_its_group(cluster: Cluster, api: int) -> None:
    good = look(cluster)
    move = cluster.model.move_coordinator
    cluster.on(asks(api, "g2"), lambda: move("g2", 1), lambda: move("g2", 3))
    seen = look(cluster)
    only(seen, good, "g2")
    assert closable(seen)["kafka/group-lagging", "g2"] is Why.UNREACHABLE
    whole(look(cluster, seen.snapshot))


def test_a_coordinator_that_is_not_told_is_a_gap_of_its_group(cluster: Cluster) -> None:
    good = look(cluster)
    cluster.on(asks(DESCRIBE, "g2"), lambda: cluster.model.move_coordinator("g2", 1))
    with cluster.fault(api=COORDINATOR, coordinator="g2", error=15):
        seen = look(cluster)
    only(seen, good, "g2")
    assert closable(seen)["kafka/group-lagging", "g2"] is Why.UNREACHABLE


def test_a_group_that_two_brokers_list_is_one(cluster: Cluster) -> None:
    cluster.model.groups["g2"].listed_by = {1, 2, 3}
    whole(look(cluster))


def test_of_a_group_that_two_brokers_list_its_coordinator_alone_is_asked(cluster: Cluster) -> None:
    """One that was frozen tells what it knew before, until it hears that it was taken for dead."""
    cluster.model.groups["g2"].listed_by = {1, 2, 3}
    whole(look(cluster))
    for api in (15, 9):
        assert {request.broker for request in cluster.requests if asks(api, "g2")(request)} == {2}


def test_a_group_that_no_broker_lists_any_more_is_asked_for_by_name(cluster: Cluster) -> None:
    good = look(cluster)
    cluster.model.groups["g2"].listed_by = set()
    seen = look(cluster, good.snapshot)
    whole(seen)
    with cluster.fault(api=COORDINATOR, coordinator="g2", error=15):
        lost = look(cluster, seen.snapshot)
    only(lost, good, "g2")
    assert isinstance(lost.snapshot.groups.items["g2"], Unknown)
    assert not lost.snapshot.groups.absent, "who can't be asked is not gone"


def test_a_group_that_is_gone_is_gone_by_name(cluster: Cluster) -> None:
    good = look(cluster)
    del cluster.model.groups["g2"]
    seen = look(cluster, good.snapshot)
    assert seen.snapshot.groups.absent["g2"].polls == 1
    assert set(seen.snapshot.groups.items) == {"g1", "g3"}
    assert look(cluster, seen.snapshot).snapshot.groups.absent["g2"].polls == 2


def by_time(request: Request) -> bool:
    topics = request.fields["topics"] if request.api == LIST_OFFSETS else ()
    return any(p["timestamp"] >= 0 for topic in topics for p in topic["partitions"])


def test_a_leader_that_moves_is_followed(cluster: Cluster) -> None:
    cluster.on(asks(LIST_OFFSETS, "t2"), lambda: cluster.model.move_leader("t2", 0, 3))
    seen = look(cluster)
    whole(seen)
    assert {request.broker for request in cluster.asked(LIST_OFFSETS) if asks(LIST_OFFSETS, "t2")(request)} == {2, 3}


def test_a_leader_that_moves_on_and_on_is_a_gap_of_who_reads_there(cluster: Cluster) -> None:
    good = look(cluster)
    move = cluster.model.move_leader
    still = lambda: None  # noqa: E731 - the three questions of the first round
    cluster.on(asks(LIST_OFFSETS, "t2"), lambda: move("t2", 0, 3), still, still, lambda: move("t2", 0, 1))
    seen = look(cluster)
    only(seen, good, "g2", "t2")
    assert closable(seen)["kafka/group-lagging", "g2"] is Why.UNREACHABLE
    whole(look(cluster, seen.snapshot))


def test_a_leader_that_moves_before_the_question_by_time(cluster: Cluster) -> None:
    good = look(cluster)
    t2 = asks(LIST_OFFSETS, "t2")
    cluster.on(lambda request: t2(request) and by_time(request), lambda: cluster.model.move_leader("t2", 0, 3))
    seen = look(cluster)
    only(seen, good, "g2")
    assert ("kafka/group-lagging", "g2") not in seen.found
    whole(look(cluster, seen.snapshot))


# ── one item of an answer ──

DENIED, LOADING, NOT_AVAILABLE, UNSTABLE = 30, 14, 15, 88
LAG = {("kafka/dlq-missing", "g2"), ("kafka/group-lagging", "g2")}
GROUP = {*LAG, ("kafka/idle-members", "g2")}
CONFIG = {("kafka/min-insync-unsafe", "t2")}
TOPIC = {*CONFIG, ("kafka/offline-partition", "t2")}


@pytest.mark.parametrize(
    ("fault", "why", "marks"),
    [
        ({"api": DESCRIBE, "group": "g2", "error": DENIED}, Why.DENIED, GROUP),
        ({"api": DESCRIBE, "group": "g2", "error": LOADING}, Why.UNREACHABLE, GROUP),
        ({"api": OFFSET_FETCH, "group": "g2", "error": DENIED}, Why.DENIED, LAG),
        ({"api": OFFSET_FETCH, "group": "g2", "error": NOT_AVAILABLE}, Why.UNREACHABLE, LAG),
        ({"api": OFFSET_FETCH, "topic": "t2", "partition": 0, "error": UNSTABLE}, Why.UNREACHABLE, LAG),
        ({"api": LIST_OFFSETS, "topic": "t2", "partition": 0, "error": 6}, Why.UNREACHABLE, LAG),
        ({"api": LIST_OFFSETS, "topic": "t2", "error": 29}, Why.DENIED, LAG),
        ({"api": LIST_OFFSETS, "topic": "t2", "error": 999}, Why.UNREACHABLE, LAG),
        ({"api": CONFIGS, "resource": (2, "t2"), "error": 29}, Why.DENIED, CONFIG),
        ({"api": LIST, "broker": 2, "error": 15}, Why.UNREACHABLE, {("", "groups")}),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_an_item_that_is_refused_is_a_gap_of_its_own(
    cluster: Cluster, fault: dict[str, Any], why: Why, marks: set[Mark]
) -> None:
    good = look(cluster)
    with cluster.fault(**fault):
        seen = look(cluster)
        again = look(cluster, good.snapshot)
    assert closable(seen) == dict.fromkeys(marks, why)
    only(seen, good, "g2", "t2")
    assert not again.snapshot.groups.absent
    assert "t2" not in again.snapshot.topics.absent
    whole(look(cluster, again.snapshot))


def test_a_topic_that_may_not_be_described_any_more_is_known_still(cluster: Cluster) -> None:
    good = look(cluster)
    everything = cluster.model.rights
    cluster.model.rights = {ANONYMOUS: Rights(topics=all_but("t2"), topic_configs=all_but("t2"))}
    seen = look(cluster, good.snapshot)
    t2 = seen.snapshot.topics.items["t2"]
    assert isinstance(t2, Unknown)
    assert t2.why is Why.DENIED
    only(seen, good, "t2", "g2", "g3")
    assert {mark for mark, why in closable(seen).items() if why is Why.DENIED} >= TOPIC
    cluster.model.rights = everything
    whole(look(cluster, seen.snapshot))


def test_brokers_settings_that_are_refused_are_unknown_for_that_broker(cluster: Cluster) -> None:
    with cluster.fault(api=CONFIGS, resource=(4, "2"), error=31):
        seen = look(cluster)
    unknown = {name for name, config in seen.snapshot.broker_configs.items() if isinstance(config, Unknown)}
    assert unknown == {"2"}
    assert all(isinstance(group, Group) for group in seen.snapshot.groups.items.values())
