"""The machines in place: mounted, set going, asked, told what is expected of them, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agent.abilities import Login, Pushed, Running
from agent.clock import Clock
from agent.config.blueprint import Blueprint, MachinePlan
from agent.errors import ActionError, LoginError
from agent.fence import called, fenced, in_words
from agent.health.rules import MARKET, members
from agent.model import CoreReason, Report, Session, Status
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
        supervisor: Supervisor,
        scheduling: Scheduling,
        deliver: Callable[[str, Report], None],
        clean: Callable[[str], str],
        wellbeing: Wellbeing,
    ) -> None:
        self._plans = blueprint.machines
        self._clock = clock
        self._supervisor = supervisor
        self._scheduling = scheduling
        self._deliver = deliver
        self._clean = clean
        self._wellbeing = wellbeing
        self._markets = _markets_by_machine(blueprint)
        self._pools: dict[str, Threads] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.mounted: dict[str, Mounted] = {}

    @property
    def probers(self) -> list[Prober]:
        return [one.prober for one in self.mounted.values() if one.prober is not None]

    @property
    def unbuilt(self) -> frozenset[str]:
        return frozenset(name for name, one in self.mounted.items() if one.error is not None)

    @property
    def logins(self) -> dict[str, Login]:
        """The machines at whose broker a person can log in."""
        return {name: one.subject for name, one in self.mounted.items() if isinstance(one.subject, Login)}

    @property
    def takers(self) -> list[str]:
        """The names of the machines that take reports from outside."""
        return sorted(name for name, one in self.mounted.items() if isinstance(one.subject, Pushed))

    def follow(self, blueprint: Blueprint) -> None:
        """Go by other plans, from the next mounting on."""
        self._plans = blueprint.machines
        self._markets = _markets_by_machine(blueprint)

    def mount(self, services: Services) -> None:
        """Build them all; one that cannot be built costs itself alone."""
        self.mounted = self.stage(self._plans, services)

    def stage(self, plans: Iterable[MachinePlan], services: Services) -> dict[str, Mounted]:
        """Build machines, without putting them in place."""
        return {plan.machine.name: self._build(plan, services) for plan in plans}

    def _build(self, plan: MachinePlan, services: Services) -> Mounted:
        """Build one. What it still says when another has its place is dropped."""

        def arrive(name: str, report: Report) -> None:
            present = self.mounted.get(name)
            if present is not None and present.context is built.context:
                self._deliver(name, report)

        wishes = {plan.machine.name: self._wish(plan.machine.name)}
        built = mount(plan, services, pools=self._pools, deliver=arrive, wishes=wishes)
        return built

    def set_going(self) -> None:
        for one in self.mounted.values():
            self._begin(one)

    def _begin(self, one: Mounted) -> None:
        """Probe it at once and then on schedule, and keep its task, if it has one."""
        if one.prober is None:
            self._deliver(one.name, self._unbuilt(one))
            return
        one.prober.wish()
        self._scheduling.every(one.plan.every, one.prober.on_schedule)
        if one.running is not None:
            run = self._run(one.name, one.running)
            self._tasks[one.name] = self._supervisor.keep(
                one.name, run, failed=self._crashed(one), quarantine=one.quarantine
            )

    # -- another configuration ----------------------------------------------------------------

    def using(self, credentials: Collection[str]) -> frozenset[str]:
        """The machines that hold one of these credentials."""
        return frozenset(name for name, one in self.mounted.items() if one.context.used & {*credentials})

    async def end(self, names: Iterable[str]) -> None:
        """Take machines out of their places and end them."""
        gone = [self.mounted.pop(name) for name in names]
        for one in gone:
            if one.prober is not None:
                self._scheduling.forget(one.plan.every, one.prober.on_schedule)
        await self._supervisor.end([self._tasks.pop(one.name) for one in gone if one.name in self._tasks])
        await asyncio.gather(*(one.prober.stop() for one in gone if one.prober is not None))

    def adopt(self, blueprint: Blueprint, staged: Mapping[str, Mounted]) -> None:
        """Put machines in place, and have those that stay go by their new plans."""
        self.follow(blueprint)
        self.mounted = {
            plan.machine.name: staged.get(plan.machine.name) or self._adjusted(plan) for plan in self._plans
        }

    def _adjusted(self, plan: MachinePlan) -> Mounted:
        one = self.mounted[plan.machine.name]
        if one.prober is not None:
            one.prober.allow(plan.timeout)
            if plan.every != one.plan.every:
                self._scheduling.forget(one.plan.every, one.prober.on_schedule)
                self._scheduling.every(plan.every, one.prober.on_schedule)
        return replace(one, plan=plan)

    def begin(self, names: Iterable[str]) -> None:
        """Set machines going that were just put in place."""
        for name in names:
            self._begin(self.mounted[name])

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

    async def sessions(self, name: str, since: datetime, until: datetime) -> Sequence[Session]:
        """A market's sessions that begin in a stretch. Raises `ActionError` for one that tells none."""
        try:
            return await self.mounted[name].sessions(since, until)
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
