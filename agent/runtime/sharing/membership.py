"""This agent among those that share a PostgreSQL, from its start to its end, whatever it is to its desk."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from agent.alerts.ids import DerivedIds, Ids
from agent.alerts.letters import Letter
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.errors import StoreError
from agent.fleet.rows import Role
from agent.health.document import HealthDocument
from agent.model import Incident, Report
from agent.runtime.holding import FILE, Gate
from agent.runtime.lock import FolderLock
from agent.runtime.notifiers import Notifiers
from agent.runtime.sharing.held import Held
from agent.runtime.sharing.heritage import Heritage
from agent.runtime.sharing.link import Link
from agent.runtime.sharing.outlook import Outlook
from agent.runtime.sharing.presence import Presence
from agent.runtime.sharing.shipper import Shipper
from agent.runtime.sharing.sweeping import Sweeper
from agent.runtime.sharing.tenure import Tenure
from agent.runtime.supervision import Supervisor
from agent.store.door import Door
from agent.store.entry import Entry
from agent.store.journal import Journal
from agent.store.keeping import Limits
from agent.store.postgres.agents import NEWS, has_standby, url_of
from agent.store.postgres.connecting import Address, Connection, SharedStoreError
from agent.store.postgres.identity import Member
from agent.store.postgres.reading import SharedHistory
from agent.store.postgres.schema import bring_forward
from agent.store.postgres.shipping import Landed
from agent.store.postgres.waking import letters_word
from agent.store.shared import SharedJournal

log = logging.getLogger(__name__)

START_PATIENCE_S = 5.0
"""So long is the shared store waited for at the start; the agent then begins without it."""
AGAIN_S = 0.25
PARTING_S = 1.0
"""So long may each step of a parting take."""


class Serving(Protocol):
    """The agent that runs while the desk is ours."""

    blueprint: Blueprint
    notifiers: Notifiers

    def deliver(self, name: str, report: Report) -> None: ...

    def said(self) -> tuple[HealthDocument, Incident | None] | None: ...


class Membership:
    """Opened once a process; an agent is started with it as its `Holding` whenever it owns the desk."""

    def __init__(self, blueprint: Blueprint, *, clock: SystemClock, base_url: str) -> None:
        settings, store = blueprint.settings, blueprint.settings.store
        assert store.url is not None  # noqa: S101 - without one there is nothing to be a member of
        self.desk = store.desk or settings.name
        self.address = Address(store.url.get_secret_value())
        self._clock = clock
        self.blueprint = blueprint
        """By what the desk would be watched from here; while it is, the agent's own counts."""
        self.folder = blueprint.data_folder
        self._lock = FolderLock(self.folder)
        run = uuid.uuid4().hex
        self.local = Journal(self.folder / FILE, run=run)
        self._run = run
        self._name = settings.name
        self._lasts = store.takeover
        self._steady = Link(self.address)
        self._work = Link(self.address)
        self._held: Held | None = None
        self._supervisor = Supervisor(clock)
        self.has_begun = False
        self.ids: Ids = DerivedIds(self.desk)
        """With what the desk's agents have in common, once it is ours."""
        self.presence = Presence(blueprint, base_url=base_url, clock=clock)
        self._history = SharedHistory(self.address, self.desk)
        self.journal: Door = SharedJournal(self.local, self._history, pruned=self._prune)
        self._sweeper = Sweeper(self.address, self.desk, self._supervisor)
        self._agent: Serving | None = None
        self._owner_url: tuple[str | None, str | None] = (None, None)

    # -- the process's life ----------------------------------------------------------------------

    async def begin(self) -> None:
        """Take the folder, find the shared store. Raises `StoreError` for what waiting will not mend."""
        self._lock.acquire()
        try:
            self.local.open()
            self.local.start()
            self._put_together()
            await self._meet()
        except BaseException:
            await self._close()
            raise
        self.has_begun = True
        for name, run in (
            ("the desk's lease", self.tenure.run),
            ("shipping", self.shipper.run),
            ("tidying", self.heritage.tidy),
            ("the fleet", self.outlook.view.run),
            ("word of the fleet", self.outlook.tell),
        ):
            self._supervisor.keep(name, run)

    def _put_together(self) -> None:
        member = Member(desk=self.desk, agent=self._name, instance=self.local.instance, run=self._run)
        self.member = member
        self.shipper = Shipper(
            self._work,
            member,
            self.local,
            clock=self._clock,
            claims_in=self._claims_in,
            landed=self._landed,
        )
        self.tenure = Tenure(
            self._steady,
            member,
            clock=self._clock,
            lasts=self._lasts,
            enter=self._enter,
            beat=self._beat,
            woken=self._woken,
            turned=self._turned,
        )
        self.heritage = Heritage(
            self.local,
            member,
            link=self._work,
            shipper=self.shipper,
            tenure=self.tenure,
            clock=self._clock,
        )
        self.heritage.resume()
        self.outlook = Outlook(
            self.address,
            member,
            clock=self._clock,
            own=lambda: self.presence.row(member, self.tenure.role),
        )
        self.local.on_shipment = self.shipper.wake

    async def _meet(self) -> None:
        """Find the shared store; without it, begin as the owner that this agent was last, if it was."""
        until = self._clock.monotonic() + START_PATIENCE_S
        while True:
            await self.tenure.turn()
            error = self.tenure.error
            if error is None:
                return
            if error.lasting:
                raise error
            if self._clock.monotonic() > until:
                self._begin_without(error)
                return
            await self._clock.sleep(AGAIN_S)

    def _begin_without(self, error: SharedStoreError) -> None:
        self.shipper.failed(error)
        if self.heritage.is_current:
            log.warning("starting without the shared store: %s", error)
            self.tenure.keep(self.local.epoch)
        else:
            log.warning("another agent owned the desk when the shared store was there last: %s", error)

    async def _enter(self, connection: Connection) -> None:
        """Before all else: clocks that agree, the tables as this program knows them, and this agent among
        the others.
        """
        await self.presence.clocks.compare(connection)
        self.presence.clocks.must_agree(self.address)
        await bring_forward(connection, self.address)
        await self.presence.register(connection, self.member)

    async def end(self) -> None:
        """Say that this agent has ended, and let go of everything."""
        if not self.has_begun:
            return
        with suppress(SharedStoreError, TimeoutError):
            async with self._clock.timeout(PARTING_S):
                await self.shipper.drain()
        with suppress(SharedStoreError):
            await self.tenure.give_up()
        if self.tenure.error is None:
            with suppress(SharedStoreError):
                async with self._steady.use(PARTING_S) as connection:
                    await self.presence.end(connection, self.member)
        await self._close()

    async def _close(self) -> None:
        links = (self._steady, self._work, *((self.outlook,) if self.has_begun else ()))
        for link in links:
            link.hang_up()
        await self._supervisor.stop()
        self.has_begun = False
        for link in links:
            link.end()
        await self._history.close()
        await self.journal.close()
        self._lock.release()

    # -- tenures ---------------------------------------------------------------------------------

    async def owned(self) -> None:
        """Wait until the desk is ours, and know what its former owner knew.

        Raises `SharedStoreError` where it can never be ours again.
        """
        has_said_so = False
        while True:
            if self.tenure.fatal is not None:
                raise self.tenure.fatal
            if not self.tenure.is_willing:
                self.tenure.is_willing = True
                self.tenure.stir()
            await self.tenure.until(held=True)
            try:
                await self.heritage.take_over()
            except StoreError as error:
                if not has_said_so:
                    log.warning("what the desk's former owner knew cannot be read: %s", error)
                has_said_so = True
                await self._clock.sleep(AGAIN_S)
            else:
                self.ids = self.heritage.ids()
                return

    async def lost(self) -> None:
        """Wait until the desk is not ours any more."""
        await self.tenure.until(held=False)

    async def parted(self) -> None:
        """An agent's run has ended: ship what it left, and let another have the desk at once."""
        self._held = None
        self.serve(None)
        try:
            async with self._clock.timeout(PARTING_S):
                await self.local.flush()
                await self.shipper.drain()
        except (StoreError, TimeoutError):
            log.info("what happened last is shipped when this agent starts again")
        with suppress(SharedStoreError):
            await self.tenure.give_up()

    async def has_standby(self) -> bool:
        """Whether another agent of the desk is there to take over, as far as can be heard."""
        if self.tenure.error is not None:
            return False
        with suppress(SharedStoreError):
            async with self._steady.use(PARTING_S) as connection:
                return await has_standby(connection, self.member)
        return False

    @property
    def owner(self) -> str | None:
        """The name of the agent that owns the desk, as far as is known."""
        lease = self.tenure.lease
        return None if lease is None or lease.is_free else lease.agent

    @property
    def owner_url(self) -> str | None:
        return self._owner_url[1] if self._owner_url[0] == self.owner else None

    def serve(self, agent: Serving | None) -> None:
        """This agent runs, and owns the desk; or none does."""
        self._agent = agent
        self.presence.said = (lambda: None) if agent is None else agent.said
        self.outlook.deliver = None if agent is None else agent.deliver
        self.shipper.wake()
        self.tenure.stir()

    # -- what an agent holds ---------------------------------------------------------------------

    def gate(self, send: Callable[[list[Letter]], None]) -> Gate:
        self._held = Held(send)
        return self._held

    def permit(self) -> bool:
        return self.tenure.may_send

    def trouble(self) -> str | None:
        return self.tenure.trouble or self.shipper.trouble or self.presence.rival

    def clock_trouble(self) -> str | None:
        return self.presence.clocks.trouble

    async def open(self) -> None:
        """All is open since the process began."""

    async def close(self) -> None:
        """All stays open until the process ends."""
        await self.local.flush()

    # -- what happens ----------------------------------------------------------------------------

    async def _beat(self, connection: Connection, role: Role, is_seen: bool) -> None:
        await self.presence.beat(connection, self.member, role, is_seen=is_seen)
        if role is Role.STANDBY and self.owner != self._owner_url[0]:
            self._owner_url = (self.owner, await url_of(connection, self.owner or ""))
        blueprint = self._agent.blueprint if self._agent is not None else self.blueprint
        await self.presence.configured(connection, self.member, blueprint)
        await self.outlook.turn(connection, role)

    def _woken(self, word: str) -> None:
        if word == letters_word(self.desk):
            self.shipper.wake()
        elif word == NEWS:
            self.outlook.view.wake()

    def _turned(self) -> None:
        """After each turn of the lease, whatever came of it."""
        if self.heritage.follow():
            self.shipper.wake()
        if self._held is not None and self._agent is not None:
            if self.tenure.is_alone or (self.tenure.owns and self.shipper.is_stuck):
                self._held.alone()
            elif self.tenure.owns:
                self._held.reached()
            if self.tenure.may_send:
                self._agent.notifiers.wake()

    def _claims_in(self) -> int | None:
        """The epoch to claim letters in, once there is somebody to send them."""
        is_ready = self._held is not None and self._agent is not None and self.tenure.owns
        return self.tenure.seat.epoch if is_ready else None

    def _prune(self, limits: Limits) -> None:
        """The desk's owner has the shared history forget what the journal here forgets."""
        if self.tenure.owns:
            self._sweeper.sweep(limits)

    def _landed(self, landed: Landed) -> None:
        if landed.told:
            self.local.append(Entry(letters=landed.told, inherited=True))
        if self._held is None:
            return
        for letter in landed.told:
            self._held.passed(letter)
        if landed.claimed:
            self._held.claimed(landed.claimed)
