"""Server-sent events: the whole document on connect and on every revision, and a sign of life."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

from aiohttp import web

from agent.clock import Clock
from agent.runtime.publishing import Published, Publisher
from agent.web.access import Scope
from agent.web.guard import dress
from agent.web.routes import Route

PING_S = 15.0
WRITE_TIMEOUT_S = 10.0
"""A reader that takes longer than this to take an event in is dropped."""


def document_event(published: Published) -> bytes:
    """The event of one document; its id is the revision."""
    return b"event: document\nid: %d\ndata: %b\n\n" % (published.document.revision, published.body)


def refresh_event(published: Published, now: datetime) -> bytes:
    """The short word that nothing has changed and the agent lives; `now` is its clock's time."""
    document = published.document
    stamps = {
        "revision": document.revision,
        "generated_at": document.generated_at.isoformat(),
        "valid_until": document.valid_until.isoformat(),
        "now": now.isoformat(),
    }
    return b"event: refresh\ndata: %b\n\n" % json.dumps(stamps).encode()


class Streams:
    """All open event streams. Events are made once, and each stream sends at its own pace:

    one that lags misses revisions in between and gets the latest.
    """

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._open: set[asyncio.Event] = set()
        self._closing = False
        self._event: tuple[str, bytes] = ("", b"")
        publisher.revised.subscribe(lambda _: self._wake())
        publisher.renewed.subscribe(lambda _: self._wake())

    def __len__(self) -> int:
        return len(self._open)

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/system/events", Scope.READ, self.serve)]

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closing = True
        self._wake()

    def _wake(self) -> None:
        for awake in self._open:
            awake.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        response = dress(
            web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        awake = asyncio.Event()
        self._open.add(awake)
        try:
            await self._feed(response, awake)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._open.discard(awake)
        return response

    async def _feed(self, response: web.StreamResponse, awake: asyncio.Event) -> None:
        """The present document and the time of the agent's clock; then whatever comes."""
        sent = await self._send(response, -1)
        sent = await self._send(response, sent)
        while not self._closing:
            await self._next(response, awake)
            awake.clear()
            sent = await self._send(response, sent)

    async def _send(self, response: web.StreamResponse, sent: int) -> int:
        """Send the latest document, or that it still is the latest; returns the revision sent."""
        published = self._publisher.latest
        if published is None:
            return sent
        if published.document.revision != sent:
            await self._write(response, self._document_event(published))
        else:
            await self._write(response, refresh_event(published, self._clock.now()))
        return published.document.revision

    async def _next(self, response: web.StreamResponse, awake: asyncio.Event) -> None:
        """Wait for the next thing to send; meanwhile a comment now and then keeps the line open."""
        while True:
            try:
                async with self._clock.timeout(PING_S):
                    await awake.wait()
            except TimeoutError:
                await self._write(response, b": alive\n\n")
            else:
                return

    async def _write(self, response: web.StreamResponse, event: bytes) -> None:
        async with self._clock.timeout(WRITE_TIMEOUT_S):
            await response.write(event)

    def _document_event(self, published: Published) -> bytes:
        if self._event[0] != published.etag:
            self._event = (published.etag, document_event(published))
        return self._event[1]
