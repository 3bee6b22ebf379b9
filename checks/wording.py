"""Words that every check and every report uses: names made safe to show, spans of time, counts, shell words."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta


def shown(name: str) -> str:
    """A name as it can be put on a terminal or into a message: what is not printable is escaped, as in Python."""
    if name.isprintable() and name == name.strip() and name:
        return name
    return f"'{printable(name)}'"


def printable(text: str) -> str:
    """A text with what is not printable escaped, as in Python: nothing in it moves a cursor or turns letters round."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def shell(word: str) -> str:
    """One word of a POSIX shell; with control characters, of bash ($'...')."""
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    # bash takes \xNN for a byte, but \uNNNN for a character
    return "$'" + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain) + "'"


def aws(words: str, arn: str, endpoint: str = "") -> str:
    """A command of the AWS command line, in the region of a resource, sent to where that is: else it would meet another."""
    parts = arn.split(":")
    region = f" --region {shell(parts[3])}" if len(parts) == 6 and parts[3] else ""
    return f"aws {words}{region}" + (f" --endpoint-url {shell(endpoint)}" if endpoint else "")


def _escaped(c: str) -> str:
    return repr(c)[1:-1] if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def meant(word: str, known: Iterable[str], said: Callable[[str], str] = shown) -> str:
    """`did you mean orders?`, of the names that there are; empty where none is like it. `said`: how a name is written."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who mistypes needs it

    found = get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {said(found[0])}?" if found else ""


def count(number: int, thing: str) -> str:
    """`1 record`, `12,345 records`, `2 batches`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}{'es' if thing.endswith('ch') else 's'}"


def rate(number: float) -> str:
    """`4.2`, `9,789`: so many a second, as exact as anybody reads it."""
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def bytesize(number: float) -> str:
    """`512 B`, `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{number:,.0f} {unit}" if unit == "B" or number >= 100 else f"{number:,.1f} {unit}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b, c and 4 more`; the names are made safe to show."""
    head = ", ".join(shown(name) for name in names[:most])
    return head if len(names) <= most else f"{head} and {len(names) - most:,} more"


def moment(ms: int) -> str:
    """A time in ms since the epoch, to the minute: `2027-03-01 12:00 UTC`. Any number: some producers write microseconds."""
    minutes, days = ms // 60_000 % 1440, ms // 86_400_000
    eras, day = divmod(days, 146_097)  # the calendar repeats after 400 years
    date = datetime(1970, 1, 1, minutes // 60, minutes % 60, tzinfo=UTC) + timedelta(days=day)
    return f"{date.year + 400 * eras:04}-{date:%m-%d %H:%M} UTC"


def span(time: float | timedelta) -> str:
    """A length of time in the two units that matter: `45 s`, `3 min`, `2 h 5 min`, `4 d`."""
    seconds = round(time.total_seconds() if isinstance(time, timedelta) else time)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    for place, (size, unit) in enumerate(units):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            below = units[place + 1] if place + 1 < len(units) else (1, "")
            part = rest // below[0]
            return f"{whole} {unit}" + (f" {part} {below[1]}" if part and below[1] else "")
    return "0 s"
