"""What an agent tells the database each second where nothing is new, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from agent.store.postgres.connecting import Connection, speaking
from agent.store.postgres.identity import Member

_QUICKLY = "quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
_SEEN = """
UPDATE openbell.beat SET seen_at = clock_timestamp() WHERE agent = %(agent)s AND run = %(run)s RETURNING 1
"""

BEAT = f"""
WITH {_QUICKLY}, seen AS ({_SEEN})
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM quickly)
"""  # noqa: S608 - of our own names

HOLD_ON = f"""
WITH {_QUICKLY}, held AS (
    UPDATE openbell.lease SET ends_at = clock_timestamp() + %(lasts)s
    WHERE resource = %(resource)s AND instance = %(instance)s AND run = %(run)s AND epoch = %(epoch)s
    RETURNING 1),
seen AS ({_SEEN})
SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM seen), (SELECT count(*) FROM quickly)
"""  # noqa: S608 - of our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What came of it: whether the desk still is ours, and the agent's row this run's."""

    is_held: bool
    is_seen: bool


async def hold_on(connection: Connection, member: Member, epoch: int, lasts: timedelta) -> Pulse:
    """Renew the lease of the member's desk, as `leases.renew` does, and say that the agent lives.

    It need not reach the disk, unlike a taking or a release. A crash of the server can lose the latest
    renewal; the lease then ends sooner, by a turn, than its owner counts. Its next turn mends that, and
    were it not to come, others take a lease that ran out only after as long in touch with the server as
    a lease lasts. Whatever it ships meanwhile is fenced by the epoch. Raises `SharedStoreError`.
    """
    who = {"resource": member.resource, "agent": member.agent, "instance": member.instance, "run": member.run}
    with speaking(connection):
        cursor = await connection.execute(HOLD_ON, {**who, "epoch": epoch, "lasts": lasts})
        held, seen, _ = await cursor.fetchone() or (0, 0, 0)
    return Pulse(is_held=held == 1, is_seen=seen == 1)


async def beat(connection: Connection, member: Member) -> bool:
    """Say that the agent lives; false where the row is another run's. Raises `SharedStoreError`."""
    with speaking(connection):
        cursor = await connection.execute(BEAT, {"agent": member.agent, "run": member.run})
        seen, _ = await cursor.fetchone() or (0, 0)
    return bool(seen)
