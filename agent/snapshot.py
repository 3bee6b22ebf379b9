"""Snapshots as JSON: one file holds every target and every sample of a run, so that an audit can be repeated from it.

Version 1. A field that an older version lacks reads as Unknown where its type allows that, so that old files stay
readable; a field that is not known here is ignored, so that newer files are too.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cattrs
import numpy as np

from agent.errors import SnapshotError
from checks.facts import KafkaSnapshot, Snapshot, SqsSnapshot, Unknown, Why

T = TypeVar("T")

VERSION = 1

_KINDS: Mapping[str, type[Snapshot]] = {"kafka": KafkaSnapshot, "sqs": SqsSnapshot}
_OLDER = Unknown(Why.UNSUPPORTED, "the snapshot was written by a version that did not observe this")


def dumps(snapshots: Sequence[Snapshot]) -> str:
    """The document, one line for each snapshot."""
    lines = ",\n".join(json.dumps(_encode(s), separators=(",", ":"), allow_nan=False) for s in snapshots)
    return f'{{"mqcanary_snapshot":{VERSION},"snapshots":[\n{lines}\n]}}\n'


def loads(text: str, source: str = "snapshot") -> tuple[Snapshot, ...]:
    """The snapshots of a document, in its order; `source` names it in errors.

    Raises:
        SnapshotError: it is cut, not a snapshot, or of a newer version.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SnapshotError(f"{source} is not whole JSON ({error}); take the snapshot again") from None
    if not isinstance(document, dict) or "mqcanary_snapshot" not in document:
        raise SnapshotError(f"{source} is JSON, but no snapshot; write one with: mqcanary snapshot > {source}")
    version = document["mqcanary_snapshot"]
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise SnapshotError(f"{source} has snapshot version {version!r}; this mqcanary reads 1 to {VERSION}")
    try:
        return tuple(_decode(part) for part in document["snapshots"])
    except (cattrs.BaseValidationError, LookupError, TypeError, ValueError) as error:
        where = cattrs.transform_error(error, path="snapshots")[0]
        raise SnapshotError(f"{source} is damaged: {where}") from None


def load(path: Path) -> tuple[Snapshot, ...]:
    """As `loads()`, of a file.

    Raises:
        SnapshotError: also where the file can't be read.
    """
    try:
        return loads(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SnapshotError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SnapshotError(f"{path} is not text, so no snapshot; write one with: mqcanary snapshot > FILE") from None


def encode(value: object) -> object:
    """Any part of a snapshot, or of history, as what JSON knows."""
    return _converter().unstructure(value)


def decode_as(value: object, kind: type[T]) -> T:
    """What `encode` made.

    Raises:
        ValueError: it is not of this kind.
    """
    try:
        return _converter().structure(value, kind)
    except (cattrs.BaseValidationError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _encode(snapshot: Snapshot) -> dict[str, Any]:
    kind = "kafka" if isinstance(snapshot, KafkaSnapshot) else "sqs"
    return {"kind": kind, **_converter().unstructure(snapshot)}


def _decode(part: dict[str, Any]) -> Snapshot:
    return _converter().structure(part, _KINDS[part["kind"]])


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(Unknown, _unknown_out)
    converter.register_unstructure_hook(np.ndarray, np.ndarray.tolist)
    converter.register_unstructure_hook_func(_is_column, lambda column: column.tolist())
    converter.register_unstructure_hook_func(_is_fact, converter.unstructure)
    converter.register_unstructure_hook(tuple, lambda value: [converter.unstructure(v) for v in value])
    converter.register_unstructure_hook(frozenset, sorted)
    converter.register_structure_hook_func(_is_column, _column_in)
    converter.register_structure_hook_func(_is_fact, lambda value, kind: _fact_in(converter, value, kind))
    converter.register_structure_hook_factory(dataclasses.is_dataclass, lambda kind: _dataclass_in(converter, kind))
    converter.register_unstructure_hook_factory(dataclasses.is_dataclass, lambda kind: _dataclass_out(converter, kind))
    converter.register_unstructure_hook(Unknown, _unknown_out)
    converter.register_structure_hook(Unknown, lambda value, _: _unknown_in(value))
    return converter


def _is_column(kind: object) -> bool:
    return typing.get_origin(kind) is np.ndarray


def _is_fact(kind: object) -> bool:
    # Filling in a type variable turns X | Y into typing.Union.
    return typing.get_origin(kind) in {types.UnionType, typing.Union} and Unknown in typing.get_args(kind)


def _column_in(value: Sequence[float], kind: object) -> object:
    scalar = typing.get_args(typing.get_args(kind)[1])[0]
    return np.array(value, dtype=scalar)


def _unknown_out(value: Unknown) -> dict[str, str]:
    return {"unknown": value.why.value, "detail": value.detail} | ({"close": value.close} if value.close else {})


def _unknown_in(value: Mapping[str, Any]) -> Unknown:
    return Unknown(Why(value["unknown"]), str(value.get("detail", "")), str(value.get("close", "")))


def _fact_in(converter: cattrs.Converter, value: object, kind: object) -> object:
    if isinstance(value, dict) and "unknown" in value:
        return _unknown_in(value)
    options = [option for option in typing.get_args(kind) if option is not Unknown]
    if value is None and types.NoneType in options:
        return None
    (option,) = (option for option in options if option is not types.NoneType)
    return converter.structure(value, option)


def _dataclass_in(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], object]:
    origin = typing.get_origin(kind) or kind
    hints = typing.get_type_hints(origin)
    arguments = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(kind), strict=False))
    fields = [(f.name, _bound(hints[f.name], arguments)) for f in dataclasses.fields(origin) if f.init]

    def structure(value: Any, _: Any) -> object:
        if not isinstance(value, dict):
            raise TypeError(f"{origin.__name__} must be an object, not {type(value).__name__}")
        told = {}
        for name, hint in fields:
            if name in value:
                told[name] = converter.structure(value[name], hint)
            elif _is_fact(hint):
                told[name] = _OLDER
        return origin(**told)

    return structure


def _bound(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """A field's type with the type variables of its generic class filled in."""
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments[p] for p in parameters)] if parameters else hint


def _dataclass_out(converter: cattrs.Converter, kind: Any) -> Callable[[Any], dict[str, object]]:
    names = [f.name for f in dataclasses.fields(typing.get_origin(kind) or kind) if f.init]
    return lambda value: {name: converter.unstructure(getattr(value, name)) for name in names}
