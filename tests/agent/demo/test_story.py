"""`mqcanary demo --fast` as a user starts it: what is told, in which order, and what is left behind."""

import os
import re
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from agent.cli import cli
from agent.demo.screen import Screen, terminal
from agent.demo.story import STORY

WHOLE = 150.0
"""Seconds that a whole run may take on a busy machine."""
# A shell starts what runs in its background with SIGINT ignored, and so would be what the tests start there.
COMMAND = "import signal; signal.signal(2, signal.default_int_handler); from agent.cli import main; main()"
MARK = "STARTED_BY_TEST"
SPY = """
import os, sys
to = os.open(os.environ["SPY_WRITES_TO"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
at = {"socket.bind": 1, "socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}

def note(event, args):
    if event in at:
        where = args[at[event]]
        os.write(to, f"{where[0] if isinstance(where, tuple) else where}\\n".encode())

sys.addaudithook(note)
"""
"""What every Python of the demo loads at its start: it notes whom they bind to, ask for, and connect to."""
ACTORS = 3
BLIND, BACK, MENDED = "The cluster can't be seen any more", "The network is back", "Everything is mended"


class Told(NamedTuple):
    """In which act, how, and the first line of it, as far as it fits."""

    act: str
    how: str
    head: str


TOLD = (
    Told("A consumer hangs", "posted", r"🟡 group payments-app is more than 1 s behind on partition 2 of payments"),
    Told("A dead-letter queue fills", "posted", r"🟡 \d+ messages? in dead-letter queue invoices-dlq"),
    Told(
        "One partition takes most of a topic",
        "posted",
        r"(🟡|🔴) partition 3 takes \d+ % of what is written to topic clicks",
    ),
    Told("A broker leaves", "posted", r"🟡 6 topics: a partition has fewer copies in step with its leader"),
    Told(BLIND, "posted", r"🔴 nothing of kafka://demo can be observed"),
    Told(BACK, "in the thread", r"🟢 Resolved: nothing of kafka://demo can be observed"),
)
"""Patterns of all that is told before everything is mended, besides edits, in this order."""
ENDS = (
    r"🟢 Resolved: group payments-app",
    r"🟢 Resolved: \d+ messages? in dead-letter queue invoices-dlq",
    r"🟢 Resolved: partition 3 takes",
    r"🟢 Over: ",
)
"""What mending ends, in whatever order it is seen."""


