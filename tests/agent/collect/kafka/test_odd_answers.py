"""Answers that are Kafka's protocol and make no sense: each costs what it was to tell, and never the look."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import cache
from typing import Any

import pytest
from kafka.protocol.admin import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
)

from agent import snapshot as files
from agent.collect.kafka import waits
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.sampling import Sampling
from agent.demo.cluster import NOBODY, Member, Model, SimulatedCluster, brokers, connection
from agent.demo.cluster.handlers import APIS, Api
from checks import all_checks
from checks.facts import Committed, Group, KafkaSnapshot, Sample, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

NOW = 1_790_000_000.0
PLACES = range(3)

Alter = Callable[[Any, str, Any], Any]
"""The new value of a field of a message, by its name and value."""


def producers(_: Any, request: Any) -> Any:
    active = [(9, 1, 1, 1, 0, 10)]
    topics = [(t.name, [(p, 0, None, active) for p in t.partition_indexes]) for t in request.topics]
    return DescribeProducersResponse(topics=topics)


def transactions(*_: Any) -> Any:
    return ListTransactionsResponse(error_code=0, transaction_states=[("payments", 9, "Ongoing")])


def begun(_: Any, request: Any) -> Any:
    states = [(0, name, "Ongoing", 60_000, 5, 9, 1, [("orders", [0])]) for name in request.transactional_ids]
    return DescribeTransactionsResponse(transaction_states=states)


MORE = {
    61: Api(DescribeProducersRequest, 0, 0, producers),
    65: Api(DescribeTransactionsRequest, 0, 0, begun),
    66: Api(ListTransactionsRequest, 0, 0, transactions),
}
TIMES = {"lookups", "waits", "transactions"}
GROUPS = {"groups", "committed", "topics", *TIMES}
TELLS: Mapping[str, set[str]] = {
    "Fetch": {"samples"},
    "ListOffsets": {"ends", "newest", "samples", *TIMES},
    "OffsetFetch": {"committed", *TIMES},
    "FindCoordinator": GROUPS,
    "DescribeGroups": GROUPS,
    "ListGroups": GROUPS,
    "DescribeConfigs": {"topic_configs", "broker_configs", "newest", *TIMES},
    "DescribeLogDirs": {"storage"},
    "ListPartitionReassignments": {"reassignments"},
    "DescribeClientQuotas": {"quotas"},
    "DescribeQuorum": {"quorum"},
    "DescribeProducers": {"transactions"},
    "DescribeTransactions": {"transactions"},
    "ListTransactions": {"transactions"},
    "ConsumerGroupDescribe": GROUPS,
    "DescribeTopicPartitions": {"eligible"},
    "ShareGroupDescribe": GROUPS,
    "StreamsGroupDescribe": GROUPS,
    "DescribeShareGroupOffsets": {"committed", *TIMES},
}
"""What an answer may change; those to ApiVersions and Metadata may change everything."""
AT_ONCE = (
    ("ApiVersions",),
    ("Metadata",),
    ("ListOffsets",),
    ("FindCoordinator", "ListTransactions"),
    ("ListGroups", "DescribeProducers"),
    ("OffsetFetch", "DescribeShareGroupOffsets", "DescribeTransactions"),
    ("DescribeGroups", "ConsumerGroupDescribe", "ShareGroupDescribe", "StreamsGroupDescribe"),
    (
        *("DescribeConfigs", "DescribeLogDirs", "ListPartitionReassignments", "DescribeClientQuotas"),
        *("DescribeQuorum", "DescribeTopicPartitions", "Fetch"),
    ),
)
"""None of which hides another one."""


def model() -> Model:
    """All that there is a question about: groups of each kind, one that moves, a transaction, a topic that nobody leads."""
    made = brokers(2)
    made.clock = lambda: NOW
    orders = made.add_topic("orders", len(PLACES), 2)
    for partition in orders.partitions:
        partition.append(100, NOW - 1000)
    orders.partitions[0].last_stable = 10
    (lost,) = made.add_topic("lost", 1).partitions
    lost.leader, lost.isr = NOBODY, ()
    made.add_topic("__consumer_offsets", 1).internal = True
    read = {("orders", p): 50 for p in PLACES}
    for kind in ("classic", "consumer", "share", "streams"):
        member = Member("m", subscription=("orders",), assignment={"orders": tuple(PLACES)})
        made.add_group(kind, read, kind=kind, state="Stable", members=[member])
    made.add_group("twice", read, listed_by={1, 2})
    made.quotas = {(("client-id", "x"),): {"consumer_byte_rate": 5.0}}
    return made


def fields(message: Any, version: int, depth: int = 0) -> Iterator[tuple[Any, str, Any, int]]:
    """What holds each field of a message and of the messages in it, the innermost first; its name, its value, and how deep."""
    for name, kind in message.fields.items():
        if kind.for_version_q(version):
            value = getattr(message, name)
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(getattr(inner, "fields", None), Mapping):
                    yield from fields(inner, version, depth + 1)
            yield message, name, value, depth


def nulled(depth: int) -> Alter:
    return lambda at, _, value: None if isinstance(value, list | str) and at == depth else value


def number(name: str, value: Any) -> bool:
    """Not a port, which can't be written as another one."""
    return type(value) is int and name not in {"error_code", "port"}


