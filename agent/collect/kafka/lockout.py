"""Who was refused tries again later and later: servers lock an account after some wrong passwords, for everybody who uses it."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from checks.facts import Unknown, Why

WAITS = (60.0, 300.0, 900.0)
"""Seconds after the first refusal, the second, and each one after that. A broker refuses what is right, too, while it starts."""


class Lockout:
    """`secrets` gives a digest of what one comes in with: another one is tried at once. `clock` in seconds."""

    def __init__(self, secrets: Callable[[], bytes], clock: Callable[[], float]) -> None:
        self._secrets, self._clock = secrets, clock
        self._times = 0
        self._until = 0.0
        self._with = b""
        self._why: Unknown | None = None

    def closed(self) -> Unknown | None:
        """Why not to try now; None: try."""
        if self._why is None or self._clock() >= self._until or self._secrets() != self._with:
            return None
        # The time of day, which stays the same from look to look: nothing new is to be told of.
        then = datetime.fromtimestamp(self._until, UTC)
        later = (
            f"not tried again before {then:%H:%M} UTC, unless the secret changes: accounts are locked after a few tries"
        )
        return replace(self._why, detail=f"{self._why.detail}; {later}")

    def refused(self, why: Unknown) -> None:
        """It was tried, and ended so."""
        if why.why is not Why.DENIED:
            return  # nobody has looked at the secret
        used = self._secrets()
        self._times = self._times + 1 if used == self._with else 1
        self._with, self._why = used, why
        self._until = self._clock() + WAITS[min(self._times, len(WAITS)) - 1]

    def entered(self) -> None:
        self._times, self._why = 0, None

    @property
    def times(self) -> int:
        """Refusals since it was let in."""
        return self._times


class Doors:
    """The same for each broker of a cluster: one of them may refuse what the others take."""

    def __init__(self, secrets: Callable[[], bytes], clock: Callable[[], float] = time.time) -> None:
        self._secrets, self._clock = secrets, clock
        self._known: dict[tuple[str, int], Lockout] = {}

    def of(self, endpoint: tuple[str, int]) -> Lockout:
        return self._known.setdefault(endpoint, Lockout(self._secrets, self._clock))

    def refusals(self, endpoint: tuple[str, int]) -> int:
        """How often it has refused since it let us in: who did is tried behind the others."""
        known = self._known.get(endpoint)
        return known.times if known is not None else 0
