"""An agent reduced to two addresses on a real socket, and a ticker reduced to what a reporter touches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

DEADLINE_S = 10.0


def word(tradable: bool, *, valid_s: float = 30, age_s: float = 0, message: str = "the bell rang") -> bytes:
    """A document as the stream carries it, made `age_s` ago."""
    made = datetime.now(UTC) - timedelta(seconds=age_s)
    body = {
        "tradable": tradable,
        "message": message,
        "blockers": [],
        "generated_at": made.isoformat(),
        "valid_until": (made + timedelta(seconds=valid_s)).isoformat(),
    }
    return b"event: document\nid: 1\ndata: " + json.dumps(body).encode() + b"\n\n"


def refresh(valid_s: float = 30) -> bytes:
    now = datetime.now(UTC)
    body = {"now": now.isoformat(), "valid_until": (now + timedelta(seconds=valid_s)).isoformat()}
    return b"event: refresh\ndata: " + json.dumps(body).encode() + b"\n\n"


@dataclass
class StandIn:
    """Answers as the test says; `streams` has the open event streams, `beats` what was pushed."""

    url: str = ""
    greeting: list[bytes] = field(default_factory=list)
    streams: list[web.StreamResponse] = field(default_factory=list)
    opened: int = 0
    beats: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    standing_by: str = ""
    connections: set[object] = field(default_factory=set)

    async def events(self, request: web.Request) -> web.StreamResponse:
        self.opened += 1
        if self.standing_by:
            return self._elsewhere()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in self.greeting:
            await response.write(event)
        self.streams.append(response)
        try:
            await asyncio.Event().wait()
        finally:
            self.streams.remove(response)
        return response

    async def push(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append(request.headers.get("Authorization"))
        self.connections.add(request.transport)
        if self.standing_by:
            return self._elsewhere()
        if self.status != 200:
            return web.json_response({"detail": "not now"}, status=self.status)
        self.beats.append(await request.json())
        return web.json_response(self.answer)

    def _elsewhere(self) -> web.Response:
        detail = f"This agent stands by: {self.standing_by} owns the desk main."
        body = {"detail": detail, "owner": self.standing_by, "url": None}
        return web.json_response(body, status=503, content_type="application/problem+json")

    async def say(self, event: bytes) -> None:
        for stream in self.streams:
            await stream.write(event)

    def hang_up(self) -> None:
        for stream in list(self.streams):
            stream._req.transport.close()  # type: ignore[union-attr]

    async def beat(self, holds: Callable[[dict[str, Any]], bool] = lambda beat: True) -> dict[str, Any]:
        """The next beat that holds."""
        seen = len(self.beats)
        await eventually(lambda: any(holds(beat) for beat in self.beats[seen:]))
        return next(beat for beat in self.beats[seen:] if holds(beat))


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait, at most for a while, for what another thread does."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(stand_in: StandIn, port: int = 0) -> AsyncIterator[StandIn]:
    application = web.Application()
    application.router.add_get("/api/system/events", stand_in.events)
    application.router.add_post("/api/system/push/strategy", stand_in.push)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stand_in
    finally:
        stand_in.hang_up()
        await runner.cleanup()


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with serving(StandIn()) as one:
        yield one
