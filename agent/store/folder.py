"""The state directory: one agent at a time, on a disk that keeps its promises."""

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from agent.errors import ConfigError
from agent.store.place import make_folder

NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs", "fuse.glusterfs")
)
"""File systems on which SQLite's write-ahead log does not work: https://sqlite.org/wal.html."""

PATIENCE = 25
"""Attempts to take the lock, 20 ms apart."""


class Folder:
    """A state directory that this process holds; a crash releases it.

    Raises:
        ConfigError: it can't be made or written, or another agent holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inbox = path / "inbox"
        try:
            make_folder(path)
            make_folder(self.inbox)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"state directory {path} can't be used ({error.strerror}): "
                "make it writable for this user, or name another one (state: in the configuration, or --state)"
            ) from None
        if not _locked(self._lock):
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            who = f" (process {holder})" if holder else ""
            raise ConfigError(
                f"state directory {path} belongs to another agent{who}: stop it, or give this one its own (--state)"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._lock)


def _locked(lock: int) -> bool:
    """Takes the lock; a command that is just looking whether an agent runs holds it for a moment."""
    for _ in range(PATIENCE):
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def running(path: Path) -> bool:
    """Whether an agent holds this state directory."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look don't take each other for an agent
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def network(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of the network file system that `path` is on; empty if it is on none, or none is known."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = path.resolve()
    best, kind = "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        if real.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind if kind in NETWORK else ""
