"""The agent: everything built from one blueprint, started in order and stopped in reverse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from agent import __version__
from agent.abilities import Login, NotifierContext, Surroundings
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint, NotifierPlan
from agent.delivery.sender import Sender
from agent.errors import StoreError
from agent.health.document import AgentPart, PluginPart
from agent.health.rules import MARKET, members
from agent.model import CoreReason, Notice, Report, Status
from agent.health import self_check
from agent.runtime.border import unknown
from agent.runtime.context import JournaledValues, Services
from agent.runtime.core import Consequences, Core
from agent.runtime.credentials import CredentialService
from agent.runtime.expectations import expected
from agent.runtime.lock import FolderLock
from agent.runtime.mounting import Mounted, mount
from agent.runtime.observing import Observing
from agent.runtime.outbound import Outbound
from agent.runtime.publishing import Publisher
from agent.runtime.scheduling import Scheduling
from agent.runtime.supervision import Supervisor
from agent.runtime.threads import Threads
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

    `learn` is told each credential's value, so that it can be kept out of the log.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        clock: SystemClock,
        base_url: str,
        simulator: str | None = None,
        learn: Callable[[str], None] = lambda secret: None,
    ) -> None:
        self.blueprint = blueprint
        self.clock = clock
        self.journal = Journal(blueprint.data_folder / "journal.sqlite")
        self.publisher = Publisher()
        self.started_at: datetime = clock.now()
        self.machines: dict[str, Mounted] = {}
        self.senders: dict[str, Sender] = {}
        self._surroundings = Surroundings(blueprint.settings.name, blueprint.data_folder, base_url, simulator)
        self._lock = FolderLock(blueprint.data_folder)
        self._outbound = Outbound(f"openbell/{__version__}")
        self._supervisor = Supervisor(clock)
        self._scheduling = Scheduling(clock, self._evaluate)
        self._credentials = CredentialService(
            blueprint.settings.credentials,
            clock=clock,
            store=JournaledValues(self.journal, "credentials"),
            folder=blueprint.path.parent,
        )
        self._learn = learn
        self._observers: list[Observing] = []
        self._markets = self._markets_by_machine()
        self._plugin_errors: dict[str, str] = {}
        self._notifier_errors: dict[str, str] = {}
        self._store_error: str | None = None
        self._loop_lag_ms = 0.0
        self._evaluation_is_well = True
        self._core: Core | None = None

    @property
    def core(self) -> Core:
        if self._core is None:
            raise RuntimeError("the agent has not been started")
        return self._core

    # -- start and stop ---------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything. Raises `StoreError` when the data folder or the journal cannot be used."""
        self._lock.acquire()
        self.journal.open()
        self.journal.start()
        await self._credentials.start()
        self._core = self._make_core()
        self._build()
        self._evaluate()
        self._scheduling.start()
        self._set_going()

    async def stop(self) -> None:
        """Stop taking in, deliver what waits for a short while, close the journal."""
        self._scheduling.stop()
        for sender in self.senders.values():
            await sender.drain(DRAIN_S)
        await self._supervisor.stop()
        for mounted in self.machines.values():
            if mounted.prober is not None:
                await mounted.prober.stop()
        await self._outbound.close()
        await self.journal.close()
        self._lock.release()

    def _make_core(self) -> Core:
        blueprint = self.blueprint
        former = self._former()
        self.publisher = Publisher(former.revision if former is not None else 0)
        believed = {plan.machine.name: plan.every * 2 + plan.timeout for plan in blueprint.machines}
        return Core(
            blueprint.ruleset,
            clock=self.clock,
            journal=self.journal,
            publisher=self.publisher,
            believed_for={**believed, self_check.NAME: self_check.VALID_FOR},
            consequences=Consequences(
                ask=self._ask,
                wake_at=self._scheduling.wake_at,
                statuses_changed=self._set_expectations,
                notify=self._notify,
                published=self._observe,
                stored=self._stored,
                describe=self._describe,
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

    def _build(self) -> None:
        services = Services(
            clock=self.clock,
            surroundings=self._surroundings,
            outbound=self._outbound,
            journal=self.journal,
            credentials=self._credentials.credentials,
        )
        pools: dict[str, Threads] = {}
        wishes = {plan.machine.name: self._wish(plan.machine.name) for plan in self.blueprint.machines}
        for plan in self.blueprint.machines:
            self.machines[plan.machine.name] = mount(
                plan, services, pools=pools, deliver=self._deliver, wishes=wishes
            )
        for notifier in self.blueprint.notifiers:
            self._build_notifier(notifier)
        for name, observer in self.blueprint.registry.observers.items():
            self._observers.append(Observing(name, observer, self.clock))

    def _build_notifier(self, plan: NotifierPlan) -> None:
        context = NotifierContext(
            plan.name,
            self.clock,
            logging.getLogger(f"openbell.{plan.name}"),
            self._surroundings,
            self._outbound.open,
        )
        if plan.kind is None:
            self._notifier_errors[plan.name] = f"its plugin, of the kind {plan.kind_name!r}, is not loaded"
            return
        try:
            notifier = plan.kind.factory(plan.settings, context)
        except (Exception, SystemExit) as error:
            log.exception("the notifier %s cannot be built", plan.name)
            self._notifier_errors[plan.name] = plain(f"{type(error).__name__}: {error}")
            return
        self.senders[plan.name] = Sender(
            plan.name,
            plan.kind_name,
            notifier,
            clock=self.clock,
            timeout=plan.timeout,
            changed=self._check_self,
        )

    def _set_going(self) -> None:
        keep = self._supervisor.keep
        keep("credentials", self._credentials.run)
        for mounted in self.machines.values():
            if mounted.prober is None:
                self._deliver(mounted.name, self._cannot_run(mounted))
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
        return await self.machines[name].act(action)

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
            self.core.accept(name, report)
        except Exception:  # noqa: BLE001 - a defect of ours must not end the agent
            self._evaluation_failed()

    def _evaluate(self) -> None:
        try:
            self.core.evaluate()
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

    def _notify(self, notice: Notice) -> None:
        for sender in self.senders.values():
            sender.tell(notice)

    def _observe(self) -> None:
        if self.publisher.latest is not None:
            for observing in self._observers:
                observing.tell(self.publisher.latest)

    # -- the agent's own health --------------------------------------------------------------

    def _describe(self) -> AgentPart:
        registry = self.blueprint.registry
        return AgentPart(
            name=self.blueprint.settings.name,
            version=__version__,
            started_at=self.started_at,
            loop_lag_ms=round(self._loop_lag_ms, 1),
            plugins=[
                PluginPart(
                    name=one.name,
                    state="failing" if one.name in self._plugin_errors else one.state,
                    origin=one.origin,
                    version=one.version,
                    error=self._plugin_errors.get(one.name, one.error),
                )
                for one in registry.plugins.values()
            ],
            notifiers=[sender.describe() for sender in self.senders.values()],
        )

    def _cannot_run(self, mounted: Mounted) -> Report:
        if mounted.plugin is not None and mounted.error is not None:
            self._plugin_errors[mounted.plugin] = f"{mounted.name}: {mounted.error}"
        message = f"The machine cannot be built: {mounted.error}"
        return unknown(CoreReason.PLUGIN_ERROR, message, self.clock.now())

    def _crashed(self, mounted: Mounted) -> Callable[[BaseException], None]:
        def crashed(error: BaseException) -> None:
            text = plain(f"{type(error).__name__}: {error}")
            if mounted.plugin is not None:
                self._plugin_errors[mounted.plugin] = f"{mounted.name}: {text}"
            message = f"The machine's task failed and starts again: {text}"
            self._deliver(mounted.name, unknown(CoreReason.PLUGIN_ERROR, message, self.clock.now()))
            self._check_self()

        return crashed

    def _stored(self, error: StoreError | None) -> None:
        before, self._store_error = self._store_error, str(error) if error is not None else None
        if (before is None) != (self._store_error is None):
            log.log(
                logging.ERROR if error else logging.INFO,
                "journal: %s",
                error or "writing works again",
            )
            self._check_self()

    def _check_self(self) -> None:
        failing = {s.name: s.describe().error or "" for s in self.senders.values() if s.is_failing}
        listed = {p.name: p.error for p in self.blueprint.registry.plugins.values() if p.error}
        facts = self_check.Facts(
            store_error=self._store_error,
            plugin_errors={**listed, **self._plugin_errors},
            notifier_errors={**self._notifier_errors, **failing},
            credential_troubles=self._credentials.troubles(),
            loop_lag_ms=self._loop_lag_ms,
        )
        probers = [m.prober for m in self.machines.values() if m.prober is not None]
        measures = {
            "loop_lag_ms": round(self._loop_lag_ms, 1),
            "probes": float(sum(p.counts.runs for p in probers)),
            "probes_merged": float(sum(p.counts.merged for p in probers)),
            "probes_failed": float(sum(p.counts.failed for p in probers)),
        }
        self._deliver(self_check.NAME, self_check.self_report(facts, measures, self.clock.now()))

    async def _reconcile(self) -> None:
        """Every few seconds: follow the wall clock, derive everything anew, renew the document."""
        turn = 0
        while True:
            due = self.clock.monotonic() + RECONCILE_S
            await self.clock.sleep(RECONCILE_S)
            turn += 1
            self._loop_lag_ms = max(0.0, (self.clock.monotonic() - due) * 1000)
            step = self.clock.follow()
            if step:
                log.warning("the wall clock was set by %s; ages are kept, everything is timed anew", step)
                self.core.shift(step)
                self._scheduling.rearm()
            self._check_self()
            if turn % RENEW_EVERY == 0 and self._evaluation_is_well and self._store_error is None:
                self.publisher.renew(self.clock.now())
