"""The state directory: whether an agent could begin there. Nothing is made but a file that is gone again at once."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.doctor.model import Item, State, Subject
from agent.store.folder import network, running

_LEAST = 100_000_000
"""Bytes that should be free: an hour of history of a big cluster, and SQLite's log beside it."""


def examine(folder: Path) -> Subject:
    return Subject(f"state {folder}", tuple(_items(folder)))


def _items(folder: Path) -> Iterator[Item]:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    yield _writable(folder, place)
    kind = network(place)
    if kind:
        text = f"{kind}, a network file system: SQLite works there with a rollback journal only, slower and less surely"
        yield Item("file system", State.MISSING, text, mend="give it a local disk")
    else:
        yield Item("file system", State.OK, "local")
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:,.1f} GB free"
    if free < _LEAST:
        yield Item("space", State.MISSING, text, mend=f"leave at least {_LEAST // 1_000_000} MB")
    else:
        yield Item("space", State.OK, text)
    yield Item("lock", State.OK, "held by an agent that runs" if running(folder) else "free: no agent runs there")


def _writable(folder: Path, place: Path) -> Item:
    mend = f"make {place} writable for this user (uid {os.getuid()}), or name another directory (state:, --state)"
    if not place.is_dir():
        return Item("writable", State.MISSING, f"{place} is not a directory", mend=mend)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Item("writable", State.MISSING, f"{place} can't be written: {error.strerror}", mend=mend)
    return Item("writable", State.OK, "yes" if place == folder else f"not there yet; it can be made in {place}")
