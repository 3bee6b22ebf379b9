"""Structured logs on stderr: JSON for machines, lines for a terminal."""

import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO

import structlog

from checks.wording import shown

log = structlog.get_logger("mqcanary")


def begin(form: str) -> None:
    """`form`: json, console, or auto: console on a terminal."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    # Never the tracebacks that show local variables: secrets are among them.
    traceback = structlog.dev.plain_traceback
    last: list[structlog.typing.Processor] = (
        [_printable, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=traceback)]
        if console
        else [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
    )
    lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    # Libraries say little, and only what is wrong; they never see a secret of ours formatted into a message.
    logging.basicConfig(level=logging.ERROR, handlers=[_Library()], force=True)
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)  # what it would say is told as what it means, by us
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed


class _Lines:
    """Where the lines go. A disk that is full takes none: that is no reason to stop watching."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, text: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


class _Library(logging.Handler):
    """What libraries say, in the form of our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # a library that says it wrongly
            log.error("library", name=record.name, detail=" ".join(record.getMessage().split()))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is not SystemExit:
        name = failed.thread.name if failed.thread else ""
        exception = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        log.error("a thread failed: please report this", thread=name, exc_info=exception)


def _printable(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Names of others may hold what moves a terminal's cursor."""
    return {key: shown(value) if isinstance(value, str) and value else value for key, value in event.items()}
