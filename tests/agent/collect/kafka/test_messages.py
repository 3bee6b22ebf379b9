"""The bytes of messages that we describe ourselves, spelt out by hand from the protocol."""

import uuid
import warnings

import pytest

with warnings.catch_warnings():
    # kafka-python reads schemas with a function that Python 3.11 deprecates and 3.13 takes back.
    warnings.simplefilter("ignore", DeprecationWarning)
    from agent.collect.kafka.messages import (
        ConsumerGroupDescribeRequest,
        ConsumerGroupDescribeResponse,
        DescribeShareGroupOffsetsRequest,
        DescribeShareGroupOffsetsResponse,
        ShareGroupDescribeRequest,
        ShareGroupDescribeResponse,
        StreamsGroupDescribeRequest,
        StreamsGroupDescribeResponse,
    )

TOPIC = uuid.UUID(int=0x0102)


def short(text: str) -> bytes:
    """A compact string of less than 127 bytes."""
    return bytes([len(text) + 1]) + text.encode()


def assignment(*partitions: int) -> bytes:
    numbers = b"".join(partition.to_bytes(4, "big") for partition in partitions)
    return b"\x02" + TOPIC.bytes + short("t") + bytes([len(partitions) + 1]) + numbers + b"\0" + b"\0"


@pytest.mark.parametrize("version", [0, 1])
def test_request(version: int) -> None:
    request = ConsumerGroupDescribeRequest(group_ids=["g", "hh"], include_authorized_operations=True)
    assert bytes(request.encode(version=version)) == b"\x03" + short("g") + short("hh") + b"\x01" + b"\0"
    assert request.API_KEY == 69


@pytest.mark.parametrize("version", [0, 1])
def test_response(version: int) -> None:
    member = short("m") + b"\0" + short("rack") + (5).to_bytes(4, "big") + short("client") + short("/10.0.0.1")
    member += (
        b"\x02" + short("t") + b"\0" + assignment(0, 1) + assignment(0, 1, 2) + (b"\x01" if version else b"") + b"\0"
    )
    group = b"\0\0" + b"\0" + short("g") + short("Reconciling") + (7).to_bytes(4, "big") + (6).to_bytes(4, "big")
    group += short("uniform") + b"\x02" + member + (0b1_0000_1000).to_bytes(4, "big") + b"\0"
    refused = (
        (30).to_bytes(2, "big")
        + short("no")
        + short("h")
        + short("")
        + bytes(8)
        + short("")
        + b"\x01"
        + b"\x80\0\0\0"
        + b"\0"
    )
    response = ConsumerGroupDescribeResponse.decode(bytes(4) + b"\x03" + group + refused + b"\0", version=version)

    seen, denied = response.groups
    assert (seen.error_code, seen.error_message, seen.group_id, seen.group_state) == (0, None, "g", "Reconciling")
    assert (seen.group_epoch, seen.assignment_epoch, seen.assignor_name, seen.authorized_operations) == (
        7,
        6,
        "uniform",
        {3, 8},
    )
    (member,) = seen.members
    assert (member.member_id, member.instance_id, member.rack_id, member.member_epoch) == ("m", None, "rack", 5)
    assert (member.client_id, member.client_host, member.subscribed_topic_names) == ("client", "/10.0.0.1", ["t"])
    assert member.subscribed_topic_regex is None
    assert [row.partitions for row in member.assignment.topic_partitions] == [[0, 1]]
    assert [(row.topic_id, row.topic_name, row.partitions) for row in member.target_assignment.topic_partitions] == [
        (TOPIC, "t", [0, 1, 2])
    ]
    assert member.member_type == (1 if version else -1)
    assert (denied.error_code, denied.error_message, denied.members, denied.authorized_operations) == (
        30,
        "no",
        [],
        None,
    )


def test_share_groups() -> None:
    request = ShareGroupDescribeRequest(group_ids=["g"], include_authorized_operations=False)
    assert (request.API_KEY, bytes(request.encode(version=1))) == (77, b"\x02" + short("g") + b"\0" + b"\0")
    member = short("m") + short("rack") + (5).to_bytes(4, "big") + short("client") + short("/10.0.0.1")
    member += b"\x02" + short("t") + assignment(0, 1) + b"\0"
    group = b"\0\0" + b"\0" + short("g") + short("Stable") + (7).to_bytes(4, "big") + (7).to_bytes(4, "big")
    group += short("simple") + b"\x02" + member + b"\x80\0\0\0" + b"\0"
    response = ShareGroupDescribeResponse.decode(bytes(4) + b"\x02" + group + b"\0", version=1)
    (seen,) = response.groups
    assert (seen.group_id, seen.group_state, seen.members[0].subscribed_topic_names) == ("g", "Stable", ["t"])
    (place,) = seen.members[0].assignment.topic_partitions
    assert (place.topic_id, place.topic_name, list(place.partitions)) == (TOPIC, "t", [0, 1])


