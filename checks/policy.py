"""Access policies of queues, as far as checks judge them: whom a statement is about, what it covers, what narrows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from checks.facts import Unknown, Why

Condition = tuple[str, str, tuple[str, ...]]
"""Operator and key in lower case, and the values."""


@dataclass(frozen=True, slots=True)
class Statement:
    place: int
    """In the policy, from 0."""
    body: Mapping[str, Any]
    """As it is written."""
    allow: bool
    """Else it denies."""
    conditions: tuple[Condition, ...]
    """All must hold."""

    @property
    def label(self) -> str:
        sid = self.body.get("Sid")
        return f'statement "{sid}"' if isinstance(sid, str) and sid else f"statement {self.place + 1}"

    @property
    def everyone(self) -> bool:
        """Whether its principal is a wildcard; all but a few are everyone too, where it allows."""
        if "NotPrincipal" in self.body:
            return self.allow
        principal = self.body.get("Principal")
        return "*" in _texts(principal.get("AWS", ()) if isinstance(principal, dict) else principal)

    @property
    def principal(self) -> tuple[str, str]:
        """Its key, and its value as JSON."""
        key = "NotPrincipal" if "NotPrincipal" in self.body else "Principal"
        return key, json.dumps(self.body.get(key))

    @property
    def actions(self) -> tuple[str, ...]:
        """Patterns, for people: what it is about, as it is written."""
        if "NotAction" in self.body:
            return tuple(f"all but {action}" for action in _texts(self.body["NotAction"]))
        return _texts(self.body.get("Action", ()))

    def covers(self, action: str) -> bool:
        """Whether it speaks of an action of SQS, such as `sqs:sendmessage`."""
        key = "NotAction" if "NotAction" in self.body else "Action"
        named = any(fnmatchcase(action.lower(), _pattern(one.lower())) for one in _texts(self.body.get(key, ())))
        return named != (key == "NotAction")

    def about(self, arn: str) -> bool:
        """Whether it speaks of this queue."""
        if "NotResource" in self.body:
            return not any(fnmatchcase(arn, _pattern(one)) for one in _texts(self.body["NotResource"]))
        return any(fnmatchcase(arn, _pattern(one)) for one in _texts(self.body.get("Resource", "*")))


@lru_cache(maxsize=1024)
def statements(text: str | None) -> tuple[Statement, ...] | Unknown:
    """The statements of a policy, none where there is no policy; Unknown where it can't be read."""
    if not text:
        return ()
    try:
        found = json.loads(text)["Statement"]
        bodies = [found] if isinstance(found, dict) else list(found)
        return tuple(_statement(place, body) for place, body in enumerate(bodies))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Unknown(Why.UNSUPPORTED, f"its access policy can't be read: {text[:80]!r}")


def policy_with(text: str | None, bodies: Sequence[Mapping[str, Any]]) -> str:
    """A policy with other statements, and all else as it was."""
    whole = json.loads(text) if text else {"Version": "2012-10-17"}
    return json.dumps(whole | {"Statement": list(bodies)}, separators=(",", ":"))


def _statement(place: int, body: Mapping[str, Any]) -> Statement:
    effect = body["Effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError(effect)
    for key in ("Action", "NotAction", "Resource", "NotResource"):
        _texts(body.get(key, ()))
    conditions = tuple(
        (operator.lower(), key.lower(), _texts(values))
        for operator, keys in body.get("Condition", {}).items()
        for key, values in keys.items()
    )
    made = Statement(place, body, effect == "Allow", conditions)
    _ = made.everyone  # so that what can't be read is found here
    return made


def _texts(value: object) -> tuple[str, ...]:
    """One or many; a truth value as JSON writes it."""
    many = value if isinstance(value, list | tuple) else (value,)
    texts = tuple(json.dumps(one) if isinstance(one, bool | int | float) else one for one in many)
    if not all(isinstance(one, str) for one in texts):
        raise TypeError(value)
    return texts


def _pattern(text: str) -> str:
    """IAM knows * and ?, and no sets."""
    return text.replace("[", "[[]")
