"""mqcanary silence, as somebody types it."""

import json
import time
from pathlib import Path

import pytest

from alerts.model import Silence, TargetState
from checks.pattern import Pattern
from tests.agent.cli.conftest import Run
from tests.agent.door.agent import PROD, agent, alert, state_of


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_add_list_expire(run: Run, state: Path) -> None:
    now = time.time()
    with agent(state, state_of(alert("a1b2c3", now=now), targets={PROD: TargetState(PROD, now)})) as running:
        words = ("kafka://prod/groups/pay*", "--for", "30m", "--comment", "deploy 42", "--state", state)
        done = run("silence", "add", *words)
        assert (done.code, done.err) == (0, "")
        (made,) = running.state.silences.values()
        at = time.strftime("%H:%M UTC", time.gmtime(made.until))
        assert done.out.startswith("silenced until ")
        assert done.out.endswith(f"{at}: kafka://prod/groups/pay* (silence {made.id}; 1 alert that fires now)\n")
        user, _, host = made.by.partition("@")
        assert user
        assert host

        listed = run("silence", "list", MQCANARY_STATE=state)
        first, second, third, blank, last = listed.out.splitlines()
        assert first == f"{made.id}  kafka://prod/groups/pay*"
        assert second.startswith("  until ")
        assert second.endswith("left); covers 1 alert now")
        assert third == f"  by {made.by}: deploy 42"
        assert blank == ""
        assert last.startswith("1 silence; last change ")
        (row,) = json.loads(run("silence", "list", "--state", state, "--format", "json").out)
        assert (row["id"], row["until"], row["comment"]) == (made.id, made.until, "deploy 42")

        ended = run("silence", "expire", made.id, "--state", state)
        assert (ended.code, ended.out) == (0, f"silence {made.id} has ended: kafka://prod/groups/pay*\n")
        assert running.state.silences == {}
        assert run("silence", "list", "--state", state).out.startswith("nothing is silenced; last change ")
        unknown = run("silence", "expire", made.id, "--state", state)
        assert (unknown.code, unknown.out) == (2, "")
        assert unknown.err == f'mqcanary: ID: there is no silence "{made.id}"; see: mqcanary silence list\n'


def test_a_script_takes_the_id(run: Run, state: Path) -> None:
    with agent(state) as running:
        told = json.loads(run("silence", "add", "sqs://*/queues/*", "--state", state, "--format", "json").out)
        assert (told["done"], told["well"], list(running.state.silences)) == (True, True, [told["id"]])
        until = running.state.silences[told["id"]].until
        assert until == pytest.approx(time.time() + 7200, abs=60), "two hours where nothing is said"
        ended = json.loads(run("silence", "expire", told["id"], "--state", state, "--format", "json").out)
        assert ended == {"done": True, "well": True, "told": f"silence {told['id']} has ended: sqs://*/queues/*"}


def test_without_an_agent_it_is_kept(run: Run, state: Path) -> None:
    done = run("silence", "add", "kafka://prod", "--check", "kafka/under-*", "--state", state)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"kept until the agent starts (none runs on {state}): silence ")
    assert done.out.endswith(" UTC: kafka://prod, kafka/under-* alone\n")
    assert len(list((state / "inbox").iterdir())) == 1


def test_where_the_state_is_the_configuration_says(run: Run, tmp_path: Path, config: Path) -> None:
    config.write_text(config.read_text() + "state: here\n")
    run("silence", "add", "kafka://prod", MQCANARY_CONFIG=config)
    assert len(list((tmp_path / "here" / "inbox").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("payments",), 'RESOURCES: "payments" is no resource; write kafka://TARGET/groups/NAME, kafka://TARGET/topics/NAME, sqs://TARGET/queues/NAME, or kafka://TARGET for all of it'),
        (("kafka://prod", "--for", "2"), '--for: "2" is not a duration; write 2s or 2m'),
        (("kafka://prod", "--for", "9999d"), '--for: "9999d" is longer than ten years; write 30s or 2m'),
        (("kafka://prod", "--for", "0m"), '--for: "0m" is none or more than a year; write 30m or 2h'),
        (("kafka://prod", "--check", "group-lagging"), '--check: "group-lagging" matches no check; did you mean "kafka/group-lagging"?'),
        (("kafka://prod", "--comment", "a\x1b[31m"), '--comment: "a\\x1b[31m" is empty, or has characters that cannot be seen; write plain text'),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(run: Run, state: Path, words: tuple[str, ...], told: str) -> None:
    done = run("silence", "add", *words, "--state", state)
    assert (done.code, done.out, done.err) == (2, "", f"mqcanary: {told}\n")
    assert not state.exists()


def test_a_folder_that_cannot_be_written_is_one_line(run: Run, state: Path) -> None:
    state.write_text("a file")
    done = run("silence", "add", "kafka://prod", "--state", state)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"mqcanary: {state}/inbox can't be written (Not a directory): look at the state directory\n"


def test_names_that_would_paint_a_terminal_are_shown_safely(run: Run, state: Path) -> None:
    evil = Silence("s1", Pattern("kafka", "p\x1b[2J", "groups", "\x9b31m*"), "*", time.time() + 60, "\x07", "a\nb", 0.0)
    with agent(state, state_of(silences={"s1": evil})):
        listed = run("silence", "list", "--state", state)
        assert all(line.isprintable() for line in listed.out.splitlines())
        assert "p\\x1b[2J" in listed.out
