"""Limits of checks, and who overrides them: an ordered list, later wins, key by key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase

from checks.check import Check, Severity
from checks.facts import Address
from checks.ignores import Ignore
from checks.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Override:
    """One entry of `limits:` in the configuration."""

    resources: Pattern
    checks: str
    """Glob of check ids."""
    values: Mapping[str, object] = field(default_factory=dict)
    """Limits by name; a check that has no limit of that name is left alone."""
    off: bool | None = None
    severity: Severity | None = None
    after: timedelta | None = None
    origin: str = ""
    """Where it was written, as `mqcanary.yaml:12`."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """The same for each key of the entry, where it is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """What is in force for one check on one resource. The same object for all that the same overrides reach; its mappings are
    plain ones, since a check is called with them, and nobody alters them.
    """

    values: Mapping[str, object]
    clear: Mapping[str, object]
    """The limits for a problem that already fires: it ends only when these are met."""
    off: bool
    severity: Severity | None
    after: timedelta
    origins: Mapping[str, str]
    """Limit name, `off`, `severity` or `after` to where it was written; a default has no entry."""


class Limits:
    """The overrides, compiled: asked for each check and resource, answers with a shared `Ruling`."""

    def __init__(self, overrides: Sequence[Override] = (), ignores: Sequence[Ignore] = ()) -> None:
        self.ignores = tuple(ignores)
        self._overrides = tuple(overrides)
        self._rulings: dict[tuple[str, tuple[int, ...]], Ruling] = {}
        self._per_check: dict[str, tuple[int, ...]] = {}

    def everywhere(self, check: Check) -> Ruling | None:
        """What is in force wherever it looks; None where some override is for it."""
        return None if self._candidates(check) else self._shared(check, ())

    def of(self, check: Check, address: Address) -> Ruling:
        chosen = tuple(i for i in self._candidates(check) if self._overrides[i].resources.matches(address))
        return self._shared(check, chosen)

    def _candidates(self, check: Check) -> tuple[int, ...]:
        candidates = self._per_check.get(check.id)
        if candidates is None:
            matching = (i for i, o in enumerate(self._overrides) if fnmatchcase(check.id, o.checks))
            candidates = self._per_check.setdefault(check.id, tuple(matching))
        return candidates

    def _shared(self, check: Check, chosen: tuple[int, ...]) -> Ruling:
        ruling = self._rulings.get((check.id, chosen))
        if ruling is None:
            ruling = self._rulings.setdefault((check.id, chosen), self._compile(check, chosen))
        return ruling

    def _compile(self, check: Check, chosen: tuple[int, ...]) -> Ruling:
        values = dict(check.defaults)
        origins: dict[str, str] = {}
        off, severity, after = False, None, check.after
        for override in (self._overrides[i] for i in chosen):
            for name in override.values.keys() & values.keys():
                values[name] = override.values[name]
                origins[name] = override.lines.get(name, override.origin)
            off = off if override.off is None else override.off
            severity = override.severity or severity
            after = after if override.after is None else override.after
            for name in ("off", "severity", "after"):
                if getattr(override, name) is not None:
                    origins[name] = override.lines.get(name, override.origin)
        clear = {name: _clear(value, check.limits[name].clear) for name, value in values.items()}
        return Ruling(values, clear, off, severity, after, origins)


def _clear(value: object, factor: float | None) -> object:
    if factor is None or not isinstance(value, (int, float, timedelta)):
        return value
    return type(value)(value * factor) if isinstance(value, int) else value * factor
