"""What people chose to live with: for which resources, why, and until when. Ignored is not hidden: a report lists it."""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache

from checks.facts import Address
from checks.pattern import Pattern

TAG = "mqcanary:ignore"
"""The tag of a queue by which its owners ignore findings on it."""
_WORD = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]*)?")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One decision not to hear of something."""

    checks: tuple[str, ...]
    """Globs of check ids."""
    resources: Pattern
    reason: str
    until: date | None = None
    """The last day on which it is in force, in UTC; None: for ever."""
    origin: str = ""
    """Where it was written: `mqcanary.yaml:12`, or the tag."""

    def covers(self, check: str, address: Address) -> bool:
        return any(fnmatchcase(check, glob) for glob in self.checks) and self.resources.matches(address)

    def ends(self) -> float | None:
        """When it is over, seconds since the epoch; None: never."""
        if self.until is None:
            return None
        midnight = datetime(self.until.year, self.until.month, self.until.day, tzinfo=UTC)
        return midnight.timestamp() + timedelta(days=1).total_seconds()

    def over(self, now: float) -> bool:
        ends = self.ends()
        return ends is not None and now >= ends

    def days_left(self, now: float) -> int | None:
        """Days until it is over, begun ones as whole; 0 where it is, None where it never will be."""
        ends = self.ends()
        return None if ends is None else max(0, math.ceil((ends - now) / timedelta(days=1).total_seconds()))


def ending(ignores: Sequence[Ignore], now: float, days: Container[int]) -> list[Ignore]:
    """Those that are over in so many days."""
    return [one for one in ignores if one.days_left(now) in days]


def chosen(
    ignores: Sequence[Ignore], check: str, address: Address, tags: Mapping[str, str], now: float
) -> Ignore | None:
    """The one that counts at `now`: one in force, else one that is over, else None. The configuration comes first."""
    written = () if TAG not in tags else tagged(tags[TAG])[0]
    found = [one for one in (*ignores, *written) if one.covers(check, address)]
    return next((one for one in found if not one.over(now)), found[-1] if found else None)


@lru_cache(maxsize=4096)
def tagged(value: str) -> tuple[tuple[Ignore, ...], str]:
    """What the value of the tag says, and what is wrong with it; one with a mistake ignores nothing.

    Check ids, separated by spaces; `sqs/` stands for all that begin so, `all` for all (AWS takes no * in a tag). Then,
    if they are there, `until=2027-01-31`, and `reason=` with all that follows it.
    """
    head, mark, reason = f" {value}".partition(" reason=")
    globs: list[str] = []
    until: date | None = None
    for word in head.split():
        if word.startswith("until="):
            until = day(word.removeprefix("until="))
            if until is None:
                return (), f"{word} is no date; write until=2027-01-31"
        elif word == "all":
            globs.append("*")
        elif _WORD.fullmatch(word):
            globs.append(f"{word}*" if word.endswith("/") else word)
        else:
            return (), f"{word[:60]} is no check; write ids such as sqs/dlq-missing, or all"
    if not globs:
        return (), "it names no check; write ids such as sqs/dlq-missing, or all"
    why = " ".join(reason.split()) if mark else ""
    return (Ignore(tuple(globs), Pattern(), why, until, f"tag {TAG}"),), ""


def day(text: str) -> date | None:
    """A day as `2027-01-31`; None where it is none."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
