"""What every server of ours is: an address, a gate before it, and the parts that it serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from aiohttp import web, web_app

from agent.clock import Clock
from agent.config.schema import Server
from agent.runtime.context import JournaledValues
from agent.store.door import Door as Journal
from agent.web.access import Access, Hosts, control_token
from agent.web.audit import Audit
from agent.web.connections import Door, listen
from agent.web.guard import BODY_LIMIT, Guard
from agent.web.origins import Origins
from agent.web.routes import Route, add_routes
from agent.web.sessions import Sessions

STOP_PATIENCE_S = 2.0


class Part(Protocol):
    """Some of what is served."""

    def routes(self) -> list[Route]: ...


class Site:
    """Serves parts on a socket that is already bound, to whoever has the right."""

    def __init__(
        self,
        server: Server,
        *,
        folder: Path,
        journal: Journal,
        clock: Clock,
        listener: socket.socket,
        base_url: str,
    ) -> None:
        self.access = Access(server, control_token(folder), Sessions(clock, JournaledValues(journal, "web")))
        self.hosts = Hosts(server, base_url, listener.getsockname()[1])
        self.base_url = base_url
        self._listener = listener
        guard = Guard(self.access, self.hosts, Audit(journal, clock), clock)
        self.app = web.Application(middlewares=[guard.middleware], client_max_size=BODY_LIMIT)
        Origins(server.allowed_origins).let_into(self.app)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    def add(self, parts: Iterable[Part]) -> None:
        for part in parts:
            add_routes(self.app, part.routes())

    async def start(self) -> None:
        self._runner = web.AppRunner(self.app, shutdown_timeout=STOP_PATIENCE_S)
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101 - set up is what makes it
        self._server = await listen(self._listener, Door(self._runner.server))

    def close(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()
        else:
            self._listener.close()

    async def stop(self) -> None:
        self.close()
        if self._runner is not None:
            await self._runner.cleanup()
        _forget_handlers()


def _forget_handlers() -> None:
    """Have aiohttp let go of what it keeps for quick reference of all applications there ever were: each
    holds an agent, and one process may run several of them in turn.
    """
    kept = getattr(web_app, "_cached_build_middleware", None)
    if kept is not None:
        kept.cache_clear()
