"""Commands from other processes: one file each, made by rename, so that nobody ever reads half of one."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from agent.errors import ConfigError
from agent.store.codec import command_in, command_out
from agent.store.place import make_folder, private
from alerts.commands import Command

LARGEST = 64 * 1024
REFUSED = ".refused"
"""What can't be read is renamed to this, for somebody to look at."""
_MENDS = {
    errno.EACCES: "run as the agent's user",
    errno.EPERM: "run as the agent's user",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EROFS: "its file system has to be mounted writable",
}


def put(inbox: Path, command: Command) -> Path:
    """Leaves a command for the agent.

    Raises:
        ConfigError: the inbox can't be written.
    """
    name = f"{time.time_ns():020d}-{uuid4().hex}.json"
    hidden = inbox / f".{name}"
    try:
        if not inbox.parent.exists():
            make_folder(inbox.parent)  # `parents` would make it with the usual rights
        make_folder(inbox)
        private(hidden)
        with hidden.open("w", encoding="utf-8") as file:
            file.write(command_out(command))
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(inbox / name)
        _settle(inbox)
    except OSError as error:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        mend = _MENDS.get(error.errno or 0, "look at the state directory")
        raise ConfigError(f"{inbox} can't be written ({error.strerror}): {mend}") from None
    return inbox / name


def _settle(folder: Path) -> None:
    """A name is on the disk only once its folder is."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def waiting(inbox: Path) -> Iterator[tuple[str, Command | ValueError]]:
    """The commands that wait, in the order in which they were left, and what is wrong with those that are none."""
    try:
        names = sorted(p.name for p in inbox.iterdir() if p.suffix == ".json" and not p.name.startswith("."))
    except OSError:
        return
    for name in names:
        try:
            yield name, command_in(_read(inbox / name))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield name, ValueError(str(error))


def _read(path: Path) -> str:
    if not path.name.isascii():
        raise ValueError("its name is none that a command has")
    if path.exists() and not path.is_file():  # opening a pipe that nobody writes to would block
        raise ValueError("it is no file")
    with path.open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError("it is too large for a command")
    return text.decode("utf-8")


def forget(inbox: Path, name: str) -> None:
    """Deletes what was obeyed."""
    (inbox / name).unlink(missing_ok=True)


def refuse(inbox: Path, name: str) -> None:
    """Sets aside what is no command."""
    (inbox / name).rename(inbox / (name.removesuffix(".json") + REFUSED))
