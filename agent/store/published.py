"""The last view as a file, for commands in other processes: they read it beside the one writer and its lock."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.store.codec import dumps, loads
from agent.store.place import private
from alerts.model import Alert, Delivery, Silence, State, Subject, TargetState, Thread

NAME = "view.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What commands may read. Times are seconds since the epoch."""

    at: float
    pid: int
    alerts: tuple[Alert, ...] = ()
    silences: tuple[Silence, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    threads: tuple[Thread, ...] = ()
    """Of the deliveries, and those of test messages: whether they arrived."""
    targets: tuple[TargetState, ...] = ()
    observe: bool = False
    """`mode: observe`: what counts as told was only logged."""


def picture(state: State, now: float, *, observe: bool = False) -> Published:
    """What of a state commands may read."""
    spoken = {delivery.thread for delivery in state.deliveries.values()}
    return Published(
        now,
        os.getpid(),
        tuple(state.alerts.values()),
        tuple(state.silences.values()),
        tuple(state.deliveries.values()),
        tuple(t for t in state.threads.values() if t.id in spoken or t.subject is Subject.TEST),
        tuple(state.targets.values()),
        observe,
    )


def publish(folder: Path, state: State, now: float, *, observe: bool = False) -> None:
    """Renames a new view into place; a full disk leaves the old one."""
    view = picture(state, now, observe=observe)
    hidden = folder / f".{NAME}"
    try:
        private(hidden)
        hidden.write_text(dumps(view), encoding="ascii")
        hidden.rename(folder / NAME)
    except OSError:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def read(folder: Path) -> Published:
    """The last view.

    Raises:
        ConfigError: there is none, or it can't be read.
    """
    try:
        text = (folder / NAME).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{folder} holds no view of an agent: start one (mqcanary run), or name its directory (--state)"
        ) from None
    except OSError as error:
        raise ConfigError(f"{folder / NAME} can't be read ({error.strerror}): run as the agent's user") from None
    try:
        found: Any = loads(text.decode("ascii"), Published)
    except ValueError as error:
        raise ConfigError(f"{folder / NAME} can't be read ({error}): run the same version as the agent") from None
    view: Published = found
    return view
