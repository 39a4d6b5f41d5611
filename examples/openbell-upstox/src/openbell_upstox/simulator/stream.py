"""The simulated stream: trades a few times a second, and the ways in which it can go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from aiohttp import web

from agent.api import SystemClock

Frame = Callable[[str, dict[str, int], int], bytes | str]

BEAT_S = 0.2
PACE = SystemClock()
SNAPSHOT_AGE = timedelta(hours=8)


class Fault(StrEnum):
    """What the feed can be made to do."""

    MUTE = "mute"
    FREEZE = "freeze"
    REFUSE = "refuse"
    DROP = "drop"


class Streams:
    """All streams that are open, and the one fault that they share."""

    def __init__(self, frame: Frame, now: Callable[[], datetime]) -> None:
        self.fault: Fault | None = None
        self._frame = frame
        self._now = now
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One stream: the market's state, the wish, what was known before, and then the trades."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await self._send(socket, "market_info", [])
            keys = json.loads(await socket.receive_bytes())["data"]["instrumentKeys"]
            await self._send(socket, "initial_feed", keys, self._now() - SNAPSHOT_AGE)
            await self._beat(socket, keys)
        except (ConnectionError, KeyError, TypeError, ValueError):
            pass  # the client went, or wished for what there is not
        finally:
            self._open.discard(socket)
        return socket

    async def drop(self) -> None:
        await asyncio.gather(*(socket.close(code=1012) for socket in set(self._open)))

    async def _beat(self, socket: web.WebSocketResponse, keys: list[str]) -> None:
        """Trades; while mute, the pings alone that Upstox sends when there is nothing to stream."""
        listener = asyncio.ensure_future(socket.receive())
        traded = self._now()
        try:
            while not socket.closed and not listener.done():
                if self.fault is Fault.MUTE:
                    await socket.ping()
                else:
                    traded = traded if self.fault is Fault.FREEZE else self._now()
                    await self._send(socket, "live_feed", keys, traded)
                await PACE.sleep(BEAT_S)
        finally:
            listener.cancel()

    async def _send(
        self, socket: web.WebSocketResponse, kind: str, keys: list[str], traded: datetime | None = None
    ) -> None:
        now = self._now()
        frame = self._frame(kind, dict.fromkeys(keys, _ms(traded or now)), _ms(now))
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
