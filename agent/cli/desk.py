"""One process of a desk that several agents share: it stands by, or runs the agent while it owns the desk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress

from agent.cli.surface import Surface
from agent.config.blueprint import Blueprint
from agent.config.changes import Changes, compare, settle
from agent.errors import AgentError
from agent.runtime.agent import Agent
from agent.runtime.reloading import Reloading, Reloads
from agent.runtime.sharing.membership import Membership
from agent.web.fleet import Fleet
from agent.web.server import WebServer
from agent.web.standby import Owner, StandbyServer

log = logging.getLogger(__name__)

ALIVE_EVERY_S = 5.0
PATIENCE_S = 30.0
"""So long may an agent take to start."""


class Desk:
    """Goes from standing by to owning the desk and back, until it is stopped.

    `failed` hears of a defect, or of a folder that cannot be used; the process is to end then.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        membership: Membership,
        surface: Surface,
        failed: Callable[[], None],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._blueprint = blueprint
        self._waiting: tuple[str, ...] = ()
        self._membership = membership
        self._surface = surface
        self._failed = failed
        self._stopping = asyncio.Event()
        self._serving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once something is served. Raises what keeps the agent from starting."""
        await self._membership.begin()
        self._task = asyncio.create_task(self._run(), name="desk")
        self._task.add_done_callback(self._ended)
        await self._serving.wait()
        if self._task.done():
            self._task.result()

    def _ended(self, _: object) -> None:
        self._serving.set()
        self._failed()

    async def stop(self) -> None:
        """Hand the desk over, if it is ours, and leave."""
        self._stopping.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._membership.end()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            stands_by = not self._membership.tenure.seat.is_held
            if await (self._stand_by() if stands_by else self._or_stopped(self._membership.owned())):
                await self._own()

    async def _or_stopped(self, wait: Coroutine[None, None, None]) -> bool:
        """Wait for something; `False` when this is to stop before."""
        waiting: asyncio.Task[object] = asyncio.create_task(wait)
        stopped: asyncio.Task[object] = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for one in (waiting, stopped):
            if one not in done:
                one.cancel()
                with suppress(asyncio.CancelledError):
                    await one
        if waiting in done:
            waiting.result()
        return waiting in done and not self._stopping.is_set()

    async def _stand_by(self) -> bool:
        """Until the desk is ours; `False` when this is to stop before."""
        log.info("standing by for the desk %s", self._membership.desk)
        surface, blueprint = self._surface, self._blueprint
        server = StandbyServer(
            blueprint.settings.server,
            folder=blueprint.data_folder,
            journal=self._membership.journal,
            clock=surface.clock,
            listener=surface.listener.dup(),
            base_url=surface.base_url,
            owner=self._owner,
            fleet=self._fleet(),
        )
        await server.start()
        self._serving.set()
        beside = [asyncio.create_task(self._live(), name="sign of life")]
        if surface.reloads is not None:
            beside.append(asyncio.create_task(self._reloading(surface.reloads).run(), name="configuration"))
        try:
            return await self._or_stopped(self._membership.owned())
        finally:
            for one in beside:
                one.cancel()
            await asyncio.wait(beside)
            await server.stop()

    async def _live(self) -> None:
        """To stand by is to be alive: whoever looks after the process must not end it for that."""
        while True:
            self._surface.alive()
            await self._surface.clock.sleep(ALIVE_EVERY_S)

    def _reloading(self, reloads: Reloads) -> Reloading:
        """Who stands by takes up an edit too: it takes over by the rules of now, and the fleet compares
        those. It has no history, and a file that is wrong is in its log alone until it takes over.
        """
        redactor = self._surface.redactor
        return Reloading(
            reloads,
            clock=self._surface.clock,
            journal=None,
            path=self._blueprint.path,
            seen=self._blueprint.fingerprint,
            adopt=self._adopt,
            refused=lambda fault: None,
            clean=redactor.clean if redactor is not None else str,
        )

    async def _adopt(self, blueprint: Blueprint) -> Changes:
        if self._surface.redactor is not None:
            for secret in blueprint.secrets:
                self._surface.redactor.add(secret)
        changes = compare(self._blueprint, blueprint)
        self._go_by(settle(self._blueprint, blueprint), changes.waiting)
        return changes

    def _go_by(self, blueprint: Blueprint, waiting: tuple[str, ...]) -> None:
        self._blueprint = self._membership.blueprint = blueprint
        self._waiting = waiting

    async def _own(self) -> None:
        surface, membership = self._surface, self._membership
        self._follow_the_clock()
        agent = Agent(
            self._blueprint,
            clock=surface.clock,
            base_url=surface.base_url,
            simulator=surface.simulator,
            redactor=surface.redactor,
            reloads=surface.reloads,
            alive=surface.alive,
            holding=membership,
        )
        agent.wellbeing.waiting = self._waiting
        server: WebServer | None = None
        try:
            if not await self._or_stopped(self._begin(agent)):
                return
            membership.serve(agent)
            server = WebServer(  # of what the agent publishes and mounts, which is there once it has started
                agent, listener=surface.listener.dup(), base_url=surface.base_url, fleet=self._fleet()
            )
            await server.start()
            self._serving.set()
            await self._or_stopped(membership.lost())
        finally:
            await self._part(agent, server)

    def _follow_the_clock(self) -> None:
        """Only an agent that runs follows a clock that is set, and a machine that slept."""
        self._surface.clock.follow()
        self._surface.clock.slept()

    async def _begin(self, agent: Agent) -> None:
        """An agent that does not come to its work keeps the desk from another that would."""
        try:
            async with self._surface.clock.timeout(self._patience_s):
                await agent.start()
        except TimeoutError:
            raise AgentError(
                f"{self._blueprint.path}: the agent has not started within {self._patience_s:.0f} s, "
                "and leaves the desk to another; look at its credentials' files, and their disk"
            ) from None

    async def _part(self, agent: Agent, server: WebServer | None) -> None:
        """End the agent; its successor, where there is one, has the desk before the last reader is gone."""
        membership = self._membership
        is_last = self._stopping.is_set() and not await membership.has_standby()
        try:
            await agent.stop(drain=is_last)
            await membership.parted()
        finally:
            if server is not None:
                await server.stop()
        self._go_by(agent.blueprint, agent.wellbeing.waiting)

    def _owner(self) -> Owner:
        known = self._membership
        return Owner(known.desk, known.owner, known.owner_url, known.trouble() or known.clock_trouble())

    def _fleet(self) -> Fleet:
        return Fleet(self._surface.clock, self._membership.outlook.view, self._membership.outlook.forget)
