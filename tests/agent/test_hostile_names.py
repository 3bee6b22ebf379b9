"""Anybody may choose the name of a group; whatever it is, it moves no cursor, ends no quote and turns no line round."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import cli
from agent.demo.cluster import Member, SimulatedCluster, brokers

EVIL = "e\x1b[31m\n\u202evil '$(reboot)`"
FAULTS = {
    "none": {"api": 18, "times": 0},
    "the group is denied": {"api": 15, "group": EVIL, "error": 30},
    "its offsets are denied": {"api": 9, "group": EVIL, "error": 30},
    "one offset is denied": {"api": 9, "topic": EVIL, "partition": 0, "error": 29},
    "the topic is denied": {"api": 3, "topic": EVIL, "error": 29},
    "a log end is denied": {"api": 2, "topic": EVIL, "error": 29},
    "the configuration is denied": {"api": 32, "resource": (2, EVIL), "error": 29},
    "the coordinator is not told": {"api": 15, "group": EVIL, "error": 16},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[SimulatedCluster]:
    """What Kafka allows for groups and members, and more for a topic."""
    model = brokers(3)
    model.clock = time.time
    for name in (EVIL, "orders"):
        model.add_topic(name, 2, 1)
        for partition in model.topics[name].partitions:
            partition.append(100, time.time() - 4000)
    both = {EVIL: (0,), "orders": (0,)}
    member = Member(EVIL, client_id=EVIL, host=EVIL, assignment=both, subscription=tuple(both))
    model.add_group(EVIL, {("orders", 0): 0, (EVIL, 0): 0}, state="Stable", members=[member])
    with SimulatedCluster(model) as running:
        yield running


@pytest.mark.parametrize("words", [("audit", "--fail-on", "never"), ("lag",), ("lag", EVIL), ("lag", f"no {EVIL}")])
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_reaches_a_terminal_raw(cluster: SimulatedCluster, fault: str, words: tuple[str, ...]) -> None:
    with cluster.fault(**FAULTS[fault]) as disturbed:
        disturbed.active = fault != "none"
        done = CliRunner().invoke(cli, [*words, "--kafka", cluster.bootstrap], color=True)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    told = done.output
    for style in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[34m", "\x1b[31m\x1b[1m"):
        told = told.replace(style, "")  # our own
    assert [line for line in told.split("\n") if not line.isprintable()] == []


def test_a_command_keeps_the_name_in_one_word(cluster: SimulatedCluster, tmp_path: Path) -> None:
    text = CliRunner().invoke(cli, ["audit", "--fail-on", "never", "--kafka", cluster.bootstrap]).output
    commands = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.lstrip().startswith("$ ")]
    told = {command.split("kafka-")[1].split(".sh")[0]: command for command in commands if "reboot" in command}
    assert set(told) == {"consumer-groups", "reassign-partitions", "topics"}
    for tool, command in told.items():
        script = f"kafka-{tool}.sh() {{ printf '%s\\0' \"$@\"; }}; {command}"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        words = done.stdout.split("\0")
        assert "reassign.json" in words or any(word in (EVIL, f"{EVIL}.dlq") for word in words), words
    plan = json.loads((tmp_path / "reassign.json").read_text())
    assert {row["topic"] for row in plan["partitions"]} == {EVIL}
