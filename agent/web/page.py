"""The status page: three static files, read once."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web

from agent.web.access import Access, Hosts, Scope
from agent.web.guard import give_session
from agent.web.replies import tagged
from agent.web.routes import Route

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


class Page:
    """Serves the page; opening it gives its person a session."""

    def __init__(self, access: Access, hosts: Hosts) -> None:
        self._access = access
        self._hosts = hosts
        folder = files("agent.web") / "static"
        self._bodies = {path: (folder / name).read_bytes() for path, (name, _) in FILES.items()}

    def routes(self) -> list[Route]:
        return [Route("GET", path, Scope.READ if path == "/" else Scope.PUBLIC, self.file) for path in FILES]

    async def file(self, request: web.Request) -> web.StreamResponse:
        _, kind = FILES[request.path]
        answer = tagged(request, self._bodies[request.path], kind)
        if request.path == "/":
            give_session(request, answer, self._access, self._hosts)
        return answer
