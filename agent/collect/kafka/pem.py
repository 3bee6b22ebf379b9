"""Certificates and keys in PEM: from a file or written inline, checked so that errors name what is wrong."""

import os
import re
import ssl
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import ConfigError

_BLOCK: Final = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=kind)-----", re.DOTALL)
_LARGEST: Final = 16 * 1024 * 1024
MARK: Final = "-----BEGIN "


def pem_text(source: str, what: str) -> str:
    """The PEM itself: `source` is inline PEM or the path of a file."""
    if MARK in source:
        return source
    try:
        with Path(source).open("rb") as file:
            raw = file.read(_LARGEST)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise ConfigError(f"{what} {source} cannot be read ({reason}): give the path of a PEM file") from None
    # Latin-1 takes any byte: comments around the blocks may be in any encoding, and a binary store has no block.
    return raw.decode("latin-1")


def certificates(text: str) -> str:
    return "".join(block for kind, block in _blocks(text) if kind in {"CERTIFICATE", "TRUSTED CERTIFICATE"})


def trust(context: ssl.SSLContext, source: str) -> None:
    """Only the authorities of `source` from now on: inline PEM, the path of a PEM file, or of a folder as `openssl rehash` makes it.

    Raises ConfigError for what can't be used.
    """
    if MARK not in source and Path(source).is_dir():
        context.load_verify_locations(capath=source)
        return
    shown = "(inline PEM)" if MARK in source else source
    authorities = certificates(pem_text(source, "the CA file"))
    if not authorities:
        raise ConfigError(f"the CA file {shown} holds no certificate in PEM form: give the authority's certificate")
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"the CA file {shown} holds a damaged certificate: export it again in PEM form") from None


def private_key(text: str) -> str:
    return "".join(block for kind, block in _blocks(text) if kind.endswith("PRIVATE KEY"))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each block with its base64 in lines of 64: Kafka takes a block on one line, as properties hold it; OpenSSL does not."""
    for match in _BLOCK.finditer(text):
        body = match["body"].strip()
        if ":" not in body:  # an old encrypted key has headers, whose line breaks count
            body = "\n".join(textwrap.wrap("".join(body.split()), 64))
        yield match["kind"], f"-----BEGIN {match['kind']}-----\n{body}\n-----END {match['kind']}-----\n"


@contextmanager
def as_file(text: str) -> Iterator[str]:
    """The name of a file with this text, for as long as the context lasts: OpenSSL takes keys from files only.

    On Linux it is memory: a key that was given inline never touches a disk, and a read-only one does no harm.
    """
    if sys.platform == "linux":
        with open(os.memfd_create("pem"), "w+", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile("w+", encoding="ascii") as file:
            file.write(text)
            file.flush()
            yield file.name
