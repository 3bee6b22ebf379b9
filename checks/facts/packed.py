"""Committed offsets of former polls in little memory: a hundred thousand of them, each half minute, for an hour."""

from collections.abc import Iterator, KeysView, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from checks.facts.offsets import Committed, Floats, Ints
from checks.facts.unknown import Unknown, Why

_NOT_KEPT = Unknown(Why.UNSUPPORTED, "leader epochs of former polls are not kept")

Moves = npt.NDArray[np.signedinteger[Any]]
"""How far offsets are from where they were: most groups read less than 32,768 records of a partition in an hour."""

_WIDTHS = tuple((np.iinfo(kind).max, kind) for kind in (np.int8, np.int16, np.int32))

_STRANGERS = 1 / 8
"""Of the groups: where more do not fit into the layout of the poll before, a new one is cheaper."""


class _Layout:
    """Some groups with their offsets one behind the other, shared by as many polls as have the same."""

    def __init__(self, groups: Mapping[str, Committed]) -> None:
        self.first = {name: one for name, one in groups.items() if not one.shared}
        ends = np.cumsum([0, *(one.offset.size for one in self.first.values())]).tolist()
        self.places = {name: (i, slice(ends[i], ends[i + 1])) for i, name in enumerate(self.first)}
        self.offsets = _column(list(self.first.values()))
        self.names = self.first.keys()

    def fits(self, name: str, one: Committed) -> bool:
        """Whether nothing but offsets is another than in the first poll; the same columns are the same objects."""
        first = self.first.get(name)
        return (
            first is not None
            and not one.shared
            and one.topics is first.topics
            and one.topic is first.topic
            and one.partition is first.partition
            and one.error is first.error
        )


class Packed(Mapping[str, Committed]):
    """As the mapping it was made of; a group's Committed is made when it is asked for, anew each time."""

    __slots__ = ("_at", "_gone", "_layout", "_moved", "_others")

    def __init__(
        self,
        layout: _Layout,
        moved: Moves,
        at: Floats,
        others: Mapping[str, Committed],
        gone: frozenset[str],
    ) -> None:
        self._layout, self._moved, self._at, self._others, self._gone = layout, moved, at, others, gone

    def __getitem__(self, name: str) -> Committed:
        if name in self._others:
            return self._others[name]
        if name in self._gone:
            raise KeyError(name)
        i, mine = self._layout.places[name]
        first, moved = self._layout.first[name], self._moved[mine]
        return replace(first, offset=first.offset + moved, at=float(self._at[i]), epoch=_NOT_KEPT)

    def __contains__(self, name: object) -> bool:
        return name in self._others or (name in self._layout.first and name not in self._gone)

    def __iter__(self) -> Iterator[str]:
        for name in self._layout.first:
            if name not in self._others and name not in self._gone:
                yield name
        yield from self._others

    def __len__(self) -> int:
        return len(self._layout.first) - len(self._gone) + len(self._others.keys() - self._layout.first.keys())

    def keys(self) -> KeysView[str]:
        """The same object for polls that have the same groups: most of them."""
        return super().keys() if self._others or self._gone else self._layout.names

    def moved(self, name: str) -> tuple[Committed, Moves] | None:
        """The first poll of this layout and how far each offset is from there; None of a group that is kept as it was."""
        if name in self._others:
            return None
        return self._layout.first[name], self._moved[self._layout.places[name][1]]

    @property
    def layout(self) -> _Layout:
        return self._layout


def packed(groups: Mapping[str, Committed], before: Mapping[str, Committed] | None) -> Packed:
    """`before`: of the poll before, whose layout is taken if it fits."""
    layout = before.layout if isinstance(before, Packed) else _Layout(groups)
    return _packed(groups, layout) or _packed(groups, _Layout(groups)) or _unpacked(groups)


def _packed(groups: Mapping[str, Committed], layout: _Layout) -> Packed | None:
    others = {name: one for name, one in groups.items() if not layout.fits(name, one)}
    gone = frozenset(layout.first.keys() - groups.keys())
    strange = sum(not one.shared for one in others.values()) + len(gone)
    if strange > len(groups) * _STRANGERS:
        return None
    rows = [groups[name] if name in groups and name not in others else first for name, first in layout.first.items()]
    moved = _column(rows) - layout.offsets
    farthest = max(-int(moved.min()), int(moved.max())) if moved.size else 0
    kind = next((kind for most, kind in _WIDTHS if farthest <= most), None)
    if kind is None:
        return None
    return Packed(layout, moved.astype(kind), np.array([one.at for one in rows]), others, gone)


def _unpacked(groups: Mapping[str, Committed]) -> Packed:
    empty = _Layout({})
    return Packed(empty, np.zeros(0, dtype=np.int32), np.zeros(0), dict(groups), frozenset())


def _column(groups: list[Committed]) -> Ints:
    columns = [one.offset for one in groups]
    return np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)
