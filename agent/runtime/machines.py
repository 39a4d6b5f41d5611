"""The machines in place: mounted, set going, asked, told what is expected of them, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.abilities import Login, Pushed, Running
from agent.clock import Clock
from agent.config.blueprint import Blueprint
from agent.errors import ActionError, LoginError
from agent.fence import called, fenced, in_words
from agent.health.rules import MARKET, members
from agent.model import CoreReason, Report, Status
from agent.ownership import as_owner
from agent.runtime.border import unknown
from agent.runtime.context import Services
from agent.runtime.expectations import expected
from agent.runtime.mounting import Mounted, mount
from agent.runtime.probing import Prober, stand_in
from agent.runtime.quarantining import Quarantine
from agent.runtime.scheduling import Scheduling
from agent.runtime.supervision import Supervisor
from agent.runtime.threads import Threads
from agent.runtime.wellbeing import Wellbeing


class Machines:
    """All machines of one agent. `deliver` takes their reports, `clean` takes secrets out of words."""

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        clock: Clock,
        deliver: Callable[[str, Report], None],
        clean: Callable[[str], str],
        wellbeing: Wellbeing,
    ) -> None:
        self._plans = blueprint.machines
        self._clock = clock
        self._deliver = deliver
        self._clean = clean
        self._wellbeing = wellbeing
        self._markets = _markets_by_machine(blueprint)
        self._pools: dict[str, Threads] = {}
        self.mounted: dict[str, Mounted] = {}

    @property
    def probers(self) -> list[Prober]:
        return [one.prober for one in self.mounted.values() if one.prober is not None]

    @property
    def logins(self) -> dict[str, Login]:
        """The machines at whose broker a person can log in."""
        return {name: one.subject for name, one in self.mounted.items() if isinstance(one.subject, Login)}

    @property
    def takers(self) -> list[str]:
        """The names of the machines that take reports from outside."""
        return sorted(name for name, one in self.mounted.items() if isinstance(one.subject, Pushed))

    def mount(self, services: Services) -> None:
        """Build them all; one that cannot be built costs itself alone."""
        wishes = {plan.machine.name: self._wish(plan.machine.name) for plan in self._plans}
        for plan in self._plans:
            self.mounted[plan.machine.name] = mount(
                plan, services, pools=self._pools, deliver=self._deliver, wishes=wishes
            )

    def set_going(self, supervisor: Supervisor, scheduling: Scheduling) -> None:
        """Probe each at once and then on schedule, and keep the tasks of those that have one."""
        for one in self.mounted.values():
            if one.prober is None:
                self._deliver(one.name, self._unbuilt(one))
                continue
            one.prober.wish()
            scheduling.every(one.plan.every, one.prober.on_schedule)
            if one.running is not None:
                run = self._run(one.name, one.running)
                supervisor.keep(one.name, run, failed=self._crashed(one), quarantine=one.quarantine)

    async def stop(self) -> None:
        await asyncio.gather(*(prober.stop() for prober in self.probers))

    def ask(self, name: str) -> None:
        """Have a machine probed soon; nothing where there is none of that name."""
        mounted = self.mounted.get(name)
        if mounted is not None and mounted.prober is not None:
            mounted.prober.wish()

    def set_expectations(self, statuses: Mapping[str, Status]) -> None:
        """Hand each machine what its market demands of it now."""
        for name, mounted in self.mounted.items():
            market = self._markets[name]
            known = statuses[market] if market is not None else None
            mounted.context.expectation.set(expected(mounted.plan.expect, known))

    async def act(self, name: str, action: str) -> str:
        """Have a machine do one of its actions. Raises `ActionError`, or `KeyError` for no machine."""
        try:
            return self._clean(await self.mounted[name].act(action))
        except ActionError as error:
            raise ActionError(self._clean(str(error))) from error

    async def begin_login(self, name: str, state: str, return_url: str) -> str:
        """The broker's page to send a person to. Raises `LoginError`, whose text the person sees."""
        try:
            return await self.mounted[name].begin_login(state, return_url)
        except LoginError as error:
            raise LoginError(self._clean(str(error))) from error

    async def complete_login(self, name: str, query: Mapping[str, str]) -> str:
        """Have a login completed; it is a person's act, so the machine is let back. Raises `LoginError`."""
        try:
            said = await self.mounted[name].complete_login(query)
        except LoginError as error:
            raise LoginError(self._clean(str(error))) from error
        if self.mounted[name].is_quarantined:
            self.release(name)
        return said

    async def take(self, name: str, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Hand a machine what was pushed to it. Raises `ActionError`, or `KeyError` for no machine.

        The answer is for its sender alone, and is not cleaned: it may hand over a token.
        """
        try:
            return await self.mounted[name].take(body)
        except ActionError as error:
            raise ActionError(self._clean(str(error))) from error

    def release(self, name: str) -> None:
        """A person wants a machine tried again, whatever is held against it. Raises `KeyError`."""
        mounted = self.mounted[name]
        mounted.quarantine.release()
        if mounted.prober is not None:
            mounted.prober.release()

    @property
    def quarantines(self) -> list[Quarantine]:
        """Of every probe and every task."""
        tasks = [one.quarantine for one in self.mounted.values()]
        return [*tasks, *(prober.quarantine for prober in self.probers)]

    def _run(self, name: str, machine: Running) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await as_owner(name, fenced(called(machine.run)))

        return run

    def _wish(self, name: str) -> Callable[[], None]:
        def wish() -> None:
            self.ask(name)

        return wish

    def _unbuilt(self, mounted: Mounted) -> Report:
        self._wellbeing.plugin_failed(mounted.plugin, self._clean(f"{mounted.name}: {mounted.error}"))
        message = f"The machine cannot be built: {mounted.error}"
        return unknown(CoreReason.PLUGIN_ERROR, message, self._clock.now())

    def _crashed(self, mounted: Mounted) -> Callable[[BaseException], None]:
        def crashed(error: BaseException) -> None:
            text = self._clean(in_words(error))
            message = f"The machine's task failed and starts again: {text}"
            now = self._clock.now()
            self._deliver(mounted.name, stand_in(mounted.quarantine, CoreReason.PLUGIN_ERROR, message, now))

        return crashed


def _markets_by_machine(blueprint: Blueprint) -> dict[str, str | None]:
    """The market machine whose state says what is expected of each machine."""
    machines = blueprint.ruleset.machines
    found = {machine.name: members(MARKET, machine.group, machines) for machine in machines}
    return {name: markets[0] if markets else None for name, markets in found.items()}
