"""A desk with a login machine, the real client and a broker to log in at, all on the test's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from yarl import URL

from agent.model import Machine, Report
from agent.runtime.border import admit
from agent.simulator import Simulator
from agent.testing import Bench, ManualClock, MemoryCredential, running
from plugins.auth import KiteLogin, KiteLoginSettings, Reason, State

MACHINE = Machine(
    name="auth",
    kind="kite-login",
    role="auth",
    states=frozenset(State),
    reasons=frozenset(Reason),
    actions=frozenset({"verify"}),
)


@dataclass
class AuthDesk:
    simulator: Simulator
    http: aiohttp.ClientSession
    bench: Bench
    credential: MemoryCredential
    machine: KiteLogin
    settings: KiteLoginSettings = field(repr=False)

    @property
    def clock(self) -> ManualClock:
        return self.bench.clock

    @property
    def last(self) -> Report:
        return self.bench.reports[-1]

    async def until(self, state: State, reason: Reason | None = None) -> Report:
        """The first latest report of that state; it has to be one that the core would take."""
        report = await self.bench.until(lambda r: r.state == state and reason in (None, r.reason))
        return admit(MACHINE, report, self.clock.now())

    async def until_proven(self, by: str) -> Report:
        return await self.bench.until(lambda r: any(p["by"] == by for p in r.attributes["proofs"]))

    async def until_trouble(self, answer: str | None) -> Report:
        def tells(report: Report) -> bool:
            return report.attributes.get("broker", {}).get("answer") == answer

        return await self.bench.until(tells)

    async def came_back(self, answer: str = "approve") -> dict[str, str]:
        """What a person comes back with from the broker's page."""
        url = URL(await self.machine.begin("state-1", "http://127.0.0.1:8000/api/auth/callback"))
        async with self.http.get(url.update_query({answer: "1"}), allow_redirects=False) as redirect:
            return dict(URL(redirect.headers["Location"]).query)

    async def new_token(self) -> str:
        """A token as another process would get it."""
        other = Bench(self.clock, name="other", simulator=self.simulator.url)
        other.add_credential("kite")
        settings = KiteLoginSettings(api_key="demo", api_secret="demo-secret")
        await KiteLogin(settings, other).complete(await self.came_back())
        secret = other.credential("kite").state.value.secret
        assert secret is not None
        return secret.value

    async def order(self, path: str, **body: object) -> None:
        async with self.http.post(f"{self.simulator.url}/sim/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def profiles_asked(self) -> int:
        async with self.http.get(f"{self.simulator.url}/sim/state") as answer:
            return (await answer.json())["requests"].get("/user/profile", 0)

    def rebuilt(self) -> KiteLogin:
        """The machine after a restart, with what it had stored."""
        self.machine = KiteLogin(self.settings, self.bench)
        self.bench.reports.clear()
        return self.machine


OpenDesk = Callable[..., AbstractAsyncContextManager[AuthDesk]]


@pytest.fixture
def open_desk() -> OpenDesk:
    @asynccontextmanager
    async def opened(
        *,
        token: str | None = None,
        clock: ManualClock | None = None,
        run: bool = True,
        broker_ahead: timedelta = timedelta(0),
        **settings: Any,
    ) -> AsyncIterator[AuthDesk]:
        clock = clock or ManualClock()
        chosen = KiteLoginSettings(**{"api_key": "demo", "api_secret": "demo-secret"} | settings)
        async with AsyncExitStack() as stack:
            simulator = await stack.enter_async_context(Simulator(now=lambda: clock.now() + broker_ahead))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            bench = Bench(clock, name="auth", simulator=simulator.url)
            credential = bench.add_credential("kite", token)
            desk = AuthDesk(simulator, http, bench, credential, KiteLogin(chosen, bench), chosen)
            if run:
                await stack.enter_async_context(running(desk.machine))
            yield desk

    return opened


@pytest.fixture
async def desk(open_desk: OpenDesk) -> AsyncIterator[AuthDesk]:
    """A desk that a person has just logged in at, the token proven by the broker."""
    async with open_desk() as opened:
        await opened.machine.complete(await opened.came_back())
        await opened.until_proven("profile")
        opened.bench.reports.clear()
        yield opened
