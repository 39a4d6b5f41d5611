"""The status page: static files, read and compressed once, and what its person may do."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

from agent.web.access import Access, Hosts, Scope
from agent.web.guard import CALLER, give_session
from agent.web.problems import problem
from agent.web.replies import reply
from agent.web.routes import Route

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MODULES = "page"
"""The folder of the script's modules."""
SIGNS = b"<!-- signs -->\n"
"""Where a page has the drawings that all share; in the page itself they are there when the agent is not."""


@dataclass(frozen=True, slots=True)
class File:
    """A file ready to be sent, plain or compressed."""

    kind: str
    plain: bytes
    zipped: bytes
    etag: str


class PageFiles:
    """The style, the icon and the modules that several pages share; public, for they say nothing."""

    def __init__(self) -> None:
        self._files = read(FILES, MODULES)

    def routes(self) -> list[Route]:
        return [
            *(Route("GET", path, Scope.PUBLIC, self.file) for path in FILES if path != "/"),
            Route("GET", f"/{MODULES}/{{module}}", Scope.PUBLIC, self.file),
        ]

    async def file(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.path)
        return send(request, file) if file is not None else problem(404, "There is nothing at this address.")


class Page:
    """Serves the page; opening it gives its person a session."""

    def __init__(self, access: Access, hosts: Hosts, *, has_fleet: bool = False) -> None:
        self._access = access
        self._hosts = hosts
        self._has_fleet = has_fleet
        self._files = PageFiles()

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", Scope.READ, self.open),
            *self._files.routes(),
            Route("GET", "/api/system/access", Scope.READ, self.access),
        ]

    async def open(self, request: web.Request) -> web.StreamResponse:
        answer = await self._files.file(request)
        give_session(request, answer, self._access, self._hosts)
        return answer

    async def access(self, request: web.Request) -> web.StreamResponse:
        """What the caller may do, so that the page offers no more; and whether there is a fleet."""
        caller = request[CALLER]
        return reply(
            {
                "scopes": sorted(caller.scopes),
                "session": caller.session is not None,
                "fleet": self._has_fleet,
            }
        )


def read(pages: Mapping[str, tuple[str, str]], modules: str) -> dict[str, File]:
    """Files by the path they are served at: `pages` have name and kind, `modules` is a folder of scripts."""
    folder = files("agent.web") / "static"
    signs = (folder / "signs.svg").read_bytes()
    found = {
        path: ready((folder / name).read_bytes().replace(SIGNS, signs), kind)
        for path, (name, kind) in pages.items()
    }
    for module in (folder / modules).iterdir():
        if module.name.endswith(".js"):
            found[f"/{modules}/{module.name}"] = ready(module.read_bytes(), "text/javascript")
    return found


def ready(body: bytes, kind: str) -> File:
    """A file as it is sent: compressed once, with its tag."""
    etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    return File(kind, body, gzip.compress(body, mtime=0), etag)


def send(request: web.Request, file: File) -> web.Response:
    """The file, or that it is as it was."""
    answer = _answer(request, file)
    answer.headers.update({"Cache-Control": "no-cache", "ETag": file.etag, "Vary": "Accept-Encoding"})
    return answer


def _answer(request: web.Request, file: File) -> web.Response:
    if file.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304)
    accepted = {
        one.partition(";")[0].strip() for one in request.headers.get("Accept-Encoding", "").split(",")
    }
    body, encoding = (file.zipped, {"Content-Encoding": "gzip"}) if "gzip" in accepted else (file.plain, {})
    return web.Response(body=body, content_type=file.kind, charset="utf-8", headers=encoding)
