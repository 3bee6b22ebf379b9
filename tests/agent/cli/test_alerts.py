"""mqcanary alerts, as somebody types it, in a terminal and in a pipe."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.store.published import publish
from alerts.model import Acknowledged, Phase, Silence, State
from checks.check import Severity
from checks.pattern import Pattern
from tests.agent.cli.conftest import Run
from tests.agent.door.agent import agent, alert, state_of

# A shell starts what runs in its background with SIGINT ignored, and so would be what the tests start there.
SHORT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import agent.cli.alerts
agent.cli.alerts._EVERY = 0.05
from agent.cli import main
main()
"""


def busy(now: float) -> State:
    return state_of(
        alert("a1b2c3", now=now, acknowledged=Acknowledged("bo@ops", now, now + 3600, "looking")),
        alert("d4e5f6", "orders", now=now, severity=Severity.CRITICAL, owner="payments", unstable=True),
        alert("0a0a0a", "later", now=now, phase=Phase.PENDING),
        alert("b0b0b0", "frozen", now=now, frozen=now - 120, frozen_why="connection refused"),
        alert("e0e0e0", "old", now=now, phase=Phase.RESOLVED, ended=now - 60),
        silences={"5e1f00": Silence("5e1f00", Pattern(name="frozen"), "*", now + 600, "ci", "deploy 42", now)},
    )


def test_the_worst_first_with_what_is_known_of_each(run: Run, tmp_path: Path) -> None:
    now = time.time()
    with agent(tmp_path, busy(now)):
        done = run("alerts", "--state", tmp_path)
    assert (done.code, done.err) == (0, "")
    entries = [entry.splitlines() for entry in done.out.split("\n\n")]
    assert [entry[0] for entry in entries[:-1]] == [
        "critical firing   d4e5f6  kafka/group-lagging",
        "warning  firing   b0b0b0  kafka/group-lagging",
        "warning  firing   a1b2c3  kafka/group-lagging",
        "warning  pending  0a0a0a  kafka/group-lagging",
    ]
    assert entries[0][1:3] == ["  kafka://prod/groups/orders", "  14 min behind on orders"]
    assert entries[0][3].endswith(" UTC (10 min); owner payments")
    assert entries[0][4] == "  comes and goes"
    assert entries[1][4].startswith("  cannot be observed since ")
    assert entries[1][4].endswith(" UTC: connection refused")
    assert entries[1][5].startswith("  silenced by ci until ")
    assert entries[1][5].endswith(" UTC: deploy 42")
    assert entries[2][4].startswith("  acknowledged by bo@ops until ")
    assert entries[2][4].endswith(" UTC: looking")
    told = " ".join(entries[-1])
    assert told.startswith(
        "3 firing (1 critical, 2 warning), 1 pending, 1 frozen, 1 acknowledged, 1 silenced; last change "
    )
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_what_has_ended_is_shown_if_asked_for(run: Run, tmp_path: Path) -> None:
    with agent(tmp_path, busy(time.time())):
        shown = run("alerts", "--all", "--state", tmp_path).out
        rows = json.loads(run("alerts", "--all", "--format", "json", "--state", tmp_path).out)
        fewer = json.loads(run("alerts", "--format", "json", "--state", tmp_path).out)
    assert "warning  resolved e0e0e0  kafka/group-lagging\n" in shown
    assert "(9 min)" in shown
    assert ", 1 pending, 1 ended, " in shown
    assert [row["id"] for row in rows] == ["d4e5f6", "b0b0b0", "a1b2c3", "0a0a0a", "e0e0e0"]
    assert fewer == rows[:-1]
    frozen = rows[1]
    assert frozen["resource"] == "kafka://prod/groups/frozen"
    assert frozen["frozen"]["why"] == "connection refused"
    assert frozen["silenced"]["comment"] == "deploy 42"
    assert rows[2]["acknowledged"]["note"] == "looking"
    assert rows[0]["fix"]["command"] == "kafka-consumer-groups.sh --describe --group orders"


def test_nothing_fires(run: Run, tmp_path: Path) -> None:
    with agent(tmp_path):
        assert run("alerts", "--state", tmp_path).out.startswith("nothing fires; last change ")


