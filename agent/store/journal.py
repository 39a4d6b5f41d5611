"""The journal: what has happened, in one SQLite file, written by one thread in whole commits."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from agent.alerts.letters import Address, Letter, LetterState
from agent.errors import StoreError
from agent.model import Incident
from agent.store import awake, outbox, rows
from agent.store.answers import Answers
from agent.store.entry import Entry
from agent.store.files import connect
from agent.store.journal_file import JournalFile
from agent.store.keeping import Limits
from agent.store.troubles import explain, is_damage
from agent.store.writer import Writer

__all__ = ["Entry", "Journal", "Store"]

PATIENCE_S = 2.0
"""How long a lock of another program is waited for; a critical notice then leaves from memory."""


class Store(Protocol):
    """What the core needs of a store; another engine may stand behind it."""

    def append(self, entry: Entry) -> None:
        """Write an entry some time soon, whole or not at all; never blocks and never raises."""
        ...

    def value(self, key: str) -> str | None:
        """The latest value under a key, written or about to be."""
        ...

    def values_under(self, prefix: str) -> dict[str, str]:
        """The latest values whose keys begin so, by the rest of their keys."""
        ...


class Journal:
    """One file, one writer thread, group commit with `synchronous=FULL`.

    `append` never blocks and never raises: what cannot be written is told to the entry's
    `written`, and the loop goes on.
    """

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self._patience_s = patience_s
        self._file = JournalFile(path, patience_s)
        self._writer = Writer(self._file)
        self._answers = Answers()
        self._values: dict[str, str] = {}
        self._waiting: list[Letter] = []
        self.reached: dict[tuple[Address, str], bool] = {}
        """Where open incidents had been told, or could not be, when the file was opened."""
        self.delivered_last: list[tuple[Address, datetime]] = []
        """Where and when the latest letters had been delivered, oldest first."""
        self.last_letter = 0
        """The highest number of a letter when the file was opened."""

    @property
    def loss(self) -> str | None:
        """That a damaged journal lies in the folder, for as long as it does."""
        left = [path.name for path in self._file.asides if path.exists()]
        if not left:
            return None
        return (
            f"{self.path}: it was damaged, and what could be read was taken over into a new one; "
            f"look at {', '.join(left)}, then move it out of the folder"
        )

    def open(self) -> None:
        """Open or make the file, bring its schema up to date, read the values. Raises `StoreError`.

        A damaged one is moved aside; what can be read of it is taken over into a new one.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file.read(self._read_in)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(explain(self.path, error)) from error

    def _read_in(self, connection: sqlite3.Connection) -> None:
        self._values = dict(connection.execute("SELECT key, value FROM value"))
        self._waiting = outbox.waiting(connection)
        self.reached = outbox.reached(connection)
        self.delivered_last = outbox.delivered_last(connection)
        self.last_letter = outbox.last(connection)

    def start(self) -> None:
        """Start the writer; needs the running event loop."""
        self._writer.start()

    def append(self, entry: Entry) -> None:
        self._values.update(entry.values)
        if entry.written is not None:
            entry = replace(entry, written=self._answers.expect(entry.written))
        self._writer.put(entry)

    def prune(self, limits: Limits) -> None:
        """Forget what lies beyond the limits, in small steps while nothing is to be written."""
        self.append(Entry(limits=limits))

    @property
    def size_bytes(self) -> int:
        """Of the file and its `-wal`, when it was last written."""
        return self._writer.size_bytes

    def hurry(self) -> None:
        """Called every few seconds: who has waited since the former call is told that the disk hangs.

        Their entries are written all the same, when it answers.
        """
        self._answers.give_up(
            StoreError(f"{self.path}: the disk does not answer; look at it, writing goes on when it does")
        )

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
        if not self._writer.is_running:
            return
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.append(Entry(written=done.set_result))
        await done

    async def close(self) -> None:
        """Write what is waiting, and end the thread."""
        await self._writer.close()

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest transitions, newest first, from below the id `before`. Raises `StoreError`."""
        wanted = "SELECT * FROM transition WHERE id < ? ORDER BY id DESC LIMIT ?"
        found = await self._read(wanted, (before if before is not None else 2**62, limit))
        return [rows.read_transition(row) for row in found]

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """The latest incidents, newest first, opened before an instant. Raises `StoreError`."""
        wanted = "SELECT * FROM incident WHERE opened_at < ? ORDER BY opened_at DESC LIMIT ?"
        found = await self._read(wanted, (_utc(before) if before is not None else "9999", limit))
        return [rows.read_incident(tuple(row)) for row in found]

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        """One incident and its timeline, oldest first; `None` for an unknown id. Raises `StoreError`."""
        found = await self._read("SELECT * FROM incident WHERE id = ?", (id_,))
        if not found:
            return None
        timeline = await self._read("SELECT * FROM transition WHERE incident = ? ORDER BY id", (id_,))
        return rows.read_incident(tuple(found[0])), [rows.read_transition(row) for row in timeline]

    async def states(self, machine: str, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        """A machine's changes of state, the one that held at `since` first. Raises `StoreError`."""
        span = (machine, _utc(since), _utc(until))

        def read() -> list[tuple[datetime, str]]:
            former = self._read_now(rows.STATE_BEFORE, span[:2])
            found = self._read_now(rows.STATES_WITHIN, span)
            return [(datetime.fromisoformat(at), state) for at, state in (*former, *found)]

        return await asyncio.to_thread(read)

    async def awake(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The stretches, touching that time, in which the agent ran. Raises `StoreError`."""
        found = await self._read(awake.WITHIN, (_utc(since), _utc(until)))
        at = datetime.fromisoformat
        return [(at(start), at(end)) for start, end in found]

    async def known_since(self) -> datetime | None:
        """When the agent first ran; `None` if it has not yet written so. Raises `StoreError`."""
        ((first,),) = await self._read(awake.FIRST, ())
        return datetime.fromisoformat(first) if first is not None else None

    async def minded(self, since: datetime, until: datetime) -> list[datetime]:
        """When a person acknowledged an incident or had a machine do something. Raises `StoreError`."""
        found = await self._read(rows.MINDED, (_utc(since), _utc(until)))
        return [datetime.fromisoformat(at) for (at,) in found]

    async def deeds(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest lines of the audit, newest first, from below the id `before`. Raises `StoreError`."""
        wanted = "SELECT * FROM deed WHERE id < ? ORDER BY id DESC LIMIT ?"
        found = await self._read(wanted, (before if before is not None else 2**62, limit))
        return [rows.read_deed(row) for row in found]

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
            connection = connect(self.path, self._patience_s, make=False)
            try:
                connection.row_factory = sqlite3.Row
                return connection.execute(wanted, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            if is_damage(error):
                self._writer.suspect()
            raise StoreError(explain(self.path, error)) from error


def _utc(instant: datetime) -> str:
    """An instant as it stands in the file, where instants are compared as texts."""
    return instant.astimezone(UTC).isoformat()
