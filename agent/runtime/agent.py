"""The agent: everything built from one blueprint, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from agent import __version__
from agent.abilities import CredentialState, Login, Surroundings
from agent.alerts.letters import Letter
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint, NotifierPlan
from agent.delivery.sender import Sender
from agent.errors import ActionError, PluginError, StoreError
from agent.health import self_check
from agent.health.rules import MARKET, members
from agent.model import CoreReason, Report, Status
from agent.runtime.border import unknown
from agent.runtime.cleaning import clean_report
from agent.runtime.context import JournaledValues, Services
from agent.runtime.core import Consequences, Core
from agent.runtime.credentials import CredentialService
from agent.runtime.expectations import expected
from agent.runtime.lock import FolderLock
from agent.runtime.login_links import LoginLinks
from agent.runtime.mounting import Mounted, build_notifier, mount
from agent.runtime.observing import Observing
from agent.runtime.outbound import Outbound
from agent.runtime.posting import Posting
from agent.runtime.publishing import Publisher
from agent.runtime.redaction import Redactor
from agent.runtime.remedies import Remedies
from agent.runtime.replay import believed_for
from agent.runtime.scheduling import Scheduling
from agent.runtime.supervision import Supervisor
from agent.runtime.threads import Threads
from agent.runtime.wellbeing import Wellbeing
from agent.store import snapshot
from agent.store.journal import Journal
from agent.store.snapshot import Snapshot
from agent.text import plain

log = logging.getLogger(__name__)

RECONCILE_S = 5.0
RENEW_EVERY = 2
"""The document is renewed at every second turn of the reconciler."""

DRAIN_S = 3.0


class Agent:
    """Owns what runs. The web server reads `publisher` and `journal`, and calls `act`.

    `redactor` keeps secrets out of the log and of all that plugins say; it learns each
    credential's value.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        clock: SystemClock,
        base_url: str,
        simulator: str | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.blueprint = blueprint
        self.clock = clock
        self.journal = Journal(blueprint.data_folder / "journal.sqlite")
        self.publisher = Publisher()
        self.machines: dict[str, Mounted] = {}
        self.senders: dict[str, Sender] = {}
        self.posting = Posting(clock, self.journal, self._stored, base_url)
        self._surroundings = Surroundings(blueprint.settings.name, blueprint.data_folder, base_url, simulator)
        self._lock = FolderLock(blueprint.data_folder)
        self._outbound = Outbound(f"openbell/{__version__}")
        self._supervisor = Supervisor(clock)
        self._scheduling = Scheduling(clock, self._evaluate)
        self._credentials: CredentialService | None = None
        self._credential_troubles: dict[str, str] = {}
        self._redactor = redactor or Redactor(blueprint.secrets)
        self._observers: list[Observing] = []
        self._markets = self._markets_by_machine()
        self.wellbeing = Wellbeing(blueprint.settings.name, blueprint.registry, clock.now())
        self._evaluation_is_well = True
        self._remedies = Remedies(
            blueprint.remedies,
            clock=clock,
            journal=self.journal,
            folder=blueprint.path.parent.resolve(),
            act=self.act,
            spawn=self._supervisor.spawn,
            clean=self.clean,
            incident=lambda: self.core.incident,
        )
        self._core: Core | None = None
        self._login_links: LoginLinks | None = None

    @property
    def login_links(self) -> LoginLinks:
        if self._login_links is None:
            raise RuntimeError("the agent has not been started")
        return self._login_links

    @property
    def core(self) -> Core:
        if self._core is None:
            raise RuntimeError("the agent has not been started")
        return self._core

    @property
    def credentials(self) -> CredentialService:
        if self._credentials is None:
            raise RuntimeError("the agent has not been started")
        return self._credentials

    # -- start and stop ---------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything. Raises `StoreError` when the data folder or the journal cannot be used."""
        self._lock.acquire()
        self.journal.open()
        self.journal.start()
        self._credentials = await self._open_credentials()
        kept = JournaledValues(self.journal, "login-links")
        self._login_links = LoginLinks(self.clock, kept, self._surroundings.base_url)
        self._core = self._make_core()
        self._remedies.resume()
        self._build()
        self.posting.restore()
        self._watch_over()
        self._evaluate()
        self._scheduling.start()
        self._set_going()

    async def stop(self) -> None:
        """Write what has happened, deliver what waits for a short while, end all tasks, close."""
        self._scheduling.stop()
        self._remedies.stop()
        await self.journal.flush()
        await asyncio.gather(*(sender.drain(DRAIN_S) for sender in self.senders.values()))
        await self._supervisor.stop()
        for mounted in self.machines.values():
            if mounted.prober is not None:
                await mounted.prober.stop()
        await self._outbound.close()
        await self.journal.close()
        self._lock.release()

    async def _open_credentials(self) -> CredentialService:
        service = CredentialService(
            self.blueprint.settings.credentials,
            clock=self.clock,
            store=JournaledValues(self.journal, "credentials"),
            folder=self.blueprint.path.parent,
        )
        for credential in service.credentials.values():
            credential.state.subscribe(self._credential_changed)
        await service.start()
        return service

    def _credential_changed(self, state: CredentialState) -> None:
        if state.secret is not None:
            self._redactor.add(state.secret.value)
        troubles = self._credentials.troubles() if self._credentials is not None else {}
        if troubles != self._credential_troubles:
            self._credential_troubles = troubles
            self.wellbeing.changed()

    def _make_core(self) -> Core:
        blueprint = self.blueprint
        former = self._former()
        self.publisher = Publisher(former.revision if former is not None else 0)
        return Core(
            blueprint.ruleset,
            clock=self.clock,
            journal=self.journal,
            publisher=self.publisher,
            believed_for=believed_for(blueprint),
            consequences=Consequences(
                ask=self._ask,
                wake_at=self._scheduling.wake_at,
                statuses_changed=self._set_expectations,
                address=self.posting.address,
                post=self.posting.post,
                published=self._observe,
                stored=self._stored,
                describe=self.wellbeing.describe,
                link=self.login_links.put_into,
            ),
            former=former,
            base_url=self._surroundings.base_url,
        )

    def _former(self) -> Snapshot | None:
        text = self.journal.value(snapshot.KEY)
        if text is None:
            return None
        try:
            return snapshot.unpack(text)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("what the former run left cannot be read (%s); starting without it", error)
            return None

    def _services(self) -> Services:
        return Services(
            clock=self.clock,
            surroundings=self._surroundings,
            outbound=self._outbound,
            journal=self.journal,
            credentials=self.credentials.credentials,
        )

    def _build(self) -> None:
        services = self._services()
        pools: dict[str, Threads] = {}
        wishes = {plan.machine.name: self._wish(plan.machine.name) for plan in self.blueprint.machines}
        for plan in self.blueprint.machines:
            self.machines[plan.machine.name] = mount(
                plan, services, pools=pools, deliver=self._deliver, wishes=wishes
            )
        for notifier in self.blueprint.notifiers:
            self._build_notifier(notifier)
        self.posting.senders = self.senders
        for name, observer in self.blueprint.registry.observers.items():
            self._observers.append(Observing(name, observer, self.clock))

    def _build_notifier(self, plan: NotifierPlan) -> None:
        try:
            notifier = build_notifier(plan, self._services())
        except PluginError as error:
            self.wellbeing.notifier_unbuilt(plan.name, plan.kind_name, self.clean(str(error)))
            self.posting.unbuilt |= {plan.name}
            return
        self.senders[plan.name] = Sender(
            plan.name,
            plan.kind_name,
            notifier,
            clock=self.clock,
            timeout=plan.timeout,
            keep=self.posting.keep,
            changed=self._check_self,
            clean=self.clean,
        )

    def _watch_over(self) -> None:
        self.wellbeing.senders = self.senders
        self.wellbeing.probers = [m.prober for m in self.machines.values() if m.prober is not None]
        self.wellbeing.credential_troubles = self.credentials.troubles
        self.wellbeing.changed = self._check_self

    def _set_going(self) -> None:
        keep = self._supervisor.keep
        keep("credentials", self.credentials.run)
        for mounted in self.machines.values():
            if mounted.prober is None:
                self._deliver(mounted.name, self._unbuilt(mounted))
                continue
            mounted.prober.wish()
            self._scheduling.every(mounted.plan.every, mounted.prober.on_schedule)
            if mounted.running is not None:
                keep(mounted.name, mounted.running.run, failed=self._crashed(mounted))
        for sender in self.senders.values():
            keep(f"notifier {sender.name}", sender.run)
        for observing in self._observers:
            keep(f"observer {observing.name}", observing.run)
        self._check_self()
        keep("reconciler", self._reconcile)

    # -- what machines and people want ------------------------------------------------------

    async def act(self, name: str, action: str) -> str:
        """Have a machine do one of its actions. Raises `ActionError`, or `KeyError` for no machine."""
        try:
            return self.clean(await self.machines[name].act(action))
        except ActionError as error:
            raise ActionError(self.clean(str(error))) from error

    def clean(self, text: str) -> str:
        """A plugin's words without any secret of the configuration or of a credential."""
        return self._redactor.clean(text)

    async def take(self, name: str, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Hand a machine what was pushed to it. Raises `ActionError`, or `KeyError` for no machine.

        The answer is for its sender alone, and is not cleaned: it may hand over a token.
        """
        try:
            return await self.machines[name].take(body)
        except ActionError as error:
            raise ActionError(self.clean(str(error))) from error

    async def test_notifier(self, name: str) -> tuple[Letter, ...]:
        """Send a test notice and say what came back, a letter for each recipient. Raises `KeyError`."""
        return await self.posting.test(name, agent=self.blueprint.settings.name)

    def logins(self) -> dict[str, Login]:
        """The machines at whose broker a person can log in."""
        return {name: m.subject for name, m in self.machines.items() if isinstance(m.subject, Login)}

    def _wish(self, name: str) -> Callable[[], None]:
        def wish() -> None:
            self._ask(name)

        return wish

    def _ask(self, name: str) -> None:
        mounted = self.machines.get(name)
        if mounted is not None and mounted.prober is not None:
            mounted.prober.wish()

    # -- the line ----------------------------------------------------------------------------

    def _deliver(self, name: str, report: Report) -> None:
        try:
            self.core.accept(name, clean_report(report, self.clean))
            self._remedies.look(self.core.evaluation)
        except Exception:  # noqa: BLE001 - a defect of ours must not end the agent
            self._evaluation_failed()

    def _evaluate(self) -> None:
        try:
            self.core.evaluate()
            self._remedies.look(self.core.evaluation)
            self._evaluation_is_well = True
        except Exception:  # noqa: BLE001 - a defect of ours must not end the agent
            self._evaluation_failed()

    def _evaluation_failed(self) -> None:
        """A defect of ours: the document is no longer renewed, so that readers cease to trust it."""
        self._evaluation_is_well = False
        log.exception("the evaluation failed; the document is not renewed until it works again")

    def _set_expectations(self, statuses: Mapping[str, Status]) -> None:
        for name, mounted in self.machines.items():
            market = self._markets[name]
            known = statuses[market] if market is not None else None
            mounted.context.expectation.set(expected(mounted.plan.expect, known))

    def _markets_by_machine(self) -> dict[str, str | None]:
        machines = self.blueprint.ruleset.machines
        found = {machine.name: members(MARKET, machine.group, machines) for machine in machines}
        return {name: markets[0] if markets else None for name, markets in found.items()}

    def _observe(self) -> None:
        if self.publisher.latest is not None:
            for observing in self._observers:
                observing.tell(self.publisher.latest)

    # -- the agent's own health --------------------------------------------------------------

    def _unbuilt(self, mounted: Mounted) -> Report:
        self.wellbeing.plugin_failed(mounted.plugin, self.clean(f"{mounted.name}: {mounted.error}"))
        message = f"The machine cannot be built: {mounted.error}"
        return unknown(CoreReason.PLUGIN_ERROR, message, self.clock.now())

    def _crashed(self, mounted: Mounted) -> Callable[[BaseException], None]:
        def crashed(error: BaseException) -> None:
            text = self.clean(plain(f"{type(error).__name__}: {error}"))
            message = f"The machine's task failed and starts again: {text}"
            self._deliver(mounted.name, unknown(CoreReason.PLUGIN_ERROR, message, self.clock.now()))
            self.wellbeing.plugin_failed(mounted.plugin, f"{mounted.name}: {text}")

        return crashed

    def _stored(self, error: StoreError | None) -> None:
        self.wellbeing.stored(error)

    def _check_self(self) -> None:
        self._deliver(self_check.NAME, self.wellbeing.report(self.clock.now()))

    async def _reconcile(self) -> None:
        """Every few seconds: follow the wall clock, derive everything anew, renew the document."""
        turn = 0
        while True:
            due = self.clock.monotonic() + RECONCILE_S
            await self.clock.sleep(RECONCILE_S)
            turn += 1
            self.wellbeing.loop_lag_ms = max(0.0, (self.clock.monotonic() - due) * 1000)
            step = self.clock.follow()
            if step:
                log.warning("the wall clock was set by %s; ages are kept, everything is timed anew", step)
                self.posting.shift(step)
                self._remedies.shift(step)
                self.core.shift(step)
                self._scheduling.rearm()
            if not self.wellbeing.is_storing:
                self.core.save()
            self.posting.catch_up()
            self._check_self()
            if turn % RENEW_EVERY == 0 and self._evaluation_is_well and self.wellbeing.is_storing:
                self.publisher.renew(self.clock.now())
