"""The agent: everything built from one blueprint, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from agent import __version__
from agent.abilities import Credential, Surroundings
from agent.alerts.letters import Letter
from agent.alerts.routes import without
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.config.changes import Changes, Parts, compare, settle
from agent.config.recalling import KEY as OFFERS
from agent.config.recalling import recall, remember
from agent.config.schema import NetworkTable
from agent.delivery.sender import Sender
from agent.errors import StoreError
from agent.health import self_check
from agent.health.document import HealthDocument
from agent.model import Incident, Report
from agent.ownership import Ownership
from agent.runtime.conduct import Conduct
from agent.runtime.context import JournaledValues, Services
from agent.runtime.core import Consequences, Core
from agent.runtime.deadman import DeadMan
from agent.runtime.footing import Footing
from agent.runtime.holding import Holding, OwnFolder
from agent.runtime.keyring import Keyring
from agent.runtime.line import Line
from agent.runtime.login_links import LoginLinks
from agent.runtime.machines import Machines
from agent.runtime.notifiers import Notifiers
from agent.runtime.observing import Observers
from agent.runtime.outbound import Outbound
from agent.runtime.parts import parts
from agent.runtime.publishing import Publisher
from agent.runtime.reconciling import Jump, Turns, reconcile
from agent.runtime.redaction import Redactor
from agent.runtime.reloading import Reloading, Reloads
from agent.runtime.remedies import Remedies
from agent.runtime.replay import believed_for
from agent.runtime.scheduling import Scheduling
from agent.runtime.stalls import StallWatch
from agent.runtime.succession import Succession, prepare
from agent.runtime.supervision import Supervisor
from agent.runtime.wellbeing import Wellbeing
from agent.store import snapshot
from agent.store.entry import Entry
from agent.store.keeping import Keeping
from agent.store.snapshot import Snapshot

log = logging.getLogger(__name__)


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
        reloads: Reloads | None = None,
        alive: Callable[[], None] = lambda: None,
        holding: Holding | None = None,
    ) -> None:
        self.blueprint = blueprint
        self.clock = clock
        self._holding = holding or OwnFolder(blueprint.data_folder)
        self.journal = self._holding.journal
        self.publisher = Publisher()
        self._parts = parts(blueprint.settings, clock)
        self.posting = self._parts.posting(clock, self.journal, self._stored, base_url, self._holding.gate)
        self._surroundings = Surroundings(blueprint.settings.name, blueprint.data_folder, base_url, simulator)
        self._outbound = Outbound(f"openbell/{__version__}")
        self._alive = alive
        self._supervisor = Supervisor(clock)
        self._scheduling = Scheduling(clock, self._evaluate)
        self._switch: tuple[asyncio.Task[None], ...] = ()
        self._redactor = redactor or Redactor(blueprint.secrets)
        self._keyring = Keyring(
            clock,
            self.journal,
            supervisor=self._supervisor,
            redactor=self._redactor,
            changed=self._check_self,
        )
        self._ownership = Ownership()
        self._observers = Observers(clock, self._supervisor)
        self._reloads = reloads
        self.conduct = Conduct(clock, self._ownership.counts, self.clean)
        self._stalls = StallWatch(clock, blueprint.registry.packages, self.conduct.stalled)
        self.wellbeing = Wellbeing(blueprint.settings.name, blueprint.registry, clock.now(), self.conduct)
        self.machines = Machines(
            blueprint,
            clock=clock,
            supervisor=self._supervisor,
            scheduling=self._scheduling,
            deliver=self.deliver,
            clean=self.clean,
            wellbeing=self.wellbeing,
        )
        self.notifiers = Notifiers(
            clock=clock,
            supervisor=self._supervisor,
            posting=self.posting,
            wellbeing=self.wellbeing,
            changed=self._check_self,
            clean=self.clean,
            permit=self._holding.permit,
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
    def senders(self) -> dict[str, Sender]:
        return self.notifiers.senders

    @property
    def core(self) -> Core:
        return self.line.core

    def said(self) -> tuple[HealthDocument, Incident | None] | None:
        """What is published now, and the open incident; `None` before the first document."""
        latest = self.publisher.latest
        return None if latest is None or self._line is None else (latest.document, self.core.incident)

    # -- start and stop ---------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything. Raises `StoreError` when the data folder or the journal cannot be used."""
        await self._holding.open()
        self._ownership.watch(asyncio.get_running_loop())
        self._stalls.start()
        await self._keyring.open(self.blueprint.settings.credentials, self.blueprint.path.parent)
        kept = JournaledValues(self.journal, "login-links")
        self._login_links = LoginLinks(self.clock, kept, self._surroundings.base_url)
        self._recall()
        self._line = self._parts.line(self._make_core(), look=self._remedies.look, clean=self.clean)
        self._remedies.resume()
        self._build()
        self.posting.restore()
        self._watch_over()
        self._evaluate()
        self._scheduling.start()
        self._set_going()

    async def stop(self, *, drain: bool = True) -> None:
        """Write what has happened, deliver what waits for a short while, end all tasks, close.

        Without `drain`, what waits is left to another agent.
        """
        self._scheduling.stop()
        self._remedies.stop()
        await self.journal.flush()
        if drain:
            await self.notifiers.drain()
        await self._supervisor.stop()
        await self.machines.stop()
        for name, left in (await self._ownership.end()).items():
            log.warning("%s: %d of its tasks did not end when told to", name, left)
        self._stalls.stop()
        await self._outbound.close()
        await self._holding.close()
        await self._parts.close()

    def _recall(self) -> None:
        """Take from the journal what plugins offered that are not here now, and note what is offered."""
        offers = remember(self.blueprint.registry, self.journal.value(OFFERS))
        self.blueprint = recall(self.blueprint, offers)
        self.machines.follow(self.blueprint)
        self._note_offers(offers)

    def _note_offers(self, offers: str) -> None:
        if offers != self.journal.value(OFFERS):
            self.journal.append(Entry(values=((OFFERS, offers),)))

    def _make_core(self) -> Core:
        blueprint = self.blueprint
        former = self._former()
        self.publisher = self._parts.publisher(former.revision if former is not None else 0)
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
            ids=self._holding.ids,
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

    def _services(self, opened: Mapping[str, Credential] | None = None) -> Services:
        """What machines and notifiers are handed; `opened` are credentials that will be in force."""
        return Services(
            clock=self.clock,
            surroundings=self._surroundings,
            outbound=self._outbound,
            journal=self.journal,
            credentials={**self._keyring.service.credentials, **(opened or {})},
        )

    def _build(self) -> None:
        services = self._services()
        self.machines.mount(services)
        staged = self.notifiers.stage(self.blueprint.notifiers, services)
        self.notifiers.adopt(self.blueprint.notifiers, staged)
        self._observers.adopt(self.blueprint.registry.observers)
        self.core.route(without(self.blueprint.routes, self.posting.unbuilt))

    def _watch_over(self) -> None:
        self.wellbeing.probers = self.machines.probers
        self.wellbeing.credential_troubles = self._keyring.troubles
        self.wellbeing.journal_loss = lambda: self.journal.loss
        self.wellbeing.sharing_trouble = self._holding.trouble
        self.wellbeing.clock_trouble = self._holding.clock_trouble
        self.wellbeing.journal_bytes = lambda: self.journal.size_bytes
        self.wellbeing.changed = self._check_self
        self.conduct.changed = self._check_self
        self._watch_conduct()

    def _watch_conduct(self) -> None:
        """Have an eye on the machines and observers that are in place now."""
        self._stalls.modules = self.blueprint.registry.packages
        self.conduct.watch(self.machines.mounted, [*self.machines.quarantines, *self._observers.quarantines])

    def _switch_on(self) -> None:
        """Set the dead-man switch going, if there is to be one."""
        deadman = self.wellbeing.deadman = self._make_deadman()
        if deadman is not None:
            self._switch = (self._supervisor.keep("dead-man switch", deadman.run),)

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

    def _make_footing(self) -> Footing:
        def wanted() -> NetworkTable | None:
            settings = self.blueprint.settings
            return settings.network if settings.environment == "live" else None

        return Footing(self.blueprint.data_folder, clock=self.clock, wanted=wanted, changed=self._check_self)

    def _set_going(self) -> None:
        keep = self._supervisor.keep
        self.conduct.begin()
        self._keyring.set_going()
        self.machines.set_going()
        self.notifiers.set_going()
        self._check_self()
        self._switch_on()
        footing = self.wellbeing.footing = self._make_footing()
        keep("footing", footing.run)
        keep("reconciler", self._reconcile)
        if self._reloads is not None:
            keep("configuration", self._reloading(self._reloads).run)

    # -- another configuration ----------------------------------------------------------------

    def _reloading(self, reloads: Reloads) -> Reloading:
        return Reloading(
            reloads,
            clock=self.clock,
            journal=self.journal,
            seen=self.blueprint.fingerprint,
            path=self.blueprint.path,
            adopt=self.adopt,
            refused=self.wellbeing.misconfigured,
            clean=self.clean,
        )

    async def adopt(self, blueprint: Blueprint) -> Changes:
        """Go over to another configuration; what does not differ goes on undisturbed.

        Raises `ConfigError`, and nothing has changed, where a part of it cannot be built.
        """
        for secret in blueprint.secrets:
            self._redactor.add(secret)
        offers = remember(blueprint.registry, self.journal.value(OFFERS))
        blueprint = recall(blueprint, offers)
        changes = compare(self.blueprint, blueprint)
        changes = changes.rebuilding(self.machines.using(changes.credentials.gone))
        tables = blueprint.settings.credentials
        opened = await self._keyring.stage({name: tables[name] for name in changes.credentials.new})
        services = self._services({name: one.credential for name, one in opened.items()})
        succession = prepare(blueprint, changes, self.machines, self.notifiers, services)
        await self.machines.end(succession.machines_gone)
        await self.notifiers.end(changes.notifiers.removed)
        await self._observers.end_all_but(blueprint.registry.observers)
        if changes.credentials != Parts():
            await self._keyring.adopt(opened, changes.credentials.removed)
        self._note_offers(offers)
        self._swap(settle(self.blueprint, blueprint), succession)
        if "deadman" in changes.tables:
            await self._supervisor.end(self._switch)
            self._switch_on()
        return changes

    def _swap(self, blueprint: Blueprint, succession: Succession) -> None:
        """Between two evaluations: nothing here waits."""
        self.blueprint = blueprint
        self.machines.adopt(blueprint, succession.machines)
        self.notifiers.adopt(blueprint.notifiers, succession.notifiers)
        self._observers.adopt(blueprint.registry.observers)
        self._remedies.adopt(blueprint.remedies)
        self.wellbeing.probers = self.machines.probers
        self._watch_conduct()
        self.wellbeing.configured(
            blueprint.registry, rebuilt=succession.plugins, waiting=succession.changes.waiting
        )
        self.core.route(without(blueprint.routes, self.posting.unbuilt))
        self.core.adopt(blueprint.ruleset, believed_for(blueprint), renewed=succession.machines)
        self.machines.begin(succession.machines)
        self.notifiers.set_going()
        self.posting.resume()
        self._check_self()
        self._evaluate()

    # -- what machines and people want ------------------------------------------------------

    def clean(self, text: str) -> str:
        """A plugin's words without any secret of the configuration or of a credential."""
        return self._redactor.clean(text)

    async def test_notifier(self, name: str) -> tuple[Letter, ...]:
        """Send a test notice and say what came back, a letter for each recipient. Raises `KeyError`."""
        return await self.posting.test(name, agent=self.blueprint.settings.name)

    # -- the line ----------------------------------------------------------------------------

    def deliver(self, name: str, report: Report) -> None:
        """Take in a machine's report."""
        self.line.deliver(name, report)

    def _evaluate(self) -> None:
        self.line.evaluate()

    def _observe(self) -> None:
        if self.publisher.latest is not None:
            self._observers.tell(self.publisher.latest)

    # -- the agent's own health --------------------------------------------------------------

    def _stored(self, error: StoreError | None) -> None:
        self.wellbeing.stored(error)

    def _check_self(self) -> None:
        self.deliver(self_check.NAME, self.wellbeing.report(self.clock.now()))

    async def _reconcile(self) -> None:
        turns = Turns(
            lag=self.wellbeing.lagged,
            shift=self._shift,
            hurry=self.journal.hurry,
            look=self._look,
            renew=self._renew,
            prune=self._prune,
        )
        await reconcile(self.clock, turns)

    def _shift(self, jump: Jump) -> None:
        """Follow a jump of the wall clock; after a suspend nothing that was known is fresh."""
        step = jump.step
        self.posting.shift(step)
        self._remedies.shift(step)
        self.core.shift(step)
        self._scheduling.rearm()
        self.wellbeing.clock_jumped(jump.set_by, jump.slept)
        self.core.note_clock("SUSPENDED" if jump.slept else "SET", jump.words)
        if jump.slept:
            for name in self.machines.mounted:
                self.machines.ask(name)

    def _look(self) -> None:
        """What every turn looks at."""
        if self.line.is_well:
            self._alive()
        self._check_self()

    def _renew(self) -> None:
        if self.line.is_well and self.wellbeing.is_storing:
            self.publisher.renew(self.clock.now())

    def _prune(self) -> None:
        table = self.blueprint.settings.store
        keeping = Keeping(
            history=table.keep,
            notices=table.keep_notices,
            reports=table.keep_reports,
            max_bytes=table.max_size,
        )
        self.journal.prune(keeping.limits(self.clock.now()))
