"""The limits of a configuration, by what the checks say of themselves."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from agent.config.model import LimitSection
from agent.config.reading import quoted
from agent.config.values import READERS
from checks import all_checks
from checks.check import Check
from checks.wording import meant

OWN: Final = frozenset(LimitSection.model_fields)


def near(word: str, known: Mapping[str, str] | list[str]) -> str:
    """`; did you mean "slo"?`, or nothing."""
    guess = meant(word, known, lambda name: quoted(known[name] if isinstance(known, Mapping) else name))
    return guess and f"; {guess}"


def unknown_check(glob: str) -> str:
    """What is wrong with a glob of checks; empty if it matches one."""
    ids = [check.id for check in all_checks()]
    if any(fnmatchcase(id_, glob) for id_ in ids):
        return ""
    words = {id_.rpartition("/")[2]: id_ for id_ in ids} | {id_: id_ for id_ in ids}
    return f"{quoted(glob)} matches no check{near(glob.replace('*', ''), words) or '; see: mqcanary checks list'}"


def limits_of(entry: Mapping[str, Any]) -> Mapping[str, set[type]]:
    """The limits that an entry of `limits:` may set, with their kinds."""
    glob = entry.get("checks")
    kinds: dict[str, set[type]] = {}
    for check in all_checks():
        if isinstance(glob, str) and fnmatchcase(check.id, glob):
            for spec in check.limits.values():
                kinds.setdefault(spec.name, set()).add(spec.kind)
    return kinds


def values_of(entry: Mapping[str, Any]) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """The limits that an entry sets, and what is wrong with it, by key."""
    values: dict[str, object] = {}
    wrong: list[tuple[str, str]] = []
    glob = entry.get("checks")
    if not isinstance(glob, str):  # the model tells that
        return values, wrong
    if text := unknown_check(glob):
        return values, [("checks", text)]
    kinds = limits_of(entry)
    for name, value in entry.items():
        if name in OWN:
            continue
        if name not in kinds:
            wrong.append((name, _unknown_limit(name, glob, kinds)))
            continue
        for kind in kinds[name]:
            try:
                values[name] = READERS[kind](value)
            except ValueError as error:
                wrong.append((name, str(error)))
    if not wrong and all(entry.get(name) is None for name in entry.keys() - {"checks", "resources"}):
        wrong.append(("checks", f"nothing is set for {quoted(glob)}{_choices(kinds)}"))
    return values, wrong


def _unknown_limit(name: str, glob: str, kinds: Mapping[str, object]) -> str:
    if guess := near(name, [*kinds, *sorted(OWN)]):
        return f"no limit of {quoted(glob)}{guess}"
    elsewhere = [check.id for check in all_checks() if name in check.limits]
    return f"no limit of {quoted(glob)}" + (f" (it is one of {elsewhere[0]})" if elsewhere else "") + _choices(kinds)


def _choices(kinds: Mapping[str, object]) -> str:
    return f"; write one of {', '.join([*sorted(kinds), 'off', 'severity', 'after'])}"


def limit_specs() -> Iterator[tuple[str, type, list[Check]]]:
    """Every limit there is: name, kind, and the checks that have it."""
    found: dict[tuple[str, type], list[Check]] = {}
    for check in all_checks():
        for spec in check.limits.values():
            found.setdefault((spec.name, spec.kind), []).append(check)
    for (name, kind), checks in sorted(found.items(), key=lambda item: (item[0][0], item[0][1].__name__)):
        yield name, kind, checks
