import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from functools import lru_cache

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Cluster, DeadLetterTopics, Group, Lag, Progress, Unknown, Why, known
from checks.facts.letters import PATTERNS, filled, looks_dead
from checks.wording import count, listed, shell, shown

_RETRY = re.compile("|".join(map(translate, ("*-retry", "*.retry", "*-retry-*", "*.retry.*", "*_retry"))))


def _candidates(group: Group, *, patterns: tuple[str, ...]) -> Iterable[str]:
    topics = _topics(group, patterns)
    for topic in () if isinstance(topics, Unknown) else topics:
        for pattern in patterns:
            yield filled(pattern, topic, group.name)


def _topics(group: Group, patterns: tuple[str, ...]) -> list[str] | Unknown:
    """What a live group reads, less the dead-letter and retry topics that it drains."""
    if isinstance(group.members, Unknown):
        return group.members
    if not group.members:
        return []
    if group.name.startswith("connect-"):
        return Unknown(Why.OFF, "Kafka Connect names the dead-letter topic of its sinks itself, and is not read")
    owned = group.assigned_topics()
    if isinstance(owned, Unknown):
        return owned
    own = "-repartition" if group.kind == "streams" else None  # what an application wrote itself on its way
    return sorted([t for t in owned if not _aside(t, patterns) and not (own and t.endswith(own))])


@lru_cache(maxsize=1 << 14)
def _aside(topic: str, patterns: tuple[str, ...]) -> bool:
    """A topic of Kafka itself, of dead letters or of retries, by its name: many groups read the same ones."""
    return topic.startswith("__") or looks_dead(topic, patterns) or _RETRY.match(topic) is not None


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO, together=True, names=_candidates)
def dlq_missing(
    group: Group,
    letters: DeadLetterTopics,
    cluster: Cluster,
    lag: Lag | Unknown,
    progress: Progress | Unknown,
    *,
    patterns: tuple[str, ...] = PATTERNS,
) -> Iterator[Problem]:
    """A consumer group reads a topic that has no dead-letter topic.

    Why: Kafka has no dead-letter queue of its own. Without one, a record that can't be processed either blocks its
        partition for ever or is skipped without a trace.
    How: for each topic that a member is assigned, no topic is named as one of `patterns` says; each such name is
        asked for by name, because a topic list leaves out what one may not see.
    Limits: `patterns`, with {topic} and {group}. A warning where the group has also stood still with unread records.
    Silent when: nobody is in the group; the topic is a dead-letter or retry topic itself, or one that Kafka Streams
        repartitions through. Dead letters kept in a
        database and groups that may skip records are declared by turning the check off for them. Groups named
        connect-*: a Gap, because Connect knows its dead-letter topic and is not read yet.
    Source: article S496, "not setting up a dead letter strategy for Kafka"; Spring Kafka and Kafka Connect defaults.
    """
    missing, hole = letters.lacking(known(_topics(group, patterns)), group.name, patterns)
    if missing:
        stuck = _stuck(lag, progress)
        yield _problem(group, cluster, missing, patterns, Severity.WARNING if stuck is True else None)
        known(stuck)
        known(known(lag).unknown())
    if hole is not None:
        known(hole)


def _stuck(lag: Lag | Unknown, progress: Progress | Unknown) -> bool | Unknown:
    """Whether the group stands still with unread records."""
    if isinstance(lag, Unknown):
        return lag
    if lag.read or not lag.total:
        return False
    if isinstance(progress, Unknown):
        return progress
    trend = progress.trend()
    return trend if isinstance(trend, Unknown) else trend.consumed == 0


def _problem(
    group: Group, cluster: Cluster, missing: list[str], patterns: tuple[str, ...], severity: Severity | None
) -> Problem:
    members = group.members if not isinstance(group.members, Unknown) else ()
    owned = [(i, m.assigned) for i, m in enumerate(members) if not isinstance(m.assigned, Unknown)]
    owner = {t: (i, partitions) for i, assigned in owned for t, partitions in assigned.items()}
    wanted = filled(patterns[0], missing[0], group.name)
    still = " and has stood still with unread records" if severity is Severity.WARNING else ""
    return Problem(
        summary=f"group {shown(group.name)} reads {count(len(missing), 'topic')} without a dead-letter topic: "
        f"{listed(missing)}{still}",
        evidence=(
            *(Seen(f"members[{owner[t][0]}].assigned[{t}]", owner[t][1], "partitions") for t in missing[:3]),
            Seen("absent", True, "not found by name", ("topics", wanted)),
        ),
        severity=severity,
        fix=Fix(
            f"Create {shown(wanted)} with a longer retention than its source (14 days, if that is longer), and let the "
            "consumer send there what it can't process, before it commits; or turn this check off for the group where skipping is intended.",
            f"kafka-topics.sh --bootstrap-server $BOOTSTRAP --create --topic {shell(wanted)} "
            f"--replication-factor {min(3, len(cluster.brokers))} --config retention.ms=1209600000"
            # The defaults of a broker are a single copy, and one that is enough: no place for what was given up.
            + (" --config min.insync.replicas=2" if len(cluster.brokers) > 2 else ""),
        ),
    )
