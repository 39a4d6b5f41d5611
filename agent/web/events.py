"""Server-sent events: the whole document on connect and on every revision, and a sign of life."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

from aiohttp import web

from agent.clock import Clock, Timer
from agent.runtime.publishing import Published, Publisher
from agent.web.access import Scope
from agent.web.routes import Route
from agent.web.stream import Stream, framed

PING_S = 15.0
TAKE_TIMEOUT_S = 10.0
"""A reader that has an event coming and takes nothing for so long is dropped."""

LOOK_S = 0.05

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

ALIVE = framed(b": alive\n\n")


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
    """All open event streams. Events are made once and offered to all;

    a reader that lags misses revisions in between and gets the latest when it has caught up.
    """

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._open: set[Stream] = set()
        self._closing = False
        self._event: tuple[str, bytes] = ("", b"")
        self._ping: Timer | None = None
        self._telling: asyncio.Handle | None = None
        publisher.revised.subscribe(lambda _: self._tell_soon())
        publisher.renewed.subscribe(lambda _: self._tell_soon())

    def __len__(self) -> int:
        return len(self._open)

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/system/events", Scope.READ, self.serve)]

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closing = True
        if self._ping is not None:
            self._ping.cancel()
        for stream in self._open:
            stream.troubled.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The present document and the time of the agent's clock; then whatever comes."""
        response = web.StreamResponse(headers=HEADERS)
        try:
            await response.prepare(request)
        except ConnectionError:
            return response
        if request.transport is None or request.method == "HEAD":
            return response
        stream = Stream(request.transport, is_chunked="Transfer-Encoding" in response.headers)
        self._open.add(stream)
        try:
            self._send(stream)
            self._send(stream)
            self._ping_later()
            await self._keep(stream)
        finally:
            self._open.discard(stream)
        return response

    def _tell_soon(self) -> None:
        """Once for any number of revisions of this moment, and after whatever else follows from them."""
        if self._open and self._telling is None:
            self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """To all: what is new, or that nothing is."""
        self._telling = None
        for stream in self._open:
            self._send(stream)
        self._ping_later()

    def _send(self, stream: Stream) -> None:
        """Offer the latest document, or the word that it still is the latest."""
        published = self._publisher.latest
        if published is None:
            return
        revision = published.document.revision
        if revision == stream.sent:
            stream.offer(framed(refresh_event(published, self._clock.now())))
        elif stream.offer(self._document_event(published)):
            stream.sent = revision

    def _document_event(self, published: Published) -> bytes:
        if self._event[0] != published.etag:
            self._event = (published.etag, framed(document_event(published)))
        return self._event[1]

    def _ping_later(self) -> None:
        """A comment after a silence keeps the lines open; one timer for all."""
        if self._ping is not None:
            self._ping.cancel()
        self._ping = self._clock.call_later(PING_S, self._say_alive) if self._open else None

    def _say_alive(self) -> None:
        for stream in self._open:
            stream.offer(ALIVE)
        self._ping_later()

    async def _keep(self, stream: Stream) -> None:
        """Until the stream is over: let a reader that is behind catch up."""
        while not (self._closing or stream.is_over):
            await stream.troubled.wait()
            stream.troubled.clear()
            if stream.unsent and not self._closing:
                await self._catch_up(stream)

    async def _catch_up(self, stream: Stream) -> None:
        """The latest, once the reader has taken the rest; one that takes nothing is dropped.

        The connection tells nobody when it is empty, so for as long as this lasts it is looked at.
        """
        left, since = stream.unsent, self._clock.monotonic()
        while stream.unsent and not self._closing:
            if stream.unsent < left:
                left, since = stream.unsent, self._clock.monotonic()
            if self._clock.monotonic() - since >= TAKE_TIMEOUT_S:
                return stream.drop()
            await self._clock.sleep(LOOK_S)
        return self._send(stream)
