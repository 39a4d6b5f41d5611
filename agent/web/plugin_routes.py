"""`/plugins/NAME/…`: addresses that plugins offer, behind the same gate as our own."""

from __future__ import annotations

import json
from collections.abc import Iterable

from aiohttp import web

from agent.abilities import RouteAnswer, RouteRequest
from agent.errors import ActionError, PluginError
from agent.fence import in_words
from agent.ownership import bounded
from agent.registry import OfferedRoute
from agent.runtime.agent import Agent
from agent.runtime.publishing import as_json
from agent.runtime.quarantining import Quarantine
from agent.web.access import Scope
from agent.web.problems import problem
from agent.web.routes import Handler, Route

TIMEOUT_S = 10.0
LARGEST = 1 << 20
"""An answer of more bytes than this is not sent."""

_TEXT = "text/plain"
_JSON = "application/json"


class PluginRoutes:
    """Hands requests to plugins and judges what comes back: text or JSON, bounded and cleaned, no page.

    A page of a plugin's would run its scripts as ours, with the session of whoever looks at it.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        offered = agent.blueprint.registry.routes
        self._quarantines = {one.plugin: Quarantine(one.plugin, "its routes", agent.clock) for one in offered}
        agent.conduct.add(self._quarantines.values())

    def routes(self) -> list[Route]:
        offered: Iterable[OfferedRoute] = self._agent.blueprint.registry.routes
        return [Route(one.method, one.path, Scope(one.scope), self._handler(one)) for one in offered]

    def _handler(self, offered: OfferedRoute) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await self._read(request, offered.plugin)
            return asked if isinstance(asked, web.Response) else await self._ask(offered, asked)

        return handle

    async def _ask(self, offered: OfferedRoute, asked: RouteRequest) -> web.Response:
        quarantine = self._quarantines[offered.plugin]
        if quarantine.holds:
            answer = problem(
                503, f"The routes of {offered.plugin} are {self._agent.clean(quarantine.describe())}"
            )
            answer.headers["Retry-After"] = str(int(quarantine.rest_s) + 1)
            return answer

        async def call() -> web.Response:
            return self._response(await offered.handler(asked))

        try:
            response = await bounded(offered.plugin, call(), clock=self._agent.clock, timeout_s=TIMEOUT_S)
        except ActionError as error:
            return problem(409, self._agent.clean(str(error)))
        except TimeoutError:
            return self._failed(quarantine, 504, f"gave no answer within {TIMEOUT_S:g} s")
        except Exception as error:  # noqa: BLE001 - the fence around a plugin's handler
            return self._failed(quarantine, 502, f"failed: {in_words(error)}")
        quarantine.succeeded()
        return response

    def _failed(self, quarantine: Quarantine, status: int, why: str) -> web.Response:
        quarantine.failed(why)
        return problem(status, self._agent.clean(f"The plugin {quarantine.plugin} {why}"))

    def _response(self, answer: object) -> web.Response:
        """What is sent of an answer. Raises `PluginError` for one that cannot be."""
        if not isinstance(answer, RouteAnswer) or not 200 <= answer.status <= 599:
            raise PluginError("expected a RouteAnswer with a status from 200 to 599")
        is_text = isinstance(answer.body, str)
        text = str(answer.body) if is_text else as_json(answer.body).decode()
        body = self._agent.clean(text).encode(errors="replace")
        if len(body) > LARGEST:
            raise PluginError(f"an answer of {len(body)} bytes is too large (at most {LARGEST})")
        kind = _TEXT if is_text else _JSON
        return web.Response(status=answer.status, body=body, content_type=kind, charset="utf-8")

    async def _read(self, request: web.Request, plugin: str) -> RouteRequest | web.Response:
        body = None
        if request.body_exists:
            try:
                body = json.loads(await request.read())
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                return problem(400, "The body is a JSON object.")
        mounted = self._agent.machines.mounted.items()
        return RouteRequest(
            method=request.method,
            parts=dict(request.match_info),
            query=dict(request.query),
            body=body,
            machines={
                name: one.subject
                for name, one in mounted
                if one.plugin == plugin and one.subject is not None and not one.plan.isolated
            },
        )
