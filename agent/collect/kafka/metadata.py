"""Metadata: which brokers and topics there are. Thousands of topics are decoded by hand, and only where their bytes have changed."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from sys import intern
from typing import Any

from agent.collect.kafka.compact import after_tags, end, length, text, written
from agent.collect.kafka.connection import Question
from agent.collect.kafka.exchange import Kept
from agent.collect.kafka.wire import Wire
from checks.facts import Broker, Cluster, Topic, Unknown, Why
from checks.facts.codes import UNKNOWN_TOPIC, topic_refused

_OPERATIONS = {3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE"}
_OPERATIONS |= {9: "CLUSTER_ACTION", 10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE"}

TOPIC_LIST_BLIND = Unknown(
    Why.UNSUPPORTED, "Kafka lists only the topics one may describe, and does not say whether there are others"
)


@dataclass(frozen=True, slots=True)
class Metadata:
    cluster: Cluster
    topics: Mapping[str, Topic | Unknown]
    """Those that exist, as far as they are shown."""
    absent: frozenset[str]
    """Those asked for by name that do not exist."""
    pieces: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The bytes of each topic that could be read."""


def read_metadata(wire: Wire, names: Sequence[str] | None = None) -> Metadata | Unknown:
    """All topics that may be seen, or those of `names`. Never creates one."""
    from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - the import costs 0.4 s

    def fields() -> dict[str, Any]:
        topic = MetadataRequest.MetadataRequestTopic
        return {
            "topics": None if names is None else [topic(name=name) for name in names],
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": True,
            "include_topic_authorized_operations": False,
        }

    kept = wire.memos.topics
    # Version 10 is the last that tells cluster rights; nothing newer is needed here.
    question = Question(
        MetadataRequest,
        10,
        fields,
        _of_answer,
        read=lambda body: _read(body, kept),
        write=None if names is None else lambda: _by_name(names),
        since=10,
        slot="all" if names is None else "some",
        what=names,
    )
    told: Metadata | Unknown = wire.put(question, None)
    if not isinstance(told, Unknown):
        for name, piece in told.pieces.items():
            kept.keep(name, (piece, told.topics[name]))
    return told


def _of_answer(answer: Any) -> Metadata:
    found: dict[str, Topic | Unknown] = {}
    absent: set[str] = set()
    for topic in answer.topics:
        name = intern(topic.name)  # which raises for null
        if topic.error_code == UNKNOWN_TOPIC:
            absent.add(name)
        elif topic.error_code and not topic.partitions:
            found[name] = _refused(topic.error_code, name)
        else:
            found[name] = _topic(topic)
    brokers = [Broker(b.node_id, b.host, b.port, b.rack or None) for b in answer.brokers]
    cluster = _cluster(answer.cluster_id, answer.controller_id, brokers, answer.authorized_operations)
    return Metadata(cluster, found, frozenset(absent))


def _refused(code: int, topic: str) -> Unknown:
    return topic_refused(code, f"topic {topic}", topic)


def _cluster(id_: str | None, controller: int, brokers: Iterable[Broker], allowed: Iterable[int] | None) -> Cluster:
    return Cluster(
        id=id_ or "",
        controller=controller if controller >= 0 else None,
        brokers=tuple(sorted(brokers, key=lambda broker: broker.id)),
        operations=Unknown(Why.UNSUPPORTED, "the broker tells no rights (needs Kafka 2.3: KIP-430)")
        if allowed is None
        else tuple(sorted(_OPERATIONS.get(code, str(code)) for code in allowed)),
    )


def _topic(topic: Any) -> Topic:
    partitions = sorted(topic.partitions, key=lambda p: p.partition_index)
    identity = getattr(topic, "topic_id", None)
    return Topic(
        name=topic.name,
        id=_id(identity.bytes) if identity else "",
        internal=bool(topic.is_internal),
        leader=tuple(p.leader_id for p in partitions),
        replicas=tuple(tuple(p.replica_nodes) for p in partitions),
        isr=tuple(tuple(p.isr_nodes) for p in partitions),
        offline=tuple(tuple(p.offline_replicas or ()) for p in partitions),
        error=tuple(p.error_code for p in partitions),
    )


# ── by hand, version 10 ──

Known = tuple[bytes, Topic | Unknown]


