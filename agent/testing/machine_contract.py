"""The contract of a state machine: derive a test class from it, and say how the other side behaves."""

from __future__ import annotations

import asyncio

from agent.abilities import Actions, Running
from agent.errors import ActionError
from agent.model import Expectation
from agent.testing.alone import ends_when_cancelled, watched_loop
from agent.testing.bench import probe_once
from agent.testing.canary import CANARY, find_leaks, holds_secret, words_of
from agent.testing.contract import DoesNotApply, NotShown, check
from agent.testing.footprint import Footprint
from agent.testing.stage import changed_by_json
from agent.testing.staging import StagedMachine
from agent.testing.tour import Tour, travel
from agent.testing.troubles import Trouble
from agent.testing.weather import telling

LONG_ENOUGH = 2.0
"""So many seconds of its clock a machine has to come to what it may leave behind."""


class StateMachineContract(StagedMachine):
    """Holds one kind of machine to what the agent relies on."""

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
            await self.until_healthy(stage)

    @check(vital=True)
    async def test_probe_obeys_cancel(self) -> None:
        """A probe that gets no answer ends when it is cancelled."""
        async with self.silence() as exchange, self.stage(exchange, CANARY) as stage:
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
            self.silence() as exchange,
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
                        await self.until_healthy(stage, task)
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
        credential = self.require_credential()
        for poor in (None, CANARY):
            async with self.well() as exchange, self.stage(exchange, poor) as stage, stage.running():
                await self.until_unhealthy(stage, "it has no good credential yet")
                if poor is not None:
                    await self.until_turned_away(stage, credential)
                stage.bench.credential(credential).put(await self.token(exchange))
                await self.until_healthy(stage)

    @check()
    async def test_detects_mute(self) -> None:
        """A feed that goes mute while its heartbeats flow is noticed."""
        self.require_feed()
        async with self.well() as exchange, self.stage(exchange) as stage, stage.running():
            await self.until_healthy(stage)
            await self.mute(exchange)
            await self.until_unhealthy(stage, "it had to notice that no data comes")

    @check()
    async def test_tries_nothing_unexpected(self) -> None:
        """Where the market's phase expects nothing of it, it asks nobody."""
        self.require_feed()
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

    async def _tour(self) -> Tour:
        return await travel(self)
