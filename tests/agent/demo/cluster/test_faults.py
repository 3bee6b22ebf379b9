"""Each fault, as a client meets it."""

import gc
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.protocol.admin import DescribeConfigsRequest, DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import ListOffsetsRequest, OffsetFetchRequest
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest

from agent.demo.cluster import NOBODY, Model, SimulatedCluster

LIST_GROUPS, FIND_COORDINATOR = 16, 10


def groups_asked() -> ListGroupsRequest:
    return ListGroupsRequest(states_filter=[], types_filter=[])


def metadata_asked(*names: str) -> MetadataRequest:
    rows = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=rows or None, allow_auto_topic_creation=False)


def offsets_asked(*groups: str) -> OffsetFetchRequest:
    return OffsetFetchRequest(
        groups=[OffsetFetchRequest.OffsetFetchRequestGroup(group_id=name, topics=None) for name in groups]
    )


def ends_asked(topic: str, *partitions: int, epoch: int = -1) -> ListOffsetsRequest:
    kind = ListOffsetsRequest.ListOffsetsTopic
    rows = [
        kind.ListOffsetsPartition(partition_index=index, current_leader_epoch=epoch, timestamp=-1)
        for index in partitions
    ]
    return ListOffsetsRequest(replica_id=-1, isolation_level=0, topics=[kind(name=topic, partitions=rows)])


def ends(response: Any) -> list[tuple[int, int]]:
    return [(row.error_code, row.offset) for topic in response.topics for row in topic.partitions]


def coordinators_asked(*groups: str) -> FindCoordinatorRequest:
    return FindCoordinatorRequest(key_type=0, coordinator_keys=list(groups))


@pytest.fixture
def on_one(model: Model) -> Model:
    """Every group is coordinated by broker 1."""
    for group in model.groups.values():
        group.coordinator = 1
    return model


