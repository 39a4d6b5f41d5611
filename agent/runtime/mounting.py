"""Builds the machines and notifiers of a blueprint; one that cannot be built costs itself alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.abilities import Actions, Notifier, NotifierContext, Pushed, Running
from agent.config.blueprint import MachinePlan, NotifierPlan
from agent.errors import ActionError, PluginError
from agent.model import Report
from agent.runtime.context import JournaledValues, MachineContext, Services
from agent.runtime.probing import Prober
from agent.runtime.threads import Threads
from agent.text import plain

log = logging.getLogger(__name__)

R = TypeVar("R")

ACTION_TIMEOUT_S = 30.0
PUSH_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One machine in place. `subject` is what its plugin built, or `None` with the error."""

    plan: MachinePlan
    context: MachineContext
    prober: Prober | None
    subject: object | None
    error: str | None = None

    @property
    def name(self) -> str:
        return self.plan.machine.name

    @property
    def plugin(self) -> str | None:
        return self.plan.kind.plugin if self.plan.kind is not None else None

    @property
    def running(self) -> Running | None:
        return self.subject if isinstance(self.subject, Running) else None

    async def act(self, action: str) -> str:
        """Do one of the machine's actions. Raises `ActionError`, whatever its plugin does."""
        if action not in self.plan.machine.actions or not isinstance(self.subject, Actions):
            known = ", ".join(sorted(self.plan.machine.actions)) or "none"
            raise ActionError(f"{self.name} has no action {action!r} (it has: {known})")
        return plain(str(await self._fenced(action, self.subject.act(action), ACTION_TIMEOUT_S)))

    async def take(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Hand over what was pushed; returns the answer. Raises `ActionError`, whatever its plugin does."""
        if not isinstance(self.subject, Pushed):
            raise ActionError(
                f"{self.name} takes no reports from outside (its kind: {self.plan.machine.kind})"
            )
        return await self._fenced("push", self.subject.take(body), PUSH_TIMEOUT_S)

    async def _fenced(self, what: str, call: Awaitable[R], timeout_s: float) -> R:
        try:
            async with self.context.clock.timeout(timeout_s):
                return await call
        except ActionError:
            raise
        except TimeoutError:
            raise ActionError(f"{self.name}/{what} took longer than {timeout_s:g} s") from None
        except (Exception, SystemExit) as error:
            log.warning("%s/%s failed", self.name, what, exc_info=error)
            raise ActionError(f"{self.name}/{what} failed: {plain(str(error))}") from error


def mount(
    plan: MachinePlan,
    services: Services,
    *,
    pools: dict[str, Threads],
    deliver: Callable[[str, Report], None],
    wishes: Mapping[str, Callable[[], None]],
) -> Mounted:
    """Build one machine; `wishes` has, by name, what asks for a probe of it."""
    name = plan.machine.name
    plugin = plan.kind.plugin if plan.kind is not None else "none"
    threads = pools.setdefault(plugin, Threads(plugin))

    def arrive(report: Report) -> None:
        deliver(name, report)

    context = MachineContext(plan.machine, services, threads=threads, deliver=arrive, wish=wishes[name])
    if plan.kind is None:
        error = f"the plugin that offers the kind {plan.machine.kind!r} could not be loaded"
        return Mounted(plan=plan, context=context, prober=None, subject=None, error=error)
    try:
        subject = plan.kind.factory(plan.settings, context)
        prober = Prober(
            plan.machine,
            subject,
            clock=services.clock,
            timeout=plan.timeout,
            threads=threads,
            deliver=arrive,
        )
    except (Exception, SystemExit) as problem:
        log.exception("the machine %s cannot be built", name)
        error = plain(f"{type(problem).__name__}: {problem}")
        return Mounted(plan=plan, context=context, prober=None, subject=None, error=error)
    return Mounted(plan=plan, context=context, prober=prober, subject=subject)


def build_notifier(plan: NotifierPlan, services: Services) -> Notifier:
    """Build one notifier. Raises `PluginError`, whatever its plugin does."""
    if plan.kind is None:
        raise PluginError(f"its plugin, of the kind {plan.kind_name!r}, is not loaded")
    context = NotifierContext(
        plan.name,
        services.clock,
        logging.getLogger(f"openbell.{plan.name}"),
        services.surroundings,
        services.outbound.open,
        JournaledValues(services.journal, f"notifier:{plan.name}"),
        Threads(plan.name).run,
    )
    try:
        notifier: Notifier = plan.kind.factory(plan.settings, context)
    except (Exception, SystemExit) as problem:
        log.exception("the notifier %s cannot be built", plan.name)
        raise PluginError(plain(f"{type(problem).__name__}: {problem}")) from problem
    return notifier
