"""The state in SQLite: what was committed is there again, what was not is not, and what can't be read is one line."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.store import database
from agent.store.database import MIGRATIONS, Store
from alerts.model import Silence, State
from checks.pattern import Pattern
from tests.agent.store.values import STATES

Open = Callable[..., Store]
QUIET = Silence("s1", Pattern("kafka", "prod", "groups", "pay*"), "*", 2000.0, "ana@ops", "deploy", 1000.0)
SILENT = State(silences={"s1": QUIET}, seq=7, digested=900.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the store, as often as is asked for; all are closed at the end."""
    stores: list[Store] = []

    def make(log: str = "wal") -> Store:
        stores.append(Store(path, log))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        found = db.execute(query).fetchall()
        db.commit()
        return found


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        Store(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("log", ["wal", "delete"])
def test_any_state_is_there_again(tmp_path: Path, log: str) -> None:
    numbers = count()

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(STATES, min_size=1, max_size=3))
    def again(states: list[State]) -> None:
        path = tmp_path / f"{next(numbers)}.db"
        with closing(Store(path, log)) as store:
            assert store.state == State()
            for state in states:
                store.commit(state)
                assert store.state is state
        with closing(Store(path, log)) as store:
            assert store.state == states[-1]

    again()


def test_what_did_not_change_is_not_written(opened: Open) -> None:
    store = opened()
    assert store.commit(SILENT)
    assert not store.commit(SILENT)
    assert not store.commit(replace(SILENT, silences=dict(SILENT.silences))), "the same values in another mapping"
    assert store.commit(replace(SILENT, seq=8))


def test_the_journal_is_synchronised(opened: Open) -> None:
    store = opened()
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_command_is_obeyed_once_even_if_its_file_stays(opened: Open) -> None:
    store = opened()
    store.commit(SILENT, consumed="1.json")
    store.commit(SILENT, consumed="2.json")
    assert opened().consumed == {"1.json", "2.json"}
    store.commit(SILENT, forgotten=("1.json",))
    assert (store.consumed, opened().consumed) == ({"2.json"}, {"2.json"})


def test_a_full_disk_is_an_oserror_and_nothing_was_written(opened: Open, path: Path) -> None:
    store = opened()
    store.commit(SILENT)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count={pages}")
    grown = replace(SILENT, seq=8, silences={"s1": QUIET, "s2": replace(QUIET, id="s2", comment="x" * 50_000)})
    with pytest.raises(OSError, match=r"state\.db can't be written \(database or disk is full\): free some space"):
        store.commit(grown, consumed="1.json")
    assert store.state is SILENT
    assert store.consumed == set()
    assert opened().state == SILENT
    store._db.execute("PRAGMA max_page_count=1000")
    store.commit(grown, consumed="1.json")
    assert rows(path, "SELECT key FROM silences") == [("s1",), ("s2",)]
    assert opened().state == grown


def test_a_read_only_file_is_an_oserror(opened: Open) -> None:
    store = opened()
    store._db.execute("PRAGMA query_only=ON")
    with pytest.raises(OSError, match="attempt to write a readonly database"):
        store.commit(SILENT)
    assert store.state == State()


def test_a_row_that_cannot_be_read_is_named(opened: Open, path: Path) -> None:
    opened().commit(SILENT)
    rows(path, 'UPDATE silences SET value = \'{"id": "s1"}\'')
    told = refusal(path)
    assert told.startswith(": row s1 of silences can't be read (")
    assert told.endswith("): delete it with sqlite3, or move the file away to begin anew")
    rows(path, "DELETE FROM silences")
    rows(path, "UPDATE facts SET value = 'many' WHERE key = 'seq'")
    assert refusal(path).startswith(": row seq of facts can't be read (")


def test_a_damaged_file_is_one_line(path: Path) -> None:
    big = {str(n): replace(QUIET, id=str(n), comment="x" * 2000) for n in range(100)}
    with closing(Store(path, "delete")) as store:
        store.commit(State(silences=big))
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + b"\xff" * (len(whole) - 5000))
    mend = "move it away to begin anew, or restore the copy beside it"
    assert refusal(path) == f" can't be read (database disk image is malformed): {mend}"
    path.write_bytes(b"not a database" * 100)
    assert refusal(path) == f" can't be read (file is not a database): {mend}"
    assert "unable to open database file" in refusal(path.parent)


# ── migrations ──


def test_migrations_go_forward_with_a_copy_before_each(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().commit(SILENT)
    steps = (*MIGRATIONS, "CREATE TABLE second (a);", "INSERT INTO second VALUES (1); CREATE TABLE third (b);")
    monkeypatch.setattr(database, "MIGRATIONS", steps)
    assert opened().state == SILENT
    assert rows(path, "PRAGMA user_version") == [(len(steps),)]
    assert rows(path, "SELECT a FROM second") == [(1,)]
    first = len(MIGRATIONS)
    for version, tables in ((first, set()), (first + 1, {"second"})):
        copy = path.with_name(f"state.db.v{version}")
        assert rows(copy, "PRAGMA user_version") == [(version,)]
        names = {name for (name,) in rows(copy, "SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names & {"second", "third"} == tables
        assert rows(copy, "SELECT key FROM silences") == [("s1",)]


def test_a_migration_that_fails_leaves_everything_as_it_was(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().commit(SILENT)
    before = rows(path, "SELECT * FROM silences")
    broken = (*MIGRATIONS, "CREATE TABLE second (a); DROP TABLE silences; INSERT INTO nowhere VALUES (1);")
    with monkeypatch.context() as changed:
        changed.setattr(database, "MIGRATIONS", broken)
        assert "no such table: nowhere" in refusal(path)
    assert rows(path, "SELECT * FROM silences") == before
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'second'") == []
    assert opened().state == SILENT


def test_a_new_file_needs_no_copy(opened: Open, path: Path) -> None:
    opened()
    assert {p.name for p in path.parent.iterdir()} <= {"state.db", "state.db-wal", "state.db-shm"}


def test_a_newer_file_is_refused_and_left_alone(opened: Open, path: Path) -> None:
    opened().commit(SILENT)
    newer = len(MIGRATIONS) + 1
    rows(path, f"PRAGMA user_version={newer}")
    assert refusal(path) == f" was written by a newer mqcanary (version {newer}): run that one"
    assert rows(path, "SELECT key FROM silences") == [("s1",)]
