"""One cluster: what it is, whether we get in, what we may do there, what a look costs."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from agent.collect.kafka.collector import Choice, KafkaCollector
from agent.collect.kafka.doubts import configs_denied, group_denied, read_signs, topic_denied, unreadable
from agent.collect.kafka.msk import MskIam
from agent.collect.kafka.offsets import Places, ask
from agent.collect.kafka.rights import (
    DESCRIBE_CLUSTER,
    DESCRIBE_CONFIGS_CLUSTER,
    DESCRIBE_CONFIGS_TOPIC,
    DESCRIBE_GROUP,
    DESCRIBE_TOPIC,
    READ_TOPIC,
    Right,
    command,
    statement,
)
from agent.collect.kafka.sampling import Sampling
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.collect.kafka.throttle import LEAST
from agent.collect.kafka.wire import UnreachableError, Wire, wired
from agent.doctor.costs import blinded
from agent.doctor.model import Item, State, Subject
from agent.doctor.release import version
from checks import all_checks
from checks.facts import Cluster, KafkaSnapshot, Topic, Unknown, Why
from checks.facts.codes import LESS_THROTTLE
from checks.facts.platform import recognise
from checks.wording import count, listed, shown, span

_SKEW = 30.0
"""Seconds by which clocks may differ: ages of records are measured with them."""
_NEWEST_RECORD = -3
"""ListOffsets: the record with the greatest timestamp (KIP-734, Kafka 3.0)."""
_MONTH = 30 * 86400.0
_OPEN = {Mechanism.PLAIN: "password", Mechanism.OAUTHBEARER: "token"}
"""What a mechanism sends without hiding it."""

Pattern = tuple[str, bool]
"""A name or the beginning of names (True), as ACLs have them."""
Grant = Callable[[Right, str, bool], str]
"""What to paste to be granted a right on a Pattern."""


def examine(collector: KafkaCollector, deadline: float, every: float) -> Subject:
    """`deadline` and `every` in seconds. Never raises for what is outside."""
    settings = collector.settings
    looking = collector.unlimited()
    snapshot = looking.collect(None, deadline)
    cluster = snapshot.cluster
    if isinstance(cluster, Unknown):
        return Subject(f"kafka://{settings.place}", (_unreachable(cluster),))
    made = looking.calls.counts()
    name = str(snapshot.address)
    try:
        with wired(settings.bootstrap, settings.security, deadline) as wire:
            wire.know({b.id: (b.host, b.port) for b in cluster.brokers})
            items = tuple(_items(wire, collector, snapshot, cluster))
    except UnreachableError as error:
        return Subject(name, (_unreachable(error.unknown),))
    each = sum(made.values())
    text = f"{count(each, 'request')} in a first look; at most {round(each * _MONTH / every):,} a month at one each {span(every)}"
    told = Item("calls", State.OK, text), *_budget(settings.requests, looking.calls.servers())
    return Subject(name, (*items, *told, *_throttled(looking.calls.throttles(), cluster)))


def _budget(budget: int | None, asked: Mapping[str, int]) -> Iterator[Item]:
    """Whether `requests` of the cluster is enough; the look that was counted is not held to it."""
    server, most = max(asked.items(), key=lambda one: one[1], default=("", 0))
    if budget is not None and most > budget:
        text = f"a first look asks {shown(server)} {most} times, and `requests: {budget}` allows {budget}: the rest are gaps"
        yield Item("requests", State.WARNING, text, mend=f"write `requests: {most}` or more, or look at less of it")


def _throttled(milliseconds: Mapping[str, int], cluster: Cluster) -> Iterator[Item]:
    nodes = {f"{broker.host}:{broker.port}": f"broker {broker.id}, " for broker in cluster.brokers}
    for server, ms in sorted(milliseconds.items(), key=lambda one: (nodes.get(one[0], ""), one[0])):
        if ms >= LEAST * 1000:
            text = (
                f"{nodes.get(server, '')}{shown(server)}, held us up for {span(ms / 1000)} of a first look, by a quota"
            )
            yield Item("throttled", State.WARNING, text, mend=LESS_THROTTLE)


def _unreachable(unknown: Unknown) -> Item:
    return Item("reachable", State.UNREACHABLE, unknown.detail, mend=unknown.close)


def _items(wire: Wire, collector: KafkaCollector, snapshot: KafkaSnapshot, cluster: Cluster) -> Iterator[Item]:
    settings = collector.settings
    yield from _brokers(wire, cluster)
    yield _version(wire)
    told, how = recognise(cluster, snapshot.broker_configs)
    yield Item("kind", State.OK, f"{told} ({shown(how)}), cluster id {shown(cluster.id or 'none')}")
    yield _identity(settings.security, cluster)
    grant = _grant(settings.security)
    for right, denied in _rights(wire, settings.topics, settings.groups, snapshot, cluster):
        yield _right(right, denied, grant, snapshot)
    if settings.sampling is not None:
        chosen = [name for name in snapshot.topics.items if settings.sampling.has(name)]
        yield _right(READ_TOPIC, _unread(wire, settings.sampling.topics, chosen), grant, snapshot)
        if chosen:
            yield _sampling(settings.sampling, len(chosen))
    yield _clock(wire, snapshot)


def _brokers(wire: Wire, cluster: Cluster) -> Iterator[Item]:
    away = [(b, wire.link(b.id)) for b in cluster.brokers]
    here = len([1 for _, unknown in away if unknown is None])
    yield Item("reachable", State.OK, f"{here} of {count(len(away), 'broker')}")
    for broker, unknown in away:
        if unknown is not None:
            text = f"broker {broker.id} tells clients to come to {shown(broker.host)}:{broker.port}: {unknown.detail}"
            mend = unknown.close or "make its advertised.listeners reachable from here"
            yield Item("broker", State.MISSING, text, mend=mend)


def _version(wire: Wire) -> Item:
    signs = read_signs(wire)
    if isinstance(signs, Unknown):
        return Item("version", State.UNCHECKED, signs.detail)
    told, how = version(*signs)
    return Item("version", State.OK, f"{told} ({how})")


def principal_of(security: Security) -> str:
    """As ACLs name us, as far as that can be known from here."""
    if security.protocol.sasl and security.username:
        return f"User:{security.username}"
    return "User:NAME" if security.protocol.sasl or security.certificate else "User:ANONYMOUS"


def _grant(security: Security) -> Grant:
    if isinstance(security.tokens, MskIam):
        region = security.tokens.region
        return lambda right, name, prefixed: json.dumps(
            statement([right.iam], right.kind, f"{name}*" if prefixed else name, region)
        )
    principal = principal_of(security)
    return lambda right, name, prefixed: command(principal, [right], name, prefixed=prefixed)


def _identity(security: Security, cluster: Cluster) -> Item:
    tls = "TLS" if security.protocol.tls else "no TLS"
    if security.protocol.sasl:
        who = f"by {security.mechanism}" + (f" as {shown(security.username)}" if security.username else "")
        if security.tokens is not None:
            who += f" with a token from {shown(security.tokens.origin)}"
    elif security.certificate:
        who = (
            "by client certificate; ACLs name it User: and its subject, or what ssl.principal.mapping.rules make of it"
        )
    else:
        who = "as nobody (User:ANONYMOUS)"
    text = f"{security.protocol}, {tls}, {who}"
    state, mend = State.OK, ""
    if security.protocol is Protocol.SASL_PLAINTEXT and security.mechanism in _OPEN:
        text += f"; the {_OPEN[security.mechanism]} goes over the network in clear"
        state, mend = State.WARNING, "come by SASL_SSL (protocol in the configuration, security.protocol in properties)"
    needed = {right.code for right in (DESCRIBE_CLUSTER, DESCRIBE_CONFIGS_CLUSTER)}
    more = () if isinstance(cluster.operations, Unknown) else sorted(set(cluster.operations) - needed)
    if more:
        text += f"; it may do more than it needs ({', '.join(more)} on the cluster), or nobody is asked for rights here"
    return Item("authenticated", state, text, mend=mend)


# ── rights ──


def _rights(
    wire: Wire, topics: Choice, groups: Choice, snapshot: KafkaSnapshot, cluster: Cluster
) -> Iterator[tuple[Right, list[Pattern] | Unknown]]:
    """Each right with what it is not granted on. Names that nobody has tell whether all names are allowed."""
    yield DESCRIBE_TOPIC, _denied(topics, lambda name: topic_denied(wire, name))
    yield DESCRIBE_CONFIGS_TOPIC, _denied(topics, lambda name: configs_denied(wire, name))
    yield DESCRIBE_GROUP, _denied(groups, lambda name: group_denied(wire, name))
    operations = cluster.operations
    if isinstance(operations, Unknown):
        yield DESCRIBE_CLUSTER, operations
    else:
        yield DESCRIBE_CLUSTER, [] if DESCRIBE_CLUSTER.code in operations else [("", False)]
    # Without DESCRIBE a broker tells no operation on the cluster at all: what it tells of itself says more.
    unknown = next((config for config in snapshot.broker_configs.values() if isinstance(config, Unknown)), None)
    if unknown is not None and unknown.why is not Why.DENIED:
        yield DESCRIBE_CONFIGS_CLUSTER, unknown
    else:
        yield DESCRIBE_CONFIGS_CLUSTER, [] if unknown is None else [("", False)]


def patterns(choice: Choice) -> list[Pattern]:
    """What to allow for the names that are looked at: ACLs know names, beginnings and everything."""
    found: dict[Pattern, None] = {}
    for glob in choice.include:
        head = glob.rstrip("*")
        if set(head) & set("*?["):
            return [("*", False)]
        found[(head, True) if head != glob and head else (glob, False)] = None
    return [("*", False)] if ("*", False) in found else list(found)


def _denied(choice: Choice, ask: Callable[[str], bool | Unknown]) -> list[Pattern] | Unknown:
    denied: list[Pattern] = []
    for name, prefixed in patterns(choice):
        nobodys = f"mqcanary-doctor-{secrets.token_hex(6)}"
        told = ask(nobodys if name == "*" else name + nobodys if prefixed else name)
        if isinstance(told, Unknown):
            return told
        if told:
            denied.append((name, prefixed))
    return denied


def _unread(wire: Wire, globs: Sequence[str], chosen: Sequence[str]) -> list[Pattern] | Unknown:
    """Where READ is not granted."""
    if not chosen:
        return Unknown(Why.OFF, f"no topic that is seen is called {listed(globs)}: nothing is sampled")
    denied = unreadable(wire, chosen)
    if isinstance(denied, Unknown):
        return denied
    found: dict[Pattern, None] = {}
    for glob in globs:
        meant = [name for name in chosen if fnmatchcase(name, glob)]
        whole = bool(meant) and denied.issuperset(meant)
        found |= dict.fromkeys(patterns(Choice((glob,))) if whole else [(n, False) for n in meant if n in denied])
    return list(found)


def _sampling(sampling: Sampling, topics: int) -> Item:
    most = topics * sampling.budget / 1e6
    text = (
        f"{count(topics, 'topic')}, at most {sampling.budget / 1e6:g} MB of each in an hour: {most:,.6g} MB an hour, "
    )
    text += f"{most * _MONTH / 3.6e6:,.1f} GB a month; kept are counts and salted hashes of keys, never a body"
    return Item("sampling", State.OK, text)


def _right(right: Right, denied: list[Pattern] | Unknown, grant: Grant, snapshot: KafkaSnapshot) -> Item:
    if isinstance(denied, Unknown):
        return Item(right.name, State.UNCHECKED, denied.detail)
    alone = _alone(right, snapshot)
    if not denied and not alone:
        return Item(right.name, State.OK, "granted")
    granted = denied or [(name, False) for name in alone]
    if granted[0][0] in ("", "*"):
        seen = _granted(right, snapshot)
        text = f"not granted on all, only on the {count(seen, right.kind)} that can be seen" if seen else "not granted"
    else:
        text = f"not granted on {listed([f'{name}*' if prefixed else name for name, prefixed in granted])}"
    return Item(
        right.name,
        State.MISSING,
        f"{text}: {right.cost}",
        costs=blinded(right.sections, all_checks()),
        commands=tuple(grant(right, name or "*", prefixed) for name, prefixed in granted),
    )


def _facts(right: Right, snapshot: KafkaSnapshot) -> dict[str, Any]:
    """By name, what was seen by this right."""
    if right is DESCRIBE_CONFIGS_TOPIC:
        return dict(snapshot.topic_configs)
    if right is DESCRIBE_GROUP:
        return dict(snapshot.groups.items)
    return dict(snapshot.topics.items) if right is DESCRIBE_TOPIC else {}


def _alone(right: Right, snapshot: KafkaSnapshot) -> list[str]:
    """Resources that are there and denied, each by itself: ACLs can deny, too."""
    found = _facts(right, snapshot).items()
    return sorted(name for name, fact in found if isinstance(fact, Unknown) and fact.why is Why.DENIED)


def _granted(right: Right, snapshot: KafkaSnapshot) -> int:
    return sum(not isinstance(fact, Unknown) for fact in _facts(right, snapshot).values())


# ── clocks ──


def _clock(wire: Wire, snapshot: KafkaSnapshot) -> Item:
    """A topic whose records get the broker's own time says what time it is there, at least; a young record, nearly exactly."""
    stamped: dict[str, Topic] = {}
    for name, config in snapshot.topic_configs.items():
        topic = snapshot.topics.items.get(name)
        if not isinstance(topic, Topic) or isinstance(config, Unknown):
            continue
        if config.value("message.timestamp.type") == "LogAppendTime":
            stamped[name] = topic
    if not stamped:
        return Item("clock", State.UNCHECKED, "not measurable: no topic that is seen has LogAppendTime")
    places = Places(dict(sorted(stamped.items())[:20]))
    rows = np.arange(min(100, places.leader.size))
    stamps = ask(wire, places, rows, _NEWEST_RECORD).timestamp
    at = time.time()
    newest = int(stamps[rows].max(initial=-1))
    where = places.names[places.topics(rows)[stamps[rows].argmax()]] if newest >= 0 else ""
    if newest < 0:
        return Item("clock", State.UNCHECKED, "not measurable: no record in a topic with LogAppendTime")
    return clock(at - newest / 1000, where)


def clock(age: float, topic: str) -> Item:
    """`age` in seconds by our clock of the newest record that a broker has stamped."""
    if age < -_SKEW:
        text = f"a broker's clock is {span(-age)} or more ahead of this one (newest record of {shown(topic)})"
        return Item("clock", State.MISSING, text, mend="let both follow the same time servers (NTP)")
    if age < _SKEW:
        return Item("clock", State.OK, f"within {span(_SKEW)} of the broker's (newest record of {shown(topic)})")
    old = f"the newest record with LogAppendTime is {span(age)} old, in {shown(topic)}"
    return Item("clock", State.UNCHECKED, f"not measurable: {old}")
