"""What a running agent does for itself: looks at itself, its host and its clock, and says that it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.config.schema import NetworkTable
from agent.runtime.deadman import DeadMan
from agent.runtime.footing import Footing
from agent.runtime.line import Line
from agent.runtime.publishing import Publisher
from agent.runtime.reconciling import Jump, Turns, reconcile
from agent.runtime.supervision import Supervisor
from agent.runtime.wellbeing import Wellbeing
from agent.store.door import Door
from agent.store.keeping import Keeping

if TYPE_CHECKING:
    import aiohttp


class Kept(Protocol):
    """The agent; its configuration may be exchanged while it runs."""

    blueprint: Blueprint
    clock: SystemClock
    journal: Door
    publisher: Publisher
    wellbeing: Wellbeing

    @property
    def line(self) -> Line: ...


class Upkeep:
    """`check` has the agent report of itself, `shift` follow a jump of the clock; `alive` is called at each
    turn that finds the evaluation at work.
    """

    def __init__(
        self,
        agent: Kept,
        *,
        supervisor: Supervisor,
        session: Callable[[], aiohttp.ClientSession],
        check: Callable[[], None],
        shift: Callable[[Jump], None],
        alive: Callable[[], None],
    ) -> None:
        self._agent = agent
        self._supervisor = supervisor
        self._session = session
        self._check = check
        self._shift = shift
        self._alive = alive
        self._switch: tuple[asyncio.Task[None], ...] = ()

    def set_going(self) -> None:
        self._switch_on()
        footing = self._agent.wellbeing.footing = self._make_footing()
        self._supervisor.keep("footing", footing.run)
        self._supervisor.keep("reconciler", self._reconcile)

    async def renew_switch(self) -> None:
        """Go by another dead-man switch, or by none."""
        await self._supervisor.end(self._switch)
        self._switch_on()

    def _switch_on(self) -> None:
        deadman = self._agent.wellbeing.deadman = self._make_deadman()
        if deadman is not None:
            self._switch = (self._supervisor.keep("dead-man switch", deadman.run),)

    def _make_deadman(self) -> DeadMan | None:
        agent, wanted = self._agent, self._agent.blueprint.settings.deadman
        if wanted is None:
            return None
        return DeadMan(
            wanted.url.get_secret_value(),
            wanted.every,
            clock=agent.clock,
            session=self._session,
            trouble=lambda: agent.wellbeing.trouble() if agent.line.is_well else "the evaluation fails",
            changed=self._check,
        )

    def _make_footing(self) -> Footing:
        agent = self._agent

        def wanted() -> NetworkTable | None:
            settings = agent.blueprint.settings
            return settings.network if settings.environment == "live" else None

        return Footing(agent.blueprint.data_folder, clock=agent.clock, wanted=wanted, changed=self._check)

    async def _reconcile(self) -> None:
        turns = Turns(
            lag=self._agent.wellbeing.lagged,
            shift=self._shift,
            hurry=self._agent.journal.hurry,
            look=self._look,
            renew=self._renew,
            prune=self._prune,
        )
        await reconcile(self._agent.clock, turns)

    def _look(self) -> None:
        if self._agent.line.is_well:
            self._alive()
        self._check()

    def _renew(self) -> None:
        agent = self._agent
        if agent.line.is_well and agent.wellbeing.is_storing:
            agent.publisher.renew(agent.clock.now())

    def _prune(self) -> None:
        table = self._agent.blueprint.settings.store
        keeping = Keeping(
            history=table.keep,
            notices=table.keep_notices,
            reports=table.keep_reports,
            max_bytes=table.max_size,
        )
        self._agent.journal.prune(keeping.limits(self._agent.clock.now()))
