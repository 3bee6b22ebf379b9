"""Which topics hold dead letters, and whose: Kafka knows neither, so their names have to tell."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from itertools import chain

from checks.facts.kafka import Group, Topic
from checks.facts.unknown import Listing, Unknown

PATTERNS = (
    "{topic}.dlq",
    "{topic}-dlq",
    "{topic}_dlq",
    "{topic}.DLQ",
    "{topic}-DLQ",
    "{topic}.dlt",
    "{topic}-dlt",
    "{topic}.DLT",
    "{topic}-DLT",
    "{topic}.dead-letter",
    "{topic}-dead-letter",
    "dlq.{topic}",
    "dlq-{topic}",
    "{group}.dlq",
    "{group}-dlq",
    "{topic}.{group}.dlq",
    "{topic}-{group}-dlq",
)
"""Spring Kafka writes `-dlt` (`.DLT` before 3.0); the others are what teams write by hand."""


def filled(pattern: str, topic: str, group: str) -> str:
    return pattern.replace("{topic}", topic).replace("{group}", group)


def looks_dead(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a topic of this name holds dead letters."""
    return _any_of(patterns).match(name) is not None


def holds_letters(name: str, *, patterns: tuple[str, ...], **_: object) -> bool:
    """The same, of a check's limits."""
    return looks_dead(name, patterns)


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(filled(pattern, "?*", "?*")) for pattern in patterns) or r"(?!)")


@dataclass(frozen=True, slots=True)
class Letters:
    """Whose dead letters one topic holds, by its name."""

    topics: tuple[str, ...]
    """Those that exist."""
    group: str
    """What it reads is where the letters come from; empty where a topic is named, or no such group exists."""
    group_known: bool
    """No group that can't be seen may be meant."""


class DeadLetterTopics:
    """The dead-letter topics of a cluster and where their letters come from, by the names of its topics and groups.

    The same object while the names are the same; each set of patterns is read once.
    """

    def __init__(self, topics: Listing[Topic], groups: Listing[Group]) -> None:
        self.topics, self.groups = topics, groups
        self._read: dict[tuple[str, ...], _Names] = {}

    def like(self, topics: Listing[Topic], groups: Listing[Group]) -> bool:
        """Whether these lists have the same names."""
        pairs = ((topics, self.topics), (groups, self.groups))
        return all(
            (new.blind, new.left_out) == (old.blind, old.left_out)
            and new.items.keys() == old.items.keys()
            and new.absent.keys() == old.absent.keys()
            for new, old in pairs
        )

    def of(self, topic: str, patterns: tuple[str, ...]) -> Letters | None:
        """Whose letters a topic holds; None where its name is not that of a dead-letter topic."""
        return self._names(patterns).letters.get(topic)

    def lacking(self, topics: Sequence[str], group: str, patterns: tuple[str, ...]) -> tuple[list[str], Unknown | None]:
        """For which of `topics` the group has nowhere to put its dead letters; and why that is not known of some."""
        return self._names(patterns).lacking(topics, group)

    def _names(self, patterns: tuple[str, ...]) -> "_Names":
        names = self._read.get(patterns)
        if names is None:
            names = self._read[patterns] = _Names(patterns, self.topics, self.groups)
        return names


class _Names:
    """The names of one look, read with one set of patterns."""

    def __init__(self, patterns: tuple[str, ...], topics: Listing[Topic], groups: Listing[Group]) -> None:
        self._patterns = patterns
        self._topics, self._groups = topics, groups
        # Most patterns have the topic alone: what they say is the same for all its groups, and the reverse.
        with_group = [pattern for pattern in patterns if "{group}" in pattern]
        self._topic_alone = [pattern for pattern in patterns if "{group}" not in pattern]
        self._group_alone = [pattern for pattern in with_group if "{topic}" not in pattern]
        self._both = [pattern.split("{topic}") for pattern in with_group if "{topic}" in pattern]
        self._of_topic: dict[str, bool | None] = {}
        match = _any_of(patterns).match
        self._there = frozenset(name for name in chain(topics.items, topics.left_out) if match(name))
        self.letters: Mapping[str, Letters] = {name: self._whose(name) for name in topics.items if name in self._there}

    def _whose(self, name: str) -> Letters:
        meant = [one for pattern in self._patterns for one in _stems(pattern, name)]
        topics = sorted({topic for topic, group in meant if not group and _seen(topic, self._topics)})
        topics = topics or sorted({topic for topic, group in meant if _seen(topic, self._topics)})
        groups = [] if topics else [group for topic, group in meant if group and not topic]
        group = next((group for group in groups if _seen(group, self._groups)), "")
        return Letters(tuple(topics), group, bool(group) or not (groups and self._groups.blind))

    def lacking(self, topics: Sequence[str], group: str) -> tuple[list[str], Unknown | None]:
        for_all = self._exists([filled(pattern, "", group) for pattern in self._group_alone])
        if for_all:
            return [], None
        lacking: list[str] = []
        hole = False
        both = [[part.replace("{group}", group) for part in parts] for parts in self._both]
        for topic in topics:
            there = self._of_topic.get(topic, _UNREAD)
            if there is _UNREAD:
                there = self._of_topic[topic] = self._exists([filled(p, topic, "") for p in self._topic_alone])
            if there:
                continue
            its_own = self._exists([topic.join(parts) for parts in both])
            if its_own:
                continue
            if there is None or its_own is None or for_all is None:
                hole = True
            else:
                lacking.append(topic)
        return lacking, self._topics.blind[0] if hole else None

    def _exists(self, names: list[str]) -> bool | None:
        """Whether there is one of these topics; None where one was not asked for."""
        if not self._there.isdisjoint(names):
            return True
        return None if self._topics.blind and not all(map(self._topics.absent.__contains__, names)) else False


def _seen(name: str, listing: Listing[Topic] | Listing[Group]) -> bool:
    return name in listing.items or name in listing.left_out


_UNREAD = object()


@cache
def _parts(pattern: str) -> tuple[str, ...]:
    """Text, word, text, word, text: at most two different words; a pattern with more names nobody."""
    parts = tuple(re.split(r"\{(topic|group)\}", pattern))
    return parts if len(parts) == 3 or (len(parts) == 5 and parts[1] != parts[3]) else ()


def _stems(pattern: str, name: str) -> Iterator[tuple[str, str]]:
    """Topic and group that a name is made of; empty for what the pattern has not."""
    parts = _parts(pattern)
    if not parts or not (name.startswith(parts[0]) and name.endswith(parts[-1])):
        return
    stem = name[len(parts[0]) : len(name) - len(parts[-1])]
    if len(parts[0]) + len(parts[-1]) >= len(name):
        return
    if len(parts) == 3:
        yield (stem, "") if parts[1] == "topic" else ("", stem)
        return
    between = parts[2]
    for cut in range(1, len(stem) - len(between)):
        if stem.startswith(between, cut):
            first, second = stem[:cut], stem[cut + len(between) :]
            yield (first, second) if parts[1] == "topic" else (second, first)