def test_names_that_would_paint_a_terminal_are_shown_safely(run: Run, tmp_path: Path) -> None:
    now = time.time()
    with agent(tmp_path, state_of(alert("a1b2c3", "x\x1b[2J\n\u202e", now=now, summary="a\x1b[31m\nb", owner="\x07"))):
        for words in ((), ("--format", "json")):
            out = run("alerts", "--state", tmp_path, *words).out
            assert all(line.isprintable() for line in out.splitlines())


def test_acknowledge_and_release(run: Run, tmp_path: Path) -> None:
    with agent(tmp_path, state_of(alert("a1b2c3", now=time.time()))) as running:
        done = run("alerts", "ack", "a1b2c3", "--for", "4h", "--note", "looking", "--state", tmp_path)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("acknowledged until ")
        assert done.out.endswith(" UTC: kafka/group-lagging on kafka://prod/groups/payments\n")
        assert running.state.alerts["a1b2c3"].acknowledged is not None
        freed = run("alerts", "unack", "a1b2c3", "--state", tmp_path)
        assert freed.out == "no longer acknowledged: kafka/group-lagging on kafka://prod/groups/payments\n"
        wrong = run("alerts", "ack", "a1b2c", "--state", tmp_path)
        assert (wrong.code, wrong.out) == (2, "")
        assert wrong.err == 'mqcanary: ALERT: there is no alert "a1b2c"; did you mean "a1b2c3"?\n'


def test_an_agent_that_is_away_is_said_beside_what_it_showed_last(run: Run, tmp_path: Path) -> None:
    none = run("alerts", "--state", tmp_path)
    assert (none.code, none.out) == (2, "")
    assert none.err.startswith(f"mqcanary: {tmp_path} holds no view of an agent: start one")
    with agent(tmp_path, state_of(alert("a1b2c3", now=time.time()))):
        pass
    last = run("alerts", "--state", tmp_path)
    assert last.code == 0
    assert "a1b2c3" in last.out
    assert last.err == f"mqcanary: no agent runs on {tmp_path}: this is how things were\n"


def test_options_of_a_subcommand_stand_behind_it(run: Run, tmp_path: Path) -> None:
    """Before it they would be taken for those of the list, and passed over."""
    done = run("alerts", "--state", tmp_path, "ack", "a1b2c3")
    assert done.code == 2
    assert done.err.endswith("Error: options of ack stand behind it\n")
    assert run("alerts", "ack", "a1b2c3", MQCANARY_STATE=tmp_path).err.startswith(f"mqcanary: {tmp_path} holds no view")


# ── --watch ──


