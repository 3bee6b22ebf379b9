"""What `mqcanary config check` says beyond mistakes in the file itself: files that it names, and entries that do nothing."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from agent.collect.kafka.pem import MARK
from agent.config.model import Config
from agent.config.reading import Document, Place, Problem, origin
from checks.ignores import Ignore
from checks.limits import Override
from checks.pattern import Pattern


def missing(config: Config, document: Document) -> Iterator[Problem]:
    """The certificates and keys that are not there."""
    for place, file in _files(config):
        if not Path(file).is_file():
            if place[2:3] == ("security",) and origin(place[:3], document.kept) not in document.lines:
                place = (*place[:2], "properties")  # noqa: PLW2901 - there it is named
            text = f"{'not a file' if Path(file).exists() else 'not there'}; mount it there, or write another path"
            yield document.problem(place, f"{file} is {text}")


def _files(config: Config) -> Iterator[tuple[Place, str]]:
    for i, target in enumerate(config.kafka):
        security = target.security
        place: Place = ("kafka", i, "security")
        key = security.key.origin.partition("file ")[2] if security.key else ""
        ca = getattr(security.tokens, "ca", "")
        for step, file in (("ca", security.ca), ("certificate", security.certificate), ("key", key)):
            if file and MARK not in file:
                yield (*place, step), file
        if ca and MARK not in ca:
            yield (*place, "oauth", "ca"), ca
    for name in ("listen", "api"):
        listener = getattr(config.running, name)
        for step in ("certificate", "key"):
            if written := getattr(listener, step, None):
                yield (name, step), str(written)


def doubts(config: Config, now: float) -> Iterator[str]:
    """Entries that do nothing: ignores that are over at `now`, and resources of a target that is not in the file."""
    for ignore in config.running.policy.ignores:
        if ignore.over(now):
            yield f"{ignore.origin}: this ignore ended on {ignore.until}: write another until, or delete it"
    entries: list[Override | Ignore] = [*config.overrides, *config.running.policy.ignores]
    for one in entries:
        if not _there(one.resources, config):
            yield f"{one.origin}: {one.resources} is on no target of this file: write the name of one, or delete it"


def _there(resources: Pattern, config: Config) -> bool:
    """Whether a target may be meant; one without a name is called by what only it can tell."""
    names = [("kafka", one.name) for one in config.kafka] + [("sqs", one.name) for one in config.sqs]
    return any(
        fnmatchcase(scheme, resources.scheme) and (not name or fnmatchcase(name, resources.target))
        for scheme, name in names
    )
