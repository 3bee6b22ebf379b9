"""What the doctor found, for people and as JSON."""

import json
from collections.abc import Iterator, Sequence

import click

from agent.doctor.model import Item, State, Subject
from agent.report.text import line, wrapped
from checks.wording import count

_COLOURS = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.MISSING: "yellow",
    State.UNREACHABLE: "red",
    State.UNCHECKED: "blue",
}
_INDENT = 13


def text(subjects: Sequence[Subject], width: int = 80) -> str:
    """Colours are click's business, which leaves them out where nobody can see them."""
    return "\n".join(each for subject in subjects for each in _subject(subject, width)) + f"\n{_total(subjects)}\n"


def _subject(subject: Subject, width: int) -> Iterator[str]:
    yield click.style(line(subject.name), bold=True)
    for item in subject.items:
        yield from _item(item, width)
    yield ""


def _item(item: Item, width: int) -> Iterator[str]:
    below = " " * (_INDENT + 2)
    head = "  " + click.style(f"{item.state!s:<{_INDENT}}", fg=_COLOURS[item.state])
    yield from wrapped(f"{item.name}: {line(item.text)}", width, head)
    if item.costs:
        yield from wrapped(
            f"may become {'gaps' if len(item.costs) > 1 else 'a gap'}: {', '.join(item.costs)}", width, below
        )
    if item.mend:
        yield from wrapped(line(item.mend), width, below + "→ ")
    for command in item.commands:
        yield f"{below}$ {command}" if not command.startswith("{") else below + command  # never wrapped: to be pasted


def _total(subjects: Sequence[Subject]) -> str:
    states = [item.state for subject in subjects for item in subject.items]
    if not {State.WARNING, State.MISSING, State.UNREACHABLE} & set(states):
        return "All is well, as far as it can be told from here."
    parts = []
    if away := states.count(State.UNREACHABLE):
        parts.append(f"{count(away, 'target')} can't be reached")
    if missing := states.count(State.MISSING):
        parts.append(f"{count(missing, 'thing')} to mend")
    if warnings := states.count(State.WARNING):
        parts.append(count(warnings, "warning"))
    return "; ".join(parts) + "."


def document(subjects: Sequence[Subject]) -> str:
    """One JSON document; `state` is ok, warning, missing, unreachable or not checked."""
    rows = [
        {
            "subject": subject.name,
            "items": [
                {
                    "name": item.name,
                    "state": str(item.state),
                    "text": item.text,
                    "costs": list(item.costs),
                    "mend": item.mend,
                    "commands": list(item.commands),
                }
                for item in subject.items
            ],
        }
        for subject in subjects
    ]
    return json.dumps({"version": 1, "subjects": rows}, indent=2) + "\n"
