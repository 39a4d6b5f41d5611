"""`/fleet` and `/api/fleet`: all desks that share a store, in one view, from any agent."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from agent.clock import Clock
from agent.errors import StoreError
from agent.fleet.rows import Forgotten
from agent.fleet.view import narrowed
from agent.runtime.fleet_watch import Edition, FleetView
from agent.watched import Watched
from agent.web.access import Scope
from agent.web.page import read, send
from agent.web.problems import problem
from agent.web.replies import reply, tagged
from agent.web.routes import Route
from agent.web.stream import framed
from agent.web.streams import Streams

AT = "/api/fleet"
NO_FLEET = (
    "This agent shares no store with others, so there is no fleet to show; "
    "set [store] url to the PostgreSQL that they share."
)
PAGES = {
    "/fleet": ("fleet.html", "text/html"),
    "/fleet.css": ("fleet.css", "text/css"),
    "/fleet.js": ("fleet.js", "text/javascript"),
}
MODULES = "fleet"
"""The folder of the page's modules."""

Forget = Callable[[str], Awaitable[Forgotten]]
"""Takes an agent off the list. Raises `StoreError`."""


class FleetPress:
    """The events of the fleet: what is new since the revision before, or all of it."""

    def __init__(self, view: FleetView) -> None:
        self._view = view

    @property
    def revised(self) -> Watched[int]:
        return self._view.revised

    @property
    def renewed(self) -> Watched[datetime | None]:
        return self._view.renewed

    @property
    def revision(self) -> int | None:
        latest = self._view.latest
        return latest.document.revision if latest is not None else None

    def whole(self) -> bytes:
        return _event("document", self._latest(), self._latest().body)

    def step(self) -> bytes | None:
        step = self._latest().step
        return _event("changes", self._latest(), step) if step is not None else None

    def refresh(self, now: datetime) -> bytes:
        document = self._latest().document
        stamps = {
            "revision": document.revision,
            "generated_at": document.generated_at.isoformat(),
            "valid_until": document.valid_until.isoformat(),
        }
        return framed(b"event: refresh\ndata: %b\n\n" % json.dumps(stamps).encode())

    def _latest(self) -> Edition:
        assert self._view.latest is not None  # noqa: S101 - asked for only once there is a revision
        return self._view.latest


def _event(name: str, edition: Edition, body: bytes) -> bytes:
    head = f"event: {name}\nid: {edition.document.revision}\n".encode()
    return framed(b"%bdata: %b\n\n" % (head, body))


class Fleet:
    """The handlers. They need no agent that runs: one that stands by shows the fleet as well.

    Without a `view` there is nothing to show, and the answers say what would do.
    """

    def __init__(self, clock: Clock, view: FleetView | None = None, forget: Forget | None = None) -> None:
        self.view = view
        self._forget = forget
        self._streams: Streams | None = None
        if view is not None:
            self._streams = Streams(FleetPress(view), clock)
            view.readers = self._streams.__len__
        self._files = read(PAGES, MODULES)

    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{AT}/health", Scope.READ, self.health),
            Route("GET", f"{AT}/events", Scope.READ, self.events),
            Route("DELETE", f"{AT}/agents/{{name}}", Scope.CONTROL, self.forget),
            Route("GET", "/fleet", Scope.READ, self._page),
            *(Route("GET", path, Scope.PUBLIC, self.file) for path in PAGES if path != "/fleet"),
            Route("GET", f"/{MODULES}/{{module}}", Scope.PUBLIC, self.file),
        ]

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        if self._streams is not None:
            self._streams.close()

    async def health(self, request: web.Request) -> web.StreamResponse:
        """The document, or that of some groups and desks only."""
        if self.view is None:
            return problem(404, NO_FLEET)
        edition = await self.view.present()
        groups, desks = request.query.getall("group", []), request.query.getall("desk", [])
        if not groups and not desks:
            return tagged(
                request, edition.body, "application/json", etag=edition.etag, zipped=lambda: edition.zipped
            )
        found = narrowed(edition.document, groups=groups, desks=desks)
        body = found.model_dump_json(by_alias=True).encode()
        return tagged(request, body, "application/json", etag=edition.etag)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The document at once, then what is new."""
        if self.view is None or self._streams is None:
            return problem(404, NO_FLEET)
        await self.view.present()
        return await self._streams.serve(request)

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Take an agent off the list that will not come back."""
        if self.view is None or self._forget is None:
            return problem(404, NO_FLEET)
        name = request.match_info["name"]
        try:
            found = await self._forget(name)
        except StoreError as error:
            return problem(503, str(error))
        if found is Forgotten.NOT_KNOWN:
            latest = (await self.view.present()).document
            return problem(404, "There is no such agent.", known=[one.name for one in latest.agents])
        if found is Forgotten.HERE:
            return problem(409, "It is heard of; stop it first.")
        self.view.wake()
        return reply({"forgotten": name})

    async def file(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.path)
        return send(request, file) if file is not None else problem(404, "There is nothing at this address.")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return await self.file(request) if self.view is not None else problem(404, NO_FLEET)
