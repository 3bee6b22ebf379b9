"""From a YAML file to a Config, or to every mistake in it at once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agent.collect.aws.regions import unknown_region
from agent.collect.kafka.security import Security
from agent.config.model import Config, FileSection, KafkaSection, KafkaTarget, LimitSection, read_endpoints
from agent.config.overrides import near, unknown_check, values_of
from agent.config.reading import Document, Place, Problem, dotted, parse, quoted
from agent.config.running import RouteSection, root, running, unreachable
from agent.config.values import File
from agent.errors import ConfigError, ConfigFileError
from alerts.policy import Policy
from checks.limits import Limits, Override

_LARGEST: Final = 8 * 1024 * 1024


def load(path: Path) -> Config:
    """Reads a configuration file; `~` and relative paths in it mean what stands beside it.

    Raises:
        ConfigFileError: it can't be read, or something in it is wrong: each mistake with its line and its mend.
    """
    document = parse(_text(path))
    problems = list(document.problems)
    if document.data is None and not problems:
        problems.append(Problem(1, "nothing is written here; begin with: mqcanary config init"))
    elif document.data is not None and not isinstance(document.data, dict):
        problems.append(Problem(1, "not a configuration; write keys such as kafka: and sqs:"))
    data = document.data if isinstance(document.data, dict) else {}
    section: FileSection | None = None
    try:
        section = FileSection.model_validate(data, context=path.parent)
    except ValidationError as error:
        problems += _mistakes(error, document)
    overrides = _overrides(data, section, document, path, problems)
    problems += _globs(data, document)
    targets: list[KafkaTarget] = []
    if section is not None:
        targets = list(_kafka(section.kafka, document, problems))
        problems += _names(section, document)
        problems += _regions(section, document)
        problems += [Problem(document.line(at), f"{dotted(at)}: {text}") for at, text in unreachable(section)]
    if problems or section is None:
        raise ConfigFileError(
            [f"{path}:{problem.line}: {problem.text}" for problem in sorted(set(problems), key=lambda p: p.line)]
        )
    ignores = [one.build(f"{path.name}:{document.line(('ignore', i))}") for i, one in enumerate(section.ignore)]
    run = running(section, lambda place: f"{path.name}:{document.line(place)}", path, ignores)
    return Config(path, tuple(targets), section.sqs, overrides, Limits(overrides, ignores), section.audit, run)


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


def _mistakes(error: ValidationError, document: Document) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        place = tuple(detail["loc"])
        while place and place not in document.lines and place[:-1] and detail["type"] != "missing":
            place = place[:-1]
        name = dotted(place)
        said = _said(detail, _at(document.data, place))
        yield Problem(document.line(place), f"{name}: {said}" if name else said)


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
            place = ("limits", i, name)
            problems.append(Problem(document.line(place), f"{dotted(place)}: {text}"))
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
            place: Place = ("ignore", i, "checks")
            yield Problem(document.line(place), f"{dotted(place)}: {text}")
    audit = data.get("audit")
    if not isinstance(audit, dict):
        return
    for key in ("only", "skip"):
        globs = audit.get(key) or ()
        for i, glob in enumerate(globs if isinstance(globs, list) else [globs]):
            if isinstance(glob, str) and (text := unknown_check(glob)):
                place = ("audit", key, i) if isinstance(globs, list) else ("audit", key)
                yield Problem(document.line(place), f"{dotted(place)}: {text}")


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
                place = ("kafka", i, "properties")
                problems.append(Problem(document.line(place), f"{dotted(place)}: {error}"))
                continue
        choices = section.topics, section.groups
        yield KafkaTarget(bootstrap, section.name, security, *choices, section.deadline, ignored, section.sample)


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
            place = ("sqs", i, "region")
            yield Problem(document.line(place), f"{dotted(place)}: {text}")


def _names(section: FileSection, document: Document) -> Iterator[Problem]:
    """Two targets of one name would share their findings."""
    for key in ("kafka", "sqs"):
        first: dict[str, int] = {}
        for i, target in enumerate(getattr(section, key)):
            place = (key, i, "name")
            if target.name and target.name in first:
                other = document.line((key, first[target.name], "name"))
                text = f"{quoted(target.name)} is the name of another target, on line {other}; give each its own"
                yield Problem(document.line(place), f"{dotted(place)}: {text}")
            elif target.name:
                first[target.name] = i
