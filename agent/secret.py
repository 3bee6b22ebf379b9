"""Passwords and keys, held by reference: the value is read where it is needed, and never printed, logged or stored."""

import os
from pathlib import Path
from typing import Final, NoReturn

from agent.errors import ConfigError

_LARGEST: Final = 64 * 1024  # a key with its certificate chain is a tenth of this; /dev/zero has no end


class Secret:
    """Where a secret is to be found. `reveal` reads it anew each time, so that a rotated file counts at the next connect."""

    __slots__ = ("__kind", "__reference")

    def __init__(self, kind: str, reference: str) -> None:
        self.__kind = kind
        self.__reference = reference

    @classmethod
    def literal(cls, value: str) -> "Secret":
        return cls("literal", value)

    @classmethod
    def env(cls, name: str) -> "Secret":
        return cls("env", name)

    @classmethod
    def file(cls, path: str | os.PathLike[str]) -> "Secret":
        return cls("file", os.fspath(path))

    @property
    def origin(self) -> str:
        """Where the value comes from, in words fit for a message."""
        return {
            "env": f"environment variable {self.__reference}",
            "file": f"file {self.__reference}",
        }.get(self.__kind, "the configuration")

    def reveal(self) -> str:
        if self.__kind == "env":
            value = os.environ.get(self.__reference, "")
            if not value:
                raise ConfigError(f"{self.origin} is not set or empty: export it, or name another one for this secret")
            return value
        if self.__kind == "file":
            return self.__read()
        return self.__reference

    def __read(self) -> str:
        path = Path(self.__reference)
        try:
            # Opening a pipe that nobody writes to would block.
            raw = _head(path) if path.is_file() else None
        except OSError as error:
            raise ConfigError(f"{self.origin} cannot be read ({error.strerror}): give this user the right to") from None
        if raw is None:
            raise ConfigError(f"{self.origin} is not a file: mount the secret there, or name another path")
        if len(raw) > _LARGEST:
            raise ConfigError(f"{self.origin} is larger than {_LARGEST} bytes: it is not a secret")
        # Not `except: raise`: the exception of a failed decoding carries the bytes along.
        if not _is_text(raw):
            raise ConfigError(f"{self.origin} is not UTF-8 text: write the secret as text")
        value = raw.decode().removesuffix("\n").removesuffix("\r")  # editors end the last line, secrets do not
        if not value:
            raise ConfigError(f"{self.origin} is empty: write the secret into it")
        return value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self.__kind, self.__reference) == (other.__kind, other.__reference)

    def __hash__(self) -> int:
        return hash((self.__kind, self.__reference))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
