from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, Size, check, minutes
from checks.facts import (
    Arrivals,
    DeadLetterTopics,
    Letters,
    NewestRecords,
    Readers,
    Topic,
    TopicLogs,
    Unknown,
    Why,
    known,
    young,
)
from checks.facts.letters import PATTERNS, holds_letters
from checks.newest import Told, newest_of
from checks.whose import of_whom
from checks.wording import count, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, clear={"allowed": 0.5}, newest=holds_letters)
def dlq_growing(
    topic: Topic,
    letters: DeadLetterTopics,
    logs: TopicLogs | Unknown,
    readers: Readers,
    newest: NewestRecords,
    *,
    window: timedelta = minutes(30),
    allowed: int = 0,
    patterns: tuple[str, ...] = PATTERNS,
) -> Iterator[Problem]:
    """Records arrive in a dead-letter topic.

    Why: each is a record that some consumer has given up. Its group goes on and has no lag, so nothing else shows it.
    How: the log ends of a topic that is named as one of `patterns` says are now further than at the beginning of
        `window`. A transaction's marker takes an offset too and is counted. Brokers tell when its newest record was written,
        by its own timestamp (Kafka 3.0: KIP-734); Kafka Connect keeps the original's, so that it may be an old one.
    Limits: `window`, 30 minutes by default: so long nothing may arrive before it is over, so that one record now and then
        is told once (history reaches back an hour); `allowed` records in it, 0 by default, clears at half of it;
        `patterns`, with {topic} and {group}. Ten times as many in the window are told again.
    Silent when: nothing arrives, however much lies there (dlq-unread speaks of that); a group has worked off as many of
        the records that lay there before: what is put back to its source and fails again is no news; the topic was
        created again. What a topic holds when it is first seen is not counted, as nobody saw it arrive: where brokers create
        a topic with its first letter, the second is told. A history shorter than `window` without arrivals is a gap.
    Source: article S496, dead letters; Kafka Connect and Spring Kafka write each record that they give up to such a topic.
    """
    found = letters.of(topic.name, patterns)
    if found is None:
        return
    arrivals = known(logs).arrivals(topic.name)
    if isinstance(arrivals, Unknown) and arrivals.why is Why.YOUNG:
        arrivals = young(arrivals.detail, window.total_seconds())
    seen = known(arrivals)
    first = max(0, int(np.searchsorted(seen.at, seen.at[-1] - window.total_seconds(), side="right")) - 1)
    came = int((seen.ends[-1] - seen.ends[first]).sum())
    if came > allowed and came - readers.worked_off(topic.name, float(seen.at[first])) > allowed:
        last = newest_of(topic.name, newest)
        yield _problem(topic, found, seen, window.total_seconds(), last)
        if last.unknown is not None:
            known(last.unknown)
        if (hidden := readers.hidden(topic.name)) is not None:
            known(hidden)
    elif (reach := float(seen.at[-1] - seen.at[first])) < window.total_seconds():
        known(young(f"{count(came, 'record')} in {span(reach)} of history", window.total_seconds()))


def _problem(topic: Topic, letters: Letters, seen: Arrivals, window: float, newest: Told) -> Problem:
    polls = np.flatnonzero(np.diff(seen.ends, axis=0).any(axis=1))
    # Back to the first of them before which nothing came for a whole window.
    quiet = np.flatnonzero(np.diff(seen.at[polls + 1]) > window)
    first, last = int(polls[quiet[-1] + 1 if quiet.size else 0]), int(polls[-1]) + 1
    came = seen.ends[-1] - seen.ends[first]
    total = int(came.sum())
    ended = f", none in the last {span(seen.at[-1] - seen.at[last])}" if last < seen.at.size - 1 else ""
    fullest = np.argsort(-came, kind="stable")
    partition = int(fullest[0])
    return Problem(
        summary=f"{count(total, 'record')} arrived in dead-letter topic {shown(topic.name)}{of_whom(letters)} in the last "
        f"{span(seen.at[-1] - seen.at[first])}{ended}" + (f"; {newest.words}" if newest.words else ""),
        evidence=(
            *(Seen(f"end[{p}]", int(seen.ends[-1, p]), "offset") for p in fullest[:3].tolist() if came[p]),
            *newest.seen,
        ),
        fix=Fix(
            "Find out why they failed: their headers mostly say it, where they came from as well. Mend the consumer, then "
            "put them back to their source.",
            f"kafka-console-consumer.sh --bootstrap-server $BOOTSTRAP --topic {shell(topic.name)} "
            f"--partition {partition} --offset {int(seen.ends[first, partition])} --max-messages 10 --timeout-ms 10000 "
            "--property print.timestamp=true --property print.headers=true --property print.value=false",
        ),
        # One now and then is told once; how many there are is news when it is another order of magnitude.
        size=Size(least=_magnitude(total), most=_magnitude(2 * total)),
    )


def _magnitude(number: int) -> int:
    return int(10 ** (len(str(number)) - 1))
