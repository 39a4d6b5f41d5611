"""`openbell completion`: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL, for its start-up file."""
    from agent.cli.program import program

    scripted = get_completion_class(shell)
    if scripted is not None:
        click.echo(scripted(program, {}, "openbell", "_OPENBELL_COMPLETE").source())
