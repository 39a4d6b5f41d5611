"""Event streams of a document: all of it on connect, what is new on every revision, and a sign of life."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from aiohttp import web

from agent.clock import Clock, Timer
from agent.watched import Watched
from agent.web.guard import dress
from agent.web.stream import Stream, framed

PING_S = 15.0
TAKE_TIMEOUT_S = 10.0
"""A reader that has an event coming and takes nothing for so long is dropped."""

LOOK_S = 0.05

HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}

ALIVE = framed(b": alive\n\n")


class Press(Protocol):
    """Where a document is published, and its events as they are sent."""

    @property
    def revised(self) -> Watched[int]: ...

    @property
    def renewed(self) -> Watched[datetime | None]: ...

    @property
    def revision(self) -> int | None:
        """Of the latest document; `None` before the first."""
        ...

    def whole(self) -> bytes:
        """The event of the latest document, framed."""
        ...

    def step(self) -> bytes | None:
        """The event that leads to it from the revision before, framed, where there is one."""
        ...

    def refresh(self, now: datetime) -> bytes:
        """The short word that nothing has changed and the agent lives, framed."""
        ...


class Streams:
    """All open streams of one document. Events are made once and offered to all;

    a reader that lags misses revisions in between and gets the latest when it has caught up.
    """

    def __init__(self, press: Press, clock: Clock) -> None:
        self._press = press
        self._clock = clock
        self._open: set[Stream] = set()
        self._closing = False
        self._ping: Timer | None = None
        self._telling: asyncio.Handle | None = None
        self._leave = (
            press.revised.subscribe(lambda _: self._tell_soon()),
            press.renewed.subscribe(lambda _: self._tell_soon()),
        )

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closing = True
        for leave in self._leave:
            leave()
        if self._ping is not None:
            self._ping.cancel()
        for stream in self._open:
            stream.troubled.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The present document and the time of the agent's clock; then whatever comes."""
        response = dress(web.StreamResponse(headers=HEADERS))
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
        """Offer what the reader lacks, or the word that it lacks nothing."""
        revision = self._press.revision
        if revision is None:
            return
        if revision == stream.sent:
            stream.offer(self._press.refresh(self._clock.now()))
            return
        step = self._press.step() if stream.sent == revision - 1 else None
        if stream.offer(step or self._press.whole()):
            stream.sent = revision

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
