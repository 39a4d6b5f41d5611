"""Prunes a desk's shared history in steps, by the choices of the journal: each a transaction of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agent.store.keeping import SEEN, Limits, Past
from agent.store.postgres.columns import texts
from agent.store.postgres.connecting import Connection, writing
from agent.store.sheet import DEEDS_KEPT

STEP = 1_000
"""So many rows are looked at, or go, in one step."""

LAST = "9999"
"""Later than any instant."""

Rows = Sequence[Sequence[Any]]

INCIDENTS = (
    "DELETE FROM openbell.incident WHERE desk = %(desk)s AND id IN (SELECT id FROM openbell.incident"
    " WHERE desk = %(desk)s AND opened_at < %(before)s AND closed_at < %(before)s LIMIT %(step)s)"
)
AWAKE = (
    "DELETE FROM openbell.awake WHERE desk = %(desk)s AND (agent, since) IN (SELECT agent, since"
    " FROM openbell.awake WHERE desk = %(desk)s AND until < %(before)s LIMIT %(step)s)"
)
DEEDS = (
    "DELETE FROM openbell.deed WHERE id IN (SELECT id FROM openbell.deed WHERE desk = %(desk)s"
    " ORDER BY id DESC OFFSET %(kept)s LIMIT %(step)s)"
)
SHIPPED = (
    "DELETE FROM openbell.shipped WHERE (instance, run) IN (SELECT instance, run FROM openbell.shipped"
    " WHERE at < %(before)s LIMIT %(step)s)"
)
"""Of whatever desk: a run that has shipped nothing for so long is over."""

_OF_OPEN_INCIDENT = (
    "EXISTS (SELECT FROM openbell.incident i WHERE i.desk = o.desk"
    " AND i.id = split_part(o.stream, '/', 1) AND i.closed_at IS NULL)"
)
LETTERS = (
    "DELETE FROM openbell.outbox one WHERE desk = %(desk)s AND id IN (SELECT id FROM openbell.outbox o"  # noqa: S608
    " WHERE desk = %(desk)s AND state NOT IN ('pending', 'sending')"
    " AND (%(before)s::timestamptz IS NULL OR ended_at < %(before)s::timestamptz)"
    f" AND NOT {_OF_OPEN_INCIDENT}"
    " ORDER BY seq, id LIMIT %(step)s) RETURNING pg_column_size(one.*)"
)
"""Those that have ended; those of an open incident stay: its end is told where its beginning was."""

TRANSITIONS = (
    "SELECT t.id, t.at, t.subject, t.name, i.id IS NOT NULL, i.id IS NOT NULL AND i.closed_at IS NULL"
    " FROM openbell.transition t LEFT JOIN openbell.incident i ON i.desk = t.desk AND i.id = t.incident"
    " WHERE t.desk = %(desk)s AND t.id > %(position)s ORDER BY t.id LIMIT %(step)s"
)
FORGET_TRANSITIONS = (
    "DELETE FROM openbell.transition one WHERE desk = %(desk)s AND id = ANY(%(keys)s::bigint[])"
    " RETURNING pg_column_size(one.*)"
)

TABLES = ("transition", "incident", "outbox", "deed", "awake")
WHOLE_BYTES = " + ".join(f"pg_total_relation_size('openbell.{table}')" for table in TABLES)
DESK_BYTES = " + ".join(
    f"coalesce((SELECT sum(pg_column_size(one.*)) FROM openbell.{table} one WHERE desk = %(desk)s), 0)"  # noqa: S608
    for table in TABLES
)


async def prune(
    connection: Connection, desk: str, limits: Limits, *, step: int = STEP, deeds: int = DEEDS_KEPT
) -> None:
    """Forget what is older than its limit, then what is too much. Raises `SharedStoreError`.

    Two may do it at once; what one has forgotten the other does not find.
    """
    sweep = _Sweep(connection, desk, step)
    await sweep.forget(INCIDENTS, before=limits.history)
    await sweep.forget(AWAKE, before=limits.sight)
    await sweep.forget(SHIPPED, before=limits.sight)
    await sweep.forget(DEEDS, kept=deeds)
    past = Past(limits)
    async for _ in sweep.transitions(lambda rows: past.choose(row[:5] for row in rows), limits.history):
        pass
    async for _ in sweep.letters(limits.notices):
        pass
    await _fit(sweep, limits.max_bytes)


async def used_bytes(connection: Connection, desk: str) -> int:
    """What a desk's rows take up, without indexes; asks all of them."""
    async with writing(connection):
        cursor = await connection.execute(f"SELECT {DESK_BYTES}", {"desk": desk})
        (used,) = await cursor.fetchone() or (0,)
    return int(used)


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Steps through a desk's tables; what yields says how many bytes went in each."""

    connection: Connection
    desk: str
    step: int

    async def forget(self, statement: str, **values: object) -> None:
        """Until a step is not full."""
        gone = self.step
        while gone == self.step:
            async with writing(self.connection):
                asked = {"desk": self.desk, "step": self.step, **values}
                gone = (await self.connection.execute(statement, asked)).rowcount

    async def transitions(
        self, choose: Callable[[Rows], Iterable[object]], before: str = LAST
    ) -> AsyncGenerator[int, None]:
        """From the oldest; ends with the first window that has nothing from before an instant."""
        position = -1
        while True:
            async with writing(self.connection):
                asked = {"desk": self.desk, "position": position, "step": self.step}
                cursor = await self.connection.execute(TRANSITIONS, asked)
                rows = [texts(row) for row in await cursor.fetchall()]
                gone = await self._delete(FORGET_TRANSITIONS, keys=list(choose(rows)))
            yield gone
            if not rows or all(str(row[1]) >= before for row in rows):
                return
            position = int(str(rows[-1][0]))

    async def letters(self, before: str | None = None) -> AsyncGenerator[int, None]:
        """From the oldest, those that had ended before an instant, or at all."""
        gone = 1
        while gone:
            async with writing(self.connection):
                gone = await self._delete(LETTERS, before=before, step=self.step)
            yield gone

    async def _delete(self, statement: str, **values: object) -> int:
        cursor = await self.connection.execute(statement, {"desk": self.desk, **values})
        return sum(size for (size,) in await cursor.fetchall())


async def _fit(sweep: _Sweep, max_bytes: int) -> None:
    """The oldest notices go first, then transitions that nothing else needs."""
    async with writing(sweep.connection):
        cursor = await sweep.connection.execute(f"SELECT {WHOLE_BYTES}")
        (whole,) = await cursor.fetchone() or (0,)
    if whole <= max_bytes:
        return
    excess = await used_bytes(sweep.connection, sweep.desk) - max_bytes
    for steps in (sweep.letters(), sweep.transitions(_needless)):
        async with aclosing(steps):
            while excess > 0 and (gone := await anext(steps, None)) is not None:
                excess -= gone


def _needless(rows: Rows) -> Iterable[object]:
    return (id_ for id_, _, subject, _, _, is_open in rows if subject not in SEEN and not is_open)
