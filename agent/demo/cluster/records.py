"""When the records of a simulated partition were written: offsets to timestamps and back."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """One record whose time is known; between two points time runs evenly."""

    offset: int
    ms: int


class Found(NamedTuple):
    """A record: its offset and its timestamp in milliseconds since 1970."""

    offset: int
    ms: int


def timestamp_at(points: Sequence[Point], offset: int) -> int:
    """The timestamp in ms of the record at `offset`; before the first point its time holds, after the last one its."""
    after = bisect_right(points, offset, key=lambda point: point.offset)
    if after == 0:
        return points[0].ms
    left = points[after - 1]
    if after == len(points):
        return left.ms
    right = points[after]
    return left.ms + (offset - left.offset) * (right.ms - left.ms) // (right.offset - left.offset)


def first_since(points: Sequence[Point], ms: int, start: int, end: int) -> Found | None:
    """The first record in [start, end) that is not older than `ms`; None if all are older or nobody said when."""
    for low, high in _stretches(points, start, end):
        # Within a stretch time runs one way, so its ends tell whether the wanted record is inside.
        if timestamp_at(points, low) >= ms:
            return Found(low, timestamp_at(points, low))
        if timestamp_at(points, high) >= ms:
            inside = bisect_left(range(low, high + 1), ms, key=lambda offset: timestamp_at(points, offset))
            return Found(low + inside, timestamp_at(points, low + inside))
    return None


def newest(points: Sequence[Point], start: int, end: int) -> Found | None:
    """The first record in [start, end) with the highest timestamp; None without records or times."""
    best: Found | None = None
    for low, high in _stretches(points, start, end):
        for at in (timestamp_at(points, low), timestamp_at(points, high)):
            if best is None or at > best.ms:
                # Where time runs slowly the ones before may have the same.
                best = first_since(points, at, low, high + 1)
    return best


def _stretches(points: Sequence[Point], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pairs of offsets (both included), in order, that cover [start, end) and break at every point."""
    if not points or start >= end:
        return
    inner = [point.offset for point in points if start < point.offset < end - 1]
    edges = [start, *inner, end - 1]
    yield from pairwise(edges)
