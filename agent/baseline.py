"""Baselines: findings that were there before somebody began to look, one a line, so that only what is new fails."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote

from agent.audit import Audited
from agent.errors import ConfigError
from checks.check import Check
from checks.evaluate import Fingerprint, Verdict
from checks.facts import Address, Unknown, Why
from checks.wording import count, printable

_VERSION = 1
_HEAD = "mqcanary-baseline"
_CHECK = re.compile(r"[a-z0-9_-]+/[a-z0-9_-]+")
_SAFE = ":@/,=+[]"
"""Left as they are in a key, beside letters and digits; a name that Kafka allows stays readable."""


class Fate(StrEnum):
    """What became of an entry."""

    KNOWN = "known"
    """It is there still."""
    FIXED = "fixed"
    """It was looked for and is not there: mended, deleted, or switched off."""
    IGNORED = "ignored"
    """It is there, and an ignore covers it."""
    UNSEEN = "unseen"
    """It was looked for, and could not be judged: a gap."""
    ASIDE = "aside"
    """Nobody looked: another target or owner, a check that did not run."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A baseline beside an audit."""

    place: str
    """The file, as it was given."""
    fates: Mapping[Fingerprint, Fate]

    def told(self) -> str:
        """All of it in one line."""
        number = Counter(self.fates.values())
        parts = [f"{count(number[Fate.KNOWN], 'known finding')} left out"]
        if number[Fate.FIXED]:
            parts.append(f"{number[Fate.FIXED]} fixed, can be removed: run --write-baseline again")
        if number[Fate.IGNORED]:
            parts.append(f"{number[Fate.IGNORED]} ignored besides")
        if number[Fate.UNSEEN]:
            parts.append(f"{number[Fate.UNSEEN]} could not be seen")
        if number[Fate.ASIDE]:
            parts.append(f"{number[Fate.ASIDE]} not looked at")
        return f"Baseline {printable(self.place)}: {'; '.join(parts)}"

    def written(self, findings: int) -> str:
        """What becomes of the file when so many findings are written over it, in one line."""
        number = Counter(self.fates.values())
        parts = [f"{count(findings, 'finding')} written"]
        if kept := number[Fate.UNSEEN] + number[Fate.ASIDE]:
            parts.append(f"{kept} kept that could not be judged now")
        if removed := number[Fate.FIXED] + number[Fate.IGNORED]:
            parts.append(f"{removed} removed")
        return f"{printable(self.place)}: {', '.join(parts)}"

    def of(self, *fates: Fate) -> list[Fingerprint]:
        """The entries with one of these fates, in the order of the file."""
        return sorted((f for f, fate in self.fates.items() if fate in fates), key=_line)


def dumps(findings: Iterable[Fingerprint]) -> str:
    """The file: the same for the same findings, whatever their order; a finding more or less is a line more or less."""
    return "".join(f"{line}\n" for line in (f"{_HEAD} {_VERSION}", *sorted({_line(found) for found in findings})))


def loads(text: str, place: str) -> list[Fingerprint]:
    """What `dumps` wrote; `place` names the file in errors.

    Raises:
        ConfigError: it is no baseline, is of another version, or a line of it says nothing.
    """
    head, *lines = [line.removesuffix("\r") for line in text.split("\n")]
    mark, _, version = head.partition(" ")
    if mark != _HEAD:
        raise ConfigError(f"{place} is no baseline: it begins otherwise than {_HEAD} {_VERSION}; is it the right file?")
    if version != str(_VERSION):
        raise ConfigError(
            f"{place}: baseline of version {printable(version[:20])}, and this mqcanary reads {_VERSION}: use a newer one"
        )
    found = []
    for number, line in enumerate(lines, 2):
        entry = _entry(line)
        if entry is not None:
            found.append(entry)
        elif line:
            raise ConfigError(
                f"{place}:{number}: '{printable(line[:80])}' is not CHECK ADDRESS [KEY]: mend or delete the line"
            )
    return found


def load(path: Path) -> list[Fingerprint]:
    """A file.

    Raises:
        ConfigError: it can't be read, or as in `loads`.
    """
    try:
        return loads(path.read_bytes().decode(), str(path))
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}): name a file that --write-baseline wrote") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no baseline: it is not UTF-8 text; is it the right file?") from None


def compare(
    place: str,
    known: Iterable[Fingerprint],
    audited: Sequence[Audited],
    checks: Sequence[Check],
    asked: Callable[[Address], bool],
) -> Compared:
    """What became of each entry; `asked` says whether anybody wanted to hear of a resource."""
    ran = {check.id for check in checks}
    targets = {one.report.target: one for one in audited}
    # Who never told its name may be the one that an entry is about.
    nameless = {one.report.target.scheme for one in audited if one.unseen is not None}

    def fate(entry: Fingerprint) -> Fate:
        one = targets.get(entry.address.root)
        if one is None:
            return Fate.UNSEEN if entry.address.scheme in nameless else Fate.ASIDE
        if not asked(entry.address) or entry.check not in ran:
            return Fate.ASIDE
        return _fate(entry, one)

    return Compared(place, {entry: fate(entry) for entry in known})


def _fate(entry: Fingerprint, one: Audited) -> Fate:
    if entry in one.report.findings:
        return Fate.KNOWN
    if entry in one.report.ignored:
        return Fate.IGNORED
    if one.unseen is not None:
        return Fate.UNSEEN
    listing = one.listings.get(entry.address.kind)
    there = True if listing is None else listing.exists(entry.address.name)
    if there is False or (isinstance(there, Unknown) and there.why is Why.UNSUPPORTED):
        # No list of topics ever proves that one is gone. An entry too few is told as new; one too many hides something.
        return Fate.FIXED
    settled = one.report.verdict(entry) in {Verdict.CLEAR, Verdict.OFF}
    return Fate.FIXED if settled else Fate.UNSEEN


def new(audited: Sequence[Audited], known: Collection[Fingerprint]) -> list[Audited]:
    """The audit without the findings that are known."""
    return [
        replace(
            one,
            report=replace(one.report, findings={f: v for f, v in one.report.findings.items() if f not in known}),
        )
        for one in audited
    ]


def _line(entry: Fingerprint) -> str:
    key = quote(entry.key, safe=_SAFE, errors="surrogatepass")
    return f"{entry.check} {entry.address}" + (f" {key}" if key else "")


def _entry(line: str) -> Fingerprint | None:
    check, *rest = line.split(" ")
    if not _CHECK.fullmatch(check) or len(rest) not in {1, 2} or not line.isascii() or not line.isprintable():
        return None
    try:
        address = Address.parse(rest[0])
        key = unquote("".join(rest[1:]), errors="surrogatepass")
    except ValueError:  # no address, or percent-encoded bytes that are no text
        return None
    return Fingerprint(check, address, key)
