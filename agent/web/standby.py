"""What an agent that stands by serves: the fleet, and for its desk, who owns that."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from agent.clock import Clock
from agent.config.schema import Server
from agent.store.door import Door
from agent.web.access import Scope
from agent.web.banner import Banner
from agent.web.fleet import Fleet
from agent.web.fleet_metrics import FleetMetrics
from agent.web.guard import CALLER
from agent.web.page import PageFiles
from agent.web.problems import problem
from agent.web.routes import Route
from agent.web.site import Site

CODE = "STANDBY"
ANY_METHOD = ("GET", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns the desk, as far as is known; `trouble` says what is amiss at the one that stands by."""

    desk: str
    name: str | None = None
    url: str | None = None
    trouble: str | None = None


class Standing:
    """Answers for the desk: another agent has it. A trading process hears that it may not trade."""

    def __init__(self, owner: Callable[[], Owner]) -> None:
        self._owner = owner

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", Scope.READ, self.page),
            Route("GET", "/livez", Scope.PUBLIC, self.livez),
            Route("GET", "/readyz", Scope.PUBLIC, self.readyz),
            *(
                Route(method, "/api/{rest:.*}", Scope.PUBLIC, self.elsewhere, steers=False)
                for method in ANY_METHOD
            ),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": "/fleet"})

    async def livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        """So that a proxy before both agents of a pair asks the one that owns the desk."""
        return web.Response(text="standing by\n", status=503)

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        owner = self._owner()
        if Scope.READ not in request[CALLER].scopes:
            return problem(503, "This agent stands by; ask the one that owns the desk.", code=CODE)
        where = f" at {owner.url}" if owner.url else ""
        return problem(
            503,
            f"This agent stands by: {owner.name or 'nobody'} owns the desk {owner.desk}{where}."
            + (f" All is not well here: {owner.trouble}." if owner.trouble else ""),
            code=CODE,
            desk=owner.desk,
            owner=owner.name,
            url=owner.url,
            trouble=owner.trouble,
        )


class StandbyServer:
    """Serves while the desk is another's."""

    def __init__(
        self,
        server: Server,
        *,
        folder: Path,
        journal: Door,
        clock: Clock,
        listener: socket.socket,
        base_url: str,
        owner: Callable[[], Owner],
        fleet: Fleet,
    ) -> None:
        self._site = site = Site(
            server, folder=folder, journal=journal, clock=clock, listener=listener, base_url=base_url
        )
        self._fleet = fleet
        metrics = [FleetMetrics(fleet.view)] if fleet.view is not None else []
        site.add((fleet, *metrics, PageFiles(), Banner(), Standing(owner)))

    async def start(self) -> None:
        await self._site.start()

    async def stop(self) -> None:
        self._site.close()
        self._fleet.close()
        await self._site.stop()
