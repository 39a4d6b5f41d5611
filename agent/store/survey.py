"""A survey of a journal's file: whether it is sound, how large it is, and what it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import StoreError
from agent.store import files
from agent.store.backup import back_up
from agent.store.migrations import STEPS, schema_of, too_new
from agent.store.pruning import used_bytes
from agent.store.troubles import explain, is_damage

INSTANTS = {
    "transition": "at",
    "incident": "opened_at",
    "outbox": "created_at",
    "report": "at",
    "awake": "since",
    "deed": "at",
    "value": "NULL",
    "shipment": "NULL",
}
"""The tables, and what says of a row when it was."""

MOST_FAULTS = 5
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Holding:
    """What a table holds: how many rows, and the instants of the oldest and the newest."""

    rows: int
    oldest: str | None = None
    newest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found. `faults` say why the file cannot be used as it is; `size` has the `-wal`."""

    path: Path
    schema: int | None = None
    size: int
    used: int = 0
    holdings: Mapping[str, Holding]
    faults: tuple[str, ...] = ()

    @property
    def is_behind(self) -> bool:
        """Whether the next start brings it forward."""
        return self.schema is not None and self.schema < len(STEPS)


def survey(path: Path) -> Survey:
    """Read the whole of it, and change nothing. Raises `StoreError` where it cannot be opened."""
    size = files.size(path)
    try:
        with _reading(path) as connection:
            return _look(connection, path, size)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise StoreError(explain(path, error)) from error
        return Survey(path=path, size=size, holdings={}, faults=(str(error),))


def take_backup(path: Path, target: Path) -> Survey:
    """Copy a journal, in use or not, and survey the copy. Raises `StoreError`, and leaves none."""
    if target.exists():
        raise StoreError(f"{target}: there is something already; name a file that is not there yet")
    try:
        with _reading(path) as connection:
            back_up(connection, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{target}: the backup cannot be made ({error}); look at {path}, and at the space"
        ) from error
    found = survey(target)
    if found.faults:
        target.unlink()
        raise StoreError(
            f"{path}: it is damaged, and so would be its backup ({found.faults[0]}); see db check"
        )
    return found


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreError(f"{path}: there is no such journal")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, timeout=PATIENCE_S, isolation_level=None, uri=True)
    try:
        yield connection
    finally:
        connection.close()


def _look(connection: sqlite3.Connection, path: Path, size: int) -> Survey:
    connection.execute("BEGIN")  # all of it as it is at one instant
    schema = schema_of(connection)
    broken = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")]
    faults = [] if broken == ["ok"] else broken
    if schema > len(STEPS):
        faults.append(too_new(path, schema))
    elif schema == 0:
        faults.append("this is no journal of openbell")
    return Survey(
        path=path,
        schema=schema,
        size=size,
        used=used_bytes(connection),
        holdings=dict(_holdings(connection)),
        faults=tuple(faults),
    )


def _holdings(connection: sqlite3.Connection) -> Iterator[tuple[str, Holding]]:
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, at in INSTANTS.items():
        if table in there:
            select = f"SELECT count(*), min({at}), max({at}) FROM {table}"  # noqa: S608 - our own names
            yield table, Holding(*connection.execute(select).fetchone())
