"""Whether it is this agent that tells of lost ones: one of those that own their desk does."""

from __future__ import annotations

from datetime import timedelta
from math import inf

from agent.clock import Clock
from agent.fleet.rows import WATCH, Role
from agent.store.postgres.connecting import Connection
from agent.store.postgres.identity import Member
from agent.store.postgres.leases import Lease, look, release, renew, take

LASTS = timedelta(seconds=10)
LOOK_EVERY_S = 2.0
"""All owners but one only look whether it is free: a second of a thousand agents is a thousand looks."""


class Watchman:
    """Holds the lease of the fleet while it can; who stands by, or has nobody to tell, leaves it."""

    def __init__(self, member: Member, clock: Clock) -> None:
        self._member = member
        self._clock = clock
        self._epoch: int | None = None
        self._until = -inf
        self._looked_at = -inf
        self.other: str | None = None
        """Who else was seen with the lease, when it was last looked at."""

    @property
    def watches(self) -> bool:
        return self._epoch is not None and self._clock.monotonic() < self._until

    async def turn(self, connection: Connection, role: Role) -> None:
        """Renew the lease, take it where it is to be had, or let go of it. Raises `SharedStoreError`."""
        asked_at = self._clock.monotonic()
        if role is not Role.OWNER:
            await self._let_go(connection)
            return
        if self._epoch is not None and await renew(connection, WATCH, self._member, self._epoch, LASTS):
            self._until = asked_at + LASTS.total_seconds()
            return
        self._epoch = None
        if asked_at - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = asked_at
        lease = await look(connection, WATCH)
        if self._is_anothers(lease):
            self.other = lease.agent if lease is not None else None
            return
        lease = await take(connection, WATCH, self._member, LASTS)
        if lease.is_of(self._member):
            self._epoch, self._until = lease.epoch, asked_at + LASTS.total_seconds()

    def _is_anothers(self, lease: Lease | None) -> bool:
        if lease is None or lease.is_free or lease.instance == self._member.instance:
            return False
        return lease.ends_in > timedelta(0)

    async def _let_go(self, connection: Connection) -> None:
        epoch, self._epoch = self._epoch, None
        if epoch is not None:
            await release(connection, WATCH, self._member, epoch)
