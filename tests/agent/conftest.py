"""What tests of the agent share: a simulated cluster, a local SQS server, the command line."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.agent.collect.kafka.conftest import authority, serve, server_context  # noqa: F401 - fixtures for all
from tests.live.sqs import SqsServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def aws() -> Iterator[SqsServer]:
    with SqsServer() as server:
        yield server


@pytest.fixture
def mqcanary() -> Run:
    """Runs the real command and gives what it printed; extra environment by keyword."""

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        import os  # noqa: PLC0415 - the environment of this moment

        script = "from agent.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "COLUMNS": "80", **env},
        )

    return run
