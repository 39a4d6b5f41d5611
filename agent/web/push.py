"""`POST /api/system/push/{machine}`: what trading processes report, and what they are told to do."""

from __future__ import annotations

import json

from aiohttp import web

from agent.errors import ActionError
from agent.runtime.agent import Agent
from agent.runtime.publishing import as_json
from agent.web.access import Scope
from agent.web.problems import problem
from agent.web.routes import Route


class Push:
    """Hands bodies to machines that take them.

    A page's session is not enough: the answer may hold a secret, for its sender alone.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        return [Route("POST", "/api/system/push/{machine}", Scope.PUSH, self.push)]

    async def push(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["machine"]
        takers = self._agent.machines.takers
        if name not in takers:
            return problem(404, "No machine of this name takes reports.", known=takers)
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return problem(400, "The body is a JSON object.")
        try:
            answer = await self._agent.machines.take(name, body)
        except ActionError as error:
            return problem(409, str(error))
        return web.Response(body=as_json(answer), content_type="application/json")
