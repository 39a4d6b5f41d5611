"""`openbell plugins new`: writes the beginnings of a plugin package."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--machine", "shape", flag_value="machine", default=True, help="A state machine (the default).")
@click.option("--notifier", "shape", flag_value="notifier", help="A notifier.")
@click.option("--broker", "shape", flag_value="broker", help="A broker: its login and its feed.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="The folder that gets the new one; by default this one.",
)
def new(name: str, shape: str, into: Path) -> None:
    """Write a package openbell-NAME whose tests pass, to change from there.

    Nothing is overwritten.
    """
    from agent.skeleton import Names, Shape, write

    names = Names(name)
    for path in write(names, Shape(shape), into):
        click.echo(path)
    folder = into / names.project
    click.echo(f"\nNext: pip install --editable {folder}, openbell plugins test {folder}, and what is in")
    click.echo(f"{folder}/sample.toml goes into agent.toml.")
