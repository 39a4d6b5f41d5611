"""A feed that runs against a real socket on a real clock, and a broker that does as the test says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from agent.clock import SystemClock
from agent.model import Expectation, Report
from agent.simulator import Simulator
from agent.testing import Bench, MemoryCredential, running
from plugins.feed import kite_feed
from plugins.feed.machine import Feed
from plugins.feed.settings import KiteFeedSettings

FAST = {
    "stale_after": "1.6s",
    "heartbeat_after": "600ms",
    "connect_timeout": "500ms",
    "backoff_first": "50ms",
    "backoff_cap": "200ms",
}


@dataclass
class Desk:
    """One feed under test, and what it may be told."""

    feed: Feed
    bench: Bench
    credential: MemoryCredential

    async def until(self, state: str, reason: str | None = None, timeout_s: float = 30) -> Report:
        def holds(report: Report) -> bool:
            return report.state == state and reason in (None, report.reason)

        return await self.bench.until(holds, timeout_s)

    async def probe(self) -> Report:
        return await self.feed.probe()

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(report.state, report.reason) for report in self.bench.reports]


@asynccontextmanager
async def feed_at(
    place: str,
    token: str | None = "a-token",
    *,
    expectation: Expectation = Expectation.DATA,
    simulated: bool = True,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """A `kite-feed` that runs for as long as the block lasts."""
    async with aiohttp.ClientSession() as session:
        bench = Bench(
            SystemClock(),
            name="feed",
            simulator=place if simulated else None,
            session=session,
        )
        bench.expectation.set(expectation)
        credential = bench.add_credential("kite", token)
        settings = FAST | {"api_key": "demo"} | settings
        feed = kite_feed(KiteFeedSettings.model_validate(settings), bench)
        async with running(feed):
            yield Desk(feed, bench, credential)


@dataclass
class Broker:
    """A server whose behaviour is one coroutine; it counts how many are connected, and the most ever."""

    url: str = ""
    attempts: int = 0
    connected: int = 0
    most: int = 0
    texts: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    refuse_with: int | None = None
    behave: Callable[[web.WebSocketResponse], Any] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.attempts += 1
        self.queries.append(dict(request.query))
        if self.refuse_with is not None:
            return web.Response(status=self.refuse_with)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.connected += 1
        self.most = max(self.most, self.connected)
        behaviour = asyncio.ensure_future((self.behave or beat)(socket))
        try:
            async for message in socket:
                self.texts.append(message.data)
        finally:
            self.connected -= 1
            behaviour.cancel()
            await asyncio.gather(behaviour, return_exceptions=True)
        return socket


async def beat(socket: web.WebSocketResponse) -> None:
    """A heartbeat at once, and ten a second."""
    while True:
        await socket.send_bytes(b"\x00")
        await asyncio.sleep(0.1)


def full_packet(token: int, stamp: int) -> bytes:
    body = bytearray(184)
    struct.pack_into(">I", body, 0, token)
    struct.pack_into(">I", body, 60, stamp)
    return struct.pack(">H", 184) + bytes(body)


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    async with serving(broker) as url:
        broker.url = url
        yield broker


@asynccontextmanager
async def serving(broker: Broker, **options: Any) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/", broker.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, **options).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class SimulatedBroker:
    """The simulator, and the moves that every test of it makes."""

    simulator: Simulator
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.simulator.url

    async def login(self) -> str:
        url = f"{self.url}/connect/login?v=3&api_key=demo&approve=1"
        async with self.http.get(url, allow_redirects=False) as answer:
            request_token = URL(answer.headers["Location"]).query["request_token"]
        checksum = hashlib.sha256(f"demo{request_token}demo-secret".encode()).hexdigest()
        form = {"api_key": "demo", "request_token": request_token, "checksum": checksum}
        async with self.http.post(f"{self.url}/session/token", data=form) as answer:
            return str((await answer.json())["data"]["access_token"])

    async def fault(self, fault: str | None, **parameters: object) -> None:
        await self._post("/sim/feed", {"fault": fault, **parameters})

    async def end_token(self, how: str) -> None:
        await self._post("/sim/token", {"do": how})

    async def say(self, text: str) -> None:
        await self._post("/sim/message", {"text": text})

    async def state(self) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/sim/state") as answer:
            return dict(await answer.json())

    async def _post(self, path: str, body: object) -> None:
        async with self.http.post(f"{self.url}{path}", data=json.dumps(body)) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedBroker]:
    async with (
        Simulator(port=0, always_open=True, tick_interval=0.1, heartbeat_interval=0.1) as simulator,
        aiohttp.ClientSession() as http,
    ):
        yield SimulatedBroker(simulator, http)
