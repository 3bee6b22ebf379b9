"""Where the state directory is, the same answer for the agent and for every command that speaks with it; and that it is private."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ConfigError

if TYPE_CHECKING:  # loads pydantic, which `mqcanary health` does without
    from agent.config.model import Config

_URL = "url"


def state_folder(option: Path | None, config: "Config | None", written: Path | None = None) -> Path:
    """The option, else the configuration's, else systemd's, else the user's own.

    `written` is what a configuration with mistakes says.
    """
    if option is not None:
        return option
    if config is not None and config.running.state is not None:
        return config.running.state
    if written is not None:
        return written
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.path.expanduser(home)) / "mqcanary"  # noqa: PTH111 - Path's own raises where there is no home


def make_folder(path: Path) -> None:
    """A folder for this user alone, where there is none. One that is there keeps its rights: it may be somebody else's too.

    Raises:
        OSError: it can't be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def private(path: Path) -> None:
    """Before a file is written: it is there, and for this user alone; never opened, which would end SQLite's locks on it.

    Raises:
        OSError: it can't be made, or is another user's.
    """
    path.touch(mode=0o600)
    path.chmod(0o600)


def tell_url(folder: Path, url: str) -> None:
    """Renames it into place, where commands look for it; a full disk leaves that of the last time."""
    hidden = folder / f".{_URL}"
    try:
        private(hidden)
        hidden.write_text(f"{url}\n", encoding="utf-8")
        hidden.rename(folder / _URL)
    except OSError:
        hidden.unlink(missing_ok=True)


def told_url(folder: Path) -> str:
    """Where the agent of a state directory listens, or listened last; with a slash at its end.

    Raises:
        ConfigError: no agent has ever listened there, or it can't be read.
    """
    try:
        return (folder / _URL).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(
            f"no agent has begun in {folder}: start one (mqcanary run), or name its directory (--state)"
        ) from None
    except OSError as error:
        raise ConfigError(f"{folder / _URL} can't be read ({error.strerror}): run as the agent's user") from None
