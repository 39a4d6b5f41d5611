"""The journal: what has happened, in one SQLite file, written by one thread in whole commits."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.alerts.letters import Address, Letter, LetterState
from agent.crashpoints import crashpoint
from agent.errors import StoreError
from agent.model import Incident, Transition
from agent.store import outbox, rows
from agent.store.migrations import migrate
from agent.store.rows import Received

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
_STOP = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one transaction: edges, values that replace former ones, and letters."""

    transitions: tuple[Transition, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    incidents: tuple[Incident, ...] = ()
    reports: tuple[Received, ...] = ()
    letters: tuple[Letter, ...] = ()
    forget_before: datetime | None = None
    """Letters that ended before this instant are no longer kept."""
    written: Callable[[StoreError | None], None] | None = field(default=None, repr=False)
    """Called on the event loop once the entry is on disk, or with the error that kept it off."""


class Store(Protocol):
    """What the core needs of a store; another engine may stand behind it."""

    def append(self, entry: Entry) -> None:
        """Write an entry some time soon, whole or not at all; never blocks and never raises."""
        ...

    def value(self, key: str) -> str | None:
        """The latest value under a key, written or about to be."""
        ...


class Journal:
    """One file, one writer thread, group commit with `synchronous=FULL`.

    `append` never blocks and never raises: what cannot be written is told to the entry's
    `written`, and the loop goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._values: dict[str, str] = {}
        self._waiting: list[Letter] = []
        self.reached: dict[tuple[Address, str], bool] = {}
        """Where open incidents had been told, or could not be, when the file was opened."""
        self.last_letter = 0
        """The highest number of a letter when the file was opened."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Open or make the file, bring its schema up to date, read the values. Raises `StoreError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = _connect(self.path)
            try:
                migrate(connection)
                self._values = dict(connection.execute("SELECT key, value FROM value"))
                self._waiting = outbox.waiting(connection)
                self.reached = outbox.reached(connection)
                self.last_letter = outbox.last(connection)
            finally:
                connection.close()
            self.path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(_explain(self.path, error)) from error

    def start(self) -> None:
        """Start the writer; needs the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> None:
        self._values.update(entry.values)
        self._queue.put(entry)

    def value(self, key: str) -> str | None:
        """The latest value under a key, written or about to be."""
        return self._values.get(key)

    def values_under(self, prefix: str) -> dict[str, str]:
        """The latest values whose keys begin so, by the rest of their keys."""
        found = {key: value for key, value in self._values.items() if key.startswith(prefix)}
        return {key.removeprefix(prefix): value for key, value in found.items()}

    def take_waiting(self) -> list[Letter]:
        """The letters that a former run left open, in their order; the caller's from now on."""
        letters, self._waiting = self._waiting, []
        return letters

    async def flush(self) -> None:
        """Wait until all that was appended so far is on disk, or known not to be."""
        if self._thread is None:
            return
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.append(Entry(written=done.set_result))
        await done

    async def close(self) -> None:
        """Write what is waiting, and end the thread."""
        if self._thread is not None:
            self._queue.put(_STOP)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest transitions, newest first, from below the id `before`. Raises `StoreError`."""
        wanted = "SELECT * FROM transition WHERE id < ? ORDER BY id DESC LIMIT ?"
        found = await self._read(wanted, (before if before is not None else 2**62, limit))
        return [rows.read_transition(row) for row in found]

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """The latest incidents, newest first, opened before an instant. Raises `StoreError`."""
        wanted = "SELECT * FROM incident WHERE opened_at < ? ORDER BY opened_at DESC LIMIT ?"
        found = await self._read(wanted, (before.isoformat() if before is not None else "9999", limit))
        return [rows.read_incident(tuple(row)) for row in found]

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        """One incident and its timeline, oldest first; `None` for an unknown id. Raises `StoreError`."""
        found = await self._read("SELECT * FROM incident WHERE id = ?", (id_,))
        if not found:
            return None
        timeline = await self._read("SELECT * FROM transition WHERE incident = ? ORDER BY id", (id_,))
        return rows.read_incident(tuple(found[0])), [rows.read_transition(row) for row in timeline]

    async def letters(
        self, *, limit: int = 100, before: int | None = None, state: LetterState | None = None
    ) -> list[Letter]:
        """The latest letters, newest first, from below the number `before`. Raises `StoreError`."""
        below = before if before is not None else 2**62
        return outbox.readable(await self._read(outbox.PAGE, (below, state, state, limit)))

    async def letters_of(self, incident: str) -> list[Letter]:
        """All letters of an incident that are still kept, oldest first. Raises `StoreError`."""
        return outbox.readable(await self._read(outbox.STREAM, (incident,) * 3))

    async def letter(self, letter_id: str) -> Letter | None:
        """One letter by its id. Raises `StoreError`."""
        return next(iter(outbox.readable(await self._read(outbox.ONE, (letter_id,)))), None)

    async def _read(self, wanted: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return await asyncio.to_thread(self._read_now, wanted, values)

    def _read_now(self, wanted: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        try:
            connection = _connect(self.path)
            try:
                connection.row_factory = sqlite3.Row
                return connection.execute(wanted, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(_explain(self.path, error)) from error

    def _write_all(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            entries = self._take()
            last = entries[-1] is _STOP
            batch = [entry for entry in entries if entry is not None]
            error: StoreError | None = None
            try:
                connection = connection or _connect(self.path)
                _commit(connection, batch)
            except (OSError, sqlite3.Error) as problem:
                error = StoreError(_explain(self.path, problem))
                if connection is not None:
                    connection.close()
                    connection = None
            self._tell(batch, error)
            if last:
                if connection is not None:
                    connection.close()
                return

    def _take(self) -> list[Entry | None]:
        """All that is waiting, at least one; what has gathered goes into one commit."""
        entries = [self._queue.get()]
        while entries[-1] is not _STOP:
            try:
                entries.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return entries

    def _tell(self, batch: Sequence[Entry], error: StoreError | None) -> None:
        loop = self._loop
        for entry in batch:
            if entry.written is not None and loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(entry.written, error)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _commit(connection: sqlite3.Connection, batch: Sequence[Entry]) -> None:
    if not batch:
        return
    crashpoint("before-commit")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for entry in batch:
            connection.executemany(rows.INSERT_REPORT, map(rows.report_row, entry.reports))
            connection.executemany(rows.INSERT_TRANSITION, map(rows.transition_row, entry.transitions))
            connection.executemany(rows.UPSERT_INCIDENT, map(rows.incident_row, entry.incidents))
            connection.executemany(rows.UPSERT_VALUE, entry.values)
            crashpoint("half-written")
            outbox.put(connection, entry.letters)
            if entry.forget_before is not None:
                outbox.prune(connection, entry.forget_before)
        connection.execute("COMMIT")
        crashpoint("committed")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _explain(path: Path, error: Exception) -> str:
    text = str(error)
    if "disk is full" in text or "No space" in text:
        return f"{path}: the disk is full; free some space, writing goes on by itself"
    if "not a database" in text or "malformed" in text:
        return f"{path}: this is not a whole openbell journal ({text}); move it aside to start a new one"
    if "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
        return (
            f"{path}: cannot be opened for writing ({text}); let this user write to the file and its folder"
        )
    return f"{path}: {text}"
