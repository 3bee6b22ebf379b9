"""What is remembered, as JSON: a row that any SQLite shell can read."""

import functools
import json
import types
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

import cattrs

from alerts import commands
from alerts.commands import Command
from checks.check import Severity
from checks.facts import Address

T = TypeVar("T")

COMMANDS: Mapping[str, type[Command]] = {
    "silence": commands.AddSilence,
    "expire": commands.ExpireSilence,
    "acknowledge": commands.Acknowledge,
    "release": commands.Release,
    "retry": commands.Retry,
    "drop": commands.Drop,
    "notify": commands.Notify,
}
"""What the inbox takes, by the word it is written with."""


def dumps(value: object) -> str:
    """One value of the state. Names may hold anything: what is not ASCII is escaped; a number may be infinite or none."""
    return json.dumps(_converter().unstructure(value), separators=(",", ":"))


def loads(text: str, kind: type[T]) -> T:
    """The value that `dumps` wrote; fields that are new since have their defaults.

    Raises:
        ValueError: it is not one.
    """
    try:
        return _converter().structure(json.loads(text), kind)
    except (cattrs.BaseValidationError, LookupError, TypeError, AttributeError) as error:
        said = cattrs.transform_error(error)[0] if isinstance(error, cattrs.BaseValidationError) else error
        raise ValueError(str(said)) from None


def command_out(command: Command) -> str:
    """A command as a file of the inbox."""
    (word,) = (word for word, kind in COMMANDS.items() if type(command) is kind)
    return json.dumps({"command": word, **_converter().unstructure(command)})


def command_in(text: str) -> Command:
    """The command that a file of the inbox holds.

    Raises:
        ValueError: it holds none.
    """
    try:
        document = json.loads(text)
        word = document.pop("command", None) if isinstance(document, dict) else None
        if not isinstance(word, str) or word not in COMMANDS:
            raise ValueError(f"no command; write one of {', '.join(COMMANDS)}")
        # A time that is no number would never come.
        return loads(json.dumps(document, allow_nan=False), COMMANDS[word])
    except RecursionError:
        raise ValueError("no command; it is nested too deeply") from None


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(unstruct_collection_overrides={}, omit_if_default=True)
    converter.register_unstructure_hook(Address, str)
    converter.register_structure_hook(Address, lambda value, _: Address.parse(value))
    converter.register_unstructure_hook(timedelta, lambda value: value.total_seconds())
    converter.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))
    converter.register_unstructure_hook(Severity, str)
    converter.register_structure_hook(Severity, lambda value, _: Severity[value.upper()])
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: _evidence(value))
    converter.register_structure_hook_func(
        _is_optional_number, lambda value, _: None if value is None else float(value)
    )
    return converter


def _evidence(value: Any) -> object:
    """A number, a text, a truth value, None, or a tuple of them."""
    return tuple(_evidence(one) for one in value) if isinstance(value, list) else value


def _is_optional_number(kind: object) -> bool:
    return isinstance(kind, types.UnionType) and set(kind.__args__) == {float, types.NoneType}
