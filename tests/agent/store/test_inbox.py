"""Commands as files: whole or not at all, in order, and what is none is set aside."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.store import inbox
from agent.store.codec import command_out
from agent.store.inbox import LARGEST, forget, put, refuse, waiting
from alerts.commands import Acknowledge, Command, Drop

ASK = Acknowledge("a1b2c3", "ana@ops", 2000.0, "looking")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inbox"


def commands(box: Path) -> list[Command]:
    found = []
    for _, command in waiting(box):
        assert not isinstance(command, ValueError), command
        found.append(command)
    return found


def test_a_command_waits_until_it_is_forgotten(box: Path) -> None:
    path = put(box, ASK)
    assert list(waiting(box)) == [(path.name, ASK)]
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (box.parent, box, path)]
    assert modes == [0o700, 0o700, 0o600], "they were made for the agent's user alone"
    forget(box, path.name)
    forget(box, path.name)  # a second time is nothing
    assert list(waiting(box)) == []
    assert list(box.iterdir()) == []


def test_no_inbox_has_no_commands(box: Path) -> None:
    assert list(waiting(box)) == []


def test_they_are_read_in_the_order_in_which_they_were_put(box: Path) -> None:
    drops = [Drop(str(n)) for n in range(50)]
    for drop in drops:
        put(box, drop)
    assert commands(box) == drops


def test_many_hands_at_once(box: Path) -> None:
    def leave(start: int) -> None:
        for n in range(start, start + 25):
            put(box, Drop(str(n)))

    threads = [threading.Thread(target=leave, args=(start,)) for start in (0, 25, 50, 75)]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    while any(thread.is_alive() for thread in threads):
        seen |= {c.delivery for c in commands(box) if isinstance(c, Drop)}
    for thread in threads:
        thread.join()
    seen |= {c.delivery for c in commands(box) if isinstance(c, Drop)}
    assert seen == {str(n) for n in range(100)}


def test_a_half_written_file_is_never_read(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is written it has a hidden name; once it has its own, it is whole."""
    seen: list[tuple[list[str], list[Command]]] = []
    monkeypatch.setattr(
        inbox.os, "fsync", lambda _: seen.append((sorted(p.name[0] for p in box.iterdir()), commands(box)))
    )
    put(box, ASK)
    assert seen == [(["."], []), (["0"], [ASK])], "the file is synchronised before the rename, the folder after it"


def test_a_writer_that_died_leaves_nothing_to_read(box: Path) -> None:
    put(box, ASK)
    (box / ".00000000000000000001-x.json").write_text(command_out(ASK)[:20])
    (box / "note.txt").write_text("not mine")
    assert commands(box) == [ASK]


def test_what_is_none_is_said_and_set_aside(box: Path) -> None:
    put(box, ASK)
    (box / "000.json").write_text(command_out(ASK)[:30])
    (box / "001.json").write_bytes(b"\xff\xfe")
    (box / "002.json").write_text(json.dumps({"command": "drop", "delivery": "x" * LARGEST}))
    (box / "003.json").mkdir()
    os.mkfifo(box / "004.json")
    (box / "005-\udcff.json").write_text(command_out(ASK))
    found = dict(waiting(box))
    assert [type(command) for command in found.values()] == [*([ValueError] * 6), Acknowledge]
    assert str(found["002.json"]) == "it is too large for a command"
    for name in list(found)[:6]:
        refuse(box, name)
    assert commands(box) == [ASK]
    assert (box / "000.refused").read_text() == command_out(ASK)[:30], "kept for somebody to look at"


def test_a_full_disk_is_one_line_and_leaves_nothing(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inbox.os, "fsync", fsync)
    with pytest.raises(ConfigError, match=r"inbox can't be written \(No space left on device\): free some space$"):
        put(box, ASK)
    assert list(box.iterdir()) == []


def test_an_inbox_of_somebody_else_is_one_line(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(inbox.os, "fsync", fsync)
    with pytest.raises(ConfigError, match=r"\(Permission denied\): run as the agent's user$"):
        put(box, ASK)


def test_an_inbox_that_cannot_be_is_one_line(box: Path) -> None:
    box.parent.parent.joinpath("state").write_text("a file")
    with pytest.raises(ConfigError, match=r"inbox can't be written \(Not a directory\): look at the state directory$"):
        put(box, ASK)
