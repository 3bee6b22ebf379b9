"""Tags of queues, as far as they mean something here: read for all queues at once, and now and then."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from checks.facts import Unknown, Why
from checks.ignores import TAG

OWNER = "owner"
"""The tag of a queue that says whose it is."""
EVERY = 900.0
"""Seconds for which a reading is good."""
AGAIN = 60.0
"""Seconds to the next reading where one failed, or where a queue has come since."""
STANDS = 3600.0
"""Seconds for which a reading stands where later ones fail: one refusal must not make a gap of everything."""
_LONGEST = 256

Tags = Mapping[str, str]


class Tagging:
    """What the tags of one account and region say, kept from look to look."""

    def __init__(self) -> None:
        self._told: Mapping[str, Tags] = {}
        self._names: AbstractSet[str] = frozenset()
        """The queues that were there when they were read."""
        self._at = self._tried = float("-inf")
        self._failure: Unknown | None = None

    def of(
        self, names: AbstractSet[str], ask: Callable[[], Mapping[str, Tags] | Unknown], now: float
    ) -> dict[str, Tags | Unknown]:
        """The tags of each of these queues; `ask` reads those of all. `now` in seconds of a clock that only goes on."""
        if (now - self._at >= EVERY or not names <= self._names) and now - self._tried >= AGAIN:
            self._tried = now
            answer = ask()
            if isinstance(answer, Unknown):
                self._failure = answer
            else:
                self._told, self._names, self._at, self._failure = answer, frozenset(names), now, None
        missing = _NEW if self._failure is None else self._failure
        if now - self._at >= STANDS:
            return dict.fromkeys(names, missing)
        return {name: self._told.get(name, {}) if name in self._names else missing for name in names}


_NEW = Unknown(Why.YOUNG, "the tags of a queue that is new were not read yet", "more polls")


def told(entries: Iterable[Mapping[str, Any]]) -> dict[str, Tags]:
    """By name of the queue, from the entries of GetResources. Other tags are left where they are: nobody needs them here."""
    return {
        str(entry["ResourceARN"]).rpartition(":")[2]: {
            tag["Key"]: " ".join(tag["Value"].split())[:_LONGEST]
            for tag in entry.get("Tags", ())
            if tag["Key"] in (OWNER, TAG)
        }
        for entry in entries
    }
