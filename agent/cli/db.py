"""`openbell db`: looks at the journal, and copies it, while the agent runs or not."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option, json_option
from agent.config.glancing import glance
from agent.settings import format_size

if TYPE_CHECKING:
    from agent.store.survey import Holding, Survey

EXIT_UNSOUND = 1

WORDS = {
    "transition": "transitions",
    "incident": "incidents",
    "outbox": "notices",
    "report": "reports",
    "awake": "runs",
    "deed": "deeds",
    "value": "values",
    "shipment": "shipments",
}

journal_option = click.option(
    "--journal", "journal", type=click.Path(path_type=Path), help="This file, not the configuration's."
)


@click.group()
def db() -> None:
    """Look at the journal, or back it up."""


@db.command()
@config_option
@journal_option
@json_option
def check(config: Path, journal: Path | None, as_json: bool) -> None:
    """Read the whole journal: is it sound, how large is it, what does it hold?

    Changes nothing, and the agent may run. Exits 1 when the file cannot be used as it is.
    """
    from agent.store.survey import survey

    found = survey(journal or _journal_of(config))
    _tell(found, as_json)
    sys.exit(EXIT_UNSOUND if found.faults else 0)


@db.command()
@config_option
@journal_option
@json_option
@click.argument("target", type=click.Path(path_type=Path))
def backup(config: Path, journal: Path | None, target: Path, as_json: bool) -> None:
    """Copy the journal into the file TARGET, and read the copy through; the agent may run."""
    from agent.store.survey import take_backup

    _tell(take_backup(journal or _journal_of(config), target), as_json)


def _journal_of(config: Path) -> Path:
    """As the configuration names it, which need not be whole: its secrets may be elsewhere."""
    folder = glance(config).get("data")
    return config.resolve().parent / (folder if isinstance(folder, str) else "data") / "journal.sqlite"


def _tell(found: Survey, as_json: bool) -> None:
    if as_json:
        body = {**asdict(found), "path": str(found.path), "is_sound": not found.faults}
        click.echo(json.dumps(body))
        return
    click.echo(f"{found.path}: {'; '.join(found.faults) or 'good'}")
    if found.schema is not None:
        behind = ", which the next start brings forward" if found.is_behind else ""
        click.echo(f"  {'schema':<12} {found.schema}{behind}")
        click.echo(f"  {'size':<12} {format_size(found.size)}, of which {format_size(found.used)} is in use")
    for table, holding in found.holdings.items():
        if table == "shipment" and not holding.rows:  # none wait, or nothing is shared
            continue
        click.echo(f"  {WORDS[table]:<12} {_words(holding)}")


def _words(holding: Holding) -> str:
    if holding.oldest is None or holding.newest is None:
        return f"{holding.rows:,}"
    return f"{holding.rows:,}, from {holding.oldest[:19]}Z to {holding.newest[:19]}Z"
