"""An agent's fleet page over a real socket, with two hundred invented desks behind it."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

from aiohttp import web

from agent.clock import SystemClock
from agent.errors import StoreError
from agent.fleet.rows import AgentRow, BeatRow, FleetRows
from agent.runtime.fleet_watch import FleetView
from agent.web.fleet import Fleet
from agent.web.guard import dress
from agent.web.page import PageFiles
from agent.web.routes import add_routes

DESKS = Path(__file__).parents[2] / "docs" / "images" / "desks.py"


def desks() -> ModuleType:
    """The invented desks of the documentation's pictures."""
    spec = importlib.util.spec_from_file_location("desks", DESKS)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


class InventedFleet:
    """The rows as a test wants them; whoever is well goes on to be seen as time goes on."""

    def __init__(self, clock: SystemClock, count: int = 200) -> None:
        self._clock = clock
        self.rows: FleetRows = desks().invented(clock.now(), count)
        self._begun = clock.now()
        self.error: StoreError | None = None
        self.url = ""
        self.view = FleetView(self.read, clock=clock, me="mumbai-01")

    async def read(self, since: datetime | None) -> FleetRows:
        if self.error is not None:
            raise self.error
        passed = self._clock.now() - self._begun
        return replace(
            self.rows,
            at=self.rows.at + passed,
            beats={
                name: replace(beat, seen_at=beat.seen_at + passed)
                if self.rows.at - beat.seen_at < timedelta(seconds=2)
                else beat
                for name, beat in self.rows.beats.items()
            },
            leases=tuple(replace(one, ends_at=one.ends_at + passed) for one in self.rows.leases),
        )

    def change(self, name: str, change: Callable[[AgentRow], AgentRow]) -> None:
        agents = {**self.rows.agents, name: change(self.rows.agents[name])}
        self.rows = replace(self.rows, agents=agents)
        self.view.wake()

    def silence(self, name: str, seconds: float) -> None:
        at = self.rows.at + (self._clock.now() - self._begun) - timedelta(seconds=seconds)
        self.rows = replace(self.rows, beats={**self.rows.beats, name: BeatRow(seen_at=at)})
        self.view.wake()


@asynccontextmanager
async def invented_fleet(count: int = 200) -> AsyncIterator[InventedFleet]:
    """Serve it until the end of the test."""
    clock = SystemClock()
    fleet = InventedFleet(clock, count)
    handlers = Fleet(clock, fleet.view)
    app = web.Application()

    async def prepare(request: web.Request, answer: web.StreamResponse) -> None:
        dress(answer)

    async def blank(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<title>an agent</title>", content_type="text/html")

    app.on_response_prepare.append(prepare)
    add_routes(app, [*handlers.routes(), *PageFiles().routes()])
    app.router.add_get("/", blank)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    fleet.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(fleet.view.run())
    try:
        yield fleet
    finally:
        running.cancel()
        handlers.close()
        await runner.cleanup()


async def main() -> None:
    """Serve it for whoever takes pictures of it, until the process is ended."""
    async with invented_fleet() as fleet:
        print(fleet.url, flush=True)  # noqa: T201 - where the pictures are to be taken
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
