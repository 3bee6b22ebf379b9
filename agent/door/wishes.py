"""What may be asked of an agent, as a plain document, and the command that it becomes: the same rules for all.

{"command": "silence", "resources": "kafka://prod/groups/payments*", "for": "2h", "comment": "deploy 42"}
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from agent.config.overrides import near, unknown_check
from agent.config.reading import quoted
from agent.config.section import pattern
from agent.config.values import duration as read_duration
from agent.config.values import text as read_text
from agent.errors import AskError, ConfigError
from agent.store.published import Published
from alerts.commands import Acknowledge, AddSilence, Command, Drop, ExpireSilence, Notify, Release, Retry
from alerts.model import TARGET_BLIND, Phase, Progress
from alerts.policy import Policy, Route

LONGEST: Final = timedelta(days=365)
LONGEST_TEXT: Final = 500


def _short(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"longer than {LONGEST_TEXT} characters; write less")
    return read_text(value)


def _pattern(value: str) -> object:
    return pattern(_short(value))


def _duration(value: str) -> float:
    length = read_duration(value)
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{quoted(value)} is none or more than a year; write 30m or 2h")
    return length.total_seconds()


def _checks(value: str) -> str:
    glob = _short(value)
    if glob != TARGET_BLIND and (wrong := unknown_check(glob)):
        raise ValueError(wrong)
    return glob


WISHES: Final[Mapping[str, Mapping[str, Callable[[str], object]]]] = {
    "silence": {"resources": _pattern, "checks": _checks, "for": _duration, "comment": _short, "by": _short},
    "expire": {"silence": _short, "by": _short},
    "acknowledge": {"alert": _short, "for": _duration, "note": _short, "by": _short},
    "release": {"alert": _short, "by": _short},
    "retry": {"delivery": _short, "by": _short},
    "drop": {"delivery": _short, "by": _short},
    "notify": {"route": _short, "by": _short},
}
"""What each may say, and how it is read."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "silence": ("resources", "for"),
    "expire": ("silence",),
    "acknowledge": ("alert",),
    "release": ("alert",),
    "drop": ("delivery",),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What a wish may be about."""

    view: Callable[[], Published]
    policy: Callable[[], Policy]
    now: float


def command_of(wish: Mapping[str, object], known: Known) -> Command:
    """The command that a wish becomes.

    Raises:
        AskError: it is not understood, or is about something that is not there.
        ConfigError: what it is about can't be read.
    """
    word, values = read(wish)
    by = values.get("by", "")
    if word == "silence":
        until = known.now + values["for"]
        return AddSilence(_id(), values["resources"], values.get("checks", "*"), until, by, values.get("comment", ""))
    if word == "expire":
        return ExpireSilence(_one("silence", values["silence"], {s.id for s in known.view().silences}), by)
    if word == "acknowledge":
        until = known.now + values["for"] if "for" in values else None
        return Acknowledge(_firing(values["alert"], known.view()), by, until, values.get("note", ""))
    if word == "release":
        return Release(_acknowledged(values["alert"], known.view()), by)
    if word == "retry":
        return Retry(_waiting(values["delivery"], known.view()) if "delivery" in values else "", by)
    if word == "drop":
        return Drop(_waiting(values["delivery"], known.view()), by)
    return Notify(_id(), destinations(known.policy(), values.get("route", "")), by)


def read(wish: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
    """The word of a wish and what it says, each value as what it means; what is empty is not said.

    Raises:
        AskError: it is not understood.
    """
    word = wish.get("command")
    if not isinstance(word, str) or word not in WISHES:
        guess = near(word, list(WISHES)) if isinstance(word, str) else ""
        raise AskError("command", f"not one that there is{guess or '; write one of ' + ', '.join(WISHES)}")
    fields = WISHES[word]
    values: dict[str, Any] = {}
    for key, value in wish.items():
        if key == "command" or value is None or value == "":
            continue
        if key not in fields:
            told = near(key, list(fields)) or "; write one of " + ", ".join(fields)
            raise AskError(quoted(key), f"{word} has no such field{told}")
        if not isinstance(value, str):
            raise AskError(key, "not a text; write it in quotes")
        try:
            values[key] = fields[key](value)
        except ValueError as error:
            raise AskError(key, str(error)) from None
    for key in _NEEDED.get(word, ()):
        if key not in values:
            raise AskError(key, "missing; write it")
    return word, values


def _id() -> str:
    """Short, for people to type."""
    return uuid4().hex[:8]


def _one(kind: str, id_: str, ids: set[str]) -> str:
    if id_ not in ids:
        see = {"alert": "alerts", "silence": "silence list", "delivery": "outbox list"}[kind]
        guess = near(id_, sorted(ids)) or f"; see: mqcanary {see}"
        raise AskError(kind, f"there is no {kind} {quoted(id_)}{guess}", unknown=True)
    return id_


def _firing(id_: str, view: Published) -> str:
    alerts = {alert.id: alert for alert in view.alerts}
    phase = alerts[_one("alert", id_, set(alerts))].phase
    if phase is not Phase.FIRING:
        told = "it does not fire yet" if phase is Phase.PENDING else f"it has ended ({phase})"
        raise AskError("alert", f"{id_} can't be acknowledged: {told}; see: mqcanary alerts", unknown=True)
    return id_


def _acknowledged(id_: str, view: Published) -> str:
    alerts = {alert.id: alert for alert in view.alerts}
    if alerts[_one("alert", id_, set(alerts))].acknowledged is None:
        raise AskError("alert", f"{id_} is not acknowledged; see: mqcanary alerts", unknown=True)
    return id_


def _waiting(id_: str, view: Published) -> str:
    progress = {delivery.id: delivery.progress for delivery in view.deliveries}
    if progress[_one("delivery", id_, set(progress))] is Progress.SENDING:
        raise AskError("delivery", f"{id_} is being sent right now; try again in a few seconds", unknown=True)
    return id_


def destinations(policy: Policy, route: str) -> tuple[str, ...]:
    """Where a test message goes: everywhere, or to one destination, or to what a route on a line of the file names.

    Raises:
        AskError: there is none such.
        ConfigError: nobody is told anything.
    """
    found = dict(_told(policy.route, ()))
    everywhere = tuple(dict.fromkeys(one for to in found.values() for one in to))
    if policy.fallback and policy.fallback not in everywhere:
        everywhere = (*everywhere, policy.fallback)
    if not everywhere:
        raise ConfigError("no route tells anybody: write route: {to: console}, or slack:#channel, or webhook:NAME")
    if not route:
        return everywhere
    if route in everywhere:
        return (route,)
    by_line = {origin: to for origin, to in found.items() if origin == route or origin.rpartition(":")[2] == route}
    if not any(by_line.values()):
        known = [*everywhere, *filter(None, found)]
        guess = near(route, known) or f"; write one of {', '.join(known)}"
        raise AskError("route", f"there is no destination and no route {quoted(route)}{guess}", unknown=True)
    return tuple(dict.fromkeys(one for to in by_line.values() for one in to))


def _told(route: Route, above: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every route of the tree, by the line it stands on, with the destinations that it has or inherits."""
    own = route.destinations or above
    yield route.origin, own
    for child in route.routes:
        yield from _told(child, own)
