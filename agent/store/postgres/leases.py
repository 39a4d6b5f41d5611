"""Leases: who holds what, judged by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.store.postgres.connecting import Connection, speaking, writing
from agent.store.postgres.identity import Member
from agent.store.postgres.waking import CHANNEL, lease_word

PATIENCE_S = 3.0

_COLUMNS = "resource, agent, instance, run, epoch, held_from, since, ends_at - clock_timestamp()"

# Whoever is the first to own a desk owned it before there was a store to say so, in epoch 0.
TAKE = f"""
INSERT INTO openbell.lease AS held (resource, agent, instance, run, epoch, held_from, since, ends_at)
VALUES (
    %(resource)s, %(agent)s, %(instance)s, %(run)s, 1, 0, clock_timestamp(), clock_timestamp() + %(lasts)s
)
ON CONFLICT (resource) DO UPDATE SET
    agent = excluded.agent, instance = excluded.instance, run = excluded.run, epoch = held.epoch + 1,
    held_from = CASE WHEN held.instance = excluded.instance THEN held.held_from ELSE held.epoch + 1 END,
    since = clock_timestamp(), ends_at = clock_timestamp() + %(lasts)s
WHERE held.ends_at <= clock_timestamp() OR (held.instance = excluded.instance AND held.run <> excluded.run)
RETURNING {_COLUMNS}
"""  # noqa: S608 - of our own names

SELECT = f"SELECT {_COLUMNS} FROM openbell.lease WHERE resource = %s"  # noqa: S608 - of our own names

RENEW = (
    "UPDATE openbell.lease SET ends_at = clock_timestamp() + %s"
    " WHERE resource = %s AND instance = %s AND run = %s AND epoch = %s"
)
RELEASE = (
    "UPDATE openbell.lease SET ends_at = clock_timestamp(), run = ''"
    " WHERE resource = %s AND instance = %s AND run = %s AND epoch = %s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds a resource, in which epoch, since when, and for how long from the answer on.

    `held_from` is the first of the epochs that its instance has held in a row. `run` is empty after a
    release. `ends_in` is negative for one that has ended. To be safe, count it
    from before the question.
    """

    resource: str
    agent: str
    instance: str
    run: str
    epoch: int
    held_from: int
    since: datetime
    ends_in: timedelta

    def is_of(self, member: Member) -> bool:
        """Whether this process took it."""
        return (self.instance, self.run) == (member.instance, member.run)

    def is_of_a_copy_of(self, member: Member) -> bool:
        """Whether another process of the same instance took it: a former one, or one of a copied folder."""
        return bool(self.run) and self.instance == member.instance and self.run != member.run

    @property
    def is_free(self) -> bool:
        """Whether its holder has let go of it."""
        return not self.run


async def take(connection: Connection, resource: str, member: Member, lasts: timedelta) -> Lease:
    """Take a lease that nobody holds, that has ended, or that a former run of this instance holds.

    The answer is the lease as it stands afterwards, mine or another's; one that this run holds already
    stays as it is. Taking raises the epoch. Raises `SharedStoreError`.
    """
    who = {"resource": resource, "agent": member.agent, "instance": member.instance, "run": member.run}
    async with writing(connection, PATIENCE_S):
        cursor = await connection.execute(TAKE, {**who, "lasts": lasts})
        row = await cursor.fetchone()
        if row is None:
            cursor = await connection.execute(SELECT, (resource,))
            row = await cursor.fetchone()
    return _lease(row)


async def look(connection: Connection, resource: str) -> Lease | None:
    """The lease as it stands; `None` where it was never taken. Raises `SharedStoreError`."""
    with speaking(connection, PATIENCE_S):
        cursor = await connection.execute(SELECT, (resource,))
        row = await cursor.fetchone()
    return None if row is None else _lease(row)


async def renew(connection: Connection, resource: str, member: Member, epoch: int, lasts: timedelta) -> bool:
    """Hold on to it in the same epoch; false where another has it, or where it was released.

    One that has ended, and that nobody has taken since, is held on to as well. Raises `SharedStoreError`.
    """
    with speaking(connection, PATIENCE_S):  # one statement: no transaction stays open behind it
        cursor = await connection.execute(RENEW, (lasts, resource, member.instance, member.run, epoch))
    return cursor.rowcount == 1


async def release(connection: Connection, resource: str, member: Member, epoch: int) -> None:
    """End it now, and wake those who wait for it; nothing where it is not held. Raises `SharedStoreError`."""
    async with writing(connection, PATIENCE_S):
        cursor = await connection.execute(RELEASE, (resource, member.instance, member.run, epoch))
        if cursor.rowcount:
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, lease_word(resource)))


def _lease(row: Any) -> Lease:
    resource, agent, instance, run, epoch, held_from, since, ends_in = row
    return Lease(
        resource=resource,
        agent=agent,
        instance=instance,
        run=run,
        epoch=epoch,
        held_from=held_from,
        since=since.astimezone(UTC),
        ends_in=ends_in,
    )
