"""The WebSocket's door: who may open one, and the reading of what it sends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from aiohttp import WSMsgType, web

from agent.simulator.broker import Broker
from agent.simulator.commands import parse
from agent.simulator.envelope import no_such_request
from agent.simulator.faults import FeedFault
from agent.simulator.feed import Feed

MOST_CONNECTIONS: Final = 3
"""Of one api key; https://kite.trade/docs/connect/v3/websocket/ says so."""

LARGEST_REQUEST: Final = 2**20
_NEVER_WAIT: Final = 2**31

_WORDS: Final = {403: "Authentication failed", 429: "Too many connections"}


class Stream:
    """The upgrade at `/`, as the real one has it, and at `/ws`."""

    def __init__(self, broker: Broker, feed: Feed) -> None:
        self.handshakes: Counter[int] = Counter()
        self._broker = broker
        self._feed = feed

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.open), web.get("/ws", self.open)]

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Upgrade, and obey until the client goes. An open socket outlives its token, as at the broker."""
        stream = web.WebSocketResponse(
            autoclose=False,
            compress=False,
            max_msg_size=LARGEST_REQUEST,
            writer_limit=_NEVER_WAIT,
        )
        if not stream.can_prepare(request):
            return no_such_request(404)
        status = self._refusal(request)
        self.handshakes[status or 101] += 1
        if status is not None:
            return web.Response(status=status, text=_WORDS.get(status, "Service unavailable"))
        await stream.prepare(request)
        if request.transport is not None:
            await self._attend(stream, request.transport)
        return stream

    async def _attend(self, stream: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        connection = self._feed.join(stream, transport)
        try:
            async for message in stream:
                if message.type is WSMsgType.TEXT and (command := parse(message.data)):
                    await self._feed.obey(connection, command)
        finally:
            self._feed.leave(connection)

    def _refusal(self, request: web.Request) -> int | None:
        """The status that the upgrade is refused with, if it is."""
        fault = self._feed.condition.fault
        if fault is not None and fault.kind is FeedFault.REFUSE:
            return int(fault["status"])
        if not self._broker.knows(request.query.get("api_key", ""), request.query.get("access_token", "")):
            return 403
        # A deaf socket never learns that its client is gone: it must not hold a place for it.
        heard = sum(not connection.is_deaf for connection in self._feed.connections.values())
        return 429 if heard >= MOST_CONNECTIONS else None
