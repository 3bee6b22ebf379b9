"""Structured logs on stderr: JSON for machines, lines for a terminal."""

import logging
import os
import sys

import structlog


def begin(form: str) -> None:
    """`form`: json, console, or auto: console on a terminal."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=colours) if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("message" if not console else "event"),
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries say little, and only what is wrong; they never see a secret of ours formatted into a message.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s")
    for noisy in ("apscheduler", "slack_sdk"):  # what they would say is told as what it means, by us
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
