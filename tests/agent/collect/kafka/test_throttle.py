"""What brokers say of their quotas: found in the bytes of each answer, and said where it cost something."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.kafka.connection import ALLOWED
from agent.collect.kafka.throttle import SINCE, told
from agent.demo.cluster import SimulatedCluster
from checks.facts import LogEnds, Unknown, Why
from checks.facts.codes import BUDGET_SPENT, LESS_THROTTLE, refused
from checks.limits import Limits
from checks.questions import Questions
from tests.agent.test_faults import CHECKS, closable, collector_of, looked, model

LIST_OFFSETS, METADATA, API_VERSIONS = 2, 3, 18
DEADLINE = 3.0


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model()) as running:
        yield running


def schema(key: int) -> dict[str, Any]:
    """The response of an API, as kafka-python or we have it."""
    for package in ("kafka.protocol.schemas.resources", "agent.collect.kafka.schemas"):
        for file in files(package).iterdir():
            if file.name.endswith("Response.json"):
                read: dict[str, Any] = json.loads(
                    "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("//"))
                )
                if read["apiKey"] == key:
                    return read
    raise AssertionError(key)


def bounds(versions: str, most: int) -> range:
    low, _, high = versions.rstrip("+").partition("-")
    return range(int(low), (int(high) if high else int(low) if versions.isdecimal() else most) + 1)


@pytest.mark.parametrize("key", sorted(ALLOWED))
def test_every_answer_that_begins_with_it_is_known_from_its_first_version_on(key: int) -> None:
    message = schema(key)
    most = 100
    for version in bounds(message["validVersions"], most):
        first = next(f["name"] for f in message["fields"] if version in bounds(f["versions"], most))
        assert (first == "ThrottleTimeMs") == (version >= SINCE.get(key, most)), (message["name"], version)


def test_it_is_read_where_it_stands_and_nowhere_else() -> None:
    plain, tagged = b"\0\0\0\7" + b"\0\0\x2e\xe0", b"\0\0\0\7\0" + b"\0\0\x2e\xe0"
    assert told(LIST_OFFSETS, 2, plain, flexible=False) == 12.0
    assert told(LIST_OFFSETS, 7, tagged, flexible=True) == 12.0
    assert told(LIST_OFFSETS, 1, plain, flexible=False) == 0.0
    assert told(API_VERSIONS, 3, plain, flexible=False) == 0.0
    for strange in (b"", b"\0\0\0\7", b"\0\0\0\7\xff", b"\0\0\0\7\xff\xff\xff\xff"):
        assert told(LIST_OFFSETS, 7, strange, flexible=True) == told(LIST_OFFSETS, 2, strange, flexible=False) == 0.0


def test_what_each_broker_said_is_summed_up(cluster: SimulatedCluster) -> None:
    collector = collector_of(cluster)
    looked(collector)
    assert not collector.calls.throttles()
    with cluster.fault(api=LIST_OFFSETS, broker=2, throttle_ms=20):
        looked(collector)
    asked = len([request for request in cluster.asked(LIST_OFFSETS) if request.broker == 2]) // 2
    assert asked >= 3
    (told_ms,) = collector.calls.throttles().values()
    assert told_ms % 20 == 0
    assert told_ms >= 20 * 3
    assert set(collector.calls.throttles()) == {f"127.0.0.1:{cluster.port(2)}"}


def test_a_look_that_a_quota_ended_says_so_in_its_gaps(cluster: SimulatedCluster) -> None:
    with cluster.fault(api=LIST_OFFSETS, broker=2, throttle_ms=12_000):
        seen = looked(collector_of(cluster))
    assert seen.seconds < DEADLINE
    assert closable(seen)["kafka/group-lagging", "g2"] is Why.DEADLINE
    assert not {name for _, name in closable(seen)} & {"g1", "g3"}
    ends = seen.snapshot.ends
    assert isinstance(ends, LogEnds)
    assert refused(int(ends.error[ends.rows["t2"]][0]), "t2") == Unknown(
        Why.DEADLINE, "t2: throttled by its broker for 12 s", LESS_THROTTLE
    )
    told_of = seen.snapshot.broker_configs["2"]
    assert isinstance(told_of, Unknown)
    assert "did not answer ListOffsets in time: throttled by broker 2 for 12 s" in told_of.detail
    assert told_of.close == LESS_THROTTLE


def test_who_is_silent_behind_its_first_answer_may_be_held_up_by_a_quota(cluster: SimulatedCluster) -> None:
    """The first question is put in a version whose answer has no room for it."""
    for api, mend in ((API_VERSIONS, "or something else than Kafka?"), (METADATA, "or does a quota of requests hold")):
        with cluster.fault(api=api, stall=True):
            unseen = looked(collector_of(cluster, endpoints=cluster.endpoints[:1])).snapshot.cluster
        assert isinstance(unseen, Unknown)
        assert mend in unseen.close


def test_a_broker_that_is_silent_without_a_word_of_quotas_is_not_said_to_throttle(cluster: SimulatedCluster) -> None:
    with cluster.fault(api=LIST_OFFSETS, broker=2, stall=True):
        seen = looked(collector_of(cluster))
    assert "throttled" not in repr(seen.snapshot.broker_configs["2"])
    ends = seen.snapshot.ends
    assert isinstance(ends, LogEnds)
    assert ends.error[ends.rows["t2"]].tolist() == [7]


def test_what_the_budget_kept_away_is_not_called_late(cluster: SimulatedCluster) -> None:
    settings = replace(KafkaSettings(cluster.endpoints), requests=5)
    seen = KafkaCollector(settings, Questions(CHECKS, Limits()), time.time).collect(None, DEADLINE)
    assert isinstance(seen.ends, LogEnds)
    assert BUDGET_SPENT in seen.ends.error
    assert 7 not in seen.ends.error