ODD: Mapping[str, Alter] = {
    "empty": lambda _, __, value: [] if isinstance(value, list) else value,
    "doubled": lambda _, __, value: value * 2 if isinstance(value, list) else value,
    "null": nulled(0),
    "null within": nulled(1),
    "null within that": nulled(2),
    "an unknown code": lambda _, name, value: 777 if name == "error_code" else value,
    "of others, who moved": lambda at, name, value: (
        16 if name == "error_code" and at else f"{value}x" if at and isinstance(value, str) else value
    ),
    "negative": lambda _, name, value: -7 if number(name, value) else value,
    "of others": lambda _, name, value: value + 7 if number(name, value) else value,
}


class Oddity:
    """What befalls the answers to some APIs."""

    def __init__(self) -> None:
        self.apis: tuple[str, ...] = ()
        self.alter: Alter | None = None
        self.told: set[str] = set()

    def framed(self, plain: Callable[..., bytes], response: Any, version: int, serial: int) -> bytes:
        data, name = plain(response, version, serial), type(response).__name__.removesuffix("Response")
        self.told.add(name)
        if self.alter is None or name not in self.apis:
            return data
        odd = type(response).decode(data[4:], version=version, header=True)
        for holder, field, value, depth in list(fields(odd, version)):
            setattr(holder, field, self.alter(depth, field, value))
        odd.with_header(correlation_id=serial)
        return bytes(odd.encode(header=True, framed=True))


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedCluster, Oddity]]:
    """One for all tests: each puts right what it has altered."""
    made, plain = Oddity(), connection._framed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_framed", lambda *answer: made.framed(plain, *answer))
        patch.setattr(waits, "FIRST", 2)  # what is odd is so in the first round
        for key, api in MORE.items():
            patch.setitem(APIS, key, api)  # type: ignore[arg-type]
        with SimulatedCluster(model()) as running:
            yield running, made


@pytest.fixture
def cluster(served: tuple[SimulatedCluster, Oddity]) -> SimulatedCluster:
    return served[0]


@pytest.fixture
def oddity(served: tuple[SimulatedCluster, Oddity]) -> Iterator[Oddity]:
    yield served[1]
    served[1].alter = None


@pytest.fixture(scope="module")
def whole(served: tuple[SimulatedCluster, Oddity]) -> dict[str, Any]:
    """What is told where nothing is odd."""
    return parts(look(served[0]))


@cache
def questions() -> Questions:
    return Questions(all_checks(), Limits())


def look(cluster: SimulatedCluster, previous: KafkaSnapshot | None = None) -> KafkaSnapshot:
    sampling = Sampling(("orders",), salt=bytes(32))
    settings = KafkaSettings(cluster.endpoints, "prod", sampling=sampling)
    return KafkaCollector(settings, questions(), lambda: NOW).collect(previous, 10)


def parts(seen: KafkaSnapshot) -> dict[str, Any]:
    """As it is written down."""
    (found,) = json.loads(files.dumps([seen]))["snapshots"]
    assert isinstance(found, dict)
    return found