def test_one_group_one_topic_one_partition(on_one: Model, cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    fault = cluster.fault(group="billing", error=14)
    answer = ask(offsets_asked("billing", "modern"), 9)
    assert [(group.group_id, group.error_code, len(group.topics)) for group in answer.groups] == [
        ("billing", 14, 0),
        ("modern", 0, 1),
    ]
    answer = ask(DescribeGroupsRequest(groups=["billing", "idle"]), 5)
    assert [group.error_code for group in answer.groups] == [14, 0]
    fault.off()
    assert [group.error_code for group in ask(offsets_asked("billing"), 9).groups] == [0]

    with cluster.fault(topic="orders", error=29):
        answer = ask(metadata_asked(), 12)
        assert {topic.name: topic.error_code for topic in answer.topics} == {"orders": 29, "payments": 0}
        assert ends(ask(ends_asked("orders", 0), 7)) == [(29, -1)]
        (group,) = ask(offsets_asked("billing"), 9).groups
        assert [(row.committed_offset, row.error_code) for row in group.topics[0].partitions] == [(-1, 29), (-1, 29)]
    with cluster.fault(topic="orders", partition=3, error=56):
        answer = ask(metadata_asked("orders"), 12)
        assert [row.error_code for row in answer.topics[0].partitions] == [0, 0, 0, 56]
        assert ends(ask(ends_asked("orders", 0, 3), 7)) == [(0, 100), (56, -1)]
        (group,) = ask(offsets_asked("billing"), 9).groups
        assert [(row.committed_offset, row.error_code) for row in group.topics[0].partitions] == [(90, 0), (-1, 56)]


def test_one_resource_one_coordinator(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    cluster.fault(resource=(2, "orders"), error=7)
    cluster.fault(coordinator="billing", error=15)
    kind = DescribeConfigsRequest.DescribeConfigsResource
    rows = [
        kind(resource_type=2, resource_name=name, configuration_keys=None) for name in ("orders", "payments", "nothing")
    ]
    answer = ask(DescribeConfigsRequest(resources=rows, include_synonyms=True), 4)
    assert [result.error_code for result in answer.results] == [7, 0, 3]
    answer = ask(coordinators_asked("billing", "idle"), 4)
    assert [(row.key, row.error_code) for row in answer.coordinators] == [("billing", 15), ("idle", 0)]
    assert ask(FindCoordinatorRequest(key="billing", key_type=0), 2).error_code == 15


def test_a_whole_broker(on_one: Model, cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    cluster.fault(broker=1, error=13)
    assert ask(groups_asked(), 5).error_code == 13
    assert ask(groups_asked(), 5, broker=2).error_code == 0
    assert {group.error_code for group in ask(offsets_asked("billing", "idle"), 8).groups} == {13}
    assert ends(ask(ends_asked("orders", 0), 5)) == [(13, -1)]


def test_a_fault_that_ends_by_itself(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    cluster.fault(api=LIST_GROUPS, error=15, times=2)
    assert [ask(groups_asked(), 5).error_code for _ in range(3)] == [15, 15, 0]


def test_a_delay_is_for_one_api_of_one_broker(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    cluster.fault(api=LIST_GROUPS, broker=2, delay=0.3)
    took = []
    for broker in (1, 2):
        before = time.monotonic()
        ask(groups_asked(), 5, broker=broker)
        took.append(time.monotonic() - before)
    assert took[1] >= 0.3 > took[0]


def test_a_stall_takes_the_request_and_never_answers(cluster: SimulatedCluster, wire: Callable[..., Any]) -> None:
    with cluster.fault(api=LIST_GROUPS, stall=True):
        stalled = wire()
        stalled.send(groups_asked(), 5)
        assert cluster.wait_for(lambda requests: any(request.api == LIST_GROUPS for request in requests))
    stalled.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        stalled.receive()
    assert wire().ask(groups_asked(), 5).error_code == 0, "others are served"


def test_a_dropped_connection(cluster: SimulatedCluster, wire: Callable[..., Any]) -> None:
    cluster.fault(api=LIST_GROUPS, drop=True)
    dropped = wire()
    dropped.send(groups_asked(), 5)
    assert dropped.receive() == b""
    assert wire().ask(metadata_asked(), 9).controller_id == 1


@pytest.mark.parametrize("count", [0, 3, 9])
def test_an_answer_that_breaks_off(cluster: SimulatedCluster, wire: Callable[..., Any], count: int) -> None:
    cluster.fault(api=LIST_GROUPS, cut=count)
    broken = wire()
    broken.send(groups_asked(), 5)
    received = b""
    while more := broken.socket.recv(100):
        received += more
    assert len(received) == count


@pytest.mark.parametrize("fault", [{"cut": 9}, {"drop": True}])
def test_a_connection_that_is_reset(cluster: SimulatedCluster, wire: Callable[..., Any], fault: dict[str, Any]) -> None:
    cluster.fault(api=LIST_GROUPS, reset=True, **fault)
    broken = wire()
    broken.send(groups_asked(), 5)
    kept = fault.get("cut", 0)
    assert len(broken.socket.recv(kept, socket.MSG_WAITALL)) == kept
    with pytest.raises(ConnectionResetError):
        broken.socket.recv(1)


def test_a_throttled_answer(cluster: SimulatedCluster, ask: Callable[..., Any]) -> None:
    cluster.fault(throttle_ms=250, api=LIST_GROUPS)
    assert ask(groups_asked(), 5).throttle_time_ms == 250


def test_a_throttled_connection_is_not_read_from_for_so_long(
    cluster: SimulatedCluster, wire: Callable[..., Any]
) -> None:
    cluster.fault(throttle_ms=250, api=LIST_GROUPS)
    held, other = wire(), wire()
    begun = time.monotonic()
    held.ask(groups_asked(), 5, close=False)
    other.ask(metadata_asked(), 9)
    assert time.monotonic() - begun < 0.2, "the answer itself and other connections do not wait"
    held.ask(metadata_asked(), 9)
    assert time.monotonic() - begun >= 0.25


def test_a_broker_that_is_down_refuses_and_comes_back_on_its_port(
    cluster: SimulatedCluster, wire: Callable[..., Any], admin: KafkaAdminClient
) -> None:
    open_before, port = wire(2), cluster.port(2)
    open_before.ask(groups_asked(), 5, close=False)
    cluster.stop_broker(2)
    # Reset or end of file: either way it is gone.
    with suppress(ConnectionResetError):
        assert open_before.receive() == b""
    with pytest.raises(ConnectionRefusedError):
        wire(2)
    cluster.start_broker(2)
    assert cluster.port(2) == port
    assert wire(2).ask(groups_asked(), 5).error_code == 0
    assert len(admin.describe_cluster()["brokers"]) == 3


def test_a_broker_stops_while_clients_connect_and_no_socket_is_forgotten(
    cluster: SimulatedCluster, recwarn: pytest.WarningsRecorder
) -> None:
    port, over = cluster.port(2), threading.Event()

    def connect() -> None:
        while not over.is_set():
            with socket.socket() as client, suppress(OSError):
                client.connect(("127.0.0.1", port))

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        cluster.stop_broker(2)
        cluster.start_broker(2)
    over.set()
    for thread in threads:
        thread.join()
    cluster.stop()
    gc.collect()
    assert not recwarn.list


def test_a_coordinator_moves(on_one: Model, ask: Callable[..., Any]) -> None:
    on_one.move_coordinator("billing", 2)
    assert ask(offsets_asked("billing"), 8).groups[0].error_code == 16
    assert ask(DescribeGroupsRequest(groups=["billing"]), 5).groups[0].error_code == 16
    (found,) = ask(coordinators_asked("billing"), 4).coordinators
    assert found.node_id == 2
    assert ask(offsets_asked("billing"), 8, broker=2).groups[0].error_code == 0


def test_a_leader_moves(model: Model, ask: Callable[..., Any]) -> None:
    model.move_leader("orders", 0, 2)
    assert ends(ask(ends_asked("orders", 0), 7)) == [(6, -1)]
    assert ends(ask(ends_asked("orders", 0), 7, broker=2)) == [(0, 100)]
    assert ends(ask(ends_asked("orders", 0, epoch=0), 7, broker=2)) == [(74, -1)]
    assert ends(ask(ends_asked("orders", 0, epoch=2), 7, broker=2)) == [(75, -1)]
    model.move_leader("orders", 0, NOBODY)
    first = ask(metadata_asked("orders"), 9).topics[0].partitions[0]
    assert (first.error_code, first.leader_id, first.leader_epoch) == (5, -1, 2)


def test_a_group_that_two_brokers_list(model: Model, ask: Callable[..., Any]) -> None:
    model.groups["billing"].listed_by = {1, 2}
    listed = [{group.group_id for group in ask(groups_asked(), 5, broker=n).groups} for n in (1, 2, 3)]
    assert ["billing" in names for names in listed] == [True, True, False]


def test_a_fenced_broker_is_listed_by_nobody_but_those_who_ask(model: Model, ask: Callable[..., Any]) -> None:
    model.groups["billing"].coordinator = 2
    model.fence(2)
    answer = ask(metadata_asked("orders"), 12)
    assert [broker.node_id for broker in answer.brokers] == [1, 3]
    assert [(row.leader_id, row.isr_nodes, row.offline_replicas) for row in answer.topics[0].partitions][1] == (
        3,
        [3, 1],
        [2],
    )
    assert [row.error_code for row in ask(coordinators_asked("billing"), 6).coordinators] == [15]


def test_an_advertised_name_that_does_not_resolve(model: Model, ask: Callable[..., Any]) -> None:
    model.brokers[2].host = "broker-2.invalid"
    assert [broker.host for broker in ask(metadata_asked(), 9).brokers] == [
        "127.0.0.1",
        "broker-2.invalid",
        "127.0.0.1",
    ]


def test_a_mistake_in_a_handler_is_told_to_the_owner(model: Model) -> None:
    model.topics = None  # type: ignore[assignment]
    cluster = SimulatedCluster(model)
    cluster.start()
    with socket.create_connection(("127.0.0.1", cluster.port(1)), timeout=10) as client:
        request = metadata_asked()
        request.API_VERSION = 9
        request.with_header()
        client.sendall(request.encode(header=True, framed=True))
        assert client.recv(1) == b""
    with pytest.raises(ExceptionGroup, match="simulated cluster failed"):
        cluster.stop()
    cluster.stop()


def test_what_is_not_kafka_is_hung_up_on(cluster: SimulatedCluster) -> None:
    with socket.create_connection(("127.0.0.1", cluster.port(1)), timeout=10) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01")  # how TLS begins
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
