"""Folds shipments that have waited long: many become one that has the latest of what they told.

Transitions and deeds go; they are in the journal itself. Values, incidents and letters stay. A folded one has
the number of the last that is in it, and whoever has that already may get it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

from agent.store.rows import INSERT_SHIPMENT
from agent.store.sheet import Row, Sheet
from agent.store.shipments import pack, read
from agent.store.transactions import transaction

MOST = 200_000
"""More shipments do not wait in the file."""

MOST_IN_MEMORY = 1_000
"""More shipments do not wait in memory for the disk."""

STEP = 100
"""So many are folded into one at most, in one transaction."""

LONG = 2**18
"""A body of so many characters is left as it is."""

FACTS = ("transition", "deed")
"""What is given up."""

_SIZES = "SELECT seq, length(body) FROM shipment WHERE seq > ? ORDER BY seq LIMIT ?"
_WINDOW = "SELECT run, seq, epoch, body FROM shipment WHERE seq >= ? ORDER BY seq LIMIT ?"
_FORGET = "DELETE FROM shipment WHERE run = ? AND seq = ?"


def fold(connection: sqlite3.Connection, max_characters: int, most: int = MOST) -> Iterator[int]:
    """Fold the oldest, until no more wait than may; yields after each step how many went."""
    sizes: list[tuple[int, int]] = []
    while window := connection.execute(_SIZES, (sizes[-1][0] if sizes else -1, STEP)).fetchall():
        sizes += window
        yield 0
    count, characters = len(sizes), sum(size for _, size in sizes)
    position = next((seq for seq, size in sizes if size < LONG), None)
    while position is not None and (count > most or characters > max_characters):
        window = connection.execute(_WINDOW, (position, STEP)).fetchall()
        kept = folded(window)
        with transaction(connection):
            connection.executemany(_FORGET, [row[:2] for row in window])
            connection.executemany(INSERT_SHIPMENT, kept)
        count -= len(window) - len(kept)
        characters -= _characters(window) - _characters(kept)
        yield len(window) - len(kept)
        position = window[-1][1] if len(window) == STEP else None


def fold_in_memory(backlog: Sheet) -> None:
    """The same for what a bad disk keeps off: the older half of too many."""
    rows = list(backlog.rows["shipment"].values())
    if len(rows) <= MOST_IN_MEMORY:
        return
    half = len(rows) // 2
    older = [row for start in range(0, half, STEP) for row in folded(rows[start : min(start + STEP, half)])]
    backlog.rows["shipment"] = {row[:2]: row for row in (*older, *rows[half:])}


def folded(shipments: Iterable[Row]) -> list[Row]:
    """Of rows in their order: those of one run and epoch, one after the other, as one row."""
    found: list[Row] = []
    for (run, epoch, is_long), group in groupby(
        shipments, lambda row: (row[0], row[2], _length(row) >= LONG)
    ):
        members = list(group)
        if is_long:
            found += members
            continue
        sheet = Sheet()
        for row in members:
            sheet.lay_on(read(row).sheet)
        for table in FACTS:
            sheet.rows.pop(table, None)
        found.append((run, members[-1][1], epoch, pack(sheet) or "{}"))
    return found


def _length(row: Row) -> int:
    return len(str(row[3]))


def _characters(rows: Iterable[Row]) -> int:
    return sum(map(_length, rows))
