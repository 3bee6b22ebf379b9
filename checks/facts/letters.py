"""Which topics hold dead letters, and whose: Kafka knows neither, so their names have to tell."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache

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
            new.blind == old.blind and new.items.keys() == old.items.keys() and new.absent.keys() == old.absent.keys()
            for new, old in pairs
        )

    def of(self, topic: str, patterns: tuple[str, ...]) -> Letters | None:
        """Whose letters a topic holds; None where its name is not that of a dead-letter topic."""
        return self._names(patterns).letters.get(topic)

    def exists(self, topic: str, group: str, patterns: tuple[str, ...]) -> bool | Unknown:
        """Whether `group` has somewhere to put the dead letters of `topic`; Unknown where a name was not asked for."""
        return self._names(patterns).exists(topic, group)

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
        self._meant: set[tuple[str, str]] = set()
        self._of_topic: dict[str, object] = {}
        self._of_group: dict[str, object] = {}
        self._by_words: defaultdict[tuple[bool, bool], list[Callable[[str, str], str]]] = defaultdict(list)
        for pattern in patterns:
            topic, group = "{topic}" in pattern, "{group}" in pattern
            self._by_words[topic or not group, group].append(_filler(pattern))
        match = _any_of(patterns).match
        self.letters: Mapping[str, Letters] = {name: self._whose(name) for name in topics.items if match(name)}

    def _whose(self, name: str) -> Letters:
        meant = [one for pattern in self._patterns for one in _stems(pattern, name)]
        self._meant.update(meant)
        topics = sorted({topic for topic, group in meant if topic in self._topics.items and not group})
        topics = topics or sorted({topic for topic, group in meant if topic in self._topics.items})
        groups = [] if topics else [group for topic, group in meant if group and not topic]
        group = next((group for group in groups if group in self._groups.items), "")
        return Letters(tuple(topics), group, bool(group) or not (groups and self._groups.blind))

    def exists(self, topic: str, group: str) -> bool | Unknown:
        if self._meant and not self._meant.isdisjoint(((topic, ""), ("", group), (topic, group))):
            return True
        # Most patterns have the topic alone: what they say is the same for all its groups.
        of_topic = self._of_topic.get(topic, _UNREAD)
        if of_topic is _UNREAD:
            of_topic = self._of_topic[topic] = self._lacking(topic, "")
        of_group = self._of_group.get(group, _UNREAD)
        if of_group is _UNREAD:
            of_group = self._of_group[group] = self._lacking("", group)
        of_both = self._lacking(topic, group)
        if of_topic or of_group or of_both:
            return True
        return self._topics.blind[0] if None in (of_topic, of_group, of_both) else False

    def _lacking(self, topic: str, group: str) -> bool | None:
        """As `exists`, of the patterns with these words and no other; None where a name was not asked for."""
        there: bool | None = False
        items, absent = self._topics.items, self._topics.absent if self._topics.blind else None
        for fill in self._by_words[bool(topic), bool(group)]:
            name = fill(topic, group)
            if name in items:  # a pattern may be no more than a name
                return True
            if absent is not None and name not in absent:
                there = None
        return there


_UNREAD = object()


def _filler(pattern: str) -> Callable[[str, str], str]:
    """As `filled`, faster for what every group of every topic is asked."""
    parts = _parts(pattern)
    if len(parts) == 5:
        head, first, between, _, tail = parts
        if first == "topic":
            return lambda topic, group: f"{head}{topic}{between}{group}{tail}"
        return lambda topic, group: f"{head}{group}{between}{topic}{tail}"
    return lambda topic, group: filled(pattern, topic, group)


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
