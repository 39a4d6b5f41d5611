"""A small exchange that speaks as the real one does, for tests and for a look without the internet.

`python -m openbell_crypto.exchange 9100` serves it, with nothing wrong.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import WSMsgType, web

EVERY_S = 0.05
LISTED = ("BTC/USD", "ETH/USD")


class Exchange:
    """One exchange. What its attributes say is true of every connection, from the next beat on.

    `silent` symbols do not tick; an exchange that is `dead` keeps its connections and says nothing.
    """

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.system = "online"
        self.dead = False
        self.connections = 0
        self.pings = 0

    def mute(self) -> None:
        """From now on heartbeats, and no data."""
        self.silent = set(LISTED)

    def speak(self) -> None:
        """All is well again."""
        self.silent, self.system, self.dead = set(), "online", False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, until its end."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        symbols: list[str] = []
        beating = asyncio.ensure_future(self._beat(socket, symbols))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self.dead:
                    await self._answer(socket, json.loads(message.data), symbols)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: dict[str, Any], symbols: list[str]) -> None:
        if asked["method"] == "ping":
            self.pings += 1
            await socket.send_json({"method": "pong"})
            return
        for symbol in asked["params"]["symbol"]:
            listed = symbol in LISTED
            answer = {"method": "subscribe", "success": listed, "symbol": symbol}
            await socket.send_json(answer if listed else {**answer, "error": "Currency pair not supported"})
            if listed:
                await socket.send_json(_ticker(symbol, "snapshot"))
                symbols.append(symbol)

    async def _beat(self, socket: web.WebSocketResponse, symbols: list[str]) -> None:
        said = ""
        with suppress(ConnectionError):
            while True:
                if not self.dead:
                    if said != self.system:
                        said = self.system
                        await socket.send_json(
                            {"channel": "status", "type": "update", "data": [{"system": said}]}
                        )
                    await self._tick(socket, symbols)
                await asyncio.sleep(EVERY_S)

    async def _tick(self, socket: web.WebSocketResponse, symbols: list[str]) -> None:
        """Heartbeats come with a subscription only, as at the real one."""
        if symbols:
            await socket.send_json({"channel": "heartbeat"})
        for symbol in symbols:
            if symbol not in self.silent and self.system == "online":
                await socket.send_json(_ticker(symbol, "update"))


def _ticker(symbol: str, kind: str) -> dict[str, object]:
    return {"channel": "ticker", "type": kind, "data": [{"symbol": symbol, "bid": 1.0, "ask": 1.1}]}


@asynccontextmanager
async def served(exchange: Exchange, port: int = 0) -> AsyncIterator[str]:
    """Serve it on this host for as long as the block lasts; gives its address."""
    application = web.Application()
    application.router.add_get("/v2", exchange.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v2"
    finally:
        await runner.cleanup()


async def _serve_for_ever(port: int) -> None:
    async with served(Exchange(), port) as url:
        sys.stdout.write(f"an exchange at {url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve_for_ever(int(sys.argv[1]) if len(sys.argv) > 1 else 9100))
