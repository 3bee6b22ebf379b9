"""Where the state directory is, for the agent and for every command alike."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.config.running import Running
from agent.store.place import state_folder


@dataclass
class Written:
    running: Running = field(default_factory=Running)


@pytest.fixture
def config() -> Any:
    return Written(Running(state=Path("/srv/written")))


def test_the_first_that_says_something_wins(monkeypatch: pytest.MonkeyPatch, config: Any) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/unit")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/me/.state")
    assert state_folder(Path("given"), config) == Path("given")
    assert state_folder(None, config) == Path("/srv/written")
    for silent in (None, Written()):
        assert state_folder(None, silent) == Path("/var/lib/unit")  # type: ignore[arg-type]
    monkeypatch.delenv("STATE_DIRECTORY")
    assert state_folder(None, None) == Path("/home/me/.state/mqcanary")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert state_folder(None, None) == Path("/home/me/.local/state/mqcanary")
