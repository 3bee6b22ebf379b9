"""What the doctor says: subjects (a target, Slack, the state directory), each with what was looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MISSING, UNREACHABLE = 1, 3
"""Exit codes; 0 when all is well, 2 is wrong usage."""


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and somebody had better do something."""
    MISSING = "missing"
    """Somebody has to do something."""
    UNREACHABLE = "unreachable"
    """The target can't be observed at all."""
    UNCHECKED = "not checked"
    """It can't be told from here, and the text says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at."""

    name: str
    state: State
    text: str
    costs: tuple[str, ...] = ()
    """Checks that may become gaps because of it."""
    mend: str = ""
    """What to do, in words."""
    commands: tuple[str, ...] = ()
    """To paste: commands, or IAM statements as JSON."""


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    items: tuple[Item, ...]


def exit_code(subjects: Sequence[Subject]) -> int:
    """A target that can't be reached wins: what it lacks besides is not known."""
    states = {item.state for subject in subjects for item in subject.items}
    return UNREACHABLE if State.UNREACHABLE in states else MISSING if State.MISSING in states else 0
