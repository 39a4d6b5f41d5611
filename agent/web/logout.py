"""`DELETE /api/auth/session`: ends a page session before its time."""

from __future__ import annotations

from aiohttp import web

from agent.web.access import SESSION_COOKIE, Access, Scope
from agent.web.guard import CALLER
from agent.web.routes import Route


class Logout:
    """The handler; to end one's own session takes no other right."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def routes(self) -> list[Route]:
        return [Route("DELETE", "/api/auth/session", Scope.PUBLIC, self.end)]

    async def end(self, request: web.Request) -> web.StreamResponse:
        session = request[CALLER].session
        if session is not None:
            self._access.sessions.end(session)
        answer = web.Response(status=204)
        answer.del_cookie(SESSION_COOKIE)
        return answer
