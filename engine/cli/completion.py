"""``breakfix completion``."""

import click

EPILOG = """\b
Examples:
  breakfix completion bash >> ~/.bashrc
  breakfix completion zsh >> ~/.zshrc
  breakfix completion fish > ~/.config/fish/completions/breakfix.fish"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Write the script that makes SHELL complete commands and options of breakfix."""
    from click.shell_completion import get_completion_class

    from breakfix.engine.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"Click has no completion for {shell}.")
    click.echo(kind(cli, {}, "breakfix", "_BREAKFIX_COMPLETE").source())
