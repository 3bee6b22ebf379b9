"""What a message says, before anybody knows where it will stand: the same for Slack, a webhook and the console."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What the reader must see first; a sink shows it as a colour, an emoji or a word."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    RESOLVED = "resolved"
    """Closed on a verdict: clear, deleted, switched off."""
    UNKNOWN = "unknown"
    """It can't be observed."""
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for the eye, already chosen and in order."""

    rows: tuple[tuple[str, str, str, str], ...]
    """Its severity or what became of it; the id to acknowledge it by, empty where there is none; where; what."""
    more: int = 0
    """How many rows were left out."""


@dataclass(frozen=True, slots=True)
class Message:
    """Texts are raw: names in them are whatever a producer chose, and each sink escapes as it must."""

    title: str
    """The symptom, in one sentence; what a phone shows."""
    mark: Mark
    lead: str = ""
    """What has become of it: "resolved after 14 min", "cannot be observed since 14:05 UTC"."""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value; six at most."""
    why: str = ""
    step: str = ""
    """What to do next."""
    command: str = ""
    """To paste."""
    table: Table | None = None
    notes: tuple[str, ...] = ()
    """Small print: the alert's id, how to acknowledge it."""
