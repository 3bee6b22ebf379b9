"""The kinds of values that a configuration is made of: read from text, with errors that say what to write."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from agent.collect.kafka.pem import MARK
from agent.config.reading import quoted
from agent.secret import Secret
from checks.check import Severity

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s?(s|m|h|d)", re.ASCII)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s?(B|kB|MB|GB|KiB|MiB|GiB)", re.ASCII)
_BYTES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LONGEST: Final = timedelta(days=3650)
_TRUTH: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

DURATION_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?\s?[smhd]$",
    "examples": ["30s", "15m", "2h", "7d"],
}
SIZE_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?\s?(B|[kMG]B|[KMG]iB)$",
    "examples": ["500kB", "10MB"],
}
NAMES_SCHEMA: Final = {
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}}]
}
_PATH_SCHEMA: Final = {"type": "string", "minLength": 1, "format": "path"}
_SECRET_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "minLength": 1, "description": "${NAME} of an environment variable, or the text itself."},
        {
            "type": "object",
            "properties": {"file": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ],
}


def duration(value: object) -> timedelta:
    """Reads `90s`, `15m`, `2h`, `7d`.

    Raises:
        ValueError: it is none.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        example = f"{value}s or {value}m" if isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,3}", value) else ""
        raise ValueError(f"{_said(value)} is not a duration; write {example or '30s or 2m'}")
    if float(match[1]) * _UNITS[match[2]] > _LONGEST.total_seconds():
        raise ValueError(f"{_said(value)} is longer than ten years; write 30s or 2m")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def size(value: object) -> int:
    """Reads `500kB`, `10MB`, `4MiB`, as bytes.

    Raises:
        ValueError: it is none.
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_said(value)} is not a size; write 500kB or 10MB")
    return int(float(match[1]) * _BYTES[match[2]])


def budget(value: object) -> int:
    """As a size, and one that sampling can do with."""
    read = size(value)
    if not 100_000 <= read <= 64_000_000:
        raise ValueError(f"{_said(value)} is no budget: it is 100kB to 64MB for each topic and hour; write 1MB")
    return read


def deadline(value: object) -> timedelta:
    """As a duration, and one that somebody would wait for: above nothing, at most a day."""
    length = duration(value)
    if not timedelta(0) < length <= timedelta(days=1):
        raise ValueError(f"{_said(value)} is out of range; write 30s or 2m, anything above 0s up to 1d")
    return length


def truth(value: object) -> bool:
    found = _TRUTH.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{_said(value)} is neither true nor false; write true or false")
    return found


def number(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise ValueError(f"{_said(value)} is not a whole number; write 0 or 3")
    return int(value)


def counted(value: object) -> int:
    """A number of things of which there must be one."""
    try:
        found = number(value)
    except ValueError:
        raise ValueError(f"{_said(value)} is not a whole number; write 1 or more") from None
    if not found:
        raise ValueError(f"{_said(value)} is not enough; write 1 or more")
    return found


def decimal(value: object) -> float:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,15}(\.\d{1,15})?", value, re.ASCII):
        raise ValueError(f"{_said(value)} is not a number; write 3 or 0.8")
    return float(value)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_said(value)} is not a text; write one value")  # noqa: TRY004 - pydantic wants ValueError
    if not value or not value.isprintable() or value != value.strip():
        raise ValueError(f"{quoted(value)} is empty, or has characters that cannot be seen; write plain text")
    return value


def names(value: object) -> tuple[str, ...]:
    """A list of names or globs; one may stand without the list."""
    return tuple(text(one) for one in (value if isinstance(value, list) else [value]))


def severity(value: object) -> Severity:
    if not isinstance(value, str) or value.upper() not in Severity.__members__:
        raise ValueError(f"{_said(value)} is not a severity; write info, warning or critical")
    return Severity[value.upper()]


def path(value: object, info: ValidationInfo) -> Path:
    """Relative to the folder of the configuration."""
    # Not quoted: a key may have been pasted here.
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("not a path; write the path of a file")
    return Path(info.context or ".") / os.path.expanduser(value)  # noqa: PTH111 - Path's own raises for ~nobody


def secret(value: object, info: ValidationInfo) -> Secret:
    """A secret by reference; the messages never quote it."""
    if isinstance(value, Mapping):
        if set(value) != {"file"}:
            raise ValueError("a secret is ${NAME}, {file: path} or a text; write one of them")
        return Secret.file(path(value["file"], info))
    if not isinstance(value, str) or not value:
        raise ValueError("a secret is ${NAME}, {file: path} or a text; write one of them")
    reference = _REFERENCE.fullmatch(value)
    if reference is None and "${" in value:
        raise ValueError("${NAME} has to be the whole secret; write ${NAME}, or {file: path} for a text with ${ in it")
    return Secret.env(reference[1]) if reference else Secret.literal(value)


def key(value: object, info: ValidationInfo) -> Secret:
    """A private key: the path of a PEM file, or as any secret."""
    if isinstance(value, str) and MARK not in value and "${" not in value:
        return Secret.file(path(value, info))
    return secret(value, info)


def pem(value: object, info: ValidationInfo) -> str:
    """The path of a PEM file, or PEM itself."""
    if isinstance(value, str) and MARK in value:
        return value
    return str(path(value, info))


def _said(value: object) -> str:
    """Never what is in a list or a mapping: a secret may be."""
    if isinstance(value, str):
        return quoted(value)
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else "nothing"


Text = Annotated[str, BeforeValidator(text), Field(min_length=1)]
Truth = Annotated[bool, BeforeValidator(truth)]
Names = Annotated[tuple[str, ...], PlainValidator(names), WithJsonSchema(NAMES_SCHEMA)]
Duration = Annotated[timedelta, PlainValidator(duration), WithJsonSchema(DURATION_SCHEMA)]
Size = Annotated[int, PlainValidator(size), WithJsonSchema(SIZE_SCHEMA)]
Count = Annotated[int, PlainValidator(counted), WithJsonSchema({"type": "integer", "minimum": 1})]
Budget = Annotated[int, PlainValidator(budget), WithJsonSchema(SIZE_SCHEMA)]
Deadline = Annotated[timedelta, PlainValidator(deadline), WithJsonSchema(DURATION_SCHEMA)]
SecretText = Annotated[Secret, PlainValidator(secret), WithJsonSchema(_SECRET_SCHEMA)]
Key = Annotated[Secret, PlainValidator(key), WithJsonSchema(_SECRET_SCHEMA)]
Pem = Annotated[str, PlainValidator(pem), WithJsonSchema(_PATH_SCHEMA)]
File = Annotated[Path, PlainValidator(path), WithJsonSchema(_PATH_SCHEMA)]
Level = Annotated[Severity, PlainValidator(severity), WithJsonSchema({"enum": [str(one) for one in Severity]})]

READERS: Final[Mapping[type, Any]] = {
    timedelta: duration,
    bool: truth,
    int: number,
    float: decimal,
    tuple: names,
    str: text,
}
"""How a limit of a kind is read."""
