"""Prometheus' text format 0.0.4: label values, numbers, and lines packed into chunks."""

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SPECIAL = re.compile('[\\\\"\n\ud800-\udfff\ufffd]')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric with all its series."""

    name: str
    kind: str
    """gauge or counter."""
    help: str
    """One line."""

    @property
    def head(self) -> bytes:
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.kind}\n".encode()


class Small(NamedTuple):
    """A text that is kept deflated: of a big cluster it is the same words a hundred thousand times."""

    data: bytes
    size: int
    """Bytes of the text."""


Text = bytes | Small

_WORTH = 1024
"""Bytes from which on a text is kept deflated."""


def small(text: bytes) -> Text:
    if len(text) < _WORTH:
        return text
    # A short window: setting up the usual one would cost more than the work itself.
    deflating = zlib.compressobj(1, zlib.DEFLATED, 11, 4)
    return Small(deflating.compress(text) + deflating.flush(), len(text))


def plain(text: Text) -> bytes:
    return zlib.decompress(text.data, bufsize=text.size) if isinstance(text, Small) else text


def length(text: Text) -> int:
    return text.size if isinstance(text, Small) else len(text)


class Chunk(NamedTuple):
    """Series of one family, ready to be sent."""

    text: Text
    kept: int
    dropped: int

    def cut(self, room: int) -> "Chunk":
        """At most the first `room` series."""
        if self.kept <= room:
            return self
        lines = plain(self.text).split(b"\n", room)[:room]
        return Chunk(b"".join(line + b"\n" for line in lines), room, self.dropped + self.kept - room)


Lines = dict[Family, list[str]]
Chunks = Mapping[Family, Sequence[Chunk]]


def packed(lines: Lines, cap: int) -> Chunks:
    """At most `cap` lines of each family, the first ones. Takes the lines away, a family at a time: they may be many."""
    chunks: dict[Family, Sequence[Chunk]] = {}
    while lines:
        family, rows = lines.popitem()
        if rows:
            dropped = max(0, len(rows) - cap)
            del rows[cap:]
            chunks[family] = (Chunk(small(joined(rows)), len(rows), dropped),)
    return chunks


def joined(rows: Sequence[str]) -> bytes:
    """Each with the end of its line."""
    return "\n".join((*rows, "")).encode()


def escape(value: str) -> str:
    """A label value for between the quotes; different values stay different.

    Half a surrogate pair can't be sent: it becomes U+FFFD and its number (as does U+FFFD itself, so that no two names
    become one: a series that occurs twice fails the whole scrape).
    """
    return _SPECIAL.sub(_escaped, value) if _SPECIAL.search(value) else value


def _escaped(found: re.Match[str]) -> str:
    c = found[0]
    return _ESCAPES.get(c) or f"\ufffd{ord(c):04X}"


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """`a="1",b="2"`, escaped."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in pairs)


def series(family: Family, value: float, /, **labelled: str) -> str:
    """One line. For bulk build the prefix once instead."""
    shown = f"{{{labels(labelled.items())}}}" if labelled else ""
    return f"{family.name}{shown} {number(value)}"


def number(value: float) -> str:
    """As Prometheus reads it."""
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
