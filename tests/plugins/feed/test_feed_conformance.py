"""The three kinds of feed keep the contract of a state machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from agent.clock import SystemClock
from agent.simulator import Simulator
from agent.testing import Exchange, StateMachineContract, Trouble

CLASSES = {
    Trouble.UNAUTHORIZED: "REFUSED",
    Trouble.FORBIDDEN: "REFUSED",
    Trouble.RATE_LIMITED: "RATE_LIMITED",
    Trouble.SERVER_ERROR: "NETWORK",
    Trouble.TIMEOUT: "NETWORK",
    Trouble.DNS: "NETWORK",
    Trouble.TLS: "NETWORK",
}


def websocket(url: str) -> str:
    return url.replace("http", "ws", 1)


class TestKiteFeed(StateMachineContract):
    plugin = "plugins.feed"
    kind = "kite-feed"
    healthy = ("CONNECTED", "TICKING")
    credential = "kite"
    classes = CLASSES
    quiet_tries = 1  # one in five minutes, so that a dead line is known before the bell

    def settings(self, url: str) -> Mapping[str, object]:
        return {"api_key": "demo", "url": websocket(url)}

    @asynccontextmanager
    async def well(self) -> AsyncIterator[Exchange]:
        simulator = Simulator(
            now=self.clock.now, always_open=True, tick_interval=0.05, heartbeat_interval=0.05
        )
        async with simulator:
            yield Exchange(simulator.url)

    async def token(self, exchange: Exchange) -> str:
        import hashlib

        async with aiohttp.ClientSession() as session:
            page = f"{exchange.url}/connect/login?v=3&api_key=demo&approve=1"
            async with session.get(page, allow_redirects=False) as answer:
                request_token = URL(answer.headers["Location"]).query["request_token"]
            checksum = hashlib.sha256(f"demo{request_token}demo-secret".encode()).hexdigest()
            form = {"api_key": "demo", "request_token": request_token, "checksum": checksum}
            async with session.post(f"{exchange.url}/session/token", data=form) as answer:
                return str((await answer.json())["data"]["access_token"])

    async def mute(self, exchange: Exchange) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{exchange.url}/sim/feed", json={"fault": "mute"}) as answer,
        ):
            assert answer.status == 200


class TestJsonFeed(StateMachineContract):
    plugin = "plugins.feed"
    kind = "json-feed"
    healthy = ("CONNECTED", "TICKING")
    classes = CLASSES
    quiet_tries = 1  # one in five minutes, so that a dead line is known before the bell
    is_mute = False

    def settings(self, url: str) -> Mapping[str, object]:
        return {"url": websocket(url), "heartbeat": {"type": "beat"}}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with suppress(ConnectionError):
            while True:
                await socket.send_str(json.dumps({"type": "beat"}))
                if not self.is_mute:
                    await socket.send_str(json.dumps({"type": "tick", "price": 1}))
                await SystemClock().sleep(0.02)
        return socket

    async def mute(self, exchange: Exchange) -> None:
        self.is_mute = True


class TestPushedFeed(StateMachineContract):
    plugin = "plugins.feed"
    kind = "pushed-feed"
    healthy = ("CONNECTED", "TICKING")
    does_not_apply = {
        "troubles": "a trading process pushes to it; it asks nobody",
        "takes_a_new_credential": "the process connects with its own; the machine hands it the new one",
        "tries_nothing_unexpected": "it asks nobody, whatever is expected",
    }
    is_mute = False

    async def accompany(self, machine: Any) -> None:
        """A trading process whose ticker hears a frame, and a packet unless mute, twenty times a second."""
        beat = {"process": "p", "connected": True, "opened": 1, "heard_s": 0.0}
        count = ticks = 0
        while True:
            count += 1
            ticks += not self.is_mute
            await machine.take(
                {**beat, "frames": count, "packets": ticks, "newest": self.clock.now().timestamp()}
            )
            await asyncio.sleep(0.05)

    async def mute(self, exchange: Exchange) -> None:
        self.is_mute = True
