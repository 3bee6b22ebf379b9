"""From a YAML file to a Config, or to every mistake in it at once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agent.collect.aws.regions import unknown_region
from agent.collect.kafka.security import Security
from agent.config.model import Config, FileSection, KafkaSection, KafkaTarget, LimitSection, read_endpoints
from agent.config.overrides import near, unknown_check, values_of
from agent.config.reading import Document, Place, Problem, parse, quoted
from agent.config.running import RouteSection, root, running, unreachable
from agent.config.salvaging import salvaged
from agent.config.values import File
from agent.errors import ConfigError, ConfigFileError
from alerts.policy import Policy
from checks.limits import Limits, Override

_LARGEST: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file holds: all of it, or with `problems` what remains without them; None: nothing does."""

    path: Path
    document: Document
    problems: list[Problem]
    config: Config | None

    def told(self, problems: Iterable[Problem]) -> list[str]:
        """In the order of lines, each once."""
        return [
            f"{self.path}:{one.line}: {one.text}" for one in sorted(dict.fromkeys(problems), key=lambda one: one.line)
        ]


def load(path: Path) -> Config:
    """Reads a configuration file; `~` and relative paths in it mean what stands beside it.

    Raises:
        ConfigFileError: it can't be read, or something in it is wrong: each mistake with its line and its mend.
    """
    found = examined(path)
    if found.problems or found.config is None:
        raise ConfigFileError(found.told(found.problems))
    return found.config


def examined(path: Path) -> Examined:
    """Reads a configuration file as `load` does, and goes on after mistakes.

    Raises:
        ConfigFileError: it can't be read at all.
    """
    document = parse(_text(path))
    problems = list(document.problems)
    if document.data is None and not problems:
        problems.append(Problem(1, "nothing is written here; begin with: mqcanary config init"))
    elif document.data is not None and not isinstance(document.data, dict):
        problems.append(Problem(1, "not a configuration; write keys such as kafka: and sqs:"))
    data = document.data if isinstance(document.data, dict) else {}
    found = salvaged(data, document, path.parent)
    section, wrong = found.section, found.mistakes
    problems += [_mistake(detail, place, document) for detail, place in wrong]
    overrides = _overrides(data, None if wrong else section, document, path, problems)
    problems += _globs(data, document)
    if section is None:
        return Examined(path, document, problems, None)
    document = replace(document, kept=found.kept)
    targets = list(_kafka(section.kafka, document, problems))
    problems += _names(section, document)
    problems += _regions(section, document)
    lost = {place[0] for _, place in wrong if place}
    # What names a sink that was left out for its own mistake is right once that is mended.
    problems += [document.problem(at, text) for at, sink, text in unreachable(section) if not lost & {sink, f"{sink}s"}]
    ignores = [one.build(f"{path.name}:{document.line(('ignore', i))}") for i, one in enumerate(section.ignore)]
    run = running(section, lambda place: f"{path.name}:{document.line(place)}", path, ignores)
    config = Config(path, tuple(targets), section.sqs, overrides, Limits(overrides, ignores), section.audit, run)
    return Examined(path, document, problems, config)


def salvage(path: Path) -> tuple[Path | None, Policy | None]:
    """What a file with mistakes says where an agent's state is, and whom it tells; None: that part can't be read.

    Raises:
        ConfigFileError: nothing of the file can be read.
    """
    text = _text(path, errors="replace")
    document = parse(text)
    if not isinstance(document.data, dict):  # no YAML: one line of it may be
        document = parse("".join(re.findall(r"^state[ \t]*:.*", text, re.MULTILINE)[:1]))
    data = document.data if isinstance(document.data, dict) else {}
    state, policy = None, None
    with suppress(ValidationError):
        state = TypeAdapter(File).validate_python(data.get("state"), context=path.parent)
    with suppress(ValidationError):
        section = RouteSection.model_validate(data.get("route"), context=path.parent)
        policy = Policy(route=root(section, lambda place: f"{path.name}:{document.line(place)}"))
    return state, policy


def _text(path: Path, errors: str = "strict") -> str:
    try:
        if not path.is_file():  # opening a pipe that nobody writes to would block
            raise ConfigFileError([f"{path} is {'not a file' if path.exists() else 'not there'}: mqcanary config init"])
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigFileError([f"{path} can't be read ({error.strerror}): give this user the right to"]) from None
    if len(raw) > _LARGEST:
        raise ConfigFileError([f"{path} is larger than {_LARGEST >> 20} MiB: it is no configuration"])
    try:
        return raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    raise ConfigFileError([f"{path}:{line}: not UTF-8 text; save the file as UTF-8"])


def _mistake(detail: ErrorDetails, place: Place, document: Document) -> Problem:
    said = _said(detail, _at(document.data, place))
    return document.problem(place, said) if place else Problem(1, said)


def _at(data: Any, place: Place) -> Any:
    """What is written at a place, None where nothing is."""
    for step in place:
        try:
            data = data[step]
        except (LookupError, TypeError):
            return None
    return data


