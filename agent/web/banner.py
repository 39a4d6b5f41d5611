"""The banner: one module that any front end embeds, and its types."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

from agent.web.access import Scope
from agent.web.routes import Route

FILES = {"/banner.js": "text/javascript", "/banner.d.ts": "text/plain"}

CACHE = "public, max-age=600, stale-while-revalidate=604800"
"""A week's grace: while the agent is away, a page that has the module can still show that it is."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file's bytes, plain and packed, and the tag of its content."""

    plain: bytes
    packed: bytes
    tag: str


class Banner:
    """Serves the module and its types, packed where the browser takes that; read when first asked for."""

    def __init__(self) -> None:
        self._ready: dict[str, Ready] = {}

    def routes(self) -> list[Route]:
        return [Route("GET", path, Scope.PUBLIC, self.file) for path in FILES]

    async def file(self, request: web.Request) -> web.StreamResponse:
        file = self._file(request.path)
        packs = "gzip" in request.headers.get("Accept-Encoding", "")
        etag = f'"{file.tag}-gzip"' if packs else f'"{file.tag}"'
        headers = {"ETag": etag, "Cache-Control": CACHE, "Vary": "Accept-Encoding"}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if packs:
            headers["Content-Encoding"] = "gzip"
        return web.Response(
            body=file.packed if packs else file.plain,
            content_type=FILES[request.path],
            charset="utf-8",
            headers=headers,
        )

    def _file(self, path: str) -> Ready:
        if path not in self._ready:
            body = (files("agent.web") / "static" / path[1:]).read_bytes()
            tag = hashlib.blake2b(body, digest_size=12).hexdigest()
            self._ready[path] = Ready(body, gzip.compress(body, mtime=0), tag)
        return self._ready[path]
