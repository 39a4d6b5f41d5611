"""Builds the machines and notifiers of a blueprint; one that cannot be built costs itself alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from agent.abilities import Actions, Login, Notifier, NotifierContext, Pushed, Running, Sessions
from agent.config.blueprint import MachinePlan, NotifierPlan
from agent.errors import ActionError, LoginError, PluginError
from agent.fence import called, in_words
from agent.model import Report, Session
from agent.ownership import bounded, owned
from agent.runtime.context import JournaledValues, MachineContext, Services
from agent.runtime.probing import Prober
from agent.runtime.quarantining import Quarantine
from agent.runtime.threads import Threads
from agent.text import plain

log = logging.getLogger(__name__)

R = TypeVar("R")

ACTION_TIMEOUT_S = 30.0
PUSH_TIMEOUT_S = 5.0
SESSIONS_TIMEOUT_S = 30.0
LOGIN_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One machine in place. `subject` is what its plugin built, or `None` with the error."""

    plan: MachinePlan
    context: MachineContext
    prober: Prober | None
    subject: object | None
    quarantine: Quarantine
    """Of the machine's own task; that of its probes is the prober's."""
    error: str | None = None

    @property
    def name(self) -> str:
        return self.plan.machine.name

    @property
    def plugin(self) -> str | None:
        return self.plan.kind.plugin if self.plan.kind is not None else None

    @property
    def is_quarantined(self) -> bool:
        """Whether its probes or its task are set aside."""
        return self.quarantine.is_quarantined or (
            self.prober is not None and self.prober.quarantine.is_quarantined
        )

    @property
    def running(self) -> Running | None:
        return self.subject if isinstance(self.subject, Running) else None

    async def act(self, action: str) -> str:
        """Do one of the machine's actions. Raises `ActionError`, whatever its plugin does."""
        if action not in self.plan.machine.actions or not isinstance(self.subject, Actions):
            known = ", ".join(sorted(self.plan.machine.actions)) or "none"
            raise ActionError(f"{self.name} has no action {action!r} (it has: {known})")
        subject = self.subject

        async def act() -> str:
            return plain(str(await subject.act(action)))

        return await self._fenced(action, act(), ACTION_TIMEOUT_S)

    async def take(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Hand over what was pushed; returns the answer. Raises `ActionError`, whatever its plugin does."""
        if not isinstance(self.subject, Pushed):
            raise ActionError(
                f"{self.name} takes no reports from outside (its kind: {self.plan.machine.kind})"
            )
        subject = self.subject

        async def take() -> Mapping[str, object]:
            answer = await subject.take(body)
            if not isinstance(answer, Mapping):
                raise PluginError(f"expected a mapping for an answer, got {type(answer).__name__}")
            return answer

        return await self._fenced("push", take(), PUSH_TIMEOUT_S)

    async def begin_login(self, state: str, return_url: str) -> str:
        """The broker's page to send a person to. Raises `LoginError`, whatever its plugin does."""
        subject = self._login

        async def begin() -> str:
            target = await subject.begin(state, return_url)
            if not isinstance(target, str) or not target.startswith(("https://", "http://")):
                raise PluginError("the plugin gave no address of a web page")
            return plain(target, limit=len(target))

        return await self._fenced("login", begin(), LOGIN_TIMEOUT_S, LoginError)

    async def complete_login(self, query: Mapping[str, str]) -> str:
        """Have a login completed; returns a line for the person. Raises `LoginError`, as above."""
        subject = self._login

        async def complete() -> str:
            return plain(str(await subject.complete(query)))

        return await self._fenced("login", complete(), LOGIN_TIMEOUT_S, LoginError)

    async def sessions(self, since: datetime, until: datetime) -> Sequence[Session]:
        """The sessions that begin in a stretch. Raises `ActionError`, whatever its plugin does."""
        if not isinstance(self.subject, Sessions):
            raise ActionError(f"{self.name} (its kind: {self.plan.machine.kind}) does not tell its sessions")
        subject = self.subject

        async def tell() -> Sequence[Session]:
            return await subject.sessions(since, until)

        return await self._fenced("sessions", tell(), SESSIONS_TIMEOUT_S)

    @property
    def _login(self) -> Login:
        if not isinstance(self.subject, Login):
            raise LoginError(f"{self.name} has no login (its kind: {self.plan.machine.kind})")
        return self.subject

    async def _fenced(
        self,
        what: str,
        call: Coroutine[Any, Any, R],
        timeout_s: float,
        kind: type[ActionError | LoginError] = ActionError,
    ) -> R:
        try:
            return await bounded(self.name, call, clock=self.context.clock, timeout_s=timeout_s)
        except kind:
            raise
        except TimeoutError:
            raise kind(f"{self.name}/{what} took longer than {timeout_s:g} s") from None
        except Exception as error:
            log.warning("%s/%s failed", self.name, what, exc_info=error)
            raise kind(f"{self.name}/{what} failed: {in_words(error)}") from error


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
    task = Quarantine(plugin, f"{name}: its task", services.clock, tells_each=True)
    if plan.kind is None:
        error = f"the plugin that offers the kind {plan.machine.kind!r} could not be loaded"
        return Mounted(plan=plan, context=context, prober=None, subject=None, error=error, quarantine=task)
    try:
        subject = owned(name, lambda: called(lambda: _build(plan, context, services)))
        prober = Prober(
            plan.machine,
            subject,
            clock=services.clock,
            timeout=plan.timeout,
            threads=threads,
            deliver=arrive,
            quarantine=Quarantine(plugin, f"{name}: its probes", services.clock),
            is_away=_away(plan, subject),
        )
    except Exception as problem:
        log.exception("the machine %s cannot be built", name)
        error = in_words(problem)
        return Mounted(plan=plan, context=context, prober=None, subject=None, error=error, quarantine=task)
    return Mounted(plan=plan, context=context, prober=prober, subject=subject, quarantine=task)


def _build(plan: MachinePlan, context: MachineContext, services: Services) -> object:
    """Have the plugin build it, and look once at each of its methods: a hostile attribute shows here."""
    if plan.kind is None:
        raise PluginError("its plugin is not loaded")
    if plan.isolated:
        return _apart(plan, context, services)
    subject = plan.kind.factory(plan.settings, context)
    for method in ("probe", "run", "begin", "complete", "act", "take"):
        getattr(subject, method, None)
    return subject


def _apart(plan: MachinePlan, context: MachineContext, services: Services) -> object:
    """What stands for a machine in a process of its own; it is built there."""
    from agent.runtime.isolated.remote import named_credentials, remote_class
    from agent.runtime.isolated.wire import written

    factory = plan.kind.factory if plan.kind is not None else None
    credentials = named_credentials(written(plan.settings), services.credentials)
    context.used |= credentials.keys()
    return remote_class(factory)(
        plan,
        context,
        values=services.journal.values_under(f"machine:{context.name}:"),
        credentials=credentials,
    )


def _away(plan: MachinePlan, subject: object) -> Callable[[], bool]:
    """Whether there is a process to ask; a machine within the agent's own is never away."""
    if not plan.isolated:
        return lambda: False
    from agent.runtime.isolated.remote import Remote

    return lambda: isinstance(subject, Remote) and subject.is_away


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
        factory, settings = plan.kind.factory, plan.settings
        notifier: Notifier = called(lambda: factory(settings, context))
    except Exception as problem:
        log.exception("the notifier %s cannot be built", plan.name)
        raise PluginError(in_words(problem)) from problem
    return notifier
