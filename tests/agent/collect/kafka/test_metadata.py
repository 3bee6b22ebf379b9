"""The decoder of Metadata against kafka-python's, and against bytes that nobody should send."""

import struct
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.metadata import MetadataRequest, MetadataResponse

from agent.collect.kafka.exchange import Kept, Written
from agent.collect.kafka.metadata import Known, Metadata, _by_name, _of_answer, _read
from tests.agent.collect.kafka.test_decoding import body, names, read_or_refused, refused_wherever_cut, with_tags

_Topic = MetadataResponse.MetadataResponseTopic
_Partition = _Topic.MetadataResponsePartition
_Broker = MetadataResponse.MetadataResponseBroker

nodes = st.lists(st.integers(0, 2**31 - 1), max_size=4)
errors = st.sampled_from([0, 0, 0, 5, 9])
partitions = st.dictionaries(st.integers(0, 50), st.tuples(errors, st.integers(-1, 9), nodes, nodes, nodes), max_size=5)
topics = st.dictionaries(
    names,
    st.tuples(st.sampled_from([0, 0, 0, 29, 5]), st.integers(0, 2**128 - 1), st.booleans(), partitions),
    max_size=5,
)
brokers = st.dictionaries(st.integers(0, 9), st.tuples(names, st.integers(0, 65535), st.none() | names), max_size=3)
rights = st.none() | st.sets(st.integers(0, 30))
Topics = dict[str, tuple[int, int, bool, dict[int, tuple[int, int, list[int], list[int], list[int]]]]]


def told(
    topics: Topics,
    brokers: dict[int, tuple[str, int, str | None]] | None = None,
    rights: set[int] | None = None,
    cluster: str | None = "c",
    missing: tuple[str, ...] = (),
) -> bytes:
    def topic(name: str, error: int, identity: int, internal: bool, rows: Any) -> Any:
        return _Topic(
            error_code=error,
            name=name,
            topic_id=UUID(int=identity),
            is_internal=internal,
            partitions=[
                _Partition(
                    error_code=code,
                    partition_index=index,
                    leader_id=leader,
                    leader_epoch=1,
                    replica_nodes=replicas,
                    isr_nodes=isr,
                    offline_replicas=offline,
                )
                for index, (code, leader, replicas, isr, offline) in rows.items()
            ],
            authorized_operations=None,
        )

    return body(
        MetadataResponse(
            version=10,
            throttle_time_ms=0,
            brokers=[
                _Broker(node_id=i, host=host, port=port, rack=rack) for i, (host, port, rack) in (brokers or {}).items()
            ],
            cluster_id=cluster,
            controller_id=1,
            topics=[topic(name, *one) for name, one in topics.items()]
            + [topic(name, 3, 0, False, {}) for name in missing],
            authorized_operations=rights,
        )
    )


def read(data: bytes, kept: Kept[str, Known] | None = None) -> Metadata:
    return _read(data, kept or Kept())


@given(topics, brokers, rights, st.none() | names, st.sets(names, max_size=2))
def test_metadata_is_what_the_library_reads(
    some: Topics,
    hosts: dict[int, tuple[str, int, str | None]],
    allowed: set[int] | None,
    id_: str | None,
    gone: set[str],
) -> None:
    data = told(some, hosts, allowed, id_, tuple(gone - some.keys()))
    answer = MetadataResponse.decode(struct.pack(">ib", 7, 0) + data, version=10, header=True)
    found = read(data)
    assert (found.cluster, found.topics, found.absent) == (
        (other := _of_answer(answer)).cluster,
        other.topics,
        other.absent,
    )
    assert found.pieces.keys() == found.topics.keys()


@given(topics, topics)
def test_a_topic_that_is_known_byte_by_byte_is_the_very_same(old: Topics, new: Topics) -> None:
    kept: Kept[str, Known] = Kept()
    before = read(told(old))
    for name, piece in before.pieces.items():
        kept.keep(name, (piece, before.topics[name]))
    kept.turn()
    both = read(told({**old, **new}), kept)
    assert both.topics == read(told({**old, **new})).topics
    for name in old:
        assert (both.topics[name] is before.topics[name]) == (both.pieces[name] == before.pieces[name])


def test_tags_of_newer_brokers_are_skipped() -> None:
    plain = told({"orders": (0, 1, False, {0: (0, 1, [1], [1], [])})}, {1: ("h", 9092, None)})
    host, topic = plain.index(b"\x02h") + 2, plain.index(b"orders") + len("orders")
    partition = topic + 18 + 14 + 5 + 5 + 1
    places = (host + 5, partition, partition + 5, len(plain) - 1)
    assert read(with_tags(plain, *places)).topics == read(plain).topics


GOOD = told(
    {"orders": (0, 1, False, {0: (0, 1, [1, 2], [1], [2]), 1: (5, -1, [1], [], [])}), "no": (29, 0, False, {})},
    {1: ("host", 9092, "rack"), 2: ("h", 1, None)},
    {3, 8},
    missing=("gone",),
)


def test_a_cut_answer_is_refused_wherever_it_is_cut() -> None:
    refused_wherever_cut(read, GOOD)


@given(st.data())
def test_garbage_is_read_or_refused(data: st.DataObject) -> None:
    read_or_refused(read, GOOD, data)


@given(st.lists(names, max_size=4))
def test_topics_are_asked_for_as_the_library_asks(some: list[str]) -> None:
    request = MetadataRequest(
        version=10,
        topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in some],
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=True,
        include_topic_authorized_operations=False,
    )
    request.with_header(correlation_id=7, client_id="mqcanary")
    assert Written(3, 10, _by_name(some)).numbered(7, "mqcanary") == bytes(request.encode(header=True, framed=True))
