"""What this agent sees of the others, and whom it tells when one of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from agent.clock import Clock
from agent.fleet import lost
from agent.fleet.lost import Watch, fleet_report
from agent.fleet.rows import AgentRow, FleetRows, Forgotten, Role
from agent.model import Report
from agent.runtime.fleet_watch import FleetView
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.watchman import Watchman
from agent.store.postgres.agents import fleet_rows, forget
from agent.store.postgres.connecting import Address, Connection
from agent.store.postgres.identity import Member

PATIENCE_S = 5.0
TELL_EVERY_S = 1.0

Deliver = Callable[[str, Report], None]


class Outlook:
    """`own` is this agent's row as it stands; `deliver` takes the report of the machine `fleet` while
    an agent runs that has one.
    """

    def __init__(
        self, address: Address, member: Member, *, clock: Clock, own: Callable[[], AgentRow]
    ) -> None:
        self._clock = clock
        self._link = Link(address)
        self._watchman = Watchman(member, clock)
        self._deliver: Deliver | None = None
        self._is_met = asyncio.Event()
        self.view = FleetView(
            self._read,
            clock=clock,
            me=member.agent,
            own=own,
            watches=lambda: self._watchman.watches,
        )

    @property
    def deliver(self) -> Deliver | None:
        return self._deliver

    @deliver.setter
    def deliver(self, deliver: Deliver | None) -> None:
        """Somebody new is told at once: an agent has not started before each of its machines has spoken."""
        self._deliver = deliver
        self._is_met.set()

    async def turn(self, connection: Connection, role: Role) -> None:
        """Have one of all owners watch the others. Raises `SharedStoreError`."""
        watched = self._watchman.watches
        await self._watchman.turn(connection, role if self.deliver is not None else Role.STANDBY)
        if self._watchman.watches and not watched:
            self.view.wake()

    async def forget(self, name: str) -> Forgotten:
        """Take an agent off the list. Raises `SharedStoreError`."""
        async with self._link.use(PATIENCE_S) as connection:
            return await forget(connection, name)

    async def tell(self) -> None:
        """Report the machine `fleet` when it has changed, and now and then so that it is believed."""
        told: tuple[Deliver, Report] | None = None
        while True:
            await self._met_within(TELL_EVERY_S)
            deliver = self.deliver
            if deliver is None:
                continue
            report = fleet_report(self._watch(), self._clock.now())
            if told is None or told[0] != deliver or _is_news(told[1], report):
                deliver(lost.NAME, report)
                told = deliver, report

    async def _met_within(self, patience_s: float) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(patience_s):
                await self._is_met.wait()
        self._is_met.clear()

    def _watch(self) -> Watch:
        """Who watches is known from the lease: the rows are as old as the last look of somebody."""
        watch = self.view.watch()
        return watch if watch.is_ours else replace(watch, watcher=self._watchman.other)

    def hang_up(self) -> None:
        """Whoever waits for the store now hears that it is gone."""
        self._link.hang_up()

    def end(self) -> None:
        """Look no more."""
        self._link.end()

    async def _read(self, since: datetime | None) -> FleetRows:
        async with self._link.use(PATIENCE_S) as connection:
            return await fleet_rows(connection, since)


def _is_news(told: Report, report: Report) -> bool:
    is_same = replace(told, observed_at=report.observed_at) == report
    return not is_same or report.observed_at - told.observed_at > lost.VALID_FOR / 3
