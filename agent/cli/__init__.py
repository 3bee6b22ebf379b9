"""The command line: one command a file, imported when it is called, so that `--help` costs next to nothing."""

import errno
import gc
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

_COMMANDS = {
    "audit": "say what is wrong with clusters and queues, why, and what to do",
    "doctor": "say whether everything is in place: access, rights, Slack, cost",
    "run": "watch, and tell: alerts in Slack, metrics for Prometheus",
    "health": "say whether the agent works, for whoever restarts it",
    "alerts": "show what fires, acknowledge it",
    "silence": "silence alerts for a while, as before a deploy",
    "route": "say who is told of an alert, and why",
    "notify": "send a test message",
    "outbox": "look after messages that are not sent yet, or were refused",
    "snapshot": "write what can be observed as JSON, to audit it later",
    "lag": "show how far every consumer group is behind",
    "checks": "list the checks, or explain one",
    "config": "begin, check or describe a configuration file",
    "completion": "complete commands and options in your shell",
    "demo": "watch a story: a simulated cluster, local queues, a local Slack, and the agent between them",
}


@contextmanager
def _read_enough() -> Iterator[None]:
    """Ends well where `| head` has gone: click would end with 1. Other pipes that break, as a connection, are not meant."""
    try:
        yield
    except BrokenPipeError:
        look = select.poll()
        look.register(sys.stdout.fileno(), 0)
        if look.poll(0):  # it says nothing but that the other end is gone
            sys.stdout = None
            sys.exit(0)
        raise


class _Lazy(click.Group):
    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with _read_enough():  # --help and --version print here
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _read_enough():
                return super().invoke(ctx)
        except KeyboardInterrupt:  # a shell tells by the code that it was Ctrl-C, and ends its loop
            sys.exit(128 + signal.SIGINT)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"agent.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from checks.wording import meant

            if guess := meant(args[0], _COMMANDS):
                raise click.UsageError(f"No such command {args[0]!r}; {guess}", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        # The commands themselves stay unloaded: their one line stands here.
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from agent import VERSION

        click.echo(f"mqcanary {VERSION}")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def cli() -> None:
    """Watches Kafka and SQS as a good on-call engineer would. It only reads.

    \b
    mqcanary audit --kafka 127.0.0.1:9092
    mqcanary audit --sqs us-east-1
    mqcanary lag --kafka 127.0.0.1:9092
    """  # noqa: D301 - \b is click's own mark


GARBAGE = (10_000, 20, 100)
"""Objects made between two searches for garbage, and how many of these go by before older objects are searched: a look makes
many objects and none in cycles, so that a third of a cold look's time went into finding nothing.
"""


def main() -> None:
    """Entry point. It leaves the process without taking it apart: all is on disk by then, to tear a large house of objects
    down would take seconds, and a client's thread that hangs would keep it for ever.
    """
    code = obey()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # nobody reads it any more
                stream.flush()
        except (OSError, ValueError):
            sys.exit(code)  # the interpreter says what cannot be written
    os._exit(code)


def obey() -> int:
    """Does what `sys.argv` says, and gives the exit code. What is the user's to mend is one line and exit code 2."""
    from agent.errors import ConfigFileError, MqcanaryError

    gc.set_threshold(*GARBAGE)
    if os.getpid() == 1:
        # As the first process of a container it gets no signal that it doesn't handle: `docker stop` would wait, and kill.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        cli(prog_name="mqcanary")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ConfigFileError as error:
        for line in error.lines:
            click.echo(f"mqcanary: {line}", err=True)
        return 2
    except MqcanaryError as error:
        click.echo(f"mqcanary: {error}", err=True)
        return 2
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        click.echo("mqcanary: there is no space left where this is written to", err=True)
        sys.stdout = None
        return 2
    return 0
