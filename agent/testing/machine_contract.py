"""The contract of a state machine: derive a test class from it, and say how the other side behaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from agent.abilities import Actions, Running, Verdict
from agent.errors import ActionError
from agent.model import Expectation, Report
from agent.registry import MachineKind
from agent.runtime.outbound import Outbound
from agent.testing.bench import Bench, probe_once
from agent.testing.canary import CANARY, find_leaks, holds_secret, words_of
from agent.testing.contract import Contract, DoesNotApply, NotShown, check, ends_when_cancelled, watched_loop
from agent.testing.footprint import Footprint
from agent.testing.server import Exchange
from agent.testing.stage import Stage, Word, changed_by_json
from agent.testing.tour import Tour, travel
from agent.testing.troubles import Trouble
from agent.testing.weather import telling

FEED = "feed"

LONG_ENOUGH = 2.0
"""So many seconds of its clock a machine has to come to what it may leave behind."""


class StateMachineContract(Contract):
    """Holds one kind of machine to what the agent relies on."""

    healthy: ClassVar[Word | None] = None
    """The state and the reason that it reports while all is well."""
    classes: ClassVar[Mapping[Trouble, str]] = {}
    """What it calls each trouble: by default a reason, see `classify`."""
    credential: ClassVar[str | None] = None
    """The name of the credential that it uses, if it uses one."""
    quiet_tries: ClassVar[int] = 0
    """How often a feed may try to connect, within minutes, while nothing is expected of it."""

    refuses_canary = True

    # -- what an author says ------------------------------------------------------------------

    def classify(self, report: Report) -> str:
        """The word by which a report tells a trouble."""
        return report.reason

    async def token(self, exchange: Exchange) -> str:
        """A credential that the other side takes while all is well; asked for another, gives another."""
        return f"goodToken{len(exchange.requests)}"

    async def accompany(self, machine: Any) -> None:
        """What others do to the machine while all is well, such as pushing it reports; until cancelled."""

    async def mute(self, exchange: Exchange) -> None:
        """From now on the other side sends heartbeats, and no data."""
        raise NotShown("say how the feed falls mute: override `mute`")

    # -- the checks ---------------------------------------------------------------------------

    @check(vital=True)
    async def test_says_only_what_it_declares(self) -> None:
        """Every report, in any weather, is one that the agent takes: declared, dated and finite."""
        tour = await self._tour()
        assert not tour.faults, f"the agent would not take: {tour.faults[0]}"

    @check(vital=True)
    async def test_reports_survive_json(self) -> None:
        """Attributes and measures are the same after a way through JSON."""
        tour = await self._tour()
        changed = [text for report in tour.reports if (text := changed_by_json(report))]
        assert not changed, changed[0]

    @check(vital=True)
    async def test_keeps_secrets(self) -> None:
        """A canary secret is in no report, log or error, though the other side repeats it."""
        kind = self.kind_offered()
        if self.credential is None and not holds_secret(kind.settings):
            raise DoesNotApply("does not apply: it is given no secret")
        tour = await self._tour()
        if holds_secret(kind.settings) and not tour.holds_canary:
            raise NotShown("put agent.testing.CANARY where `settings(url)` has a secret")
        leaks = find_leaks(tour.texts)
        assert not leaks, f"a secret shows: {leaks[0]}"

    @check()
    async def test_becomes_healthy(self) -> None:
        """While all is well it says so."""
        async with self.well() as exchange, self.stage(exchange) as stage, stage.running():
            await self._until_healthy(stage)

    @check(vital=True)
    async def test_probe_obeys_cancel(self) -> None:
        """A probe that gets no answer ends when it is cancelled."""
        async with self._silence() as exchange, self.stage(exchange, CANARY) as stage:
            if not stage.probe_is_async:
                raise DoesNotApply("does not apply: its probe is a plain def, and nobody can cancel a thread")
            probe = asyncio.ensure_future(probe_once(stage.machine, stage.bench))
            await self.let_it_wait(probe, exchange)
            obeys = await ends_when_cancelled(probe, self.patience_s)
            assert obeys, "the probe goes on after it was cancelled: let CancelledError pass"

    @check(vital=True)
    async def test_holds_up_nobody(self) -> None:
        """A probe that gets no answer neither blocks the event loop nor lasts for ever in its thread."""
        async with (
            watched_loop() as longest_gap,
            self._silence() as exchange,
            self.stage(exchange, CANARY) as stage,
        ):
            probe = asyncio.ensure_future(probe_once(stage.machine, stage.bench))
            await self.let_it_wait(probe, exchange)
            gap = longest_gap()
            assert gap < self.patience_s / 2, (
                f"the probe held up everybody for {gap:.1f} s: make it a plain def"
            )
            if not stage.probe_is_async:
                done, _ = await asyncio.wait({probe}, timeout=self.patience_s)
                assert done, f"the probe is stuck in its thread for {self.patience_s:g} s: set timeouts"
            await ends_when_cancelled(probe, self.patience_s)

    @check()
    async def test_starts_and_stops_twice(self) -> None:
        """`run` ends when cancelled and can be run again, as after a failure."""
        async with self.well() as exchange, self.stage(exchange) as stage:
            if not isinstance(stage.machine, Running):
                raise DoesNotApply("does not apply: it has no run()")
            for _ in range(2):
                stage.bench.reports.clear()
                task = asyncio.ensure_future(stage.machine.run())
                try:
                    async with stage.surrounded():
                        await self._until_healthy(stage, task)
                finally:
                    ended = await ends_when_cancelled(task, self.patience_s)
                assert ended, "run() goes on after it was cancelled: let CancelledError pass"

    @check(vital=True)
    async def test_leaves_nothing_behind(self) -> None:
        """No task, thread or socket is left when it has stopped."""
        async with self.well() as exchange:
            before = Footprint.now()
            async with self.stage(exchange) as stage, stage.running():
                await self.until(lambda: stage.bench.reports, lambda: "it reports nothing at all")
                await self.clock.sleep(LONG_ENOUGH)
            await self.until(
                lambda: not Footprint.left(before),
                lambda: f"left behind: {', '.join(Footprint.left(before))}",
            )

    @check()
    async def test_takes_a_new_credential(self) -> None:
        """A new credential is used as soon as it is there, without a restart."""
        credential = self._require_credential()
        for poor in (None, CANARY):
            async with self.well() as exchange, self.stage(exchange, poor) as stage, stage.running():
                await self._until(stage, lambda word: word != self.healthy, "it has no good credential yet")
                if poor is not None:
                    await self._until_turned_away(stage, credential)
                stage.bench.credential(credential).put(await self.token(exchange))
                await self._until_healthy(stage)

    @check()
    async def test_detects_mute(self) -> None:
        """A feed that goes mute while its heartbeats flow is noticed."""
        self._require_feed()
        async with self.well() as exchange, self.stage(exchange) as stage, stage.running():
            await self._until_healthy(stage)
            await self.mute(exchange)
            await self._until(stage, lambda word: word != self.healthy, "it had to notice that no data comes")

    @check()
    async def test_tries_nothing_unexpected(self) -> None:
        """Where the market's phase expects nothing of it, it asks nobody."""
        self._require_feed()
        async with self.trouble(Trouble.SERVER_ERROR) as exchange:  # noqa: SIM117 - one after the other
            async with self.stage(exchange, CANARY) as stage:
                stage.bench.expectation.set(Expectation.NOTHING)
                async with stage.running():
                    await self.clock.sleep(8)
                    tried = len(exchange.requests)
                    allowed = self.quiet_tries
                    assert tried <= allowed, f"it asked {tried} times, and nothing was expected of it"
                    stage.bench.expectation.set(Expectation.DATA)
                    await self.until(
                        lambda: len(exchange.requests) > tried,
                        lambda: "it does not ask even when it should",
                    )

    @check()
    async def test_refuses_unknown_actions(self) -> None:
        """An action that it does not know is an ActionError, and nothing else."""
        async with self.well() as exchange, self.stage(exchange) as stage:
            if not isinstance(stage.machine, Actions):
                raise DoesNotApply("does not apply: it has no act()")
            try:
                await stage.machine.act("no-such-action")
            except ActionError:
                return
            except Exception as error:  # noqa: BLE001 - the finding itself
                raise AssertionError(f"expected ActionError, got {words_of(error)}") from None
            raise AssertionError("it did an action that does not exist: raise ActionError")

    test_classes_401 = telling(Trouble.UNAUTHORIZED)
    test_classes_403 = telling(Trouble.FORBIDDEN)
    test_classes_429 = telling(Trouble.RATE_LIMITED)
    test_classes_5xx = telling(Trouble.SERVER_ERROR)
    test_classes_timeout = telling(Trouble.TIMEOUT)
    test_classes_dns = telling(Trouble.DNS)
    test_classes_tls = telling(Trouble.TLS)

    # -- how they are done --------------------------------------------------------------------

    def kind_offered(self) -> MachineKind:
        """The kind as the plugin registers it."""
        registry = self.offers()
        if self.kind not in registry.machines:
            known = ", ".join(sorted(registry.machines)) or "none"
            raise AssertionError(f"{self.plugin} offers no machine {self.kind!r}; it offers: {known}")
        return registry.machines[self.kind]

    @asynccontextmanager
    async def stage(self, exchange: Exchange, token: str | None = "") -> AsyncIterator[Stage]:
        """The machine, built to talk to this other side; with a credential that it takes, unless told."""
        kind = self.kind_offered()
        settings = self.read(kind.settings, exchange.url)
        outbound = Outbound("openbell-contract")
        bench = Bench(self.clock, name=self.kind, session=outbound.open(), data_folder=self.folder)
        if self.credential is not None:
            bench.add_credential(self.credential, await self.token(exchange) if token == "" else token)
        try:
            yield Stage(kind, settings, bench, kind.factory(settings, bench), self.accompany)
        finally:
            await outbound.close()

    async def meet(self, trouble: Trouble) -> None:
        """See the trouble called by its name, and the credential lost by a refusal alone."""
        if trouble not in self.classes:
            raise NotShown(f"say what it calls this: `classes = {{Trouble.{trouble.name}: ...}}`")
        wanted = self.classes[trouble]
        async with (
            self.trouble(trouble) as exchange,
            self.stage(exchange, CANARY) as stage,
            stage.running(),
        ):
            await self.until(
                lambda: any(self.classify(report) == wanted for report in stage.bench.reports),
                lambda: f"expected {wanted!r}; it said {stage.said or 'nothing'}{_raised(stage)}",
            )
            assert self.healthy not in stage.said, f"it calls itself healthy: {self.healthy}"
            self._judge(trouble, stage)

    def _judge(self, trouble: Trouble, stage: Stage) -> None:
        """A network in trouble must not cost a good credential; only the broker's word may."""
        if self.credential is None:
            return
        verdict = stage.bench.credential(self.credential).state.value.verdict
        if trouble is Trouble.UNAUTHORIZED:
            spared = verdict not in (Verdict.REFUSED, Verdict.DOUBTED)
            assert not spared, "the broker refused the credential: say so by `refuse` or `doubt`"
        elif trouble is not Trouble.FORBIDDEN:
            assert verdict is not Verdict.REFUSED, "the credential is given up, and nobody refused it"

    def _silence(self) -> Any:
        """Another side that never answers; for a machine without one, whatever it has."""
        return self.trouble(Trouble.TIMEOUT) if self.applies(Trouble.TIMEOUT) else self.well()

    async def _tour(self) -> Tour:
        return await travel(self)

    async def _until_healthy(self, stage: Stage, run: asyncio.Future[Any] | None = None) -> None:
        if self.healthy is None:
            raise NotShown("say the state and reason of a healthy machine: `healthy = (state, reason)`")
        await self._until(stage, lambda word: word == self.healthy, f"expected {self.healthy}", run)

    async def _until(
        self,
        stage: Stage,
        holds: Callable[[Word], bool],
        wanted: str,
        run: asyncio.Future[Any] | None = None,
    ) -> None:
        """Until the latest report is one that `holds`; no waiting once `run` has ended."""
        await self.until(
            lambda: (stage.said and holds(stage.said[-1])) or (run is not None and run.done()),
            lambda: f"{wanted}; it said {stage.said or 'nothing'}{_raised(stage)}",
        )
        if run is not None and run.done():
            raise AssertionError(f"run() ended by itself: {run.exception()!r}")

    async def _until_turned_away(self, stage: Stage, name: str) -> None:
        """Until the machine has said that the other side does not take its credential."""
        credential = stage.bench.credential(name)
        await self.until(
            lambda: credential.state.value.usable is None,
            lambda: f"it had to refuse or doubt a bad credential; it said {stage.said}",
        )

    def _require_credential(self) -> str:
        has_field = "credential" in self.kind_offered().settings.model_fields
        if self.credential is None and not has_field:
            raise DoesNotApply("does not apply: its settings name no credential")
        if self.credential is None:
            raise NotShown('say the name of its credential: `credential = "kite"`')
        return self.credential

    def _require_feed(self) -> None:
        if self.kind_offered().role != FEED:
            raise DoesNotApply("does not apply: it is no feed")


def _raised(stage: Stage) -> str:
    return f", and raised {stage.bench.errors[-1]!r}" if stage.bench.errors else ""
