"""What a group of the newer protocols (KIP-848) waits for while it takes up what was dealt out anew."""

from collections.abc import Iterator

from checks.check import Seen
from checks.facts import Group, Member, Unknown
from checks.wording import listed, shown

MEND = (
    "A member takes up a new assignment when it polls, and the partitions that it is to give up go to nobody before: look "
    "in its log and thread dump (jcmd PID Thread.print) for what it does between two polls, and restart it."
)


def reader(member: Member) -> str:
    """`app-1 on 10.0.0.7`."""
    return f"{shown(member.client_id)} on {shown(member.host.lstrip('/'))}"


def waiting(group: Group) -> str:
    """`; app-1 on 10.0.0.7 has not taken up the newest assignment`, to follow a summary; empty where all have."""
    behind = [reader(member) for member in group.behind()]
    if not behind:
        return ""
    return f"; {listed(behind, 2)} {'has' if len(behind) == 1 else 'have'} not taken up the newest assignment"


def seen(group: Group) -> Iterator[Seen]:
    """The epochs that show it."""
    behind = group.behind()
    for i, member in enumerate(() if isinstance(group.members, Unknown) else group.members):
        if member in behind[:2]:
            yield Seen(
                f"members[{i}].epoch", member.epoch, f"epoch, where the assignment's is {group.assignment_epoch}"
            )


def heir(group: Group, topic: str, partition: int) -> Member | None:
    """Who is to own a partition that is on its way."""
    members = () if isinstance(group.members, Unknown) else group.members
    return next((m for m in members if m.target and partition in m.target.get(topic, ())), None)
