"""On a terminal: colours unless NO_COLOR is set, as wide as it is, and how far a look has come."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.demo.cluster import SimulatedCluster, Writing, brokers

GOLDEN = str(Path(__file__).parent / "golden/snapshot-v1.json")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

Terminal = Callable[..., tuple[str, str]]


@pytest.fixture
def terminal() -> Terminal:
    """What the command writes on a terminal so wide: standard output, or standard error, and the other through a pipe."""

    def run(*words: str, columns: int = 100, stream: str = "stdout", **env: str) -> tuple[str, str]:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        clean = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
        }
        other = "stderr" if stream == "stdout" else "stdout"
        process = subprocess.Popen(
            [sys.executable, "-c", "from agent.cli import main; main()", *words],
            env={**clean, "TERM": "xterm", **env},
            **{stream: theirs, other: subprocess.PIPE},  # type: ignore[call-overload]
        )
        os.close(theirs)
        seen = bytearray()
        try:
            while chunk := os.read(ours, 65536):
                seen += chunk
        except OSError:  # Linux says so that the other side is closed
            pass
        os.close(ours)
        told = (process.stdout or process.stderr).read().decode()
        (process.stdout or process.stderr).close()
        process.wait(30)
        return seen.decode().replace("\r\n", "\n"), told

    return run


def test_colours_unless_told_otherwise(terminal: Terminal) -> None:
    coloured, _ = terminal("audit", "--from", GOLDEN)
    plain, _ = terminal("audit", "--from", GOLDEN, NO_COLOR="1")
    assert "\x1b[33mwarning" in coloured
    assert "\x1b" not in plain
    assert COLOUR.sub("", coloured) == plain


@pytest.mark.parametrize("columns", [72, 110])
def test_as_wide_as_the_terminal(terminal: Terminal, columns: int) -> None:
    text, _ = terminal("audit", "--from", GOLDEN, columns=columns, NO_COLOR="1")
    lengths = [len(line) for line in text.splitlines() if not line.lstrip().startswith("$ ")]
    assert columns - 20 < max(lengths) <= columns


def test_how_far_it_is_stands_beside_the_report_and_not_in_it(terminal: Terminal) -> None:
    with SimulatedCluster(brokers(1)) as cluster:
        place = cluster.bootstrap
        told, report = terminal("audit", "--kafka", place, stream="stderr", columns=60)
    assert "looking at 1 target" in told
    assert f"{place}: 0 topics, 0 groups" in told
    assert told.endswith("\r\x1b[K"), "nothing of it is left"
    assert "looking" not in report
    assert "\x1b" not in report


def test_keys_are_shown_to_a_terminal_alone_and_cannot_move_its_cursor(terminal: Terminal) -> None:
    model = brokers(1)
    keys = (b"\x1b[31mred\n", b"\xff\x00raw", b"long" * 100, "rechts\u202elinks".encode())
    topic = model.add_topic("orders", 2)
    topic.writing = Writing(key=lambda _, offset: keys[offset % len(keys)])
    topic.partitions[0].append(400, time.time() - 60)
    with SimulatedCluster(model) as cluster:
        words = ("audit", "--kafka", cluster.bootstrap, "--sample", "orders", "--show-keys")
        text, _ = terminal(*words, NO_COLOR="1")
        _, piped = terminal(*words, stream="stderr")
    assert "\x1b[1m" not in text
    shown = text[text.index("Most frequent keys of topic orders") :].splitlines()[1:]
    assert [line.split(maxsplit=1)[0] for line in shown] == ["100"] * 4
    assert {line.split(maxsplit=1)[1] for line in shown} == {
        "\\x1b[31mred\\n",
        "\\xff\\x00raw",
        ("long" * 100)[:63] + "…",
        "rechts\\u202elinks",
    }
    assert piped == ""


def test_the_table_of_lag_is_as_wide_as_the_terminal_and_whole_in_a_pipe(
    terminal: Terminal, mqcanary: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    model = brokers(1)
    model.add_topic("payments." + "settled-" * 25 + "v1", 1).partitions[0].append(1000, time.time() - 3600)
    model.add_group("ledger-" * 30 + "eu", {(next(iter(model.topics)), 0): 7})
    with SimulatedCluster(model) as cluster:
        words = ("lag", "--kafka", cluster.bootstrap)
        narrow, wide = (terminal(*words, columns=columns)[0].splitlines() for columns in (80, 140))
        whole = mqcanary(*words).stdout
    assert [len(line) for line in narrow] == [80, 80]
    assert narrow[1].startswith("ledge…r-eu  payme…d-v1 "), "names often differ at their end"
    assert [len(line) for line in wide] == [140, 140]
    assert "…" not in whole
    assert all(name in whole for name in (*model.topics, *model.groups))


def test_the_table_of_lag_does_not_wrap_where_there_is_little_room(terminal: Terminal) -> None:
    model = brokers(1)
    model.add_topic("payments.settled.v1", 1).partitions[0].append(12_345_678, time.time() - 3900)
    model.add_group("invoice-archiver-blue", {("payments.settled.v1", 0): 0})
    with SimulatedCluster(model) as cluster:
        text, _ = terminal("lag", "--kafka", cluster.bootstrap, columns=40)
    assert max(map(len, text.splitlines())) == 40
    assert text.splitlines()[:2] == [
        "GROUP     TOPIC     P       LAG  WAITING",
        "invo…lue  paym….v1  0  12345678     1h5m",
    ]
