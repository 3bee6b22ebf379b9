"""One View as the bytes of /metrics: what did not change since the former one is not rendered again."""

import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import NamedTuple

from agent.metrics.families import DROPPED, FAMILIES, TOPIC_SKEW
from agent.metrics.groups import Partitions
from agent.metrics.held import Span
from agent.metrics.kafka import KafkaKept, cluster_lines, kafka_chunks
from agent.metrics.own import finding_lines, gap_lines, target_lines, view_lines
from agent.metrics.sqs import SqsKept, sqs_lines
from agent.metrics.text import Chunk, Chunks, Family, Text, length, packed, plain, series
from agent.view import Good, TargetView, View
from checks.evaluate import Report
from checks.facts import Address, Facts, Group, KafkaSnapshot, Lag, Snapshot, Topic, Unknown

_BLOCK = 1 << 16
"""Bytes, at least, of what is sent at once."""

_COLUMNS = ("start", "end", "stable", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """How much is served."""

    partitions: Partitions = "off"
    """Series of single partitions: none, those that some group has unread records on, or all."""
    ttl: float = 900.0
    """Seconds for which the last good values of a target, or of a thing in it, are served while it can't be seen."""
    cap: int = 250_000
    """Series of one family, over all targets."""


class _Rendered(NamedTuple):
    """One target as it was rendered, and from what."""

    facts: Facts | None
    snapshot: Snapshot | None
    bulk: Chunks
    kept: KafkaKept | SqsKept | None
    oldest: float
    """When the oldest of it was seen that is not of its snapshot; infinite where there is none."""
    found: Report
    findings: Chunks
    seen: Report
    gaps: Chunks


class _Lazy:
    """The compressed form, made by whoever asks first while the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: bytes | None = None

    def of(self, blocks: Iterable[bytes]) -> bytes:
        with self._lock:
            if self._made is None:
                gzip = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
                self._made = b"".join([*map(gzip.compress, blocks), gzip.flush()])
            return self._made


@dataclass(frozen=True, slots=True, eq=False)
class Exposition:
    """The same bytes for every scraper. Safe to read from any thread."""

    parts: tuple[Text, ...]
    """Text format 0.0.4 in UTF-8, one after another, long ones deflated: shared with the next Exposition, a few for each group."""
    dropped: Mapping[str, int]
    """Name of each family that has series, to how many were left out because of the cap."""
    options: Options
    rendered: Mapping[Address, _Rendered] = field(repr=False)
    _gzip: _Lazy = field(default_factory=_Lazy, repr=False)

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(map(length, self.parts))

    @property
    def text(self) -> bytes:
        return b"".join(map(plain, self.parts))

    def blocks(self) -> Iterator[bytes]:
        """The text in pieces to be sent."""
        waiting: list[bytes] = []
        size = 0
        for part in map(plain, self.parts):
            waiting.append(part)
            size += len(part)
            if size >= _BLOCK:
                yield b"".join(waiting)
                waiting, size = [], 0
        if waiting:
            yield b"".join(waiting)

    @property
    def compressed(self) -> bytes:
        """The same with gzip, level 1; made once, by the first who asks."""
        return self._gzip.of(self.blocks())


def exposition(view: View, now: float, options: Options, former: Exposition | None = None) -> Exposition:
    """The metrics of `view` at `now`, in seconds since the epoch.

    What `former` rendered from the very same facts and reports is taken from it. Not for two threads at the same time:
    facts are computed when they are first asked for.
    """
    before = former.rendered if former is not None and former.options == options else {}
    rendered: dict[Address, _Rendered] = {}
    table: defaultdict[Family, list[Chunk]] = defaultdict(list)
    for address in sorted(view.targets, key=str):
        target = view.targets[address]
        served = rendered[address] = _rendered(target, now, options, before.get(address))
        for chunks in (packed(target_lines(target), options.cap), served.bulk, served.findings, served.gaps):
            for family, some in chunks.items():
                table[family] += some
    for family, some in packed(view_lines(view), options.cap).items():
        table[family] += some
    parts: list[Text] = []
    dropped: dict[str, int] = {}
    for family in FAMILIES:
        if family in table:
            kept = _capped(table[family], options.cap)
            parts += [family.head, *(chunk.text for chunk in kept if chunk.text)]
            dropped[family.name] = sum(chunk.dropped for chunk in kept)
    parts.append(DROPPED.head)
    parts.append("".join(f"{series(DROPPED, count, family=name)}\n" for name, count in dropped.items()).encode())
    return Exposition(tuple(parts), dropped, options, rendered)


def _rendered(target: TargetView, now: float, options: Options, before: _Rendered | None) -> _Rendered:
    good = _served(target, now, options.ttl)
    facts = good.facts if good else None
    # a problem that can't be seen at the moment is not solved
    found = good.report if good and not target.up else target.report
    pack = partial(packed, cap=options.cap)
    bulk, kept = _bulk(good, now, options, before)
    return _Rendered(
        facts=facts,
        snapshot=good.snapshot if good else None,
        bulk=bulk,
        kept=kept,
        oldest=kept.oldest if kept is not None else inf,
        found=found,
        findings=before.findings if before and before.found is found else pack(finding_lines(found)),
        seen=target.report,
        gaps=before.gaps if before and before.seen is target.report else pack(gap_lines(target.report)),
    )


def _still(good: Good | None, before: _Rendered) -> bool:
    """Whether every series is what it was: the same look, or one of a cluster in which nothing has moved and all is read."""
    if good is None or before.facts is None:
        return good is None and before.facts is None
    if good.facts is before.facts:
        return True
    new, old = good.snapshot, before.snapshot
    if not isinstance(new, KafkaSnapshot) or not isinstance(old, KafkaSnapshot):
        return False
    if isinstance(new.ends, Unknown) or isinstance(old.ends, Unknown):
        return False
    if any(getattr(new.ends, column) is not getattr(old.ends, column) for column in _COLUMNS):
        return False  # also where nothing is written retention deletes
    if new.storage is not old.storage or cluster_lines("", new) != cluster_lines("", old):
        return False
    follows = good.facts.former is before.facts.look and all(good.facts.same(kind) for kind in (Topic, Group, Lag))
    return follows and TOPIC_SKEW not in before.bulk  # that one speaks of the last minutes


def _served(target: TargetView, now: float, ttl: float) -> Good | None:
    """What is served of a target: the last good look, unless it is too old.

    A target that is up has time until the look after the next as well: it may be looked at once an hour.
    """
    patience = ttl + (2 * target.every if target.up else 0.0)
    return target.good if target.good is not None and now - target.good.snapshot.at <= patience else None


def _bulk(
    good: Good | None, now: float, options: Options, before: _Rendered | None
) -> tuple[Chunks, KafkaKept | SqsKept | None]:
    if before and _still(good, before) and now - before.oldest <= options.ttl:
        return before.bulk, before.kept
    if good is None:
        return {}, None
    former = before.kept if before and _follows(good.snapshot, before.snapshot) else None
    then = before.snapshot.at if before and before.snapshot else 0.0
    span = Span(then, now, options.ttl)
    if isinstance(good.snapshot, KafkaSnapshot):
        known = former if isinstance(former, KafkaKept) else None
        return kafka_chunks(good.facts, good.snapshot, options.partitions, options.cap, known, span)
    lines, kept = sqs_lines(good.facts, good.snapshot, former if isinstance(former, SqsKept) else None, span)
    return packed(lines, options.cap), kept


def _follows(new: Snapshot, old: Snapshot | None) -> bool:
    """Whether it is of the same cluster: of another one nothing is kept."""
    if not isinstance(new, KafkaSnapshot) or not isinstance(old, KafkaSnapshot):
        return True
    one, other = new.cluster, old.cluster
    return isinstance(one, Unknown) or isinstance(other, Unknown) or one.id == other.id


def _capped(chunks: list[Chunk], cap: int) -> list[Chunk]:
    kept: list[Chunk] = []
    room = cap
    for chunk in chunks:
        kept.append(chunk.cut(room))
        room -= kept[-1].kept
    return kept
