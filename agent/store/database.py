"""The state in one SQLite file: what a change altered, in one transaction, on disk before anybody acts on it."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.store.codec import dumps, loads
from agent.store.place import private
from alerts.model import Alert, Delivery, Recent, Setting, Silence, State, TargetState, Thread
from checks.wording import shown

MIGRATIONS: Sequence[str] = (
    "".join(
        f"CREATE TABLE {name} (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        for name in (
            "alerts",
            "targets",
            "settings",
            "recent",
            "silences",
            "threads",
            "deliveries",
            "facts",
            "consumed",
        )
    ),
)
"""Each makes the next version; none is ever altered."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One mapping of the state."""

    kind: type
    key: Callable[[Any], Any]
    """From a value to its key in the mapping."""


_TABLES: Mapping[str, _Table] = {
    "alerts": _Table(Alert, lambda v: v.id),
    "targets": _Table(TargetState, lambda v: v.address),
    "settings": _Table(Setting, lambda v: v.finding.fingerprint),
    "recent": _Table(Recent, lambda v: v.fingerprint),
    "silences": _Table(Silence, lambda v: v.id),
    "threads": _Table(Thread, lambda v: v.id),
    "deliveries": _Table(Delivery, lambda v: v.id),
}
_SINGLE: Mapping[str, Any] = {"seq": int, "digested": float | None}


class Store:
    """The one writer. `path` is the file; `log` is "wal", or "delete" where shared memory does not work.

    Raises:
        ConfigError: the file can't be opened, is damaged, or was written by a newer version.
    """

    def __init__(self, path: Path, log: str = "wal") -> None:
        self._path = path
        with suppress(OSError):  # SQLite says it better
            private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.DatabaseError as error:
            raise _unreadable(path, error) from None
        try:
            if log != "wal":
                self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute(f"PRAGMA journal_mode={log}")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()
            self._saved = self._load()
            self.consumed = {key for (key,) in self._db.execute("SELECT key FROM consumed")}
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unreadable(path, error) from None
        except ConfigError:
            self._db.close()
            raise

    @property
    def state(self) -> State:
        """As last committed."""
        return self._saved

    def commit(self, state: State, consumed: str = "", forgotten: Sequence[str] = ()) -> bool:
        """Writes what differs from what was last committed; True if anything did.

        `consumed` is a file of the inbox that was obeyed, `forgotten` such files that are deleted by now.

        Raises:
            OSError: it could not be written, and nothing was.
        """
        writes = [*self._differences(state)]
        if consumed:
            writes.append(("INSERT OR REPLACE INTO consumed VALUES (?, '')", [(consumed,)]))
        if forgotten:
            writes.append(("DELETE FROM consumed WHERE key = ?", [(name,) for name in forgotten]))
        if not writes:
            self._saved = state
            return False
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, rows in writes:
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise OSError(f"{self._path} can't be written ({error}): free some space, or look at the disk") from None
        self._saved = state
        self.consumed = (self.consumed | ({consumed} if consumed else set())) - set(forgotten)
        return True

    def close(self) -> None:
        self._db.close()

    def _differences(self, state: State) -> Iterator[tuple[str, Sequence[tuple[str, ...]]]]:
        """A value that is the same object is unchanged: states are never altered in place."""
        for name in _TABLES:
            old, new = getattr(self._saved, name), getattr(state, name)
            if old is new:
                continue
            changed = [(_text(key), dumps(value)) for key, value in new.items() if old.get(key) is not value]
            gone = [(_text(key),) for key in old.keys() - new.keys()]
            if changed:
                yield f"INSERT OR REPLACE INTO {name} VALUES (?, ?)", changed  # noqa: S608 - names of our own
            if gone:
                yield f"DELETE FROM {name} WHERE key = ?", gone  # noqa: S608
        single = [(name, dumps(getattr(state, name))) for name in _SINGLE if _differs(self._saved, state, name)]
        if single:
            yield "INSERT OR REPLACE INTO facts VALUES (?, ?)", single

    def _load(self) -> State:
        told: dict[str, Any] = {}
        for name, table in _TABLES.items():
            rows = self._db.execute(f"SELECT key, value FROM {name}").fetchall()  # noqa: S608 - names of our own
            values = [self._value(name, key, text, table.kind) for key, text in rows]
            told[name] = {table.key(value): value for value in values}
        told["deliveries"] = dict(sorted(told["deliveries"].items(), key=lambda item: item[1].seq))
        single = dict(self._db.execute("SELECT key, value FROM facts"))
        told |= {
            name: self._value("facts", name, single[name], kind) for name, kind in _SINGLE.items() if name in single
        }
        told["open"] = {a.fingerprint: a.id for a in told["alerts"].values() if not a.phase.closed}
        return State(**told)

    def _value(self, table: str, key: str, text: str, kind: Any) -> Any:
        try:
            return loads(text, kind)
        except ValueError as error:
            raise ConfigError(
                f"{self._path}: row {shown(key)} of {table} can't be read ({error}): "
                "delete it with sqlite3, or move the file away to begin anew"
            ) from None

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise ConfigError(f"{self._path} was written by a newer mqcanary (version {version}): run that one")
        for number in range(version, len(MIGRATIONS)):
            if number:
                copy = self._path.with_name(f"{self._path.name}.v{number}")
                with suppress(OSError):
                    private(copy)
                with sqlite3.connect(copy) as kept:
                    self._db.backup(kept)
                kept.close()
            self._db.executescript(f"BEGIN; {MIGRATIONS[number]} PRAGMA user_version={number + 1}; COMMIT;")


def _text(key: object) -> str:
    """A key as a text that SQLite takes, whatever names are in it; two keys never share one."""
    return json.dumps(str(key))[1:-1]


def _unreadable(path: Path, error: sqlite3.Error) -> ConfigError:
    return ConfigError(f"{path} can't be read ({error}): move it away to begin anew, or restore the copy beside it")


def _differs(old: State, new: State, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))
