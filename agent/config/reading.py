"""YAML as plain data that remembers its lines.

Every scalar stays the text that was written, or None where nothing was: what a value means is the model's to say, so
that `off: true` is not a key called False, and an account id keeps its zeros.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Place = tuple[str | int, ...]

_MOST: Final = 50_000
_PREFIX: Final = "tag:yaml.org,2002:"
_PLAIN: Final = {_PREFIX + name for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_REFERENCE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, and the line it is on."""

    line: int
    text: str


@dataclass(slots=True)
class Document:
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    kept: Mapping[Place, list[int]] = field(default_factory=dict)
    """Where entries of lists were left out: those that are left, by their number in the file. Places count those alone."""

    def line(self, path: Place) -> int:
        """Where `path` is written, or the nearest thing around it."""
        path = origin(path, self.kept)
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), 1)

    def problem(self, path: Place, text: str) -> Problem:
        return Problem(self.line(path), f"{dotted(origin(path, self.kept))}: {text}")


def origin(path: Place, kept: Mapping[Place, list[int]]) -> Place:
    """The place in the file of what stands at `path` where only `kept` is left."""
    found: Place = ()
    for step in path:
        found = (*found, kept[found][step] if isinstance(step, int) and found in kept else step)
    return found


class _Loader(yaml.SafeLoader):
    """Resolves nothing but what is empty; takes `${NAME}` unquoted within { } as well."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it

    def scan_plain(self) -> Any:
        match = _REFERENCE.match(self.prefix(80)) if self.flow_level else None
        if match is None:
            return super().scan_plain()
        start = self.get_mark()
        self.forward(match.end())
        self.allow_simple_key = False
        return yaml.ScalarToken(match[0], True, start, self.get_mark())


_Loader.add_implicit_resolver(_PREFIX + "null", re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])


def parse(text: str) -> Document:
    """Never raises: what is wrong is in `problems`."""
    document = Document()
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _Walk(document).visit(node, (), frozenset())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"not YAML: character U+{ord(text[error.position]):04X} is not allowed; delete it"
        document.problems = [Problem(line, problem)]
    except yaml.MarkedYAMLError as error:
        document.problems = [_malformed(error)]
    except RecursionError:
        document.problems = [Problem(1, "not a configuration: nested too deeply")]
    except _TooMuchError:
        document.problems = [
            Problem(1, f"not a configuration: more than {_MOST} values (does an alias repeat itself?)")
        ]
    except ValueError:  # of PyYAML: an escape that stands for no character
        document.problems = [
            Problem(1 if loader is None else loader.line + 1, "not YAML: an escape names no character")
        ]
    finally:
        if loader is not None:
            loader.dispose()
    return document


def _malformed(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = error.problem or error.context or "cannot be read"
    told = f"{error.context or ''} {said}"
    if "alias" in told:
        said = "* begins an alias, and there is no such anchor; put names with * in quotes"
    elif "anchor" in told:
        said = "& begins an anchor, and this one is no name or taken; put texts with & in quotes"
    elif "tag" in told:
        said = "! begins a tag, and there is no such tag; put texts with ! in quotes"
    elif "single document" in told:
        said = "a second document begins; write one"
    elif "'\\t'" in told:
        said = "a tab indents; use spaces"
    # What PyYAML quotes may be a piece of a password; a single character, or a <token> of its own, is none.
    said = _QUOTED.sub(lambda found: found[0] if len(found[0]) == 3 or found[0][1] == "<" else "it", said)
    return Problem(line, f"not YAML, column {column}: {said}")


class _TooMuchError(Exception):
    """A file of a few lines can stand for billions of values."""


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen = 0

    def visit(self, node: yaml.Node, path: Place, above: frozenset[int]) -> None:
        """The value of a node; `above` is what it stands in."""
        self._document.data = self._value(node, path, above)

    def _value(self, node: yaml.Node, path: Place, above: frozenset[int]) -> Any:
        self._seen += 1
        if self._seen > _MOST:
            raise _TooMuchError
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in above:
            return self._wrong(node, "an alias stands within its own anchor")
        if node.tag not in _PLAIN and node.tag != "!":
            return self._wrong(node, "a tag is not allowed; put texts with ! in quotes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, above | {id(node)})
        if isinstance(node, yaml.SequenceNode):
            within = above | {id(node)}
            return [self._value(item, (*path, i), within) for i, item in enumerate(node.value)]
        if node.tag == _PREFIX + "null":
            return None
        text: str = node.value
        if any("\ud800" <= c <= "\udfff" for c in text):
            return self._wrong(node, "half a surrogate pair is not text; write the character itself")
        return text

    def _mapping(self, node: yaml.MappingNode, path: Place, above: frozenset[int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or any("\ud800" <= c <= "\udfff" for c in key.value):
                self._wrong(key, "a key has to be a plain name")
            elif key.value == "<<" and key.style is None:
                merged.append(value)
            elif key.value in found:
                first = lines[key.value]
                self._wrong(key, f"{dotted((*path, key.value))}: stands here twice, first on line {first}; delete one")
            else:
                lines[key.value] = line
                self._document.lines[*path, key.value] = line
                found[key.value] = self._value(value, (*path, key.value), above)
        for other in merged:
            for name, value in self._merge(other, path, above).items():
                found.setdefault(name, value)
        return found

    def _merge(self, node: yaml.Node, path: Place, above: frozenset[int]) -> Mapping[str, Any]:
        """What `<<` brings in: one mapping, or several of which the first wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        together: dict[str, Any] = {}
        for one in nodes:
            value = self._value(one, path, above)
            if isinstance(value, dict):
                together = {**value, **together}
            else:
                self._wrong(one, "<< takes a mapping, or a list of mappings")
        return together

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self._document.problems.append(Problem(node.start_mark.line + 1, text))


def dotted(path: Place) -> str:
    """`kafka[0].deadline`."""
    return "".join(_steps(path))


def _steps(path: Place) -> Iterator[str]:
    for i, step in enumerate(path):
        if isinstance(step, int):
            yield f"[{step}]"
        else:
            # After a colon without a space the key holds its value, which may be a password.
            name = step.partition(":")[0]
            yield ("." if i else "") + (name if re.fullmatch(r"[\w.-]{1,60}", name) else quoted(name))


def quoted(value: object) -> str:
    """A value for a message: in double quotes, printable, not endless."""
    text = value if isinstance(value, str) else str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) + '"'
