from collections.abc import Iterator, Sequence

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import DeadLetterTopics, Letters, Readers, Topic, TopicConfig, TopicConfigs, Unknown, known
from checks.facts.letters import PATTERNS
from checks.wording import shell, shown, span

FOR_EVER = -1
USUAL = 14 * 86_400_000
"""Milliseconds: what SQS keeps dead letters at most, and enough for somebody to come back from a holiday."""


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING, together=True)
def dlq_retention_short(
    topic: Topic,
    letters: DeadLetterTopics,
    readers: Readers,
    configs: TopicConfigs,
    *,
    patterns: tuple[str, ...] = PATTERNS,
) -> Iterator[Problem]:
    """A dead-letter topic keeps records no longer than the topic they come from.

    Why: what can't be processed is looked at later than all else. Kafka Connect also keeps a record's own timestamp, so
        that one which spent its days in the source is deleted from the dead-letter topic soon after it arrives.
    How: retention.ms of the topic, which is named as one of `patterns` says, and of the topic that it is named after, or of
        those that the group reads which it is named after: the longest of them. -1 is for ever.
    Limits: `patterns`, with {topic} and {group}. As long as its source is info, shorter a warning.
    Silent when: one of them only compacts, and deletes nothing by age; no source of it is known (a constant name, a topic
        or group that is not there). What retention.bytes deletes before its time is not judged. A group that can't be
        seen, or settings that can't be read: a gap.
    Source: Kafka Connect, DeadLetterQueueReporter writes with the timestamp of the original; the advice of Amazon SQS for its
        dead-letter queues: longer than that of the source.
    """
    found = letters.of(topic.name, patterns)
    if found is None:
        return
    sources = _sources(found, readers, topic.name)
    if not sources:
        return
    kept = known(_kept(configs.of(topic.name)))
    if kept is None or kept == FOR_EVER:
        return
    holes: list[Unknown] = []
    longest, source = 0, ""
    for name in sources:
        told = _kept(configs.of(name))
        if isinstance(told, Unknown):
            holes.append(told)
        elif told is not None and longest != FOR_EVER and (told == FOR_EVER or told > longest):
            longest, source = told, name
    if source and (longest == FOR_EVER or kept <= longest):
        yield _problem(topic, kept, source, longest)
    for hole in holes:
        known(hole)


def _sources(letters: Letters, readers: Readers, topic: str) -> Sequence[str]:
    if letters.group:
        return [name for name in known(readers.topics(letters.group)) if name != topic]
    if not letters.group_known and (hidden := readers.hidden(topic)) is not None:
        known(hidden)
    return letters.topics


def _kept(config: TopicConfig | Unknown) -> int | Unknown | None:
    """Milliseconds; None where nothing is deleted by age."""
    if isinstance(config, Unknown):
        return config
    policy = config.value("cleanup.policy")
    if isinstance(policy, Unknown):
        return policy
    return config.number("retention.ms") if "delete" in policy else None


def _problem(topic: Topic, kept: int, source: str, told: int) -> Problem:
    name = shell(topic.name)
    wanted = FOR_EVER if told == FOR_EVER else max(USUAL, 2 * told)
    return Problem(
        summary=f"dead-letter topic {shown(topic.name)} keeps records {span(kept / 1000)}, its source {shown(source)} "
        + ("for ever" if told == FOR_EVER else span(told / 1000)),
        evidence=(
            Seen("config.retention.ms", str(kept), "ms"),
            Seen("config.retention.ms", str(told), "ms", ("topics", source)),
        ),
        severity=Severity.INFO if kept == told else None,
        fix=Fix(
            "Let it keep them longer than its source: dead letters are few."
            if told != FOR_EVER
            else "Its source keeps everything: let it do so too, or turn this check off for the topic if its letters are "
            "looked at within that time.",
            "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics "
            f"--entity-name {name} --add-config retention.ms={wanted}",
        ),
    )
