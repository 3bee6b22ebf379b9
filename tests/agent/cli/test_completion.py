"""Completion, in a real bash: what `mqcanary completion bash` prints is evaluated and asked."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checks import all_checks
from tests.agent.conftest import Run

ASK = """
eval "$(mqcanary completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_mqcanary_completion mqcanary
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(tmp_path: Path) -> Callable[..., list[str]]:
    """What bash offers for the last of these words."""
    command = tmp_path / "mqcanary"
    python = shlex.quote(sys.executable)
    command.write_text(f"#!/bin/sh\nexec {python} -c 'from agent.cli import main; main()' \"$@\"\n")
    command.chmod(0o755)

    def ask(*words: str) -> list[str]:
        env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        argv = ["bash", "--norc", "-c", ASK, "bash", "mqcanary", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_commands_options_values_and_checks(complete: Callable[..., list[str]]) -> None:
    assert {"audit", "snapshot", "lag", "checks", "config", "completion"} <= set(complete(""))
    assert complete("audit", "--fail-on") == ["--fail-on", "--fail-on-gap"]
    assert complete("audit", "--fail-on", "w") == ["warning"]
    assert complete("checks", "explain", "kafka/group-l") == ["kafka/group-lagging"]
    assert complete("audit", "--only", "sqs/") == [check.id for check in all_checks() if check.id.startswith("sqs/")]


@pytest.mark.parametrize(("shell", "says"), [("zsh", "compdef"), ("fish", "complete --no-files --command mqcanary")])
def test_other_shells(mqcanary: Run, shell: str, says: str) -> None:
    done = mqcanary("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
