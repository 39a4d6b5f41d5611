"""The shared history of a desk, read for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from agent.alerts.letters import Letter, LetterState
from agent.model import Incident
from agent.store.postgres import questions
from agent.store.postgres.connecting import Address, Connection, SharedStoreError, connect, writing
from agent.store.postgres.inheriting import Inheritance, inheritance, letters_as_known
from agent.store.postgres.questions import fetch, join, read_incidents, read_letters, read_transition

__all__ = ["Inheritance", "SharedHistory", "inheritance", "letters_as_known"]


class SharedHistory:
    """A desk's history in the shared store, with the methods of `agent.store.journal.Journal`.

    It keeps one connection, which is made when first needed, and again after an error.
    """

    def __init__(self, address: Address, desk: str) -> None:
        self.address = address
        self.desk = desk
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._failures = 0
        self._failure: SharedStoreError | None = None
        self._is_over = False

    async def close(self) -> None:
        """End it for good: whoever asks late is refused."""
        self._is_over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def history(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest transitions, newest first, from below the id `before`. Raises `StoreError`."""
        (found,) = await self._ask(
            (questions.HISTORY, (before if before is not None else questions.FAR, limit))
        )
        return [read_transition(row) for row in found]

    async def incidents(self, *, limit: int = 100, before: datetime | None = None) -> list[Incident]:
        """The latest incidents, newest first, opened before an instant. Raises `StoreError`."""
        (found,) = await self._ask((questions.INCIDENTS, (before, limit)))
        return list(read_incidents(found))

    async def incident(self, id_: str) -> tuple[Incident, list[dict[str, object]]] | None:
        """One incident and its timeline, oldest first; `None` for an unknown id. Raises `StoreError`."""
        found, timeline = await self._ask((questions.ONE_INCIDENT, (id_,)), (questions.TIMELINE, (id_,)))
        incident = next(read_incidents(found), None)
        return None if incident is None else (incident, [read_transition(row) for row in timeline])

    async def states(self, machine: str, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
        """A machine's changes of state, the one that held at `since` first. Raises `StoreError`."""
        former, within = await self._ask(
            (questions.STATE_BEFORE, (machine, since)), (questions.STATES_WITHIN, (machine, since, until))
        )
        return [(at.astimezone(UTC), state) for at, state in (*former, *within)]

    async def awake(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The stretches, touching that time, in which one of the desk's agents ran. Raises `StoreError`."""
        (found,) = await self._ask((questions.AWAKE, (since, until)))
        return join((start.astimezone(UTC), end.astimezone(UTC)) for start, end in found)

    async def known_since(self) -> datetime | None:
        """When the first agent ran; `None` if none has yet written so. Raises `StoreError`."""
        (((first,),),) = await self._ask((questions.FIRST, ()))
        return first.astimezone(UTC) if first is not None else None

    async def minded(self, since: datetime, until: datetime) -> list[datetime]:
        """When a person acknowledged an incident or had a machine do something. Raises `StoreError`."""
        (found,) = await self._ask((questions.MINDED, (since, until)))
        return [at.astimezone(UTC) for (at,) in found]

    async def deeds(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, object]]:
        """The latest lines of the audit, newest first, from below the id `before`. Raises `StoreError`."""
        (found,) = await self._ask(
            (questions.DEEDS, (before if before is not None else questions.FAR, limit))
        )
        names = ("id", "at", "who", "person", "peer", "what", "status")
        return [{**dict(zip(names, row, strict=True)), "at": row[1].astimezone(UTC)} for row in found]

    async def letters(
        self, *, limit: int = 100, before: int | None = None, state: LetterState | None = None
    ) -> list[Letter]:
        """The latest letters, newest first, from below the number `before`. Raises `StoreError`."""
        below = before if before is not None else questions.FAR
        (found,) = await self._ask((questions.LETTERS, (below, state, state, limit)))
        return read_letters(found)

    async def letters_of(self, incident: str) -> list[Letter]:
        """All letters of an incident that are still kept, oldest first. Raises `StoreError`."""
        (found,) = await self._ask((questions.STREAM, (incident,) * 3))
        return read_letters(found)

    async def letter(self, letter_id: str) -> Letter | None:
        """One letter by its id. Raises `StoreError`."""
        (found,) = await self._ask((questions.ONE_LETTER, (letter_id,)))
        return next(iter(read_letters(found)), None)

    async def _ask(self, *questions: tuple[str, tuple[object, ...]]) -> list[list[tuple[Any, ...]]]:
        """The answers to questions about the desk, all of one moment.

        They are asked once more where the connection had ended since it was last used. Whoever waited
        while another found nobody there does not try for itself.
        """
        asked_at = self._failures
        async with self._turn:
            if self._failures != asked_at and self._failure is not None:
                raise SharedStoreError(str(self._failure), lasting=self._failure.lasting)
            try:
                return await self._answers(questions)
            except SharedStoreError as error:
                self._failures, self._failure = self._failures + 1, error
                raise

    async def _answers(
        self, questions: Sequence[tuple[str, tuple[object, ...]]]
    ) -> list[list[tuple[Any, ...]]]:
        is_kept = self._connection is not None
        connection = await self._ready()
        try:
            return await self._answer(connection, questions)
        except SharedStoreError:
            if not is_kept or not connection.closed or connection.is_hung_up:
                raise
        return await self._answer(await self._ready(), questions)

    async def _answer(
        self, connection: Connection, questions: Sequence[tuple[str, tuple[object, ...]]]
    ) -> list[list[tuple[Any, ...]]]:
        async with writing(connection):
            return [await fetch(connection, asked, self.desk, *values) for asked, values in questions]

    async def _ready(self) -> Connection:
        self._must_go_on()
        if self._connection is None or self._connection.closed:
            self._connection = await connect(
                self.address, isolation=psycopg.IsolationLevel.REPEATABLE_READ, read_only=True
            )
            self._must_go_on()
        return self._connection

    def _must_go_on(self) -> None:
        if self._is_over:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.pgconn.finish()
            raise SharedStoreError(f"{self.address.place}: this agent is ending")
