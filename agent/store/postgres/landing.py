"""How a parcel's rows land in the shared tables: as the owner's word, or late, as mere facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from agent.alerts.letters import OPEN, Letter, LetterState
from agent.store.postgres import questions
from agent.store.postgres.columns import (
    AWAKE,
    DEED,
    INCIDENT,
    OUTBOX,
    TABLES,
    TRANSITION,
    VALUE,
    Cells,
    Table,
)
from agent.store.postgres.connecting import Connection
from agent.store.postgres.identity import Member
from agent.store.postgres.parcels import Parcel
from agent.store.postgres.questions import fetch, read_letters

FAULTS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What lies in a row, and would fail again; that row is given up, and all others land."""

SUPERSEDED = "superseded: the desk has another owner since"

_CLOSED = INCIDENT.names.index("closed_at")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many rows were refused for coming late, how many late letters wait now for the owner, which
    rows cannot be written at all, and which of the owner's letters had been delivered by another agent,
    under the same id.
    """

    refused: int
    waiting: int
    lost: Sequence[str]
    told: Sequence[Letter] = ()


async def put(connection: Connection, member: Member, parcel: Parcel, *, is_careful: bool) -> Outcome:
    """As the owner's word: each row takes the place of what was known; what was delivered stays so."""
    lander = _Lander(connection, member, parcel.epoch, is_careful)
    for table in TABLES[:-1]:
        await lander.run(PUT[table.name], table, parcel.of(table))
    written = await lander.run(PUT[OUTBOX.name], OUTBOX, parcel.of(OUTBOX))
    rest = {row[0] for row in parcel.of(OUTBOX)} - {id_ for (id_,) in written}
    told = await _delivered(connection, member.desk, rest) if rest else ()
    return Outcome(refused=0, waiting=0, lost=[*parcel.lost, *lander.lost], told=told)


async def _delivered(connection: Connection, desk: str, ids: Iterable[object]) -> list[Letter]:
    letters = read_letters(await fetch(connection, questions.THESE_LETTERS, desk, list(ids)))
    return [letter for letter in letters if letter.state is LetterState.DELIVERED]


async def put_late(connection: Connection, member: Member, parcel: Parcel, *, is_careful: bool) -> Outcome:
    """What was decided before the desk changed hands: what has happened lands, and changes nothing."""
    lander = _Lander(connection, member, parcel.epoch, is_careful)
    for table in (TRANSITION, AWAKE, DEED):
        await lander.run(PUT[table.name], table, parcel.of(table))
    closed = [row for row in parcel.of(INCIDENT) if row[_CLOSED] is not None]
    incidents = await lander.run(PUT_INCIDENT_LATE, INCIDENT, closed)
    letters = await lander.run(PUT_LETTER_LATE, OUTBOX, parcel.of(OUTBOX))
    given = sum(len(parcel.of(table)) for table in (INCIDENT, VALUE, OUTBOX))
    return Outcome(
        refused=given - len(incidents) - len(letters),
        waiting=sum(state in OPEN for (state,) in letters),
        lost=[*parcel.lost, *lander.lost],
    )


@dataclass(frozen=True, slots=True)
class _Lander:
    """Writes rows of one epoch; `is_careful`: by halves, and gives up those that cannot be written.

    One by one, a batch with a single bad row would take longer than a transaction may.
    """

    connection: Connection
    member: Member
    epoch: int
    is_careful: bool
    lost: list[str] = field(default_factory=list)

    async def run(self, statement: str, table: Table, rows: Sequence[Cells]) -> list[tuple[Any, ...]]:
        """What the statement returns of the rows that were written."""
        if not rows:
            return []
        if not self.is_careful:
            return await self._execute(statement, table, rows)
        try:
            async with self.connection.transaction():
                return await self._execute(statement, table, rows)
        except FAULTS as error:
            if len(rows) == 1:
                self.lost.append(f"{table.name}: {error}")
                return []
        half = len(rows) // 2
        return [
            *await self.run(statement, table, rows[:half]),
            *await self.run(statement, table, rows[half:]),
        ]

    async def _execute(self, statement: str, table: Table, rows: Sequence[Cells]) -> list[tuple[Any, ...]]:
        who = {"desk": self.member.desk, "agent": self.member.agent, "epoch": self.epoch}
        lists = {name: list(cells) for name, cells in zip(table.names, zip(*rows, strict=True), strict=True)}
        cursor = await self.connection.execute(
            statement, {f"{name}_list": one for name, one in lists.items()} | who
        )
        return await cursor.fetchall() if cursor.description is not None else []


def _fresh(table: Table) -> str:
    """The rows as they are given: a list a column, in their order."""
    lists = ", ".join(f"%({column.name}_list)s::{column.type}[]" for column in table.columns)
    return f"unnest({lists}) WITH ORDINALITY AS fresh ({', '.join(table.names)}, place)"


def _insertion(table: Table, then: str = "") -> str:
    names = ", ".join(table.names)
    return (
        f"INSERT INTO openbell.{table.name} AS known (desk, agent, epoch, {names})"  # noqa: S608 - of our own names
        f" SELECT %(desk)s, %(agent)s, %(epoch)s, {names} FROM {_fresh(table)} ORDER BY place {then}"
    )


def _replacing(table: Table, key: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in ("agent", "epoch", *table.names))
    return _insertion(table, f"ON CONFLICT (desk, {key}) DO UPDATE SET {changes}")


def _late_letter() -> str:
    """Of the letters that are not known: those of no incident, of one that has ended, and what was delivered.

    One that waits in a stream to which a later owner has written is given up.
    """
    is_superseded = (
        "fresh.state IN ('pending', 'sending') AND EXISTS (SELECT FROM openbell.outbox o"
        " WHERE o.desk = %(desk)s AND o.stream = fresh.stream AND o.epoch > %(epoch)s)"
    )
    changed = {"state": "'dead'", "ended_at": "clock_timestamp()", "last_error": f"'{SUPERSEDED}'"}
    values = ", ".join(
        f"CASE WHEN {is_superseded} THEN {changed[name]} ELSE fresh.{name} END" if name in changed else name
        for name in OUTBOX.names
    )
    return (
        f"INSERT INTO openbell.outbox (desk, agent, epoch, {', '.join(OUTBOX.names)})"  # noqa: S608 - of our own names
        f" SELECT %(desk)s, %(agent)s, %(epoch)s, {values} FROM {_fresh(OUTBOX)}"
        " WHERE fresh.stream = fresh.notice OR fresh.state = 'delivered' OR EXISTS ("
        " SELECT FROM openbell.incident i WHERE i.desk = %(desk)s"
        " AND i.id = split_part(fresh.stream, '/', 1) AND i.closed_at IS NOT NULL)"
        " ORDER BY place ON CONFLICT DO NOTHING RETURNING state"
    )


PUT = {
    TRANSITION.name: _insertion(TRANSITION),
    DEED.name: _insertion(DEED),
    AWAKE.name: _insertion(
        AWAKE, "ON CONFLICT (desk, agent, since) DO UPDATE SET until = greatest(known.until, excluded.until)"
    ),
    INCIDENT.name: _replacing(INCIDENT, "id"),
    VALUE.name: _replacing(VALUE, "key"),
    OUTBOX.name: _replacing(OUTBOX, "id")
    + " WHERE known.state <> 'delivered' OR excluded.state = 'delivered' RETURNING id",
}
PUT_INCIDENT_LATE = _insertion(INCIDENT, "ON CONFLICT DO NOTHING RETURNING id")
PUT_LETTER_LATE = _late_letter()
