"""mqcanary demo."""

import signal
import sys

import click


@click.command("demo")
@click.option("--fast", is_flag=True, help="Tell the story in about 15 seconds.")
def command(*, fast: bool) -> None:
    """Watch a story of 90 seconds: a simulated cluster, local queues, a local Slack, and the agent between them.

    Nothing outside this machine is touched, and nothing is left behind. On a terminal everything stays up at the end,
    until Ctrl-C.
    """
    from agent.demo.screen import Screen, terminal
    from agent.demo.show import play

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    play(Screen(terminal()), pace=1 / 10 if fast else 1.0, stay=sys.stdin.isatty())
