"""Takes connections, so many and no more, and gives up on one whose request does not come in time."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import socket
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from agent.web.guard import dress
from agent.web.problems import as_problem, problem

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 30.0
"""How long a connection may be without a whole head of a request: new, kept alive, or dripping."""

LINGERING_S = 2.0
"""What a peer still sends of a body that was refused is read for so long."""

MOST = 4_096
SPARE_FILES = 128
"""Of the open files that the system allows, so many are left for everything else."""

FOR_OURSELVES = 64
"""So many of the connections are left to peers on this machine."""


def most_connections() -> int:
    """How many connections there may be at once."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if allowed == resource.RLIM_INFINITY else max(FOR_OURSELVES, min(MOST, allowed - SPARE_FILES))


class Door:
    """Makes the protocol of each connection; counts those that are open."""

    def __init__(
        self, server: web.Server, *, most: int | None = None, request_timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self.open = 0
        self._server = server
        self._most = most if most is not None else most_connections()
        self._timeout_s = request_timeout_s
        self._is_full = False

    def __call__(self) -> Connection:
        return Connection(
            self,
            self._server,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=self._timeout_s,
            lingering_time=LINGERING_S,
            auto_decompress=False,
        )

    def admits(self, peer: str) -> bool:
        """Whether there is room for one more of this peer's; those on this machine have some of their own."""
        room = self._most - self.open
        admitted = room > (0 if _is_here(peer) else FOR_OURSELVES)
        if not admitted and not self._is_full:
            self._is_full = True
            log.warning("connections are refused: %d are open", self.open)
        elif self._is_full and room > self._most // 4:
            self._is_full = False
            log.warning("connections are taken again: %d are open", self.open)
        return admitted


class Connection(web.RequestHandler):
    """One connection. Its errors are problems, also those of what is no HTTP at all."""

    __slots__ = ("_admitted", "_door")

    def __init__(self, door: Door, server: web.Server, **more: Any) -> None:
        super().__init__(server, **more)
        self._door = door
        self._admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername") or ("",)
        self._admitted = self._door.admits(str(peer[0]))
        if not self._admitted and isinstance(transport, asyncio.Transport):
            transport.abort()
            return
        self._door.open += 1
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._admitted:
            self._door.open -= 1
            super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be read is no defect of ours, and says nothing in the log."""
        if status >= 500:
            return dress(super().handle_error(request, status, exc, message))
        answer = problem(status, "This is not an HTTP request that can be read.")
        answer.force_close()
        return dress(answer)

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """What aiohttp raises before the gate, such as 417, is a problem as well."""
        if isinstance(resp, web.HTTPException) and not resp.prepared:
            resp = dress(as_problem(resp))
        return super().finish_response(request, resp, start_time)


async def listen(listener: socket.socket, door: Door) -> asyncio.Server:
    """Take connections from a socket that is already bound."""
    return await asyncio.get_running_loop().create_server(door, sock=listener)


def _is_here(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
