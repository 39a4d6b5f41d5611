"""What a machine's contract needs to do its checks: what the author says, and a stage to build it on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from agent.abilities import Verdict
from agent.model import Report
from agent.registry import MachineKind
from agent.runtime.outbound import Outbound
from agent.testing.bench import Bench
from agent.testing.canary import CANARY
from agent.testing.contract import Contract, DoesNotApply, NotShown
from agent.testing.server import Exchange
from agent.testing.stage import Stage, Word
from agent.testing.troubles import Trouble

FEED = "feed"


class StagedMachine(Contract):
    """One kind of machine, and how its other side behaves."""

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

    def silence(self) -> Any:
        """Another side that never answers; for a machine without one, whatever it has."""
        return self.trouble(Trouble.TIMEOUT) if self.applies(Trouble.TIMEOUT) else self.well()

    async def until_healthy(self, stage: Stage, run: asyncio.Future[Any] | None = None) -> None:
        if self.healthy is None:
            raise NotShown("say the state and reason of a healthy machine: `healthy = (state, reason)`")
        await self.until_word(stage, lambda word: word == self.healthy, f"expected {self.healthy}", run)

    async def until_unhealthy(self, stage: Stage, wanted: str) -> None:
        """Until the latest report is not that of a healthy machine."""
        await self.until_word(stage, lambda word: word != self.healthy, wanted)

    async def until_word(
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

    async def until_turned_away(self, stage: Stage, name: str) -> None:
        """Until the machine has said that the other side does not take its credential."""
        credential = stage.bench.credential(name)
        await self.until(
            lambda: credential.state.value.usable is None,
            lambda: f"it had to refuse or doubt a bad credential; it said {stage.said}",
        )

    def require_credential(self) -> str:
        has_field = "credential" in self.kind_offered().settings.model_fields
        if self.credential is None and not has_field:
            raise DoesNotApply("does not apply: its settings name no credential")
        if self.credential is None:
            raise NotShown('say the name of its credential: `credential = "kite"`')
        return self.credential

    def require_feed(self) -> None:
        if self.kind_offered().role != FEED:
            raise DoesNotApply("does not apply: it is no feed")


def _raised(stage: Stage) -> str:
    return f", and raised {stage.bench.errors[-1]!r}" if stage.bench.errors else ""
