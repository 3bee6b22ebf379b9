"""History in a file of its own: what was seen in the last hour, so that a restart is not blind to trends.

It may be dropped at any time; a frame is the same however often it is kept. Not synchronised with the disk at each
commit: after a power loss the last minutes may be missing, which is a hole like any other.
"""

import json
import sqlite3
import zlib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import structlog

from agent.snapshot import decode_as, encode
from agent.store.place import private
from checks.facts import History, KafkaSnapshot, LogEnds, Snapshot
from checks.facts.history import SPAN, KafkaFrame, SqsFrame

VERSION = 1
KEPT = 1 << 16
"""Characters of a part of a frame that are kept for the next."""

log = structlog.get_logger("history")


class Frames:
    """One row for each look at each target."""

    def __init__(self, path: Path, log_mode: str = "wal") -> None:
        self._path, self._mode = path, log_mode
        self._trouble = ""
        self._kept: dict[str, tuple[object, str]] = {}
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Only trends are lost."""
        log.warning("history dropped", file=str(self._path))
        self._db.close()
        for end in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        self._open()

    def _open(self) -> None:
        with suppress(OSError):  # SQLite says it better
            private(self._path)
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.execute(f"PRAGMA journal_mode={self._mode}")
        self._db.execute("PRAGMA synchronous=NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            self._db.execute("DROP TABLE IF EXISTS frames")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS frames "
            "(scheme TEXT, target TEXT, at REAL, frame BLOB, PRIMARY KEY (scheme, target, at)) WITHOUT ROWID"
        )
        self._db.execute(f"PRAGMA user_version={VERSION}")

    def load(self, now: float) -> History:
        """What was kept, as far as it is young enough."""
        history = History()
        query = "SELECT scheme, target, frame FROM frames WHERE at > ? AND at <= ? ORDER BY at"
        try:
            rows = self._db.execute(query, (now - SPAN, now)).fetchall()
        except sqlite3.DatabaseError:
            self._begin_anew()
            rows = []
        for scheme, target, packed in rows:
            with suppress(ValueError, TypeError, zlib.error):  # one damaged row is a hole
                document = json.loads(zlib.decompress(packed))
                if scheme == "kafka":
                    history.restore(target, decode_as(document, KafkaFrame))
                else:
                    history.restore(target, decode_as(document, SqsFrame))
        return history

    def keep(self, history: History, seen: Snapshot) -> None:
        """Writes the newest frame of the target that `seen` shows."""
        kafka = isinstance(seen, KafkaSnapshot)
        frames = history.kafka(seen.target) if kafka else history.sqs(seen.target)
        frame = frames[-1]
        packed = zlib.compress(self._text(frame, seen.target).encode(), 1)
        scheme = "kafka" if kafka else "sqs"
        self._write(
            ("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?)", (scheme, seen.target, frame.at, packed)),
            ("DELETE FROM frames WHERE at < ?", (frame.at - SPAN,)),
        )

    def forget(self, seen: Snapshot) -> None:
        """Drops what was kept of the target that `seen` shows: it was another one of the same name."""
        scheme = "kafka" if isinstance(seen, KafkaSnapshot) else "sqs"
        self._write(("DELETE FROM frames WHERE scheme = ? AND target = ?", (scheme, seen.target)))

    def _write(self, *commands: tuple[str, tuple[object, ...]]) -> None:
        try:
            self._db.execute("BEGIN")
            for command, values in commands:
                self._db.execute(command, values)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if str(error) != self._trouble:
                log.warning("history not saved", file=str(self._path), error=str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _text(self, part: KafkaFrame | SqsFrame | LogEnds, place: str) -> str:
        """As JSON. Most of a frame is the very objects of the one before, whose text is kept."""
        told = []
        for one in fields(part):
            value = getattr(part, one.name)
            if not one.init:
                continue
            where = f"{place} {one.name}"
            if isinstance(value, LogEnds):
                text = self._text(value, where)
            elif (kept := self._kept.get(where)) is not None and kept[0] is value:
                text = kept[1]
            else:
                text = json.dumps(encode(value), separators=(",", ":"), allow_nan=True)
                self._kept.pop(where, None)
                if len(text) <= KEPT:
                    self._kept[where] = value, text
            told.append(f'"{one.name}":{text}')
        return f"{{{','.join(told)}}}"

    def close(self) -> None:
        self._db.close()
