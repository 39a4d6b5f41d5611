"""Of two agents that stand in for each other, whoever has the desk is listened to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from agent.testing import Bench
from plugins.feed.peer.machine import Peer
from plugins.feed.peer.settings import PeerSettings


@dataclass
class Agent:
    """One of a pair; `url` is where it answers."""

    bench: Bench
    has_desk: bool
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        if not self.has_desk:
            body = {"code": "STANDBY", "detail": "This agent stands by.", "owner": "mumbai-1"}
            return web.json_response(body, status=503)
        now = self.bench.clock.now()
        until = now + timedelta(seconds=30)
        body = {"schema": "openbell.health/1", "code": "LIVE", "market": None}
        return web.json_response(
            {**body, "generated_at": now.isoformat(), "valid_until": until.isoformat()},
        )


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Peer, Agent, Agent]]:
    bench = Bench(session=aiohttp.ClientSession())
    agents = Agent(bench, has_desk=True), Agent(bench, has_desk=False)
    async with AsyncExitStack() as stack:
        for agent in agents:
            app = web.Application()
            app.router.add_get("/api/system/health", agent.answer)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            agent.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        stack.push_async_callback(bench.http.close)
        yield Peer(PeerSettings(url=agents[0].url, others=(agents[1].url,)), bench), *agents


async def test_it_goes_on_with_the_one_that_took_over(pair: tuple[Peer, Agent, Agent]) -> None:
    peer, one, two = pair
    assert (await peer.probe()).message == f"{one.url} says LIVE"
    one.has_desk, two.has_desk = False, True
    assert (await peer.probe()).message == f"{two.url} says LIVE"
    one.has_desk = True
    assert (await peer.probe()).message == f"{two.url} says LIVE"


async def test_while_nobody_has_the_desk_it_says_what_each_answers(pair: tuple[Peer, Agent, Agent]) -> None:
    peer, one, two = pair
    one.has_desk = False
    report = await peer.probe()
    assert report.state == "LISTENING"
    for agent in (one, two):
        assert f"{agent.url}: it stands by, and mumbai-1 has the desk" in report.message
