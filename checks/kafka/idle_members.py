from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Group, known
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO)
def idle_members(group: Group, *, spare: int = 0) -> Iterator[Problem]:
    """A consumer group has more members than partitions to give them.

    Why: a partition has one reader in a group, so the members beyond that wait for ever: they cost memory and
        connections, make every rebalance longer, and suggest a parallelism that is not there.
    How: members without a partition (DescribeGroups, ConsumerGroupDescribe) in a group that is Stable and has more
        members than assigned partitions.
    Limits: `spare` members may stand by, 0 by default.
    Silent when: the group is rebalancing, or a member has not taken up its newest assignment (KIP-848); it is a share group (there members share partitions) or a
        streams group (there they may hold standby copies of state); deliberate standby
        is declared with `spare`.
    Source: Apache Kafka documentation, consumers: a partition is consumed by exactly one consumer of each group.
    """
    if not group.settled or group.kind not in ("classic", "consumer"):
        return
    members = known(group.members)
    owned = [sum(len(partitions) for partitions in known(member.assigned).values()) for member in members]
    idle = [member for member, partitions in zip(members, owned, strict=True) if not partitions]
    if len(members) <= sum(owned) or len(idle) <= spare:
        return
    topics = sorted(known(group.assigned_topics()))
    yield Problem(
        summary=f"{count(len(idle), 'member')} of {len(members)} of group {shown(group.name)} without a partition: "
        f"it has {count(sum(owned), 'partition')} to share ({listed(topics)})",
        evidence=tuple(Seen(f"members[{members.index(member)}].assigned", (), "partitions") for member in idle[:3]),
        fix=Fix(
            f"Run {sum(owned)} consumers, or give the topic more partitions (existing keys then change partition).",
            f"kafka-consumer-groups.sh --bootstrap-server $BOOTSTRAP --describe --members --group {shell(group.name)}",
        ),
    )
