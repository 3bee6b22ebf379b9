"""What is kept of a target from look to look: names that have to be asked for, and whatever did not change."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, TypeVar

from alerts.model import State
from alerts.succession import latest
from checks.evaluate import GONE_AFTER
from checks.facts import (
    Address,
    Committed,
    KafkaSnapshot,
    Listing,
    LogEnds,
    Snapshot,
    Unknown,
    Why,
    unseen_kafka,
    unseen_sqs,
)

T = TypeVar("T")


def spoken(state: State) -> frozenset[Address]:
    """The resources that alerts and configuration findings speak of."""
    return frozenset(fingerprint.address for fingerprint in (*state.open, *state.settings))


def remembered(state: State, place: str) -> Snapshot | None:
    """After a restart, the names that alerts of a target speak of: those that are not listed any more are asked for."""
    known = latest(state, place)
    if known is None:
        return None
    address = known.address
    about = spoken(state)
    unknown = Unknown(Why.YOUNG, "not looked at since the start")

    def listed(kind: str) -> Listing[Any]:
        return Listing({a.name: unknown for a in about if a.root == address and a.kind == kind}, (unknown,))

    if address.scheme == "sqs":
        return replace(unseen_sqs(address.target, 0.0, unknown), queues=listed("queues"))
    return replace(unseen_kafka(address.target, 0.0, unknown), topics=listed("topics"), groups=listed("groups"))


def pruned(snapshot: Snapshot, about: AbstractSet[Address]) -> Snapshot:
    """Without the names that are known to be gone and that nobody speaks of.

    Whatever was ever there would be asked for at every look otherwise, and groups and queues come and go.
    """

    def left(kind: str, listing: Listing[T]) -> Listing[T]:
        absent = {
            name: absence
            for name, absence in listing.absent.items()
            if absence.polls <= GONE_AFTER or snapshot.address.under(kind, name) in about
        }
        return replace(listing, absent=absent) if len(absent) < len(listing.absent) else listing

    if isinstance(snapshot, KafkaSnapshot):
        return replace(snapshot, topics=left("topics", snapshot.topics), groups=left("groups", snapshot.groups))
    return replace(snapshot, queues=left("queues", snapshot.queues))


def same(snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
    """The snapshot with the very objects of the one before wherever they are equal: what did not change is not judged again,
    and history holds it once.
    """
    if not isinstance(snapshot, KafkaSnapshot) or not isinstance(before, KafkaSnapshot):
        return snapshot  # every queue is new: it says when it was read
    return replace(
        snapshot,
        cluster=before.cluster if snapshot.cluster == before.cluster else snapshot.cluster,
        topics=replace(snapshot.topics, items=_same_items(snapshot.topics.items, before.topics.items)),
        topic_configs=_same_items(snapshot.topic_configs, before.topic_configs),
        broker_configs=_same_items(snapshot.broker_configs, before.broker_configs),
        groups=replace(snapshot.groups, items=_same_items(snapshot.groups.items, before.groups.items)),
        committed={name: _same_committed(new, before.committed.get(name)) for name, new in snapshot.committed.items()},
        ends=_ends(snapshot.ends, before.ends),
    )


def _same_items(new: Mapping[str, T], old: Mapping[str, T]) -> Mapping[str, T]:
    kept = {name: old[name] if name in old and old[name] == item else item for name, item in new.items()}
    return old if len(kept) == len(old) and all(kept[name] is old.get(name) for name in kept) else kept


def _same_committed(new: Committed | Unknown, old: Committed | Unknown | None) -> Committed | Unknown:
    if isinstance(new, Unknown) or old is None or isinstance(old, Unknown):
        return new
    return new.after(old)


def _ends(new: LogEnds | Unknown, old: LogEnds | Unknown) -> LogEnds | Unknown:
    """They are read anew each time, and say when; their columns are shared."""
    return new if isinstance(new, Unknown) or isinstance(old, Unknown) else new.after(old)