def _said(detail: ErrorDetails, written: Any) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = sorted(_fields(detail["loc"]))
        guess = near(str(detail["loc"][-1]), known)
        return f"unknown key{guess or '; write one of ' + ', '.join(known)}"
    if kind == "missing":
        return "missing; write it"
    if kind == "value_error":
        return str((detail.get("ctx") or {}).get("error", detail["msg"]))
    if kind in {"tuple_type", "list_type"}:
        return "not a list; begin each entry with -"
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return "not a mapping; write keys below it, indented"
    if kind == "literal_error":
        options = str((detail.get("ctx") or {}).get("expected", "")).replace("'", "")
        if not isinstance(written, str):
            return f"not one of its values; write {options}"
        guess = near(written, re.findall(r"\w+", options))
        return f"{quoted(written)} is not one of its values{guess or f'; write {options}'}"
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _fields(place: Place) -> Iterable[str]:
    """The keys that may stand where an unknown one stands."""
    model: Any = FileSection
    for step in place[:-1]:
        if isinstance(step, str) and isinstance(model, type) and issubclass(model, BaseModel):
            model = _model_in(model.model_fields[step].annotation) if step in model.model_fields else None
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else ()


def _model_in(annotation: Any) -> Any:
    """The model within an annotation such as `tuple[KafkaSection, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg)) is not None), None)


def _overrides(
    data: Mapping[str, Any], section: FileSection | None, document: Document, path: Path, problems: list[Problem]
) -> tuple[Override, ...]:
    """The limits, each with the line it came from; what is wrong with them goes to `problems`."""
    entries = data.get("limits")
    found: list[Override] = []
    for i, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict):
            continue  # the model tells that
        values, wrong = values_of(entry)
        for name, text in wrong:
            problems.append(document.problem(("limits", i, name), text))
        if section is None or wrong:
            continue
        limit: LimitSection = section.limits[i]
        origin = f"{path.name}:{document.line(('limits', i))}"
        lines = {name: f"{path.name}:{document.line(('limits', i, name))}" for name in entry}
        found.append(
            Override(limit.resources, limit.checks, values, limit.off, limit.severity, limit.after, origin, lines)
        )
    return tuple(found)


def _globs(data: Mapping[str, Any], document: Document) -> Iterator[Problem]:
    ignores = data.get("ignore")
    for i, entry in enumerate(ignores if isinstance(ignores, list) else ()):
        glob = entry.get("checks") if isinstance(entry, dict) else None
        if isinstance(glob, str) and (text := unknown_check(glob)):
            yield document.problem(("ignore", i, "checks"), text)
    audit = data.get("audit")
    if not isinstance(audit, dict):
        return
    for key in ("only", "skip"):
        globs = audit.get(key) or ()
        for i, glob in enumerate(globs if isinstance(globs, list) else [globs]):
            if isinstance(glob, str) and (text := unknown_check(glob)):
                yield document.problem(("audit", key, i) if isinstance(globs, list) else ("audit", key), text)


def _kafka(sections: Iterable[KafkaSection], document: Document, problems: list[Problem]) -> Iterator[KafkaTarget]:
    for i, section in enumerate(sections):
        security = section.security.build() if section.security else Security()
        bootstrap = section.bootstrap
        ignored: tuple[str, ...] = ()
        if section.properties is not None:
            try:
                read = Security.from_properties(section.properties)
                security, ignored = read.security, read.ignored
                bootstrap = bootstrap or endpoints(",".join(read.bootstrap), str(section.properties))
            except ConfigError as error:
                problems.append(document.problem(("kafka", i, "properties"), str(error)))
        choices = section.topics, section.groups
        yield KafkaTarget(
            bootstrap,
            section.name,
            security,
            *choices,
            section.deadline,
            ignored,
            section.sample,
            requests=section.requests,
        )


def endpoints(text: str, key: str) -> tuple[tuple[str, int], ...]:
    """Reads `host:port,host:port`; IPv6 in brackets.

    Raises:
        ConfigError: a part has another form; `key` says where it stood.
    """
    try:
        return read_endpoints(text)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


def _regions(section: FileSection, document: Document) -> Iterator[Problem]:
    for i, target in enumerate(section.sqs):
        if not target.endpoint_url and (text := unknown_region(target.region)):
            yield document.problem(("sqs", i, "region"), text)


def _names(section: FileSection, document: Document) -> Iterator[Problem]:
    """Two targets of one name would share their findings."""
    for key in ("kafka", "sqs"):
        first: dict[str, int] = {}
        for i, target in enumerate(getattr(section, key)):
            if target.name and target.name in first:
                other = document.line((key, first[target.name], "name"))
                text = f"{quoted(target.name)} is the name of another target, on line {other}; give each its own"
                yield document.problem((key, i, "name"), text)
            elif target.name:
                first[target.name] = i
