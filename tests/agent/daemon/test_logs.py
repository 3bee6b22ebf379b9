"""What is logged: lines that machines can read, nothing that moves a terminal's cursor, no secret, whatever goes wrong."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, roots

ESCAPE = "\x1b"
BEGIN = """
import sys, threading, logging, warnings
import structlog
from agent.daemon.logs import begin
begin(sys.argv[1])
log = structlog.get_logger("test")
"""
TROUBLE = (
    BEGIN
    + """
log.info("said", name="group \\x1b[31m\\u202e\\nred")
logging.getLogger("some.library").error("it %s\\nfailed", "really")
logging.getLogger("apscheduler.scheduler").error("no thread")
warnings.warn("old")

def work():
    password = "s3cr3t-value"
    raise ValueError("in a thread")

thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
try:
    work()
except ValueError:
    log.exception("caught")
sys.stderr.close()
log.info("nobody reads this")
print("went on")
"""
)


def logged(form: str, script: str = TROUBLE, **env: str) -> str:
    """What it writes on its standard error."""
    run = subprocess.run(
        [sys.executable, "-c", script, form], capture_output=True, check=True, timeout=60, env={**os.environ, **env}
    )
    assert run.stdout == b"went on\n"
    return run.stderr.decode()


def on_terminal(form: str, **env: str) -> str:
    """What it writes on a terminal."""
    ours, theirs = pty.openpty()
    try:
        run = subprocess.run(
            [sys.executable, "-c", BEGIN + 'log.info("said", name="x")', form],
            stderr=theirs,
            check=True,
            timeout=60,
            env={**os.environ, **env},
        )
        assert run.returncode == 0
        return os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_every_line_is_json_whoever_says_it() -> None:
    text = logged("json")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line["level"] and line["timestamp"] and line["message"] for line in lines)
    said, library, bell, thread, caught = lines
    assert said["name"] == "group \x1b[31m\u202e\nred"
    assert (library["name"], library["detail"]) == ("some.library", "it really failed")
    assert bell["detail"] == "no thread"
    assert thread["thread"] == "worker"
    for line in (thread, caught):
        assert "ValueError: in a thread" in line["exception"]
        assert "in work" in line["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_local_variable_is_in_a_traceback(form: str) -> None:
    text = logged(form)
    assert text.count("ValueError: in a thread") == 2
    assert "s3cr3t" not in text


def test_lines_for_people_hold_nothing_that_moves_the_cursor() -> None:
    text = logged("console")
    assert ESCAPE not in text
    assert "\u202e" not in text
    assert "x1b[31m" in text
    assert "really failed" in text


def test_a_terminal_has_colours_unless_somebody_wants_none() -> None:
    assert ESCAPE in on_terminal("auto", NO_COLOR="")
    assert "said" in on_terminal("auto", NO_COLOR="1")
    assert ESCAPE not in on_terminal("auto", NO_COLOR="1")
    assert json.loads(on_terminal("json"))["message"] == "said"


def test_a_run_for_people_has_no_escapes(cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path) -> None:
    cluster.model.add_topic("plain", 1, 1)
    config = configuration(cluster, slack)
    with Agent(tmp_path, config, form="console", env={"NO_COLOR": "1"}) as agent:
        agent.spawn()
        agent.wait(lambda: any("started" in line for line in agent.other), "it starts")
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        agent.reload_by_lines(config.replace('"every"', '"evry"'), "configuration refused")
        assert agent.stop() == 0
        assert agent.log == []
        assert ESCAPE not in "".join(agent.output)
        assert any("kafka://prod/topics/orders" in line for line in agent.output)


def test_a_run_for_machines_is_json_from_the_first_line_to_the_last(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        slack.fault("chat.postMessage", html=True)
        fail(cluster, "orders")
        agent.wait_log("not told")
        for broker in cluster.model.brokers:
            cluster.stop_broker(broker)
        agent.wait_metric(lambda value: value >= 3, "mqcanary_target_look_failures_total")
        (away,) = {(line["level"], line["target"]) for line in agent.said("not seen")}
        assert away == ("warning", "kafka://prod")
        reasons = [line["reason"] for line in agent.said("not seen")]
        assert len(reasons) == len(set(reasons)), "not one for each look"
        assert agent.stop() == 0
        assert agent.other == []
        assert agent.log[-1]["message"] == "stopped"
