"""The door on this machine: the state directory of an agent, whether it runs or not."""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.door.door import Answer, Shown, What
from agent.door.effects import held_up, intent, outcome
from agent.door.rows import ROWS
from agent.door.wishes import Known, command_of
from agent.errors import ConfigError
from agent.store.folder import running
from agent.store.inbox import REFUSED, put
from agent.store.published import Published, read
from alerts.commands import AddSilence, Command, Notify, Retry
from alerts.policy import Policy
from checks.wording import span

TAKEN = 5.0
"""Seconds to wait for the agent to obey a command; it looks into its inbox once a second."""
SEEN = 3.0
"""Seconds from there to a view that shows it."""
TOLD = 12.0
"""The same for a test message: a sink may take ten."""


class LocalDoor:
    """`view` gives the latest view, by default that in the folder; `policy` is asked where a test message is to go."""

    def __init__(self, folder: Path, policy: Callable[[], Policy], view: Callable[[], Published] | None = None) -> None:
        self._folder, self._policy = folder, policy
        self._view = view or (lambda: read(folder))

    def show(self, what: What) -> Shown:
        view, now = self._view(), time.time()
        note = "" if running(self._folder) else f"no agent runs on {self._folder}: this is how things were"
        return Shown(view.at, ROWS[what](view, now), note)

    def ask(self, wish: Mapping[str, object]) -> Answer:
        now = time.time()
        view = functools.cache(self._view)
        command = command_of(wish, Known(view, self._policy, now))
        before = _before(command, view)
        if isinstance(command, Retry) and before and not held_up(before, command.delivery, now):
            return Answer("nothing is parked or held up", done=True)
        alive = running(self._folder)
        path = put(self._folder / "inbox", command)
        id_ = command.id if isinstance(command, AddSilence) else ""
        well = not isinstance(command, Notify)  # a test that was not told shows nothing
        if not alive:
            told = f"kept until the agent starts (none runs on {self._folder}): {intent(command, now)}"
            return Answer(told, done=False, well=well, id=id_)
        if not _within(TAKEN, lambda: not path.exists()):
            told = f"kept: the agent has not come to it within {span(TAKEN)}: {intent(command, now)}"
            return Answer(told, done=False, well=well, id=id_)
        if path.with_suffix(REFUSED).exists():
            raise ConfigError(f"the agent does not understand {path.stem}: run the same version as the agent")
        return self._became(command, before, now)

    def _became(self, command: Command, before: Published | None, now: float) -> Answer:
        found: list[Answer] = []

        def seen(*, last: bool = False) -> bool:
            answer = outcome(command, before, self._view(), now, last=last)
            found.extend([answer] if answer else [])
            return answer is not None

        if not _within(TOLD if isinstance(command, Notify) else SEEN, seen):
            seen(last=True)
        return found[0]


def _before(command: Command, view: Callable[[], Published]) -> Published | None:
    try:
        return view()
    except ConfigError:
        if isinstance(command, AddSilence | Notify):
            return None  # these need nothing that is there already
        raise


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    """Asks until it is true; False if it is not within that time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        if time.monotonic() >= end:
            return False
        pause.wait(0.05)
    return True
