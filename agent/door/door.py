"""What somebody who stands at the door sees, whichever side the agent is on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Row = dict[str, Any]
"""One line of a list, as JSON has it. Times are seconds since the epoch, names are as they are."""
What = Literal["alerts", "silences", "outbox"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A list."""

    at: float
    """When anything last changed, in this list or beside it."""
    rows: Sequence[Row]
    note: str = ""
    """Why it may be out of date; empty if it is not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of something that was asked."""

    told: str
    """In words."""
    done: bool
    """False: it is kept, on disk, and not obeyed yet."""
    well: bool = True
    """False: what was wanted did not come of it, as of a test message that is only kept."""
    id: str = ""
    """Of what was made, to end it by."""

    def row(self) -> Row:
        return {"done": self.done, "well": self.well, "told": self.told, **({"id": self.id} if self.id else {})}


class Door(Protocol):
    """How an agent is reached."""

    def show(self, what: What) -> Shown:
        """What there is now.

        Raises:
            MqcanaryError: it can't be read.
        """
        ...

    def ask(self, wish: Mapping[str, str]) -> Answer:
        """Asks for something, and waits some seconds for it to be done. `agent.door.wishes` says what may be asked.

        Raises:
            AskError: it is not understood, or is about something that is not there.
            MqcanaryError: the agent can't be reached.
        """
        ...
