"""A web server in a thread of its own, so that a plugin which blocks the event loop is still answered."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from agent.testing.elsewhere import Elsewhere

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Exchange:
    """A server's address, and what it was asked so far."""

    url: str
    requests: list[Request] = field(default_factory=list)


class _Served:
    """One server and its thread, from start to end."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None) -> None:
        self.exchange = Exchange("")
        self._answer = answer
        self._tls = tls
        self._elsewhere = Elsewhere("contract's server")
        application = web.Application(client_max_size=1024**2)
        application.router.add_route("*", "/{path:.*}", self._hear)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )

    async def start(self) -> None:
        self._elsewhere.start()
        await asyncio.wrap_future(self._elsewhere.submit(self._listen()))

    async def stop(self) -> None:
        await asyncio.wrap_future(self._elsewhere.submit(self._runner.cleanup()))
        self._elsewhere.stop()

    async def _listen(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        scheme = "http" if self._tls is None else "https"
        self.exchange.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        heard = Request(request.path_qs, dict(request.headers), await request.text())
        self.exchange.requests.append(heard)
        return await self._answer(request)


@asynccontextmanager
async def serving(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Exchange]:
    """Answer every request on a free port of this machine, for as long as the block lasts."""
    served = _Served(answer, tls)
    await served.start()
    try:
        yield served.exchange
    finally:
        await served.stop()