def test_every_question_is_put_and_told_of(cluster: SimulatedCluster, oddity: Oddity) -> None:
    look(cluster, look(cluster))
    assert oddity.told == {api for some in AT_ONCE for api in some} == {*TELLS, "ApiVersions", "Metadata"}


@pytest.mark.parametrize("apis", AT_ONCE, ids=" ".join)
def test_an_odd_answer_costs_what_it_was_to_tell_and_never_the_look(
    cluster: SimulatedCluster, oddity: Oddity, whole: dict[str, Any], apis: tuple[str, ...]
) -> None:
    oddity.apis = apis
    others = whole.keys() - {part for api in apis for part in TELLS.get(api, whole.keys())}
    for what, oddity.alter in ODD.items():
        found = parts(look(cluster))
        assert {name: found[name] for name in others} == {name: whole[name] for name in others}, what


def hole(fact: object) -> Unknown:
    assert isinstance(fact, Unknown), fact
    assert fact.why is Why.UNREACHABLE
    return fact


@pytest.mark.parametrize("what", ["empty", "doubled", "null", "null within"])
def test_a_quorum_without_its_one_log_is_unknown(cluster: SimulatedCluster, oddity: Oddity, what: str) -> None:
    oddity.apis, oddity.alter = ("DescribeQuorum",), ODD[what]
    detail = f"127.0.0.1:{cluster.port(1)} gave a strange answer to DescribeQuorum"
    assert hole(look(cluster).quorum).detail == detail


@pytest.mark.parametrize("kind", ["classic", "consumer", "share", "streams"])
def test_a_group_without_members_to_tell_is_unknown(cluster: SimulatedCluster, oddity: Oddity, kind: str) -> None:
    api = {"classic": "DescribeGroups"}.get(kind, f"{kind.title()}GroupDescribe")
    oddity.apis = (api,)
    oddity.alter = lambda _, name, value: None if name == "members" else value
    seen = look(cluster)
    place = f"127.0.0.1:{cluster.port(cluster.model.coordinator_of(kind))}"
    assert hole(seen.groups.items[kind]).detail == f"{place} gave a strange answer to {api}"
    assert isinstance(seen.groups.items["twice"], Group) or kind == "classic"
    assert isinstance(seen.committed[kind], Committed)


def test_a_group_whose_coordinator_is_not_told_is_unknown_and_not_gone(
    cluster: SimulatedCluster, oddity: Oddity
) -> None:
    first = look(cluster)
    with cluster.lock:
        twice = cluster.model.groups.pop("twice")
    oddity.apis, oddity.alter = ("FindCoordinator",), ODD["empty"]
    second = look(cluster, first)
    cluster.model.groups["twice"] = twice
    assert "a strange answer to FindCoordinator" in hole(second.groups.items["twice"]).detail
    assert not second.groups.absent


@pytest.mark.parametrize("what", ["doubled", "beside others"])
def test_records_that_nobody_asked_for_are_not_taken_for_those_that_somebody_did(
    cluster: SimulatedCluster, oddity: Oddity, what: str
) -> None:
    def beside(_: int, name: str, value: Any) -> Any:
        if name == "partitions":
            value += [replace_index(row) for row in value]
        return value

    def replace_index(row: Any) -> Any:
        other = copy(row)
        other.partition_index += 7
        return other

    (healthy,) = look(cluster).samples.values()  # type: ignore[union-attr]
    oddity.apis, oddity.alter = ("Fetch",), {"beside others": beside}.get(what, ODD["doubled"])
    (sample,) = look(cluster).samples.values()  # type: ignore[union-attr]
    assert isinstance(healthy, Sample)
    assert isinstance(sample, Sample)
    assert (sample.records, sample.whole, sample.covered) == (healthy.records, True, 1.0)
    assert sample.bytes > healthy.bytes, "it has been sent all the same"


def test_a_sample_without_what_was_asked_for_is_unknown(cluster: SimulatedCluster, oddity: Oddity) -> None:
    oddity.apis, oddity.alter = ("Fetch",), ODD["of others"]
    (sample,) = look(cluster).samples.values()  # type: ignore[union-attr]
    assert "gave a strange answer to Fetch" in hole(sample).detail
