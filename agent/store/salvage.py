"""Takes over from a damaged or deleted journal what can still be read of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.store.files import connect

KEYS = {
    "value": "key",
    "incident": "rowid",
    "transition": "rowid",
    "outbox": "rowid",
    "shipment": "rowid",
    "awake": "since",
    "deed": "rowid",
    "report": "rowid",
}
"""The tables, the most important first, and by what their rows are read forwards and backwards."""


def salvage(source: sqlite3.Connection, target: sqlite3.Connection) -> dict[str, int]:
    """Copy the rows that can be read and that the target does not have; how many, by table."""
    source.text_factory = lambda text: text.decode(errors="replace")
    return {table: _copy(source, target, table) for table in KEYS}


def salvage_file(path: Path, target: sqlite3.Connection) -> dict[str, int]:
    """The same from a file; nothing from one that SQLite cannot even begin to read."""
    try:
        source = connect(path, 0.0, make=False)
    except sqlite3.DatabaseError:
        return dict.fromkeys(KEYS, 0)
    try:
        return salvage(source, target)
    finally:
        source.close()


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    try:
        columns = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
    except sqlite3.DatabaseError:
        return 0
    if not columns:
        return 0
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    before = target.total_changes
    target.execute("BEGIN IMMEDIATE")
    target.executemany(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - of our own names
        _readable(source, f"SELECT {names} FROM {table} ORDER BY {KEYS[table]}"),  # noqa: S608
    )
    target.execute("COMMIT")
    return target.total_changes - before


def _readable(source: sqlite3.Connection, select: str) -> Iterator[tuple[object, ...]]:
    """The rows before the first page that cannot be read; then those behind the last such page."""
    try:
        yield from source.execute(select)
    except sqlite3.DatabaseError:
        yield from _until_damage(source, f"{select} DESC")


def _until_damage(source: sqlite3.Connection, select: str) -> Iterator[tuple[object, ...]]:
    with suppress(sqlite3.DatabaseError):
        yield from source.execute(select)
