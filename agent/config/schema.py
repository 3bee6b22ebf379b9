"""The JSON schema of the configuration, for editors: keys, values and every limit of every check."""

import ast
import inspect
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from agent.config import model, running
from agent.config.model import FileSection
from agent.config.overrides import limit_specs
from agent.config.values import DURATION_SCHEMA, NAMES_SCHEMA
from checks.pattern import Pattern
from checks.wording import span

_KINDS: Final[dict[type, dict[str, Any]]] = {
    timedelta: DURATION_SCHEMA,
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": 0},
    float: {"type": "number", "minimum": 0},
    tuple: NAMES_SCHEMA,
    str: {"type": "string", "minLength": 1},
}


class _Plain(GenerateJsonSchema):
    """Defaults as a file would have them."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return _written(dft)
        if isinstance(dft, Pattern):
            return str(dft)
        if isinstance(dft, tuple) and [type(part) for part in dft] == [str, int]:
            return f"{dft[0]}:{dft[1]}"
        return (
            list(dft) if isinstance(dft, tuple) else {} if isinstance(dft, BaseModel) else super().encode_default(dft)
        )


def schema() -> dict[str, Any]:
    """Draft 2020-12. An editor takes it by `# yaml-language-server: $schema=FILE` on the first line."""
    made = FileSection.model_json_schema(schema_generator=_Plain)
    meanings = {place: text for module in (model, running) for place, text in _meanings(inspect.getsource(module))}
    for section, part in ((FileSection.__name__, made), *made["$defs"].items()):
        found = {**vars(model), **vars(running)}[section]
        for name, told in part["properties"].items():
            text = next((meanings[one.__name__, name] for one in found.__mro__ if (one.__name__, name) in meanings), "")
            if text:
                told["description"] = text
    for part in made["$defs"].values():
        for told in part["properties"].values():
            if told.get("default") in ("", None):  # nothing written; an editor would offer it
                told.pop("default", None)
    limits = made["$defs"]["LimitSection"]
    limits["additionalProperties"] = False
    for name, kind, checks in limit_specs():
        defaults = sorted({f"{check.id} {_shown(check.limits[name].default)}" for check in checks})
        limits["properties"].setdefault(name, {**_KINDS[kind], "description": f"Default: {', '.join(defaults)}."})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mqcanary configuration",
        **{key: value for key, value in made.items() if key != "title"},
    }


def _meanings(source: str) -> Iterator[tuple[tuple[str, str], str]]:
    """The docstrings below the keys of each class; pydantic would read them too, but at every start (0.1 s)."""
    for part in ast.parse(source).body:
        if isinstance(part, ast.ClassDef):
            for key, below in pairwise(part.body):
                if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(below, ast.Expr):
                    yield (part.name, key.target.id), inspect.cleandoc(ast.literal_eval(below.value))


def _written(length: timedelta) -> str:
    """As people write it: 90s, 5m, 2h."""
    seconds = round(length.total_seconds())
    size, unit = next(
        (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
    )
    return f"{seconds // size}{unit}"


def _shown(value: object) -> str:
    if isinstance(value, timedelta):
        return span(value)
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
