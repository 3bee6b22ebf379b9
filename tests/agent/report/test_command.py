"""The formats through the command, and the job that the README shows."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from agent import snapshot as files
from agent.cli import cli
from agent.demo.cluster import SimulatedCluster
from checks.facts import Unknown, Why
from tests.agent.estate import cluster_model
from tests.checks.examples import queue, sqs

GOLDEN = "tests/agent/golden/snapshot-v1.json"
BEGIN = {
    "text": "kafka://prod",
    "json": "{",
    "markdown": "### mqcanary",
    "sarif": '{"$schema"',
    "junit": "<?xml",
    "html": "<!DOCTYPE html>",
}


@pytest.mark.parametrize("form", BEGIN)
def test_a_format_is_the_same_on_a_pipe_and_in_a_file(form: str, tmp_path: Path) -> None:
    words = ["audit", "--from", GOLDEN, "--format", form]
    printed = CliRunner().invoke(cli, words)
    written = CliRunner().invoke(cli, [*words, "--output", f"{tmp_path}/report"])
    assert (printed.exit_code, written.exit_code, written.stdout) == (1, 1, "")
    assert printed.stdout.startswith(BEGIN[form])
    assert (tmp_path / "report").read_text() == printed.stdout


def test_the_job_in_the_readme_runs(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(jobs:\n.*?)```", Path("README.md").read_text(), re.DOTALL)
    first, second = (step["run"] for step in yaml.safe_load(text)["jobs"]["audit"]["steps"] if "run" in step)
    command = tmp_path / "mqcanary"
    command.write_text(f"#!{sys.executable}\nfrom agent.cli import main\nmain()\n")
    command.chmod(0o755)
    summary = tmp_path / "summary.md"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary)}
    env["PYTHONPATH"] = str(Path.cwd())

    def run(script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60
        )

    with SimulatedCluster(cluster_model(time.time)) as cluster:
        (tmp_path / "mqcanary.yaml").write_text(f"kafka: [{{bootstrap: {json.dumps(cluster.bootstrap.split(','))}}}]\n")
        made = run("mqcanary audit --config mqcanary.yaml --only 'kafka/[!g]*' --write-baseline mqcanary.baseline")
        assert made.returncode == 0, made.stderr
        done = run(first)
    assert (done.returncode, done.stderr) == (1, "")
    assert "kafka/group-lagging" in done.stdout
    assert "kafka/idle-members" not in done.stdout.partition("Could not be judged")[0]
    told = run(second)
    assert (told.returncode, told.stderr) == (0, "")
    assert summary.read_text().startswith("### mqcanary: new 1 ")
    (found,) = json.loads((tmp_path / "mqcanary.sarif").read_text())["runs"][0]["results"]
    assert (found["ruleId"], found["baselineState"]) == ("kafka/group-lagging", "new")
    (place,) = found["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "mqcanary.yaml"


@pytest.mark.parametrize(
    ("why", "code"),
    [(Why.DENIED, 1), (Why.UNREACHABLE, 1), (Why.DEADLINE, 1), (Why.UNSUPPORTED, 1), (Why.YOUNG, 0), (Why.OFF, 0)],
)
def test_fail_on_gap_asks_for_what_was_to_be_seen_and_was_not(why: Why, code: int, tmp_path: Path) -> None:
    hole = Unknown(why, "a hole")
    path = tmp_path / "s.json"
    path.write_text(files.dumps([sqs(replace(queue("orders", redrive="dead"), policy=hole), queue("dead"))]))
    words = ["audit", "--from", str(path), "--only", "sqs/tls-not-forced", "--fail-on", "never"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    assert CliRunner().invoke(cli, [*words, "--fail-on-gap"]).exit_code == code
    said = json.loads(CliRunner().invoke(cli, [*words, "--format", "json"]).output)
    assert [gap["counts"] for gap in said["gaps"] if gap["why"] == why] == [bool(code)]
