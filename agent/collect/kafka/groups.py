"""Consumer groups: which there are, who is in them, and what they have committed."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from sys import intern
from typing import Any

from agent.collect.kafka import share, streams
from agent.collect.kafka.committed import of_rows
from agent.collect.kafka.connection import Question
from agent.collect.kafka.decoding import GroupOffsets, offset_fetch
from agent.collect.kafka.rights import DESCRIBE_GROUP
from agent.collect.kafka.wire import Wire
from checks.facts import NEVER, Committed, Group, Member, Unknown, Why
from checks.facts.codes import (
    COORDINATOR_LOADING,
    COORDINATOR_NOT_AVAILABLE,
    GROUP_DENIED,
    GROUP_NOT_FOUND,
    NOT_COORDINATOR,
    UNSUPPORTED_VERSION,
    refused,
)

CONSUMER_GROUP_DESCRIBE = 69
_BATCH = 100
_MOVED = {NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE}
_GONE = "gone"
_LOADING = "loading"
_PAUSE = 0.3
"""Seconds."""
_NOT_HERE = {"", "Dead", "Unknown"}
"""States of a group that a broker lists and does not coordinate."""
_LATER = Unknown(
    Why.DEADLINE,
    "half of the look's time did not do to find all coordinators",
    "raise --deadline, or wait for the next look",
)
_NO_ASSIGNMENT = Unknown(Why.UNSUPPORTED, "a classic group shows its assignments only while it is Stable")


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    kind: str
    state: str
    """Empty before Kafka 2.6 (KIP-518): every look describes the group then, which tells its state as well."""
    protocol_type: str
    broker: int


@dataclass(frozen=True, slots=True)
class GroupList:
    groups: Mapping[str, Listed]
    holes: tuple[Unknown, ...]
    """Brokers that did not answer: their groups are missing."""


def list_groups(wire: Wire, brokers: Iterable[int]) -> GroupList:
    """The groups of every broker, each once: while a coordinator moves, two brokers may tell the same group."""
    from kafka.protocol.admin import ListGroupsRequest  # noqa: PLC0415 - the import costs 0.4 s

    groups: dict[str, Listed] = {}
    holes: list[Unknown] = []
    both: set[str] = set()
    asked = list(brokers)

    def lists(of: Iterable[int]) -> list[Any]:
        filters: dict[str, Any] = {"states_filter": [], "types_filter": []}
        return wire.put_all([(b, Question(ListGroupsRequest, 5, lambda: filters, partial(_listed, b))) for b in of])

    answers = lists(asked)
    if loading := [i for i, told in enumerate(answers) if isinstance(told, Unknown) and told.last is _LOADING]:
        _pause(wire)
        for i, told in zip(loading, lists(asked[i] for i in loading), strict=True):
            answers[i] = told
    for broker, told in zip(asked, answers, strict=True):
        if isinstance(told, Unknown):
            holes.append(Unknown(told.why, f"groups of broker {broker} are not listed: {told.detail}", told.close))
            continue
        for listed in told:
            known = groups.get(listed.name)
            if known is not None and (known.state == listed.state == "" or not {known.state, listed.state} & _NOT_HERE):
                both.add(listed.name)
            if known is None or known.state in _NOT_HERE:
                groups[listed.name] = listed
    if both:
        groups |= _decided(wire, {name: groups[name] for name in both}, answers)
    return GroupList(groups, tuple(holes))


def _decided(wire: Wire, doubtful: Mapping[str, Listed], answers: Sequence[Any]) -> dict[str, Listed]:
    """Groups that two brokers list as theirs. One of them was frozen, perhaps, and tells what was true before that, until it
    hears that it was taken for dead: then the coordinator is who the others say it is.
    """
    told = {(one.name, one.broker): one for told in answers if not isinstance(told, Unknown) for one in told}
    found = find_coordinators(wire, sorted(doubtful)).items()
    return {
        name: doubtful[name] if isinstance(node, Unknown) else told.get((name, node), doubtful[name])
        for name, node in found
    }


def _listed(broker: int, answer: Any) -> list[Listed] | Unknown:
    if answer.error_code:
        unknown = refused(answer.error_code, f"the groups of broker {broker}")
        return replace(unknown, last=_LOADING) if answer.error_code == COORDINATOR_LOADING else unknown
    return [
        Listed(
            intern(group.group_id),  # which raises for null, as the others here do
            (getattr(group, "group_type", None) or "classic").lower(),
            getattr(group, "group_state", None) or "",
            group.protocol_type or "",
            broker,
        )
        for group in answer.groups
    ]


def describe(wire: Wire, listed: Iterable[Listed]) -> tuple[dict[str, Group | Unknown], frozenset[str]]:
    """The groups with their members, and the names that their coordinator says do not exist."""
    groups = list(listed)
    told = _at_coordinators(wire, [g for g in groups if g.kind == "consumer"], partial(_newer_questions, "consumer"))
    # A group that was another kind when it was listed answers GROUP_ID_NOT_FOUND or Dead there.
    classic = [group for group in groups if group.kind == "classic" or told.get(group.name) is _GONE]
    told |= _at_coordinators(wire, classic, _classic_questions)
    sharing = [g for g in groups if g.kind == "share" or _perhaps(wire, g, told, share.DESCRIBE, 1)]
    told |= _at_coordinators(wire, sharing, partial(_newer_questions, "share"))
    streaming = [g for g in groups if g.kind == "streams" or _perhaps(wire, g, told, streams.DESCRIBE, 0)]
    told |= _at_coordinators(wire, streaming, partial(_newer_questions, "streams"))
    for group in groups:
        one = told.setdefault(group.name, Unknown(Why.UNSUPPORTED, f"{group.kind} groups are not read"))
        if group.state and isinstance(one, Unknown) and one.why is Why.UNSUPPORTED:  # the list has told the rest
            kind = group.kind
            told[group.name] = Group(
                group.name, kind, group.state, group.protocol_type or kind, group.broker, members=one
            )
    gone = frozenset(name for name, group in told.items() if group is _GONE)
    return {name: group for name, group in told.items() if name not in gone}, gone


def _perhaps(wire: Wire, group: Listed, told: Mapping[str, Any], api: int, least: int) -> bool:
    """One that no list told the kind of, and that is of no kind asked for so far."""
    return not group.state and told.get(group.name) is _GONE and wire.version(group.broker, api) >= least


def fetch_committed(wire: Wire, listed: Iterable[Listed], clock: Callable[[], float]) -> dict[str, Committed | Unknown]:
    """The committed offsets of each group, and where share groups stand. Read them before the log ends, or lag goes below zero."""
    groups = list(listed)
    sharing = [group for group in groups if group.kind == "share"]
    others = [group for group in groups if group.kind != "share"]
    told = _at_coordinators(wire, others, partial(_offset_questions, clock))
    return told | _at_coordinators(wire, sharing, partial(_share_offset_questions, clock))


def find_coordinators(wire: Wire, names: Sequence[str]) -> dict[str, int | Unknown]:
    from kafka.protocol.metadata import FindCoordinatorRequest  # noqa: PLC0415 - as above

    found: dict[str, int | Unknown] = {}
    if wire.version(None, FindCoordinatorRequest.API_KEY) >= 4:
        told = wire.made(_nodes, None, FindCoordinatorRequest, 4, key_type=0, coordinator_keys=list(names))
        if isinstance(told, Unknown):
            return dict.fromkeys(names, told)
        missing = Unknown(Why.UNREACHABLE, "a broker gave a strange answer to FindCoordinator: without this group")
        return {name: told.get(name, missing) for name in names}
    for start in range(0, len(names), _BATCH):  # before Kafka 3.0 each has a question of its own
        some = names[start : start + _BATCH]
        if wire.patience.halved:
            found |= dict.fromkeys(some, _LATER)
            continue
        asked: list[tuple[int | None, Question]] = []
        for name in some:
            fields: Callable[[], dict[str, Any]] = partial(dict, key=name, key_type=0)
            question = Question(FindCoordinatorRequest, 3, fields, partial(_node, name=name), once=True)
            asked.append((None, question))
        found |= zip(some, wire.put_all(asked), strict=True)
    return found


def _nodes(answer: Any) -> dict[str, int | Unknown]:
    return {entry.key: _node(entry, entry.key) for entry in answer.coordinators}


def _node(answer: Any, name: str) -> int | Unknown:
    """The coordinator of a group."""
    if not answer.error_code:
        return int(answer.node_id)
    close = DESCRIBE_GROUP.remedy(name) if answer.error_code == GROUP_DENIED else ""
    return refused(answer.error_code, f"coordinator of {name}", close)


class _Moved(Exception):  # noqa: N818 - a signal within this module
    """The broker asked is not the coordinator any more."""


Part = tuple[Question, Callable[[Any], Mapping[str, Any]]]
"""A question about some groups, and what its answer says of each."""


def _at_coordinators(
    wire: Wire, listed: Iterable[Listed], parts: Callable[[Wire, int, Sequence[Listed]], Iterable[Part]]
) -> dict[str, Any]:
    """Asks each broker about its groups; those it no longer coordinates are looked up once and asked again."""
    groups = {group.name: group for group in listed}
    told = _asked(wire, groups.values(), parts)
    if loading := [groups[name] for name, one in told.items() if isinstance(one, Unknown) and one.last is _LOADING]:
        _pause(wire)
        told |= _asked(wire, loading, parts)
    moved = sorted(name for name, one in told.items() if isinstance(one, Unknown) and isinstance(one.last, _Moved))
    if moved:
        again: list[Listed] = []
        for name, node in find_coordinators(wire, moved).items():
            if isinstance(node, Unknown):
                told[name] = node
            else:
                again.append(replace(groups[name], broker=node))
        told |= _asked(wire, again, parts)
    return {name: Unknown(r.why, r.detail, r.close) if isinstance(r, Unknown) else r for name, r in told.items()}


def _pause(wire: Wire) -> None:
    """For coordinators that load what they have just got: they are asked once more."""
    time.sleep(min(_PAUSE, wire.patience.left))


def _asked(
    wire: Wire, listed: Iterable[Listed], parts: Callable[[Wire, int, Sequence[Listed]], Iterable[Part]]
) -> dict[str, Any]:
    questions: list[tuple[int | None, Question]] = []
    readings: list[Callable[[Any], Mapping[str, Any]]] = []
    by_broker = _by_broker(listed)
    for broker, groups in by_broker.items():
        for start in range(0, len(groups), _BATCH):
            for question, reading in parts(wire, broker, groups[start : start + _BATCH]):
                questions.append((broker, question))
                readings.append(reading)
    told: dict[str, Any] = {}
    for reading, answer in zip(readings, wire.put_all(questions), strict=True):
        told |= reading(answer)
    asked = {group.name for groups in by_broker.values() for group in groups}
    return {name: one for name, one in told.items() if name in asked}  # a broker may say what nobody asked for


def _of_each(names: Sequence[str], answer: Any) -> Mapping[str, Any]:
    """An answer about several groups; what keeps it away keeps it away of all."""
    return dict.fromkeys(names, answer) if isinstance(answer, Unknown) else answer


def _by_broker(listed: Iterable[Listed]) -> dict[int, list[Listed]]:
    brokers: dict[int, list[Listed]] = {}
    for group in listed:
        brokers.setdefault(group.broker, []).append(group)
    return brokers


def _failed(code: int, what: str, name: str) -> Unknown:
    unknown = refused(code, what, DESCRIBE_GROUP.remedy(name) if code == GROUP_DENIED else "")
    last = _Moved() if code in _MOVED else _LOADING if code == COORDINATOR_LOADING else None
    return Unknown(unknown.why, unknown.detail, unknown.close, last=last)


def _classic_questions(_: Wire, broker: int, listed: Sequence[Listed]) -> Iterator[Part]:
    from kafka.protocol.admin import DescribeGroupsRequest  # noqa: PLC0415 - as above

    names = [group.name for group in listed]
    fields = {"groups": names, "include_authorized_operations": False}
    yield Question(DescribeGroupsRequest, 5, lambda: fields, partial(_classic, broker)), partial(_of_each, names)


def _classic(broker: int, answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for group in answer.groups:
        if group.error_code == GROUP_NOT_FOUND or (not group.error_code and group.group_state == "Dead"):
            told[group.group_id] = _GONE
        elif group.error_code:
            told[group.group_id] = _failed(group.error_code, f"group {group.group_id}", group.group_id)
        else:
            settled = group.group_state in ("Stable", "Empty")
            members = tuple(_classic_member(m, group.protocol_type, settled=settled) for m in group.members)
            told[group.group_id] = Group(
                group.group_id, "classic", group.group_state, group.protocol_type or "", broker, members
            )
    return told


def _classic_member(member: Any, protocol_type: str, *, settled: bool) -> Member:
    from kafka.protocol.consumer.metadata import (  # noqa: PLC0415 - as above
        ConsumerProtocolAssignment,
        ConsumerProtocolSubscription,
    )

    assigned: Mapping[str, tuple[int, ...]] | Unknown = _NO_ASSIGNMENT
    subscribed: tuple[str, ...] | Unknown = _NO_ASSIGNMENT
    if protocol_type != "consumer":
        assigned = subscribed = Unknown(
            Why.UNSUPPORTED, f"members of a {protocol_type} group have a protocol of their own"
        )
    elif settled:
        try:
            blob = member.member_assignment
            parts = ConsumerProtocolAssignment.decode(blob).assigned_partitions if blob else ()
            assigned = {topic: tuple(sorted(partitions)) for topic, partitions in parts}
            blob = member.member_metadata
            subscribed = tuple(sorted(ConsumerProtocolSubscription.decode(blob).topics)) if blob else ()
        except Exception:  # noqa: BLE001 - bytes that any client may have written
            assigned = subscribed = Unknown(Why.UNSUPPORTED, "its assignment is not in the consumer protocol's form")
    return Member(
        member.member_id,
        member.client_id or "",
        member.client_host or "",
        getattr(member, "group_instance_id", None),
        assigned,
        subscribed,
    )


def _newer_questions(kind: str, _: Wire, broker: int, listed: Sequence[Listed]) -> Iterator[Part]:
    """About groups of the newer protocols, each of which has a question of its own."""
    from agent.collect.kafka.messages import (  # noqa: PLC0415 - as above
        ConsumerGroupDescribeRequest,
        ShareGroupDescribeRequest,
        StreamsGroupDescribeRequest,
    )

    request, version = {
        "consumer": (ConsumerGroupDescribeRequest, 1),
        "share": (ShareGroupDescribeRequest, 1),
        "streams": (StreamsGroupDescribeRequest, 0),
    }[kind]
    names = [group.name for group in listed]
    fields = {"group_ids": names, "include_authorized_operations": False}
    unlisted = frozenset(group.name for group in listed if not group.state)
    yield Question(request, version, lambda: fields, partial(_newer, kind, broker, unlisted)), partial(_of_each, names)


def _newer(kind: str, broker: int, unlisted: AbstractSet[str], answer: Any) -> dict[str, Any]:
    """They are all described alike but for the members of streams groups."""
    told: dict[str, Any] = {}
    for group in answer.groups:
        name = group.group_id
        # A broker that knows the question and has that kind switched off: one that no list has is none of that kind.
        off = group.error_code == UNSUPPORTED_VERSION and name in unlisted
        if group.error_code == GROUP_NOT_FOUND or off:
            told[name] = _GONE
        elif group.error_code:
            told[name] = _failed(group.error_code, f"group {name}", name)
        else:
            members = streams.members(group) if kind == "streams" else tuple(map(_member, group.members))
            epochs = group.group_epoch, group.assignment_epoch
            told[name] = Group(name, kind, group.group_state, kind, broker, members, *epochs)
    return told


def _member(member: Any) -> Member:
    instance = getattr(member, "instance_id", None)  # members of share groups have none
    assigned = _places(member.assignment)
    target = _places(getattr(member, "target_assignment", member.assignment))  # nor a target
    return Member(
        member.member_id,
        member.client_id or "",
        member.client_host or "",
        instance,
        assigned,
        tuple(sorted(map(intern, member.subscribed_topic_names or ()))),
        member.member_epoch,
        None if target == assigned else target,
    )


def _places(assignment: Any) -> dict[str, tuple[int, ...]]:
    return {intern(t.topic_name): tuple(sorted(t.partitions)) for t in assignment.topic_partitions}


def _share_offset_questions(
    clock: Callable[[], float], wire: Wire, broker: int, listed: Sequence[Listed]
) -> Iterator[Part]:
    names = [group.name for group in listed]
    question = share.offsets_question(names, wire.version(broker, share.OFFSETS), _failed, clock())
    yield question, partial(_of_each, names)


def _offset_questions(clock: Callable[[], float], wire: Wire, broker: int, listed: Sequence[Listed]) -> Iterator[Part]:
    from kafka.protocol.consumer import OffsetFetchRequest  # noqa: PLC0415 - as above

    names = [group.name for group in listed]
    at = clock()
    # Version 10 names topics by id: 9 is as much as is needed. Below 8 there is one group in a request.
    if wire.version(broker, OffsetFetchRequest.API_KEY) >= 8:
        yield _all_at_once(wire, names, at)
        return
    for name in names:
        fields = {"group_id": name, "topics": None, "require_stable": False}
        question = Question(OffsetFetchRequest, 7, partial(dict, fields), partial(_committed, name=name, at=at))
        yield question, partial(_named, name)


def _named(name: str, answer: Committed | Unknown) -> Mapping[str, Committed | Unknown]:
    return {name: answer}


def _all_at_once(wire: Wire, names: Sequence[str], at: float) -> Part:
    """Many groups in one request. A group is decoded anew only where its own bytes are others than before."""
    from kafka.protocol.consumer import OffsetFetchRequest  # noqa: PLC0415 - as above

    kept = wire.memos.committed
    request = OffsetFetchRequest.OffsetFetchRequestGroup

    def read(body: bytes) -> dict[str, tuple[bytes, Committed | Unknown]]:
        before = {name: one for name in names if (one := kept.get(name)) is not None}
        told = offset_fetch(body, {name: piece for name, (piece, _) in before.items()})
        return {
            name: (piece, _made(told.fresh[name], name, at) if name in told.fresh else before[name][1])
            for name, piece in told.pieces.items()
        }

    def reading(told: dict[str, tuple[bytes, Committed | Unknown]] | Unknown) -> Mapping[str, Committed | Unknown]:
        if isinstance(told, Unknown):
            return dict.fromkeys(names, told)
        return {name: kept.keep(name, one)[1] for name, one in told.items()}

    question = Question(
        OffsetFetchRequest,
        9,
        lambda: {
            "groups": [request(group_id=name, member_id=None, member_epoch=-1, topics=None) for name in names],
            "require_stable": False,
        },
        read=read,
        since=8,
        slot=names[0],
        what=names,
    )
    return question, reading


def _made(told: GroupOffsets, name: str, at: float) -> Committed | Unknown:
    if told.error:
        return _failed(told.error, f"committed offsets of {name}", name)
    return Committed(told.topics, told.topic, told.partition, told.offset, told.errors, at, epoch=told.epoch)


def _committed(answer: Any, name: str, at: float) -> Committed | Unknown:
    """As `_made`, from an answer about one group, as older brokers give it."""
    if answer.error_code:
        return _failed(answer.error_code, f"committed offsets of {name}", name)
    rows = {
        topic.name: [
            (p.partition_index, p.committed_offset, p.committed_leader_epoch, NEVER, p.error_code)
            for p in topic.partitions
        ]
        for topic in answer.topics
    }
    return of_rows(rows, at)
