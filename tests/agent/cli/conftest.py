"""The command line in this very process, so that a test need not wait for imports."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import obey


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]

CONFIG = """\
kafka: [{name: prod, bootstrap: [127.0.0.1:1]}]
slack: {token: x}
route:
  to: console
  routes:
    - {severity: critical, to: "slack:#page"}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mqcanary.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; environment by keyword."""
    for name in ("MQCANARY_STATE", "MQCANARY_CONFIG", "MQCANARY_URL", "MQCANARY_TOKEN_FILE", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object, **env: object) -> Ran:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", ["mqcanary", *map(str, words)])
            for name, value in env.items():
                changed.setenv(name, str(value))
            code = obey()
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
