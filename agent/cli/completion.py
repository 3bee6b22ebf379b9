"""mqcanary completion."""

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> None:
    """Print what makes a shell complete commands and options.

    \b
    eval "$(mqcanary completion bash)"                 # in ~/.bashrc
    eval "$(mqcanary completion zsh)"                  # in ~/.zshrc
    mqcanary completion fish > ~/.config/fish/completions/mqcanary.fish
    """  # noqa: D301 - \b is click's own mark
    from click.shell_completion import get_completion_class

    from agent.cli import cli

    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(cli, {}, "mqcanary", "_MQCANARY_COMPLETE").source())
