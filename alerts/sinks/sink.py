"""What every sink of messages is given, and what it answers: one send is tried once, the outbox decides what follows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from alerts.model import Op, Ref
from alerts.render.message import Message


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt to tell something."""

    key: str
    """The delivery's id: the same in every attempt, so that a sink can see whether an earlier one arrived."""
    op: Op
    place: str
    """Within the sink: a channel's name or id; empty where there is but one."""
    message: Message
    ref: Ref | None = None
    """The root message, for an edit or a reply."""
    loud: bool = False
    """A reply that the whole channel should see."""
    plain: bool = False
    """The content was refused before: short plain text now."""
    unclear: bool = False
    """An earlier attempt was not answered: look whether it arrived, if that can be told; else say that this may be a
    double."""
    channel: str = ""
    """The id of the channel, where an earlier message told it."""
    since: float = 0.0
    """When the delivery was made: an earlier attempt can't be older."""


@dataclass(frozen=True, slots=True)
class Delivered:
    ref: Ref | None = None
    """Where it stands; None where the sink can't tell."""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not arrive, and may if it is tried again."""

    error: str
    after: float | None = None
    """Seconds that were asked for; None: as the outbox thinks."""


class Fault(StrEnum):
    """What a refusal is about."""

    CONTENT = "content"
    """This text will never be taken."""
    ROUTE = "route"
    """This channel won't take anything: it does not exist, or the bot is not in it."""
    SINK = "sink"
    """Nothing will be taken anywhere: the token is revoked."""
    EDIT = "edit"
    """This message can't be edited any more; a fresh one can be posted."""


@dataclass(frozen=True, slots=True)
class Refused:
    fault: Fault
    error: str
    """One line that names what to do about it."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """It was sent and nobody answered: it may have arrived."""

    error: str


Outcome = Delivered | Later | Refused | Unclear


class MessageSink(Protocol):
    """Somewhere to tell people things."""

    edits: bool
    """Whether it can edit and reply; else everything is a post."""
    pace: float
    """Seconds between two posts to one place."""

    def send(self, sending: Sending, deadline: float) -> Outcome:
        """Tries once, within `deadline` seconds. Never raises, and never tries again by itself."""
        ...
