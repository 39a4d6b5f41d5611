"""`/openapi.json`, `/docs` and `/schemas`: the API described, made when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from aiohttp import web

from agent import __version__
from agent.runtime.publishing import as_json
from agent.web.access import Access, Scope
from agent.web.problems import problem
from agent.web.replies import tagged
from agent.web.routes import ROUTES, Route

FILES = {
    "/docs": ("docs.html", "text/html"),
    "/docs.css": ("docs.css", "text/css"),
    "/docs.js": ("docs.js", "text/javascript"),
}
SCHEMAS = ("fleet-document.json", "health-document.json", "notice.json")


class Reference:
    """Serves the description of the very routes that are served; all of it comes from here."""

    def __init__(self, access: Access, base_url: str) -> None:
        self._access = access
        self._base_url = base_url
        self._openapi: bytes | None = None

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/openapi.json", Scope.READ, self.openapi),
            *(
                Route("GET", path, Scope.READ if path == "/docs" else Scope.PUBLIC, self.file)
                for path in FILES
            ),
            Route("GET", "/schemas/{name}", Scope.PUBLIC, self.schema),
        ]

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        if self._openapi is None:
            self._openapi = await asyncio.to_thread(self._described, request.app[ROUTES].values())
        return tagged(request, self._openapi, "application/json")

    async def file(self, request: web.Request) -> web.StreamResponse:
        name, media = FILES[request.path]
        return tagged(request, _static(name), media)

    async def schema(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in SCHEMAS:
            return problem(404, "There is no such schema.", known=list(SCHEMAS))
        return tagged(request, _static(f"schemas/{name}"), "application/schema+json")

    def _described(self, routes: Iterable[Route]) -> bytes:
        from agent.web.openapi.build import openapi

        return as_json(openapi(routes, self._access.open_to_all, version=__version__, url=self._base_url))


@cache
def _static(name: str) -> bytes:
    return (files("agent.web") / "static" / name).read_bytes()
