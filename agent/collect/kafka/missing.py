"""Which topics need not be asked for by name, look after look."""

import re
from collections.abc import Set as AbstractSet
from functools import cache

ASK_AGAIN = 300.0
"""Seconds after which a topic that was not there is asked for again by name."""


class Missing:
    """Topics that were asked for by name and are not there.

    Whoever may hear that a topic is not there also hears of it in the list once it is: so after two answers a name is asked
    for again only now and then. They are the names that dead-letter topics might have, twenty for each topic that is read.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[int, float]] = {}
        """How often in a row, and when the last time."""

    def of(self, names: AbstractSet[str], listed: AbstractSet[str], now: float) -> frozenset[str]:
        """Those of `names` that need no question at the moment; what is in `listed` has come."""
        self._answers = {n: a for n, a in self._answers.items() if n in names and n not in listed}
        known = {n for n, (times, at) in self._answers.items() if times > 1 and now - at < ASK_AGAIN}
        return frozenset(known | {name for name in names - known if not _possible(name)})

    def told(self, absent: AbstractSet[str], now: float) -> None:
        again = cache(lambda times: (times + 1, now))
        for name in absent:
            self._answers[name] = again(self._answers.get(name, (0, 0.0))[0])


def _possible(name: str) -> bool:
    """Whether a broker takes this for a topic's name at all; it refuses the whole request otherwise."""
    return _NAME.fullmatch(name) is not None and name not in (".", "..")


_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
