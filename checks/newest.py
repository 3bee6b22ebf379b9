"""When the newest record of a topic was written, as the checks of dead letters tell it."""

from typing import NamedTuple

from checks.check import Seen
from checks.facts import NewestRecords, Unknown
from checks.wording import moment, span

_SKEW = 60.0
"""Seconds by which clocks of producers may be ahead of ours."""


class Told(NamedTuple):
    words: str
    """`the newest of 1 d 4 h ago`; empty where that is not known, or no record has a time."""
    seen: tuple[Seen, ...]
    unknown: Unknown | None
    """Why it is not known, if so."""


def newest_of(topic: str, newest: NewestRecords) -> Told:
    found = newest.of(topic)
    if isinstance(found, Unknown):
        return Told("", (), found)
    if found is None:
        return Told("", (), None)
    ahead = found.age < -_SKEW
    words = (
        f"the newest of {moment(found.ms)}, which is yet to come"
        if ahead
        else f"the newest of {span(max(0.0, found.age))} ago"
    )
    seen = Seen(f"newest[{found.partition}]", found.ms / 1000, "seconds since the epoch, of the newest record")
    return Told(words, (seen,), None)
