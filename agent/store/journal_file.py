"""The journal's one file in use: opened, looked at, and begun anew when it is damaged or gone."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from agent.store import files, outbox
from agent.store.salvage import salvage, salvage_file
from agent.store.sheet import Sheet, commit, follow
from agent.store.troubles import is_damage

log = logging.getLogger(__name__)

LOOK_EVERY = 12
"""So many uses, about a minute in peace, and the file is looked at as a reader sees it."""

OPEN_ROWS = {
    "value": "SELECT key, value FROM value",
    "incident": "SELECT * FROM incident WHERE closed_at IS NULL",
    "outbox": outbox.WAITING,
}
"""What a new file has to begin with."""


class JournalFile:
    """A connection for the writer to the file that others see at the path.

    What a new run must know is kept in mind, so that a file which takes the place of a damaged or
    deleted one begins with it, even where nothing can be read any more. `asides` names the damaged
    ones that were moved out of the way.
    """

    def __init__(self, path: Path, patience_s: float) -> None:
        self.path = path
        self.asides: list[Path] = []
        self.is_suspect = False
        self.has_lost = False
        """Whether a file has taken a lost one's place: what was to be shipped may be lost with that."""
        self._patience_s = patience_s
        self._has_failed = False
        self._standing = Sheet()
        self._number = 0
        self._shipment = 0
        self._uses = 0
        self._connection: sqlite3.Connection | None = None
        self._identity: files.Identity | None = None

    def read(self, read: Callable[[sqlite3.Connection], None]) -> None:
        """Have the file read as the former run left it; a damaged one as far as it goes."""
        self.asides = files.asides(self.path)
        try:
            self._show(self._open(), read)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._show(self._begin_anew(), read)

    def ready(self) -> sqlite3.Connection:
        """The connection; another one if the path leads elsewhere by now, or the file is damaged."""
        self._uses += 1
        if self.is_suspect or self._uses % LOOK_EVERY == 0:
            self._look()
        former = self._connection
        if former is not None and files.identity(self.path) == self._identity:
            return former
        self._connection = None
        self._connection = self._open() if former is None else self._open_instead_of(former)
        self._identity = files.identity(self.path)
        return self._connection

    def in_use(self) -> sqlite3.Connection | None:
        """The connection, if there is one and the path still leads to its file."""
        is_there = self._connection is not None and files.identity(self.path) == self._identity
        return self._connection if is_there else None

    def remember(self, written: Sheet) -> None:
        """Rows are on disk."""
        if self._has_failed and self._connection is not None:
            self._has_failed = False
            files.be_patient(self._connection, self._patience_s)
        follow(self._standing, written)

    def next_number(self) -> int:
        """The number of a new transition."""
        self._number += 1
        return self._number

    def next_shipment(self) -> int:
        """The number of a new shipment."""
        self._shipment += 1
        return self._shipment

    @property
    def standing(self) -> Sheet:
        """What a new file has to begin with."""
        return self._standing

    def let_go(self) -> None:
        """Close the connection; the next use opens another.

        Whoever holds the file then is not waited for again until it has worked: what is critical
        is sent from memory meanwhile, and must not wait for each attempt.
        """
        self._has_failed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def _patience_now_s(self) -> float:
        return 0.0 if self._has_failed else self._patience_s

    def is_sound(self) -> bool:
        """Whether every page is in order; reads the whole file, from any thread."""
        return files.is_sound(self.path, self._patience_s)

    def _show(self, connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], None]) -> None:
        try:
            read(connection)
            for table, open_rows in OPEN_ROWS.items():
                for row in connection.execute(open_rows):
                    self._standing.put(table, row[0], row)
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._open_sound()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        return self._begin_anew()

    def _open_sound(self) -> sqlite3.Connection:
        """The file opened, and in it whatever a new run must know; raises for a damaged one."""
        is_new = not files.length(self.path)
        connection = files.open_file(self.path, self._patience_now_s, is_doubtful=self._has_failed)
        try:
            commit(connection, self._standing)
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM transition").fetchone()
            (shipped,) = connection.execute("SELECT coalesce(max(seq), 0) FROM shipment").fetchone()
        except BaseException:
            connection.close()
            raise
        self._number = max(self._number, int(last))
        self._shipment = max(self._shipment, int(shipped))
        self.has_lost |= is_new and bool(self._standing)
        return connection

    def _open_instead_of(self, former: sqlite3.Connection) -> sqlite3.Connection:
        """The path leads elsewhere than the connection: take over from it what no file has any more."""
        log.error("%s was deleted or replaced while in use; what it had is written anew", self.path)
        (main, writes), (main_now, writes_now) = self._identity or (None, None), files.identity(self.path)
        if main == main_now:
            files.checkpoint(former)
            former.close()
            return self._open()
        if writes == writes_now:  # SQLite would take them for the new file's
            for suffix in files.WRITES:
                files.beside(self.path, suffix).unlink(missing_ok=True)
        fresh = self._open()
        self.has_lost = True
        salvage(former, fresh)
        former.close()
        return fresh

    def _begin_anew(self) -> sqlite3.Connection:
        """Move the damaged file aside, and begin a new one with what is known and can be read of it."""
        aside = files.set_aside(self.path)
        self.asides.append(aside)
        fresh = self._open_sound()
        self.has_lost = True
        taken = salvage_file(aside, fresh)
        rows = ", ".join(f"{table}: {count}" for table, count in taken.items())
        log.error(
            "%s was damaged; it is now %s, and a new one has begun; rows read from the old one: %s",
            self.path, aside.name, rows,
        )  # fmt: skip
        return fresh

    def _look(self) -> None:
        """Begin a new file if this one is damaged indeed."""
        is_suspect, self.is_suspect = self.is_suspect, False
        if not self.path.exists():
            return
        is_well = files.is_sound if is_suspect else files.is_readable
        if not is_well(self.path, self._patience_now_s):
            self.let_go()
            self._connection = self._begin_anew()
            self._identity = files.identity(self.path)
