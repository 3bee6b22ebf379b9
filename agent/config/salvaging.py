"""What remains of a document without its mistakes: looked at too, it shows in one go what mending one by one would."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agent.config.model import FileSection
from agent.config.reading import Document, Place, origin


@dataclass(slots=True)
class Salvage:
    """The sections that remain, None where nothing does; the entries of lists that remain, by their number in the file."""

    section: FileSection | None = None
    mistakes: list[tuple[ErrorDetails, Place]] = field(default_factory=list)
    """Each with the place where it is written."""
    kept: Mapping[Place, list[int]] = field(default_factory=dict)


def salvaged(data: Mapping[str, Any], document: Document, folder: Path) -> Salvage:
    """Validates, leaves out what is wrong, and again, until what remains is right."""
    found = Salvage()
    out: set[Place] = set()
    unknown: set[Place] = set()
    while True:
        kept: dict[Place, list[int]] = {}
        found.kept = kept
        try:
            found.section = FileSection.model_validate(_without(data, out, kept) if out else data, context=folder)
        except ValidationError as error:
            before = frozenset(out)
            for detail in error.errors(include_url=False, include_input=False):
                place = _written(detail, origin(tuple(detail["loc"]), kept), document)
                if not _follows(detail, place, before, unknown):
                    found.mistakes.append((detail, place))
                out.add(place[:-1] if detail["type"] == "missing" else place)
                if detail["type"] == "extra_forbidden":
                    unknown.add(place)
            if out == before or () in out:
                return found
        else:
            return found


def _written(detail: ErrorDetails, place: Place, document: Document) -> Place:
    """The place of what is written; pydantic's goes on into parts of it."""
    while place and place not in document.lines and place[:-1] and detail["type"] != "missing":
        place = place[:-1]
    return place


def _follows(detail: ErrorDetails, place: Place, out: frozenset[Place], unknown: set[Place]) -> bool:
    """Whether it is only there because something wrong was left out: it asks for that."""
    if detail["type"] == "missing":
        return place in out
    inner = [one for one in out if len(one) > len(place) and one[: len(place)] == place]
    return any(
        one in unknown or isinstance(key := one[len(place)], int) or re.search(rf"\b{re.escape(key)}\b", detail["msg"])
        for one in inner
    )


def _without(value: Any, out: set[Place], kept: dict[Place, list[int]], place: Place = ()) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, out, kept, (*place, k)) for k, v in value.items() if (*place, k) not in out}
    if not isinstance(value, list):
        return value
    left = [i for i in range(len(value)) if (*place, i) not in out]
    if len(left) < len(value):
        kept[place] = left
    return [_without(value[i], out, kept, (*place, i)) for i in left]