def test_streams_groups() -> None:
    request = StreamsGroupDescribeRequest(group_ids=["g"], include_authorized_operations=False)
    assert (request.API_KEY, bytes(request.encode(version=0))) == (89, b"\x02" + short("g") + b"\0" + b"\0")
    pair = b"\x02" + short("k") + short("v") + b"\0"
    repartition = short("g-r-repartition") + (2).to_bytes(4, "big") + b"\0\x01" + pair + b"\0"
    part = (
        short("0")
        + b"\x03"
        + short("t")
        + short("u")
        + b"\x02"
        + short("sink")
        + b"\x01"
        + b"\x02"
        + repartition
        + b"\0"
    )
    topology = b"\x01" + (3).to_bytes(4, "big") + b"\x02" + part + b"\0"
    tasks = b"\x02" + short("0") + b"\x03" + bytes(4) + (1).to_bytes(4, "big") + b"\0"
    owned, target = tasks + b"\x01" + b"\x01" + b"\0", b"\x01" + tasks + b"\x01" + b"\0"
    endpoint = b"\x01" + short("h") + (40_000).to_bytes(2, "big") + b"\0"
    restored = b"\x02" + short("0") + bytes(4) + (9).to_bytes(8, "big") + b"\0"
    member = short("m") + (5).to_bytes(4, "big") + short("i") + b"\0" + short("client") + short("/10.0.0.1")
    member += (
        (3).to_bytes(4, "big") + short("p") + endpoint + pair + restored + b"\x01" + owned + target + b"\x01" + b"\0"
    )
    epochs = (7).to_bytes(4, "big") + (6).to_bytes(4, "big")
    group = (
        b"\0\0" + b"\0" + short("g") + short("Stable") + epochs + topology + b"\x02" + member + b"\x80\0\0\0" + b"\0"
    )
    refused = b"\0\x1e" + short("no") + short("h") + short("") + bytes(8) + b"\xff" + b"\x01" + b"\x80\0\0\0" + b"\0"
    waiting = b"\0\0" + b"\0" + short("w") + short("NotReady") + epochs + b"\x01" + bytes(4) + b"\0" + b"\0" + b"\x01"
    waiting += b"\x80\0\0\0" + b"\0"
    body = bytes(4) + b"\x04" + group + refused + waiting + b"\0"
    seen, denied, unready = StreamsGroupDescribeResponse.decode(body, version=0).groups
    (known,) = seen.topology.subtopologies
    assert (known.subtopology_id, list(known.source_topics), known.repartition_source_topics[0].name) == (
        "0",
        ["t", "u"],
        "g-r-repartition",
    )
    (row,) = seen.members
    assert (row.member_id, row.instance_id, row.client_id, row.client_host) == ("m", "i", "client", "/10.0.0.1")
    assert [(task.subtopology_id, list(task.partitions)) for task in row.assignment.active_tasks] == [("0", [0, 1])]
    assert (row.assignment.standby_tasks, len(row.target_assignment.standby_tasks), row.is_classic) == ([], 1, True)
    assert (denied.error_code, denied.topology, denied.members) == (30, None, [])
    assert (unready.group_state, unready.topology.subtopologies) == ("NotReady", None)


@pytest.mark.parametrize("version", [0, 1])
def test_where_share_groups_stand(version: int) -> None:
    kind = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
    request = DescribeShareGroupOffsetsRequest(groups=[kind(group_id="g", topics=None)])
    assert (request.API_KEY, bytes(request.encode(version=version))) == (
        90,
        b"\x02" + short("g") + b"\0" + b"\0" + b"\0",
    )
    partition = (3).to_bytes(4, "big") + (40).to_bytes(8, "big") + (2).to_bytes(4, "big")
    partition += ((7).to_bytes(8, "big") if version else b"") + b"\0\0" + b"\0" + b"\0"
    topic = short("t") + TOPIC.bytes + b"\x02" + partition + b"\0"
    body = bytes(4) + b"\x02" + short("g") + b"\x02" + topic + b"\0\x1e" + short("no") + b"\0" + b"\0"
    (group,) = DescribeShareGroupOffsetsResponse.decode(body, version=version).groups
    (row,) = group.topics[0].partitions
    assert (group.error_code, row.partition_index, row.start_offset, row.lag) == (30, 3, 40, 7 if version else -1)
