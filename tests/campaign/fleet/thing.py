"""What is under watch: a server whose state the driver changes, and the driver's own journal of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of one state; an illness and the recovery from it have one number."""

    number: int
    state: str
    began_at: float


class Thing:
    """Well at first; every change is on disk before anybody can see it."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.url = ""
        self.now = Phase(0, "WELL", time.time())
        self.asked = 0

    def become(self, state: str) -> Phase:
        """The next illness, or the recovery from the present one."""
        number = self.now.number + (state == "ILL")
        phase = Phase(number, state, time.time())
        append(self._journal, {"number": number, "state": state, "began_at": phase.began_at})
        self.now = phase
        return phase

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"state": self.now.state, "phase": self.now.number})


def append(path: Path, line: dict[str, object]) -> None:
    """One line of JSON, on disk when this returns."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read_phases(path: Path) -> list[Phase]:
    return [Phase(**line) for line in read_lines(path)]


@asynccontextmanager
async def under_watch(journal: Path) -> AsyncIterator[Thing]:
    """The thing, with its address in `url`."""
    thing = Thing(journal)
    application = web.Application()
    application.router.add_get("/", thing.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    thing.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield thing
    finally:
        await runner.cleanup()
