"""mqcanary run."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option, state_option

if TYPE_CHECKING:
    from agent.config.model import Config


@click.command("run")
@config_option
@state_option
@click.option(
    "--scope",
    multiple=True,
    metavar="GLOB",
    help="Beside one application: only groups/NAME and queues/NAME, and the topics they read. Repeatable.",
)
@click.option("--log", type=click.Choice(["auto", "json", "console"]), default="auto", show_default=True, help="How.")
def command(*, config: Path | None, state: Path | None, scope: tuple[str, ...], log: str) -> None:
    """Watch, and tell: Slack, webhooks, the console; metrics and a status page on one address.

    It runs until it is stopped. SIGTERM sends what is due and ends within 8 s; SIGHUP reads the configuration
    again, and a bad one is refused while the old one goes on. Alerts, silences, messages under way and an hour of
    history are kept in the state directory and survive whatever happens to the process.

    With --scope it is the sidecar of one application, and serves metrics only unless the configuration has a route.
    Names are asked for by name, so that DESCRIBE on those groups and topics is enough; a glob, as 'queues/invoices*',
    needs the right to list its kind.

    \b
    mqcanary config init
    mqcanary run --config mqcanary.yaml --state /var/lib/mqcanary
    mqcanary run --config mqcanary.yaml --scope groups/payments-app --scope queues/invoices
    """  # noqa: D301 - \b is click's own mark
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it would end what has only begun to start
    # structlog would load it (10 MB) for tracebacks that show local variables, and secrets are among them.
    sys.modules["rich"] = None  # type: ignore[assignment]

    from agent.daemon.heap import keep_small

    keep_small()

    from agent.config.loading import load
    from agent.config.scope import scoped
    from agent.daemon.logs import begin
    from agent.daemon.run import Daemon, Options, handle_signals
    from agent.errors import ConfigError
    from agent.store.place import state_folder

    if config is None:
        raise ConfigError("nothing to watch: give --config FILE; begin with: mqcanary config init")
    file = config
    begin(log)

    def read() -> "Config":
        return scoped(load(file), scope)

    loaded = read()
    options = Options(state_folder(state, loaded), read, click.echo)
    daemon = Daemon(loaded, options)
    handle_signals(daemon)
    daemon.run()
