"""How far this machine's clock is from the database's, at the start and from then on."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from agent.clock import STEP_LIMIT, SystemClock
from agent.settings import format_duration
from agent.store.postgres.connecting import Address, Connection, SharedStoreError

log = logging.getLogger(__name__)

APART = timedelta(minutes=1)
"""Clocks that are further apart than this tell different stories."""
EVERY_S = 60.0
NEWS = timedelta(milliseconds=100)
"""A difference that moves by less is not worth telling: the way to the database takes its time as well."""


class Clocks:
    """Compared once a minute, and at once when this machine's clock was set."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._compared_at: tuple[datetime, float] | None = None
        self.offset = timedelta(0)
        """By how much this machine's clock is ahead of the database's."""

    async def compare(self, connection: Connection) -> None:
        """Ask the database for the time; it is taken to have answered half-way.

        Where this machine's clock was set meanwhile, or the machine slept, the next turn asks anew.
        """
        asked_at, asked_s = self._clock.wall(), self._clock.monotonic()
        cursor = await connection.execute("SELECT clock_timestamp()")
        row = await cursor.fetchone()
        answered_at = self._clock.wall()
        assert row is not None  # noqa: S101 - for the type checker: it selects one row
        if self._was_set(asked_at, asked_s):
            return
        self.offset = asked_at + (answered_at - asked_at) / 2 - row[0].astimezone(UTC)
        self._compared_at = answered_at, self._clock.monotonic()

    async def follow(self, connection: Connection) -> None:
        """Compare them where it is time to."""
        if not self._is_due:
            return
        before = self.trouble
        await self.compare(connection)
        if before is None and self.trouble is not None:
            log.warning("%s", self.trouble)

    @property
    def _is_due(self) -> bool:
        if self._compared_at is None:
            return True
        wall, monotonic = self._compared_at
        return self._was_set(wall, monotonic) or self._clock.monotonic() - monotonic >= EVERY_S

    def _was_set(self, wall: datetime, monotonic: float) -> bool:
        """Since these were read, together."""
        passed = timedelta(seconds=self._clock.monotonic() - monotonic)
        return abs(self._clock.wall() - wall - passed) > STEP_LIMIT

    def must_agree(self, address: Address) -> None:
        """Raises `SharedStoreError` where they are too far apart to begin."""
        if self.trouble is not None:
            raise SharedStoreError(f"{address.place}: {self.trouble}", lasting=True)

    def is_news(self, told: timedelta) -> bool:
        """Whether what was told of the difference does not hold any more."""
        return abs(self.offset - told) >= NEWS

    @property
    def trouble(self) -> str | None:
        """What is amiss and what to do, where they are too far apart."""
        if abs(self.offset) <= APART:
            return None
        way = "ahead of" if self.offset > timedelta(0) else "behind"
        far = timedelta(seconds=round(abs(self.offset).total_seconds()))
        return (
            f"this machine's clock is {format_duration(far)} {way} the database's; "
            "have both follow a time server (chrony, systemd-timesyncd)"
        )
