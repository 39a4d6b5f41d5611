"""Claims letters: what the owner of a desk is to send now, so that in one epoch nobody else sends it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from agent.alerts.letters import Letter, LetterState
from agent.store import outbox
from agent.store.postgres.columns import OUTBOX, texts
from agent.store.postgres.connecting import Connection, speaking

log = logging.getLogger(__name__)

_UNCLAIMED = (
    "desk = %(desk)s AND state IN ('pending', 'sending')"
    " AND (%(again)s OR claim_epoch IS DISTINCT FROM %(epoch)s)"
)
_LINE = "(o.notifier, o.recipient, o.stream) IS NOT DISTINCT FROM (e.notifier, e.recipient, e.stream)"
_NAMES = ", ".join(f"o.{name}" for name in OUTBOX.names)

CLAIM = f"""
WITH free AS MATERIALIZED (
    SELECT id FROM openbell.outbox WHERE {_UNCLAIMED} ORDER BY seq, id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT notifier, recipient, stream, seq, id FROM openbell.outbox
    WHERE {_UNCLAIMED} AND id NOT IN (SELECT id FROM free)
)
UPDATE openbell.outbox o SET claim_epoch = %(epoch)s FROM free
WHERE o.desk = %(desk)s AND o.id = free.id
    AND NOT EXISTS (SELECT FROM held e WHERE {_LINE} AND (e.seq, e.id) < (o.seq, o.id))
RETURNING {_NAMES}
"""  # noqa: S608 - of our own names
"""All that are open and unclaimed in this epoch, but for those behind one that another is claiming."""

WAITS = f"SELECT EXISTS (SELECT FROM openbell.outbox WHERE {_UNCLAIMED})"  # noqa: S608 - of our own names

SET_ASIDE = (
    "UPDATE openbell.outbox SET state = %s, ended_at = clock_timestamp(), last_error = %s"
    " WHERE desk = %s AND id = %s"
)


async def waits(connection: Connection, desk: str, epoch: int, *, again: bool = False) -> bool:
    """Whether there is anything to claim; a tenth of what it costs to try. Raises `SharedStoreError`."""
    with speaking(connection):
        cursor = await connection.execute(WAITS, {"desk": desk, "epoch": epoch, "again": again})
        return await cursor.fetchone() == (True,)


async def claim(connection: Connection, desk: str, epoch: int, *, again: bool = False) -> tuple[Letter, ...]:
    """The letters that were claimed, in their order; one that nobody can read is given up.

    `again`: with those that were claimed in this epoch before, and are open. Most trips bring none.
    """
    if not await waits(connection, desk, epoch, again=again):
        return ()
    cursor = await connection.execute(CLAIM, {"desk": desk, "epoch": epoch, "again": again})
    letters, unreadable = _read(await cursor.fetchall())
    for id_, error in unreadable:
        log.error("the notice %s in the shared store cannot be read (%s); it is given up", id_, error)
        await connection.execute(SET_ASIDE, (LetterState.DEAD, f"cannot be read: {error}", desk, id_))
    return tuple(sorted(letters, key=lambda one: (one.seq, one.id)))


def _read(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Letter], list[tuple[str, str]]]:
    letters: list[Letter] = []
    unreadable: list[tuple[str, str]] = []
    for row in rows:
        try:
            letters.append(outbox.read(texts(row)))
        except ValueError as error:
            unreadable.append((str(row[0]), str(error)))
    return letters, unreadable
