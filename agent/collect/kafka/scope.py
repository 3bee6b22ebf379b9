"""Groups that are asked for by name, at their coordinators, whether or not a list has them: those of `--scope`, and those that were there."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from agent.collect.kafka.groups import CONSUMER_GROUP_DESCRIBE, GroupList, Listed, find_coordinators, list_groups
from agent.collect.kafka.wire import Wire
from checks.facts import Committed, Group, KafkaSnapshot, Listing, Unknown, Why
from checks.wording import meant

SCOPED = Unknown(Why.OFF, "only what --scope names is looked at")
OFFSETS_TOPIC = "__consumer_offsets"
"""A broker that is asked for a coordinator creates it where there is none. Then there is no group either: nobody is to be asked."""
_GLOB = frozenset("*?[")


def is_glob(name: str) -> bool:
    return not _GLOB.isdisjoint(name)


def scoped(wire: Wire, scope: Sequence[str], brokers: Sequence[int]) -> tuple[GroupList, dict[str, Unknown]]:
    """The groups of a scope: a name is asked for at its coordinator, a glob needs the lists.

    The second part is those whose coordinator is not told.
    """
    names = [name for name in scope if not is_glob(name)]
    listed = list_groups(wire, brokers) if len(names) < len(scope) else GroupList({}, ())
    groups = {n: g for n, g in listed.groups.items() if any(fnmatchcase(n, glob) for glob in scope)}
    found, lost = _found(wire, [name for name in names if name not in groups])
    wire.reach(set(found.values()))
    groups |= {name: Listed(name, _kind(wire, node), "", "", node) for name, node in found.items()}
    return GroupList(groups, listed.holes), lost


def missed(
    wire: Wire, previous: KafkaSnapshot | None, listed: Mapping[str, Listed]
) -> tuple[dict[str, Listed], dict[str, Unknown]]:
    """Groups seen before and not listed now: asked for by name, since a list proves nothing.

    The second part is those whose coordinator is not told.
    """
    if previous is None:
        return {}, {}
    before = previous.groups.items
    found, lost = _found(wire, sorted((before.keys() | previous.groups.absent.keys()) - listed.keys()))
    kinds = {name: group.kind for name in found if isinstance(group := before.get(name), Group)}
    return {n: Listed(n, kinds.get(n) or _kind(wire, node), "", "", node) for n, node in found.items()}, lost


def _found(wire: Wire, names: Sequence[str]) -> tuple[dict[str, int], dict[str, Unknown]]:
    """Each one's coordinator, and why it is not told."""
    told = find_coordinators(wire, names) if names else {}
    lost = {name: node for name, node in told.items() if isinstance(node, Unknown)}
    return {name: node for name, node in told.items() if not isinstance(node, Unknown)}, lost


def _kind(wire: Wire, node: int) -> str:
    """How a group of a kind that is not known is asked for: whoever is no KIP-848 group is described as a classic one."""
    return "consumer" if wire.version(node, CONSUMER_GROUP_DESCRIBE) >= 0 else "classic"


def topics_of(groups: Iterable[Group | Unknown], committed: Iterable[Committed | Unknown]) -> list[str]:
    """What these groups read, as far as their offsets and their members tell."""
    names = {topic for one in committed if not isinstance(one, Unknown) for topic in one.topics}
    for group in groups:
        for member in () if isinstance(group, Unknown) or isinstance(group.members, Unknown) else group.members:
            names |= set(() if isinstance(member.assigned, Unknown) else member.assigned)
            names |= set(() if isinstance(member.subscribed, Unknown) else member.subscribed)
    return sorted(names)


def nobodys(scope: Sequence[str], groups: Listing[Group]) -> Mapping[str, str]:
    """What `--scope` names and no group is called, and what is to be done."""
    unlisted = any(blind is not SCOPED and blind.why is not Why.OFF for blind in groups.blind)
    told = {}
    for name in scope:
        if is_glob(name):
            there = unlisted or any(fnmatchcase(one, name) for one in groups.items)
        else:
            there = name not in groups.absent
        if not there:
            guess = meant(name.replace("*", ""), groups.items)
            told[name] = f"{guess} Else it is there from its first commit on" if guess else _MEND
    return told


def vain(scope: Sequence[str], groups: Listing[Group]) -> tuple[Unknown, ...]:
    """The same as what is not seen: nobody is to take a name that is mistyped for a group that is well."""
    told = nobodys(scope, groups)
    if not told:
        return ()
    return (Unknown(Why.UNREACHABLE, f"--scope names what no group is called: {', '.join(told)}", min(told.values())),)


_MEND = "mend the name in --scope; a group is there from its first commit on"
