"""Prunes the journal in steps: each a short transaction of its own, so that no commit waits for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.store.folding import fold
from agent.store.keeping import SEEN, Limits, Past
from agent.store.transactions import transaction

STEP = 500
"""So many rows are looked at in one step."""

PAGES = 200
"""So many pages at the file's end are given back in one step."""

WORTH_PAGES = 2_000
"""Fewer free pages are left for what comes next."""

LAST = "9999"
"""Later than any instant."""

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A table that is looked through from its oldest row.

    A row of its window begins with the position, by which the next window begins, and the instant.
    """

    window: str
    forget: str


REPORTS = Shelf(
    "SELECT id, at FROM report WHERE id > ? ORDER BY id LIMIT ?",
    "DELETE FROM report WHERE id = ?",
)
LETTERS = Shelf(
    "SELECT o.seq, o.created_at, o.id, o.ended_at, i.id IS NOT NULL FROM outbox o LEFT JOIN incident i"
    " ON i.id = substr(o.stream, 1, instr(o.stream || '/', '/') - 1) AND i.closed_at IS NULL"
    " WHERE o.seq > ? ORDER BY o.seq LIMIT ?",
    "DELETE FROM outbox WHERE id = ? AND state NOT IN ('pending', 'sending')",
)
TRANSITIONS = Shelf(
    "SELECT t.id, t.at, t.subject, t.name, i.id IS NOT NULL, i.id IS NOT NULL AND i.closed_at IS NULL"
    " FROM transition t LEFT JOIN incident i ON i.id = t.incident WHERE t.id > ? ORDER BY t.id LIMIT ?",
    "DELETE FROM transition WHERE id = ?",
)
INCIDENTS = "DELETE FROM incident WHERE opened_at < ?1 AND closed_at < ?1"
AWAKE = "DELETE FROM awake WHERE until < ?"


def sweep(connection: sqlite3.Connection, limits: Limits) -> Iterator[int]:
    """Forget what is older than its limit, then what is too much, then give back the space.

    After each step it yields how many rows or pages went; nothing is under way then.
    """
    yield from _forget(connection, INCIDENTS, limits.history)
    yield from _forget(connection, AWAKE, limits.sight)
    past = Past(limits)
    yield from _walk(
        connection, TRANSITIONS, lambda rows: past.choose(row[:5] for row in rows), limits.history
    )
    yield from _walk(connection, LETTERS, lambda rows: _ended(rows, limits.notices), limits.notices)
    yield from _walk(connection, REPORTS, lambda rows: _older(rows, limits.reports), limits.reports)
    yield from fold(connection, limits.max_bytes // 5)
    yield from _fit(connection, limits.max_bytes)
    yield from _shrink(connection)


def used_bytes(connection: sqlite3.Connection) -> int:
    """What rows and indexes take up; the file may have free pages beside it."""
    pages, free = _pragma(connection, "page_count"), _pragma(connection, "freelist_count")
    return (pages - free) * _pragma(connection, "page_size")


def whole_bytes(connection: sqlite3.Connection) -> int:
    """How long the file is once all that was written is in it."""
    return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def _fit(connection: sqlite3.Connection, max_bytes: int) -> Iterator[int]:
    """The oldest reports go first, then notices, then transitions that nothing else needs."""
    for shelf, choose in ((REPORTS, _all), (LETTERS, _ended), (TRANSITIONS, _needless)):
        if used_bytes(connection) <= max_bytes:
            return
        for gone in _walk(connection, shelf, choose):
            yield gone
            if used_bytes(connection) <= max_bytes:
                return


def _all(rows: Rows) -> Iterator[object]:
    return (row[0] for row in rows)


def _older(rows: Rows, before: str) -> Iterator[object]:
    return (id_ for id_, at in rows if at < before)


def _ended(rows: Rows, before: str = LAST) -> Iterator[object]:
    """Without those of an open incident: its end is told where its beginning was."""
    return (id_ for _, _, id_, ended_at, is_open in rows if not is_open and (ended_at or LAST) < before)


def _needless(rows: Rows) -> Iterator[object]:
    return (id_ for id_, _, subject, _, _, is_open in rows if subject not in SEEN and not is_open)


def _walk(
    connection: sqlite3.Connection,
    shelf: Shelf,
    choose: Callable[[Rows], Iterable[object]],
    before: str = LAST,
) -> Iterator[int]:
    """Window by window; ends with the first that has nothing from before an instant.

    Rows come in the order of their writing. Where a clock was set, some are out of the order of
    their instants, and go a little later.
    """
    position = -1
    while rows := connection.execute(shelf.window, (position, STEP)).fetchall():
        gone = [(key,) for key in choose(rows)]
        if gone:
            with transaction(connection):
                connection.executemany(shelf.forget, gone)
        yield len(gone)
        if all(row[1] >= before for row in rows):
            return
        position = rows[-1][0]


def _forget(connection: sqlite3.Connection, statement: str, before: str) -> Iterator[int]:
    """Of the small tables, in one go."""
    yield connection.execute(statement, (before,)).rowcount


def _shrink(connection: sqlite3.Connection) -> Iterator[int]:
    """Give pages at the file's end back to the disk, when many of all are free.

    A file that an older program made keeps its length, and fills up its free pages again.
    """
    if _pragma(connection, "auto_vacuum") != 2:
        return
    while (free := _pragma(connection, "freelist_count")) > max(
        WORTH_PAGES, _pragma(connection, "page_count") // 10
    ):
        connection.executescript(f"PRAGMA incremental_vacuum({PAGES})")  # `execute` would free one page
        yield free - _pragma(connection, "freelist_count")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
