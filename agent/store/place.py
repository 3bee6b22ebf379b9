"""Where the state directory is: the same answer for the agent and for every command that speaks with it."""

import os
from pathlib import Path

from agent.config.model import Config


def state_folder(option: Path | None, config: Config | None) -> Path:
    """The option, else the configuration's, else systemd's, else the user's own."""
    if option is not None:
        return option
    if config is not None and config.running.state is not None:
        return config.running.state
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.path.expanduser(home)) / "mqcanary"  # noqa: PTH111 - Path's own raises where there is no home