class Demo:
    """The command in a process, its temporary folder, and whatever it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "temporary"
        self.folder.mkdir()
        self._asked = folder / "asked"
        (folder / "sitecustomize.py").write_text(SPY)
        self._mark = f"{MARK}={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "demo", "--fast"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                name: value,
                "TMPDIR": str(self.folder),
                "COLUMNS": "80",
                "AWS_PROFILE": "of-the-user",
                "HTTP_PROXY": "http://proxy.invalid:3128",
                "PYTHONPATH": str(folder),
                "SPY_WRITES_TO": str(self._asked),
            },
            cwd=Path(__file__).parents[3],
        )

    def asked(self) -> set[str]:
        """Every host that one of its processes spoke with, listened on or asked for."""
        return set(self._asked.read_text().split("\n")) - {""}

    def family(self) -> set[int]:
        """Everything that carries this demo's mark, the command itself included."""
        found = set()
        for place in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self._mark.encode() in place.read_bytes().split(b"\0"):
                    found.add(int(place.parent.name))
            except OSError:  # it has ended, or belongs to somebody else
                continue
        return found

    def until(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return
        raise AssertionError(f"it ended without {words!r}: {self.process.communicate()}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    for pid in running.family():
        os.kill(pid, signal.SIGKILL)
    running.process.communicate()


def changes(output: str) -> list[Told]:
    """What the terminal showed of the channel."""
    found, act = [], ""
    lines = output.splitlines()
    for n, line in enumerate(lines):
        if title := re.fullmatch(r"\d:\d\d  (.+)", line):
            act = title[1]
        elif line.startswith("  ┌ "):
            found.append(Told(act, "posted", lines[n + 1].removeprefix("  │ ")))
        elif change := re.fullmatch(r"  ▸ (edited|in the thread): (.+)", line):
            found.append(Told(act, *change.groups()))
    return found


def test_the_whole_story(demo: Demo) -> None:
    output, errors = demo.process.communicate(timeout=WHOLE)
    assert (demo.process.returncode, errors) == (0, ""), output
    assert re.findall(r"^\d:\d\d  (.+)", output, re.MULTILINE) == [act.title for act in STORY]

    seen = changes(output)
    before = [told for told in seen if told.act != MENDED]
    loud = [told for told in before if told.how != "edited"]
    assert [told[:2] for told in loud] == [told[:2] for told in TOLD], output
    for told, expected in zip(loud, TOLD, strict=True):
        assert re.match(expected.head, told.head), output

    edits = [told for told in before if told.how == "edited"]
    assert any(told.act == BLIND and told.head.startswith("⚪ Cannot be observed: ") for told in edits), output
    # Nothing is called over as long as it can't be seen, and afterwards only the blindness.
    assert [told for told in before if "🟢" in told.head and not re.match(TOLD[-1].head, told.head)] == []
    assert {told.act for told in before if "🟢" in told.head} == {BACK}

    mended = [told for told in seen if told.act == MENDED]
    for head in ENDS:
        assert {told.how for told in mended if re.match(head, told.head)} == {"edited", "in the thread"}, head
    assert "\nTold: 5 messages in #on-call" in output

    assert [line for line in output.splitlines() if len(line) > 80 and str(demo.folder) not in line] == []
    assert "\x1b" not in output
    assert not re.search(r"(GET|POST) /|HTTP/1|Traceback", output)
    assert demo.asked() - {"::1"} == {"127.0.0.1"}  # urllib3 binds to ::1, to learn whether the machine has IPv6
    assert (demo.family(), list(demo.folder.iterdir())) == (set(), [])


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_ended_half_way_it_leaves_nothing(demo: Demo, sent: signal.Signals) -> None:
    demo.until(STORY[0].title)
    family = demo.family()
    assert len(family) == 1 + ACTORS
    ends = {os.pidfd_open(pid) for pid in family}
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    demo.process.send_signal(sent)
    waiting = set(ends)
    while waiting:
        ended = {end for end, _ in poll.poll(60_000)}
        assert ended, f"{len(waiting)} processes did not end"
        for end in ended:
            poll.unregister(end)
        waiting -= ended
    for end in ends:
        os.close(end)
    _, errors = demo.process.communicate()
    assert demo.process.returncode == {signal.SIGKILL: -signal.SIGKILL}.get(sent, 128 + sent)
    assert "Traceback" not in errors
    assert (demo.family(), list(demo.folder.iterdir())) == (set(), [])


# The child makes the terminal its own, as a login does; of the story it plays the first act.
ON_A_TERMINAL = """
import os, signal
os.login_tty(0)
signal.signal(signal.SIGINT, signal.default_int_handler)
import agent.demo.show
agent.demo.show.STORY = agent.demo.show.STORY[:1]
from agent.cli import main
main()
"""


def test_on_a_terminal_it_stays_until_ctrl_c_and_no_check_finds_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, "demo", "--fast"],
        stdin=theirs,
        env={**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm-256color", "COLUMNS": "80", "NO_COLOR": ""},
    )
    os.close(theirs)
    try:
        shown = b""
        while b"Everything stays up" not in shown:
            shown += os.read(ours, 4096)
        [configuration] = tmp_path.glob("*/demo.yaml")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "demo")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "demo")
        audit = CliRunner().invoke(cli, ["audit", "--config", str(configuration), "--samples=2", "--every=0.1s"])
        assert (audit.exit_code, audit.output.count("No findings.")) == (0, 2), audit.output
        os.write(ours, b"\x03")
        assert process.wait(WHOLE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert list(tmp_path.iterdir()) == []
    assert b"\x1b[36m" in shown


def test_ctrl_c_half_way_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agent.demo.show.play", interrupted)
    ended = CliRunner().invoke(cli, ["demo"])
    assert (ended.exit_code, ended.output) == (128 + signal.SIGINT, "")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_a_terminal_without_no_color(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb") as shown, os.fdopen(theirs, "w") as screen:
        monkeypatch.setattr("sys.stdout", screen)
        Screen(terminal()).line("All is well", "cyan")
        assert (b"\x1b[36m" in os.read(shown.fileno(), 4096)) is coloured
