"""The two little languages of a Java client's configuration: .properties files and JAAS entries."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from agent.errors import ConfigError

_LINE: Final = re.compile(r"\r\n|\n|\r")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_KEY: Final = re.compile(r"(?P<key>(?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*", re.DOTALL)
_CONTROL: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Property(NamedTuple):
    key: str
    value: str
    line: int
    """Where it begins, counted from 1."""


def parse_properties(text: str) -> dict[str, str]:
    """What java.util.Properties makes of the text; where a key stands twice the later one counts."""
    return {one.key: one.value for one in properties_of(text)}


def properties_of(text: str) -> Iterator[Property]:
    """The properties in their order."""
    for number, line in _logical_lines(text.removeprefix("\ufeff")):
        if match := _KEY.match(line):  # always: it matches nothing, too
            key = _unescape(match["key"], key="")
            yield Property(key, _unescape(line[match.end() :], key=key), number)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each with the number of its first natural line."""
    pending, begin = "", 0
    for number, natural in enumerate(_LINE.split(text), start=1):
        line = natural.lstrip(" \t\f")
        if not pending and (not line or line[0] in "#!"):
            continue
        begin = begin or number
        # An even number of backslashes is that many halves of them; the odd one joins the next line.
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        pending += line[:-1] if continued else line
        if not continued:
            yield begin, pending
            pending, begin = "", 0
    if pending:
        yield begin, pending


def _unescape(text: str, *, key: str) -> str:
    def character(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] != "u":
            return _CONTROL.get(escape, escape)
        if len(escape) == 1:
            raise ConfigError(f"{key or 'a key'} has a malformed \\u escape: write \\u and four hexadecimal digits")
        return chr(int(escape[1:], 16))

    text = _ESCAPE.sub(character, text)
    # Java holds characters beyond the first 65,536 as two halves, each with an escape of its own.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class LoginModule(NamedTuple):
    name: str
    options: dict[str, str]


_TOKEN: Final = re.compile(
    r"""
    //[^\r\n]*|/\*.*?\*/|[\s\0]+            # comments and space
    |"(?P<double>(?:\\.|[^"\\\r\n])*)"      # a string ends with its line at the latest
    |'(?P<single>(?:\\.|[^'\\\r\n])*)'
    |(?P<word>[\w.$-]+)
    |(?P<sign>[=;])
    """,
    re.VERBOSE | re.DOTALL,
)
_JAAS_ESCAPE: Final = re.compile(r"\\([0-3][0-7]{0,2}|[4-7][0-7]?|.)", re.DOTALL)
_JAAS_CONTROL: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_JAAS_SHAPE: Final = 'Module required username="…" password="…";'


def parse_jaas(value: str) -> LoginModule:
    """The one entry of sasl.jaas.config, as Kafka's own parser reads it. Errors never quote the value: it holds a password."""
    tokens = list(_tokens(value))
    if len(tokens) < 3 or tokens[-1] != ("sign", ";"):
        raise _jaas_error("is not a login module, a control flag and options, ended by ;")
    (_, name), _flag, *rest = tokens[:-1]
    options: dict[str, str] = {}
    while rest:
        match rest:
            case [("text", key), ("sign", "="), ("text", option), *rest]:
                options[key] = option
            case [("sign", ";"), *_]:
                raise _jaas_error("holds more than one login module")
            case [(_, key), *_]:
                raise _jaas_error(f"has no value for its option number {len(options) + 1}")
    return LoginModule(name, options)


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(value):
        match = _TOKEN.match(value, position)
        if match is None:
            raise _jaas_error(f"cannot be read from its character {position + 1} on; a quote may be missing")
        position = match.end()
        if match["sign"]:
            yield "sign", match["sign"]
        elif match["word"]:
            yield "text", match["word"]
        elif (quoted := match["double"] if match["double"] is not None else match["single"]) is not None:
            yield "text", _JAAS_ESCAPE.sub(_jaas_character, quoted)


def _jaas_character(match: re.Match[str]) -> str:
    escape = match[1]
    return chr(int(escape, 8)) if escape[0] in "01234567" else _JAAS_CONTROL.get(escape, escape)


def _jaas_error(what: str) -> ConfigError:
    return ConfigError(f"sasl.jaas.config {what}: write {_JAAS_SHAPE}")
