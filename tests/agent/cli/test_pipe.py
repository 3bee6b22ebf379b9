"""A pipe whose reader has gone: `mqcanary checks list | head -1`."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("words", [("checks", "list"), ("--help",), ("audit", "--help")], ids=" ".join)
def test_whoever_has_read_enough_is_well(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-c", "from agent.cli import main; main()", *words]
    done = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