def _by_name(names: Sequence[str]) -> bytes:
    """The body of a request for these topics, that creates none and asks for the rights on the cluster."""
    raw = [name.encode() for name in names]
    # Behind sixteen bytes for an id, which nobody knows.
    topics = [b"".join((_NO_ID, written(len(name) + 1), name, b"\0")) for name in raw]
    return b"".join((written(len(raw) + 1), *topics, b"\0\1\0\0"))


def _read(body: bytes, kept: Kept[str, Known]) -> Metadata:
    count, at = length(body, 4)  # behind the throttle time
    brokers: list[Broker] = []
    for _ in range(count):
        (node,) = _INT.unpack_from(body, at)
        size, at = length(body, at + 4)
        host = text(body, at, size)
        (port,) = _INT.unpack_from(body, at + size)
        size, at = length(body, at + size + 4)
        brokers.append(Broker(node, host, port, text(body, at, size) or None))
        at = after_tags(body, at + size)
    size, at = length(body, at)
    cluster = text(body, at, size)
    (controller,) = _INT.unpack_from(body, at + size)
    topics: dict[str, Topic | Unknown] = {}
    pieces: dict[str, bytes] = {}
    absent: list[str] = []
    lists: dict[bytes, tuple[int, ...]] = {}
    count, at = length(body, at + size + 4)
    for _ in range(count):
        begin = at
        (error,) = _SHORT.unpack_from(body, at)
        size, at = length(body, at + 2)
        name = intern(text(body, at, size))  # groups and logs name the same topics, a hundred thousand times
        if error == UNKNOWN_TOPIC:
            at = after_tags(body, _after_partitions(body, at + size + 17) + 4)
            absent.append(name)
            continue
        known = kept.get(name)
        if known is not None and body.startswith(known[0], begin):  # what an entry holds also says where it ends
            pieces[name], topics[name] = known
            at = begin + len(known[0])
            continue
        topics[name], at = _topic_at(name, error, body, at + size, lists)
        pieces[name] = body[begin:at]
    (rights,) = _UNSIGNED.unpack_from(body, at)
    end(body, at + 4)
    allowed = None if rights == _NOT_TOLD else [code for code in range(32) if rights >> code & 1]
    return Metadata(_cluster(cluster, controller, brokers, allowed), topics, frozenset(absent), pieces)


def _topic_at(
    name: str, error: int, body: bytes, at: int, lists: dict[bytes, tuple[int, ...]]
) -> tuple[Topic | Unknown, int]:
    """What is told behind a topic's name, and where it ends."""
    identity, internal = body[at : at + 16], body[at + 16]
    count, at = length(body, at + 17)
    rows: list[tuple[int, int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = []
    for _ in range(count):
        code, index, leader, _ = _PARTITION.unpack_from(body, at)
        at += _PARTITION.size
        nodes: list[tuple[int, ...]] = []
        for _ in range(3):
            size, at = length(body, at)
            raw = body[at : at + 4 * size]
            some = lists.get(raw)
            if some is None:
                some = lists[raw] = _integers(size).unpack(raw)
            nodes.append(some)
            at += 4 * size
        rows.append((index, leader, code, nodes[0], nodes[1], nodes[2]))
        at = after_tags(body, at)
    at = after_tags(body, at + 4)  # the rights on it, which were not asked for
    if error and not rows:
        return _refused(error, name), at
    rows.sort()
    _, leaders, errors, replicas, isr, offline = zip(*rows, strict=True) if rows else ((),) * 6
    return Topic(name, _id(identity), bool(internal), leaders, replicas, isr, offline, errors), at


def _after_partitions(body: bytes, at: int) -> int:
    """Behind the partitions of a topic that is not there, which has none."""
    count, at = length(body, at)
    if count:
        raise ValueError("partitions of a topic that does not exist")
    return at


@cache
def _integers(count: int) -> struct.Struct:
    if count > 1 << 16:
        raise ValueError("more brokers than there are")
    return struct.Struct(f">{count}i")


def _id(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=") if raw.strip(b"\0") else ""


_NO_ID = bytes(16)
_NOT_TOLD = 1 << 31
_SHORT = struct.Struct(">h")
_INT = struct.Struct(">i")
_UNSIGNED = struct.Struct(">I")
_PARTITION = struct.Struct(">hiii")
