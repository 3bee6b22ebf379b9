"""What quotas let the members of a group read, as the checks of groups tell it: brokers hold their answers back, and nobody is told."""

from collections import Counter
from typing import NamedTuple

from checks.check import Seen
from checks.facts import Group, Quotas, Unknown
from checks.wording import bytesize, listed, shown

MEND = (
    " Where fetch-throttle-time-avg in their metrics is above 0 it is the quota that holds them up: raise it (kafka-configs.sh "
    "--alter --entity-type clients or users), or bring down what they read."
)


class Allowed(NamedTuple):
    words: str
    """`; client id app-1 may read at most 1.0 MiB/s from each broker by quota`, to follow a summary; empty where nothing says so."""
    seen: tuple[Seen, ...]


def allowed(group: Group, quotas: Quotas | Unknown) -> Allowed:
    """Of the client ids that may read least."""
    if isinstance(quotas, Unknown) or isinstance(group.members, Unknown):
        return Allowed("", ())
    members = Counter(member.client_id for member in group.members)
    rates = {client: rate for client in members if (rate := quotas.of(client)) is not None}
    if not rates:
        return Allowed("", ())
    least = min(rates.values())
    clients = sorted(client for client, rate in rates.items() if rate == least)
    first, one = clients[0], len(clients) == 1
    who = f"client id {shown(first)}" if one else f"client ids {listed(clients, 2)}"
    who += f", {members[first]} members together," if one and members[first] > 1 else ""
    words = f"; {who} may {'' if one else 'each '}read at most {bytesize(least)}/s from each broker by quota"
    if quotas.users:
        words += f", unless a quota of {'its user' if one else 'their users'} goes before"
    place = f"quotas.clients[{first}]" if first in quotas.clients else "quotas.others"
    return Allowed(words, (Seen(place, least, "bytes/s from each broker", ("", "")),))
