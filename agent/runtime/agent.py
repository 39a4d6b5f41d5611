"""The agent: everything built from one blueprint, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from agent import __version__
from agent.abilities import CredentialState, Surroundings
from agent.alerts.letters import Letter
from agent.alerts.routes import without
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint, NotifierPlan
from agent.delivery.sender import Sender
from agent.errors import PluginError, StoreError
from agent.health import self_check
from agent.model import Report
from agent.ownership import Ownership
from agent.runtime.conduct import Conduct
from agent.runtime.context import JournaledValues, Services
from agent.runtime.core import Consequences, Core
from agent.runtime.credentials import CredentialService
from agent.runtime.deadman import DeadMan
from agent.runtime.line import Line
from agent.runtime.lock import FolderLock
from agent.runtime.login_links import LoginLinks
from agent.runtime.machines import Machines
from agent.runtime.mounting import build_notifier
from agent.runtime.observing import Observing
from agent.runtime.outbound import Outbound
from agent.runtime.posting import Posting
from agent.runtime.publishing import Publisher
from agent.runtime.reconciling import Turns, reconcile
from agent.runtime.redaction import Redactor
from agent.runtime.remedies import Remedies
from agent.runtime.replay import believed_for
from agent.runtime.scheduling import Scheduling
from agent.runtime.stalls import StallWatch
from agent.runtime.supervision import Supervisor
from agent.runtime.wellbeing import Wellbeing
from agent.store import snapshot
from agent.store.journal import Journal
from agent.store.snapshot import Snapshot

log = logging.getLogger(__name__)

DRAIN_S = 3.0


class Agent:
    """Owns what runs. The web server reads `publisher` and `journal`, and calls `machines`.

    `redactor` keeps secrets out of the log and of all that plugins say; it learns each
    credential's value. `alive` is called every few seconds while the evaluation goes on.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        clock: SystemClock,
        base_url: str,
        simulator: str | None = None,
        redactor: Redactor | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.blueprint = blueprint
        self.clock = clock
        self.journal = Journal(blueprint.data_folder / "journal.sqlite")
        self.publisher = Publisher()
        self.senders: dict[str, Sender] = {}
        self.posting = Posting(clock, self.journal, self._stored, base_url)
        self._surroundings = Surroundings(blueprint.settings.name, blueprint.data_folder, base_url, simulator)
        self._lock = FolderLock(blueprint.data_folder)
        self._outbound = Outbound(f"openbell/{__version__}")
        self._alive = alive
        self._supervisor = Supervisor(clock)
        self._scheduling = Scheduling(clock, self._evaluate)
        self._credentials: CredentialService | None = None
        self._credential_troubles: dict[str, str] = {}
        self._redactor = redactor or Redactor(blueprint.secrets)
        self._observers: list[Observing] = []
        self._ownership = Ownership()
        self.conduct = Conduct(clock, self._ownership.counts, self.clean)
        self._stalls = StallWatch(clock, blueprint.registry.packages, self.conduct.stalled)
        self.wellbeing = Wellbeing(blueprint.settings.name, blueprint.registry, clock.now(), self.conduct)
        self.machines = Machines(
            blueprint, clock=clock, deliver=self._deliver, clean=self.clean, wellbeing=self.wellbeing
        )
        self._remedies = Remedies(
            blueprint.remedies,
            clock=clock,
            journal=self.journal,
            folder=blueprint.path.parent.resolve(),
            act=self.machines.act,
            spawn=self._supervisor.spawn,
            clean=self.clean,
            incident=lambda: self.core.incident,
        )
        self._line: Line | None = None
        self._login_links: LoginLinks | None = None

    @property
    def login_links(self) -> LoginLinks:
        if self._login_links is None:
            raise RuntimeError("the agent has not been started")
        return self._login_links

    @property
    def line(self) -> Line:
        if self._line is None:
            raise RuntimeError("the agent has not been started")
        return self._line

    @property
    def core(self) -> Core:
        return self.line.core

    @property
    def credentials(self) -> CredentialService:
        if self._credentials is None:
            raise RuntimeError("the agent has not been started")
        return self._credentials

    # -- start and stop ---------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything. Raises `StoreError` when the data folder or the journal cannot be used."""
        self._lock.acquire()
        self._ownership.watch(asyncio.get_running_loop())
        self._stalls.start()
        self.journal.open()
        self.journal.start()
        self._credentials = await self._open_credentials()
        kept = JournaledValues(self.journal, "login-links")
        self._login_links = LoginLinks(self.clock, kept, self._surroundings.base_url)
        self._line = Line(self._make_core(), look=self._remedies.look, clean=self.clean)
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
        await self.machines.stop()
        for name, left in (await self._ownership.end()).items():
            log.warning("%s: %d of its tasks did not end when told to", name, left)
        self._stalls.stop()
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
                ask=self.machines.ask,
                wake_at=self._scheduling.wake_at,
                statuses_changed=self.machines.set_expectations,
                address=self.posting.address,
                post=self.posting.post,
                published=self._observe,
                stored=self._stored,
                describe=self.wellbeing.describe,
                link=self.login_links.put_into,
            ),
            routes=blueprint.routes,
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
        self.machines.mount(self._services())
        for notifier in self.blueprint.notifiers:
            self._build_notifier(notifier)
        self.posting.senders = self.senders
        self.core.route(without(self.blueprint.routes, self.posting.unbuilt))
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
        self.wellbeing.probers = self.machines.probers
        self.wellbeing.credential_troubles = self.credentials.troubles
        self.wellbeing.changed = self._check_self
        self.wellbeing.deadman = self._make_deadman()
        observers = [observing.quarantine for observing in self._observers]
        self.conduct.changed = self._check_self
        self.conduct.watch(self.machines.mounted, [*self.machines.quarantines, *observers])

    def _make_deadman(self) -> DeadMan | None:
        wanted = self.blueprint.settings.deadman
        if wanted is None:
            return None
        return DeadMan(
            wanted.url.get_secret_value(),
            wanted.every,
            clock=self.clock,
            session=self._outbound.open,
            trouble=lambda: self.wellbeing.trouble() if self.line.is_well else "the evaluation fails",
            changed=self._check_self,
        )

    def _set_going(self) -> None:
        keep = self._supervisor.keep
        keep("credentials", self.credentials.run)
        self.machines.set_going(self._supervisor, self._scheduling)
        for sender in self.senders.values():
            keep(f"notifier {sender.name}", sender.run)
        for observing in self._observers:
            keep(f"observer {observing.name}", observing.run, quarantine=observing.quarantine)
        self._check_self()
        if self.wellbeing.deadman is not None:
            keep("dead-man switch", self.wellbeing.deadman.run)
        keep("reconciler", self._reconcile)

    # -- what machines and people want ------------------------------------------------------

    def clean(self, text: str) -> str:
        """A plugin's words without any secret of the configuration or of a credential."""
        return self._redactor.clean(text)

    async def test_notifier(self, name: str) -> tuple[Letter, ...]:
        """Send a test notice and say what came back, a letter for each recipient. Raises `KeyError`."""
        return await self.posting.test(name, agent=self.blueprint.settings.name)

    # -- the line ----------------------------------------------------------------------------

    def _deliver(self, name: str, report: Report) -> None:
        self.line.deliver(name, report)

    def _evaluate(self) -> None:
        self.line.evaluate()

    def _observe(self) -> None:
        if self.publisher.latest is not None:
            for observing in self._observers:
                observing.tell(self.publisher.latest)

    # -- the agent's own health --------------------------------------------------------------

    def _stored(self, error: StoreError | None) -> None:
        self.wellbeing.stored(error)

    def _check_self(self) -> None:
        self._deliver(self_check.NAME, self.wellbeing.report(self.clock.now()))

    async def _reconcile(self) -> None:
        turns = Turns(
            lag=self.wellbeing.lagged,
            shift=self._shift,
            catch_up=self._catch_up,
            look=self._check_self,
            renew=self._renew,
        )
        await reconcile(self.clock, turns)

    def _shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self.posting.shift(step)
        self._remedies.shift(step)
        self.core.shift(step)
        self._scheduling.rearm()

    def _catch_up(self) -> None:
        if self.line.is_well:
            self._alive()
        if not self.wellbeing.is_storing:
            self.core.save()
        self.posting.catch_up()

    def _renew(self) -> None:
        if self.line.is_well and self.wellbeing.is_storing:
            self.publisher.renew(self.clock.now())
