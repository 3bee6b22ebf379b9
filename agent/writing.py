"""Files that a command writes for its user: whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from agent.errors import ConfigError


def write(path: Path, text: str) -> None:
    """Renames the text into place; what is no ordinary file, as /dev/stdout, is written to.

    Raises:
        ConfigError: it can't be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        real = path.resolve()  # of a link, what it points at
        hidden = _hidden(real)
        try:
            with hidden.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if real.exists():
                hidden.chmod(real.stat().st_mode)
            hidden.replace(real)
        finally:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from None


def writable(path: Path) -> None:
    """Tries, and leaves nothing behind: told now, not after an hour of samples.

    Raises:
        ConfigError: it can't be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.open("ab").close()
        else:
            hidden = _hidden(path.resolve())
            hidden.open("w").close()
            hidden.unlink()
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from None


def _hidden(path: Path) -> Path:
    return path.with_name(f".mqcanary-{os.getpid()}.new")
