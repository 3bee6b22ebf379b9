"""A configuration that was spoilt on disk: the agent goes on by the one before, and its commands still find it."""

from pathlib import Path

import pytest

from alerts.model import State
from tests.agent.cli.conftest import Run
from tests.agent.door.agent import agent

BROKEN = "kafka: [{nmae: prod, bootstrap: [127.0.0.1:1]}]\nroute: {to: console}\nstate: its\n"
NO_YAML = "state: its  # here\nkafka: [{name: prod\nroute:\n\t- x\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(BROKEN)
    return path


def warning(config: Path) -> str:
    shows = f"mqcanary config check {config} shows them"
    return f"mqcanary: {config} has mistakes ({shows}); the agent is looked for in {config.parent / 'its'}\n"


def test_the_agent_is_found_and_obeys(run: Run, config: Path) -> None:
    with agent(config.parent / "its", State()):
        for text in (BROKEN, NO_YAML, BROKEN + "# \xe4"):
            config.write_text(text, encoding="latin-1")
            for words in (("alerts",), ("silence", "add", "kafka://prod"), ("outbox", "list")):
                done = run(*words, "--config", config)
                assert (done.code, done.err) == (0, warning(config)), done
        config.write_text(BROKEN)
        told = run("notify", "test", "--config", config)
        assert (told.code, told.err) == (0, warning(config))


def test_a_file_that_is_not_there_is_no_file_with_mistakes(run: Run, tmp_path: Path) -> None:
    done = run("alerts", "--config", tmp_path / "typo.yaml")
    assert (done.code, done.err) == (2, f"mqcanary: {tmp_path}/typo.yaml is not there: mqcanary config init\n")
