"""Help is read often and by completion: it costs next to nothing."""

import os
import subprocess
import sys

import pytest

MOST = 0.150
"""Seconds of CPU."""


def cpu(*words: str) -> float:
    """User and system time of one run of the command."""
    script = "from agent.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", script, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    "words", [("--help",), ("audit", "--help"), ("silence", "add", "--help"), ("alerts", "--help")], ids=" ".join
)
def test_help_is_cheap(words: tuple[str, ...]) -> None:
    # The best of several: a busy machine makes a run dearer, never cheaper.
    assert min(cpu(*words) for _ in range(7)) < MOST
