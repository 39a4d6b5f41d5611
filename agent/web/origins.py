"""Which pages of other origins may read what: a list in `agent.toml`, kept by browsers (CORS)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.web.routes import Handler

SHARED = frozenset({"/banner.js", "/banner.d.ts", "/api/system/health", "/api/system/events"})
"""What a banner in a page of another origin reads; nothing else is shown to one."""

ASKED_FIRST = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match",
    "Access-Control-Max-Age": "7200",
}
"""The answer to a browser that asks before it asks. A page of another origin has no session to bring."""


class Origins:
    """The origins whose pages may read what is shared, exactly as they are written."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)

    def let_into(self, app: web.Application) -> None:
        """Answer preflights, within the gate, and mark every answer of what is shared, streams included."""
        if self._allowed:
            app.middlewares.append(self._asked_first())
            app.on_response_prepare.append(self._mark)

    async def _mark(self, request: web.Request, response: web.StreamResponse) -> None:
        if request.path not in SHARED:
            return
        response.headers.add("Vary", "Origin")
        if self._takes(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = "ETag"

    def _asked_first(self) -> Middleware:
        """The middleware that answers preflights of what is shared; all other requests go on."""

        @web.middleware
        async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
            is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
            if is_preflight and request.path in SHARED and self._takes(request):
                return web.Response(status=204, headers=ASKED_FIRST)
            return await handler(request)

        return answered

    def _takes(self, request: web.Request) -> bool:
        return request.headers.get("Origin") in self._allowed