@contextmanager
def watching(folder: Path, *words: str, terminal: bool = False, **env: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`stdout` is the near end of a pipe or of a terminal."""
    argv = [sys.executable, "-c", SHORT, "alerts", "--watch", "--state", str(folder), *words]
    near, far = pty.openpty() if terminal else os.pipe()
    environment = {**os.environ, "TERM": "xterm", **env}
    environment.pop("NO_COLOR", None) if "NO_COLOR" not in env else None
    process = subprocess.Popen(argv, stdout=far, stderr=subprocess.PIPE, env=environment)
    os.close(far)
    process.stdout = os.fdopen(near, "rb", buffering=0)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()


def until(process: "subprocess.Popen[bytes]", *texts: str) -> str:
    """What it prints until it has printed all of these."""
    assert process.stdout is not None
    seen = b""
    while not all(text.encode() in seen for text in texts):
        ready, _, _ = select.select([process.stdout], [], [], 20)
        assert ready, f"nothing more than {seen!r}"
        more = process.stdout.read(4096)
        assert more, f"ended after {seen!r}"
        seen += more
    return seen.decode()


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    assert process.stderr is not None
    code = process.wait(20)
    return code, process.stderr.read().decode()


def test_in_a_pipe_each_change_is_a_line(tmp_path: Path) -> None:
    now = time.time()
    one, two = alert("a1b2c3", now=now), alert("d4e5f6", "orders", now=now, severity=Severity.CRITICAL)
    old = alert("e0e0e0", "old", now=now, phase=Phase.RESOLVED, ended=now)
    with agent(tmp_path, state_of(one, old)), watching(tmp_path) as process:
        line = until(process, "\n")
        assert line.count("\n") == 1, "what has ended is no news"
        assert "\x1b" not in line
        assert line.endswith(
            " UTC  warning  firing  a1b2c3  kafka/group-lagging kafka://prod/groups/payments  14 min behind on orders\n"
        )
        taken = replace(one, acknowledged=Acknowledged("bo", now), frozen=now)
        for state, texts in (
            (state_of(one, two), ["firing  d4e5f6"]),
            (state_of(taken, two), ["frozen  a1b2c3", "acknowledged  a1b2c3"]),
            (state_of(replace(one, severity=Severity.CRITICAL), two), ["now critical  a1b2c3", "seen again  a1b2c3", "no longer acknowledged  a1b2c3"]),
            (state_of(replace(one, phase=Phase.GONE, ended=now), two), ["gone  a1b2c3", "now warning  a1b2c3"]),
            (state_of(replace(one, phase=Phase.GONE, ended=now)), ["no longer listed  d4e5f6"]),
        ):  # fmt: skip
            publish(tmp_path, state, now)
            told = until(process, *texts)
            assert told.count("\n") == len(texts)
            assert told.count("  (cannot be observed since ") == (len(texts) if state.alerts["a1b2c3"].frozen else 0)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (0, "")
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_in_a_pipe_as_json_each_change_is_a_document(tmp_path: Path) -> None:
    with agent(tmp_path, state_of(alert("a1b2c3", now=time.time()))), watching(tmp_path, "--format", "json") as process:
        row = json.loads(until(process, "\n"))
        assert (row["change"], row["id"], row["phase"]) == ("firing", "a1b2c3", "firing")


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    now = time.time()
    with agent(tmp_path, state_of(alert("a1b2c3", now=now))), watching(tmp_path) as process:
        until(process, "a1b2c3")
        assert process.stdout is not None
        process.stdout.close()
        publish(tmp_path, state_of(), now)
        assert ended(process) == (0, "")


def test_an_agent_that_goes_is_said_once_and_waited_for(tmp_path: Path) -> None:
    now = time.time()
    with watching(tmp_path) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"mqcanary: ")
        with agent(tmp_path, state_of(alert("a1b2c3", now=now))):
            until(process, "firing  a1b2c3")
        assert process.stderr.readline() == f"mqcanary: no agent runs on {tmp_path}: this is how things were\n".encode()
        with agent(tmp_path, state_of(alert("d4e5f6", now=now))):
            until(process, "firing  d4e5f6")
        process.send_signal(signal.SIGINT)
        code, err = ended(process)
    assert code == 0
    assert set(err.splitlines()) <= {f"mqcanary: no agent runs on {tmp_path}: this is how things were"}
    assert err.count("\n") <= 1


def test_on_a_terminal_it_repaints(tmp_path: Path) -> None:
    now = time.time()
    with agent(tmp_path, state_of(alert("a1b2c3", now=now))), watching(tmp_path, terminal=True) as process:
        painted = until(process, "1 firing", "\x1b[J")
        assert painted.startswith("\x1b[2J\x1b[H")
        assert "\x1b[33mwarning " in painted
        publish(tmp_path, state_of(), now)
        assert "a1b2c3" not in until(process, "nothing fires").rpartition("\x1b[H")[2], "nothing of before is left"
        process.send_signal(signal.SIGINT)
        assert ended(process) == (0, "")


def test_on_a_terminal_no_color_is_obeyed(tmp_path: Path) -> None:
    many = [alert(f"a{n:05}", f"g{n}", now=time.time()) for n in range(50)]
    with (
        agent(tmp_path, state_of(*many)),
        watching(tmp_path, terminal=True, NO_COLOR="1", LINES="20", COLUMNS="80") as process,
    ):
        painted = until(process, "50 firing", "\x1b[J")
        assert "\x1b[33m" not in painted
        assert "\x1b[1m" not in painted
        page = painted.partition("\x1b[H")[2].partition("\x1b[J")[0]
        assert page.count("\n") <= 20, "it never scrolls"
        assert "more lines: mqcanary alerts" in page


@pytest.mark.parametrize("word", ["--watch", "--all"])
def test_nothing_of_the_list_is_taken_for_a_subcommand(run: Run, word: str) -> None:
    assert run("alerts", word, "unack", "x").err.endswith("Error: options of unack stand behind it\n")
