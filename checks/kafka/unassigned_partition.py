from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Group, Unknown, Why, Widths, known
from checks.platform import TOPICS
from checks.wording import count, listed, shell, shown


def _subscribed(group: Group) -> Iterable[str]:
    """What members of a group that has dealt out its partitions say they read; empty where that is not known."""
    if not _settled(group) or isinstance(group.members, Unknown):
        return ()
    return {topic for m in group.members if not isinstance(m.subscribed, Unknown) for topic in m.subscribed}


def _settled(group: Group) -> bool:
    return group.settled and group.protocol_type == "consumer" and group.kind in ("classic", "consumer")


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(7), names=_subscribed)
def unassigned_partition(group: Group, widths: Widths) -> Iterator[Problem]:
    """A partition of a topic that a consumer group reads belongs to none of its members.

    Why: nobody reads it, and nobody is told: the members are healthy, and the sum over the topic hides it until its
        records are old. A partition that was never read has no committed offset, so that it has no lag either.
    How: the partitions of every topic that a member subscribes to, or owns a part of, less those that some member owns
        (DescribeGroups, ConsumerGroupDescribe, Metadata), in a group that is Stable and whose members have all reached its
        newest epoch (KIP-848).
    Limits: told after 7 minutes (`after`): consumers look for new partitions every 5 minutes (metadata.max.age.ms), and
        then rebalance.
    Silent when: the group rebalances; nobody is in it; its members have a protocol of their own (Kafka Connect); the topic
        is not there, or is one of the platform's own. Of a topic that members choose by a pattern on the broker (KIP-848)
        nothing is known while nobody owns a part of it.
    Source: KIP-429 and KIP-848, how a group deals out its partitions; article S494-496.
    """
    if not _settled(group):
        return
    members = known(group.members)
    subscribers = Counter(topic for m in members for topic in known(m.subscribed))
    owned: dict[str, set[int]] = {topic: set() for topic in subscribers}
    for m in members:
        for topic, mine in known(m.assigned).items():
            owned.setdefault(topic, set()).update(mine)
    left: dict[str, list[int]] = {}
    holes: list[Unknown] = []
    for topic, partitions in owned.items():
        width = _width(widths, topic)
        if isinstance(width, Unknown):
            holes.append(width)
        elif len(partitions) < width:
            left[topic] = sorted(set(range(width)) - partitions)
    if left:
        yield _problem(group, left, {topic: len(owned[topic]) for topic in left}, subscribers)
    for hole in holes:
        known(hole)


def _width(widths: Widths, topic: str) -> int | Unknown:
    """Partitions of a topic; 0 where it is not there or is left out by intent."""
    width = widths.of(topic)
    if isinstance(width, Unknown) and (width.why is Why.OFF or any(fnmatchcase(topic, name) for name in TOPICS)):
        return 0
    return width


def _problem(group: Group, left: dict[str, list[int]], owned: dict[str, int], subscribers: Counter[str]) -> Problem:
    topic = max(left, key=lambda name: (len(left[name]), name))
    names = listed([str(partition) for partition in left[topic]], 5)
    where = f"partition {names}" if len(left[topic]) == 1 else f"partitions {names}"
    others = len(left) - 1
    who = count(subscribers[topic], "member")
    return Problem(
        summary=f"nobody in group {shown(group.name)} owns {where} of {shown(topic)} "
        f"({owned[topic]} of {owned[topic] + len(left[topic])} are dealt out"
        + (f", {who} {'subscribes' if subscribers[topic] == 1 else 'subscribe'} to it)" if subscribers[topic] else ")")
        + (f"; the same on {count(others, 'other topic')}" if others else ""),
        evidence=tuple(_seen(group, topic)),
        fix=Fix(
            "Partitions are dealt out anew in a rebalance: restart one member. If it stays so, see that all members run the "
            "same version with the same assignor and subscription, and that an assignor of your own deals out every "
            "partition.",
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --members --verbose "
            f"--group {shell(group.name)}",
        ),
    )


def _seen(group: Group, topic: str) -> Iterator[Seen]:
    members = list(enumerate(known(group.members)))
    owners = [(i, known(m.assigned)[topic]) for i, m in members if topic in known(m.assigned)]
    for i, partitions in owners[:2]:
        yield Seen(f"members[{i}].assigned[{topic}]", partitions, "partitions")
    for i in [i for i, m in members if topic in known(m.subscribed)][:2]:
        yield Seen(f"members[{i}].subscribed", known(members[i][1].subscribed), "topics")
