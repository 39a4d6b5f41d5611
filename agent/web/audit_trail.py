"""`GET /api/system/audit`: who had what done, and what came of it."""

from __future__ import annotations

from aiohttp import web

from agent.errors import StoreError
from agent.runtime.agent import Agent
from agent.web.access import Scope
from agent.web.paging import number, page
from agent.web.problems import problem
from agent.web.replies import reply_once
from agent.web.routes import Route


class AuditTrail:
    """The handler; it reads the journal."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/system/audit", Scope.CONTROL, self.list)]

    async def list(self, request: web.Request) -> web.StreamResponse:
        wanted = page(request, number)
        if isinstance(wanted, web.Response):
            return wanted
        try:
            deeds = await self._agent.journal.deeds(limit=wanted.limit, before=wanted.before)
        except StoreError as error:
            return problem(503, str(error))
        following = wanted.next_before(deeds, lambda deed: deed["id"])
        return reply_once(request, {"audit": deeds, "next_before": following})
