"""History in its file: the same after a restart, and whatever happens to it only trends are lost."""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from agent.snapshot import encode
from agent.store.frames import Frames
from checks.facts import History, Snapshot
from checks.facts.history import SPAN
from tests.checks.examples import AT, group, kafka, queue, sqs, topic

Open = Callable[..., Frames]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the history, as often as is asked for; all are closed at the end."""
    frames: list[Frames] = []

    def make(mode: str = "wal") -> Frames:
        frames.append(Frames(path, mode))
        return frames[-1]

    yield make
    for one in frames:
        one.close()


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def seen(at: float) -> list[Snapshot]:
    cluster = kafka(
        [topic("orders", 2)],
        [group("payments")],
        committed={"payments": {("orders", 0): 40}},
        ends={("orders", 1): 7},
        at=at,
    )
    return [cluster, sqs(queue("orders", visible=3, created=None), at=at)]


def keep(frames: Frames, *snapshots: Snapshot) -> History:
    history = History()
    for snapshot in snapshots:
        history.append(snapshot)
        frames.keep(history, snapshot)
    return history


def told(history: History) -> str:
    """All of it as text, so that NaN is what it was."""
    return json.dumps([[encode(f) for f in (*history.kafka("prod"), *history.sqs("prod"))]])


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement, values)
        db.commit()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_it_is_the_same_after_a_restart(opened: Open, mode: str) -> None:
    history = keep(opened(mode), *seen(AT), *seen(AT + 30), *seen(AT + 60))
    again = opened(mode).load(AT + 61)
    assert len(again.kafka("prod")) == len(again.sqs("prod")) == 3
    assert told(again) == told(history)
    assert again.targets() == history.targets()


def test_a_frame_kept_twice_is_one(opened: Open) -> None:
    frames = opened()
    history = keep(frames, *seen(AT))
    for snapshot in seen(AT):
        frames.keep(history, snapshot)
    assert told(frames.load(AT)) == told(history)


def test_only_what_is_young_enough_is_loaded_and_kept(opened: Open, path: Path) -> None:
    frames = opened()
    keep(frames, *seen(AT), *seen(AT + 30))
    assert len(frames.load(AT + SPAN + 1).kafka("prod")) == 1
    assert told(frames.load(AT - 1)) == told(History()), "what lies in the future was written by another clock"
    keep(frames, *seen(AT + SPAN + 10))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT DISTINCT at FROM frames ORDER BY at").fetchall() == [(AT + 30,), (AT + SPAN + 10,)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        zlib.compress(b"{"),
        zlib.compress(b"[]"),
        zlib.compress(b"{}"),
        zlib.compress(b'{"at": []}'),
        zlib.compress(b"\xff"),
        None,
        "text",
        5,
    ],
)
def test_a_damaged_row_is_a_hole(opened: Open, path: Path, content: object) -> None:
    keep(opened(), *seen(AT), *seen(AT + 30), *seen(AT + 60))
    change(path, "UPDATE frames SET frame = ? WHERE at = ?", content, AT + 30)
    again = opened().load(AT + 61)
    for frames in (again.kafka("prod"), again.sqs("prod")):
        assert [frame.at for frame in frames] == [AT, AT + 60]


@pytest.mark.parametrize("start", [0, 5000])
def test_a_damaged_file_is_dropped_and_begun_anew(
    opened: Open, path: Path, start: int, logged: list[structlog.typing.EventDict]
) -> None:
    with closing(Frames(path, "delete")) as frames:
        for at in range(200):
            keep(frames, *seen(AT + at))
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + b"\xff" * (len(whole) - start))
    frames = opened()
    assert told(frames.load(AT + 201)) == told(History())
    assert [(line["event"], line["file"]) for line in logged] == [("history dropped", str(path))]
    history = keep(frames, *seen(AT + 300))
    assert told(frames.load(AT + 301)) == told(history)


def test_one_of_another_version_is_begun_anew(opened: Open, path: Path) -> None:
    with closing(Frames(path)) as frames:
        keep(frames, *seen(AT))
    change(path, "PRAGMA user_version=99")
    assert told(opened().load(AT)) == told(History())


def test_a_full_disk_is_told_once(opened: Open, logged: list[structlog.typing.EventDict]) -> None:
    frames = opened()
    keep(frames, *seen(AT))
    frames._db.execute("PRAGMA query_only=ON")
    keep(frames, *seen(AT + 30), *seen(AT + 60))
    assert [line["event"] for line in logged] == ["history not saved"]
    frames._db.execute("PRAGMA query_only=OFF")
    keep(frames, *seen(AT + 90))
    frames._db.execute("PRAGMA query_only=ON")
    keep(frames, *seen(AT + 120))
    assert [line["event"] for line in logged] == ["history not saved"] * 2, "after it went well it is news again"
    assert [frame.at for frame in frames.load(AT + 130).kafka("prod")] == [AT, AT + 90]
