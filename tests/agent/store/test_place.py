"""Where the state directory is, for the agent and for every command alike."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.config.running import Running
from agent.store.place import state_folder, tell_url
from tests.agent.door.agent import agent


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


def test_every_file_of_an_agent_is_its_users_alone(tmp_path: Path) -> None:
    """Also one that an older version left for all to read."""
    folder = tmp_path / "state"
    with agent(folder):
        tell_url(folder, "http://127.0.0.1:1/")
        assert {file.name for file in folder.iterdir()} >= {
            "state.db",
            "state.db-wal",
            "history.db",
            "view.json",
            "url",
        }
        assert {
            file.name: file.stat().st_mode & 0o077 for file in folder.iterdir() if file.stat().st_mode & 0o077
        } == {}
    (folder / "state.db").chmod(0o644)
    with agent(folder):
        assert {file.name for file in folder.iterdir() if file.stat().st_mode & 0o077} == set()
