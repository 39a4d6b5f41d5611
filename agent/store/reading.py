"""Reads the journal's file for people, each time by a connection of its own, in a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from agent.alerts.letters import Letter, LetterState
from agent.errors import StoreError
from agent.model import Incident
from agent.store import awake, outbox, rows
from agent.store.files import connect
from agent.store.troubles import explain, is_damage


class FileHistory:
    """The `History` of one file. `damaged` hears of a page that makes no sense."""

    def __init__(self, path: Path, patience_s: float, *, damaged: Callable[[], None]) -> None:
        self.path = path
        self._patience_s = patience_s
        self._damaged = damaged

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest transitions, newest first, from below the id `before`. Raises `StoreError`."""
        wanted = "SELECT * FROM transition WHERE id < ? ORDER BY id DESC LIMIT ?"
        found = await self._read(wanted, (before if before is not None else 2**62, limit))
        return [rows.read_transition(row) for row in found]

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """The latest incidents, newest first, opened before an instant. Raises `StoreError`."""
        wanted = "SELECT * FROM incident WHERE opened_at < ? ORDER BY opened_at DESC LIMIT ?"
        found = await self._read(wanted, (_utc(before) if before is not None else "9999", limit))
        return list(rows.readable_incidents(map(tuple, found)))

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        """One incident and its timeline, oldest first; `None` for an unknown id. Raises `StoreError`."""
        found = await self._read("SELECT * FROM incident WHERE id = ?", (id_,))
        incident = next(rows.readable_incidents(map(tuple, found)), None)
        if incident is None:
            return None
        timeline = await self._read("SELECT * FROM transition WHERE incident = ? ORDER BY id", (id_,))
        return incident, [rows.read_transition(row) for row in timeline]

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

    async def open_letters(self) -> list[Letter]:
        """The letters that wait or are under way, in their order. Raises `StoreError`."""
        return outbox.readable(await self._read(outbox.WAITING, ()))

    async def letters_of(self, incident: str) -> list[Letter]:
        """All letters of an incident that are still kept, oldest first. Raises `StoreError`."""
        return outbox.readable(await self._read(outbox.STREAM, (incident,) * 3))

    async def letter(self, letter_id: str) -> Letter | None:
        """One letter by its id. Raises `StoreError`."""
        return next(iter(outbox.readable(await self._read(outbox.ONE, (letter_id,)))), None)

    async def _read(self, wanted: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return await asyncio.to_thread(self._read_now, wanted, values)

    def _read_now(self, wanted: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        with self._reading() as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(wanted, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one look. What is wrong with the file is raised as `StoreError`."""
        try:
            connection = connect(self.path, self._patience_s, make=False)
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            if is_damage(error):
                self._damaged()
            raise StoreError(explain(self.path, error)) from error


def _utc(instant: datetime) -> str:
    """An instant as it stands in the file, where instants are compared as texts."""
    return instant.astimezone(UTC).isoformat()
