"""Where a group was put back: committed offsets below those of an earlier poll."""

from typing import NamedTuple

import numpy as np

from checks.facts.commits import NOBODY
from checks.facts.lag import Lag, log_rows, offsets_at
from checks.facts.logs import Logs
from checks.facts.unknown import Unknown, Why

THREE_POLLS = Unknown(Why.YOUNG, "fewer than three polls so far", "more polls: --samples 3 --every 30s")
"""One that shows more, and two that show less."""


class Rewind(NamedTuple):
    """One partition that was put back, as the polls around it show."""

    row: int
    """Of the group's Lag."""
    before: int
    """What was committed at the last poll that showed more than now."""
    after: int
    """What was committed when it was seen next."""
    seconds: float
    """From the former poll to now."""
    empty: bool
    """Nobody was in the group at one of the two polls: kafka-consumer-groups.sh resets no others."""


class Rewinds:
    """Made only of groups that some poll has seen put back: nothing is looked for in the others."""

    def __init__(self, group: str, lag: Lag, logs: Logs) -> None:
        self._group, self._lag, self._logs = group, lag, logs

    def found(self, window: float) -> tuple[list[Rewind], Unknown | None]:
        """The rows put back within the last `window` seconds and still below, as two polls agree; and why it can't be
        told of some row whether it is, if so.
        """
        lag, logs = self._lag, self._logs
        polls = logs.polls(self._group).tolist()
        frames = [logs.frames[k] for k in polls]
        if len(frames) < 3:
            return [], None
        then = np.array([offsets_at(lag, frame.committed[self._group]) for frame in frames])
        log = log_rows(lag, logs.ends)
        young = np.array([frames[-1].at - frame.at <= window for frame in frames])
        above = (then > lag.committed) & (lag.committed >= 0) & (lag.error == 0) & young[:, None]
        above &= ~logs.replaced[np.ix_(np.array(polls), log)]
        found: list[Rewind] = []
        unclear = None
        for row in np.flatnonzero(above.any(axis=0)).tolist():
            last = int(np.flatnonzero(above[:, row])[-1])
            below = np.flatnonzero(then[last + 1 : -1, row] >= 0) + last + 1
            if not below.size:
                continue
            first = int(below[0])
            if (why := self._another(row)) is not None:
                unclear = why
            elif logs.end[polls[last], log[row]] >= 0:
                empty = any(frame.states[self._group] in NOBODY for frame in frames[last : first + 1])
                seconds = frames[-1].at - frames[last].at
                found.append(Rewind(row, int(then[last, row]), int(then[first, row]), seconds, empty))
        return found, unclear

    def _another(self, row: int) -> Unknown | None:
        """Why the topic of a row may be another one than before, if so."""
        topic, _ = self._lag.place(row)
        if (nameless := self._logs.nameless(topic)) is not None:
            return nameless
        if self._logs.identified(topic):
            return None
        return Unknown(Why.UNSUPPORTED, f"brokers before 2.8 do not tell whether {topic} was created anew in between")
